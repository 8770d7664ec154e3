"""``tlfif serve``: start, stop and check the background server. Other commands start it by themselves."""

import argparse
import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace

from tlfif.cli.arguments import add_json, port_number
from tlfif.cli.exit_codes import DONE, NO_ACCESS
from tlfif.cli.output.access_report import access_lines, access_object
from tlfif.cli.output.console import Console
from tlfif.client.local_server import (
    LocalServer,
    RunningServer,
    is_locked,
    last_failure,
    start_failure,
)
from tlfif.client.loopback import exchange
from tlfif.client.profile import active_profile
from tlfif.client.server_process import SERVER_MODULE
from tlfif.kernel.access import Access, allowing, change_access, load_access
from tlfif.kernel.data_folder import DataFolder, data_folder_from_environment
from tlfif.kernel.errors import ConflictError, UnavailableError
from tlfif.wording.figures import seconds


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stop", action="store_true", help="end the server and its machine; waiting prompts are kept")
    what.add_argument(
        "--status",
        action="store_true",
        help="say whether it runs, and where its files and its log are; starts nothing (exit 5: it does not run)",
    )
    what.add_argument("--foreground", action="store_true", help="serve in this terminal until Ctrl-C")
    parser.add_argument("--port", metavar="N", help="listen on this port from now on; the first start chooses one")
    stay = parser.add_mutually_exclusive_group()
    stay.add_argument(
        "--keep",
        action="store_true",
        help="stay from now on, also without work: other programs cannot start the server. The machine still ends",
    )
    stay.add_argument("--no-keep", action="store_true", help="end after 15 minutes in which nobody needs it")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="take requests sent to this name, such as host.docker.internal, from now on; may be repeated",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let web pages and desktop programs of this origin, such as http://localhost:3000, ask with a key",
    )
    parser.add_argument("--allow-none", action="store_true", help="take back all that these two have allowed")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Start, unless asked for something else."""
    arguments = ["--port", str(port_number(args.port))] if args.port is not None else []
    server = LocalServer(data_folder_from_environment(), arguments=arguments)
    if args.status:
        return asyncio.run(_status(server, console, as_json=args.json))
    if args.stop:
        return asyncio.run(_stop(server, console, as_json=args.json))
    _remember(args, server.data_folder)
    if args.foreground:
        return _foreground(server, arguments, console)
    return asyncio.run(_start(server, arguments, console, as_json=args.json))


def _remember(args: argparse.Namespace, data_folder: DataFolder) -> None:
    """What holds from now on, for a server that runs already, too. Raises InvalidInputError, StorageError."""
    if not (args.keep or args.no_keep or args.allow_host or args.allow_origin or args.allow_none):
        return

    def change(access: Access) -> Access:
        if args.allow_none:
            access = replace(access, hosts=(), origins=())
        access = allowing(access, hosts=args.allow_host, origins=args.allow_origin)
        return replace(access, keep=args.keep or (access.keep and not args.no_keep))

    change_access(data_folder, change)


async def _start(server: LocalServer, arguments: list[str], console: Console, *, as_json: bool) -> int:
    await server.ensure()
    running = await server.find()
    if running is None:
        raise UnavailableError("The server started and ended at once. Read its log.", code="server_gone")
    if arguments and running.address.port != int(arguments[1]):
        raise ConflictError(
            f"The server already runs, on port {running.address.port}. End it first: ./tlfif serve --stop",
            code="server_running",
        )
    _say_running(running, console, server.data_folder, as_json=as_json)
    return DONE


def _say_running(running: RunningServer, console: Console, data_folder: DataFolder, *, as_json: bool) -> None:
    if as_json:
        found = {"running": True, **asdict(running.address), "url": running.address.base_url}
        access = access_object(load_access(data_folder), active_profile(data_folder))
        console.json({**found, **access, **_places(data_folder)})
    else:
        console.line(f"The server runs at {running.address.base_url} (process {running.address.pid}).")
        for line in access_lines(load_access(data_folder), active_profile(data_folder), port=running.address.port):
            console.line(line)


def _places(data_folder: DataFolder) -> dict[str, str]:
    """Where TL-FIF's files are; they need not exist yet."""
    return {"folder": str(data_folder.root), "log": str(data_folder.server_log)}


def _say_places(data_folder: DataFolder, console: Console) -> None:
    console.line(f"Its files are in {data_folder.root}, its log is {data_folder.server_log}.")


async def _status(server: LocalServer, console: Console, *, as_json: bool) -> int:
    running = await server.find_soon()
    if running is None:
        locked, holder = is_locked(server.data_folder), server.holder()
        problem = server.silent() if locked else last_failure(server.data_folder)
        if as_json:
            pid, code = None if holder is None else holder.pid, None if problem is None else problem.code
            found = {"running": locked, "pid": pid, "port": None, "version": None, "url": None, "problem": code}
            console.json({**found, **_places(server.data_folder)})
        else:
            not_running = "The server is not running. The next question starts it."
            failed = "The server is not running: its last start failed. The next question tries again.\n"
            console.line(not_running if problem is None else ("" if locked else failed) + problem.message)
            _say_places(server.data_folder, console)
        return NO_ACCESS
    _say_running(running, console, server.data_folder, as_json=as_json)
    more = await exchange(running.address.port, "GET", "/v1/server", token=running.endpoint.token)
    if more is not None and not as_json:
        left = more.get("exits_in_seconds")
        up = more.get("uptime_seconds")
        if isinstance(up, int | float):
            console.line(f"It has run for {seconds(up)}, version {running.version}.")
        if isinstance(left, int | float):
            console.line(f"It ends by itself in {seconds(max(0.0, left))} if nobody needs it.")
        elif load_access(server.data_folder).keep:
            console.line("It stays until you end it.")
        else:
            console.line("It stays while there is a machine or a prompt.")
    if not as_json:
        _say_places(server.data_folder, console)
    return DONE


async def _stop(server: LocalServer, console: Console, *, as_json: bool) -> int:
    was_running = await server.stop()
    console.result(
        {"was_running": was_running},
        "The server has ended." if was_running else "The server was not running.",
        as_json=as_json,
    )
    return DONE


def _foreground(server: LocalServer, arguments: list[str], console: Console) -> int:
    """Run the server as a child in this terminal and end it with this command."""
    if asyncio.run(server.find()) is not None:
        raise ConflictError(
            "The server already runs in the background. End it first: ./tlfif serve --stop", code="server_running"
        )
    server.data_folder.start_error.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", SERVER_MODULE, *arguments]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    with _handed_on(child):
        while child.poll() is None:
            running = asyncio.run(server.find())
            if running is not None:
                console.line(f"The server runs at {running.address.base_url}. Ctrl-C ends it.")
                break
            time.sleep(0.05)
        status = child.wait()
    if status > 0:
        raise start_failure(server.data_folder)
    console.note("The server has ended.")
    return DONE


@contextlib.contextmanager
def _handed_on(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Pass a request to end on to the child: Ctrl-C in the terminal reaches it by itself, ``kill -INT`` does not.

    A second request does no harm. On Windows the child gets Ctrl-C by itself, and terminating means killing.
    """
    before_int = signal.signal(signal.SIGINT, lambda *_: None if sys.platform == "win32" else child.terminate())
    before_term = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        yield
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        signal.signal(signal.SIGINT, before_int)
        signal.signal(signal.SIGTERM, before_term)
