"""``tlfif connect``: how another program uses the model: address, key, and the lines for common clients."""

import argparse
import asyncio
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from tlfif.cli.arguments import add_json
from tlfif.cli.connection import open_client
from tlfif.cli.exit_codes import DONE
from tlfif.cli.key import key_for
from tlfif.cli.output.access_report import access_lines, access_object
from tlfif.cli.output.client_lines import LINES, Entrance, environment_lines, lines_for, login_lines
from tlfif.cli.output.console import Console
from tlfif.cli.output.tables import columns
from tlfif.client.local_server import LocalServer
from tlfif.client.profile import active_profile
from tlfif.kernel.access import Access, change_access
from tlfif.kernel.data_folder import data_folder_from_environment, read_server
from tlfif.kernel.errors import InvalidInputError, TlfifError, UnavailableError

ANY_PROGRAM, THIS_TERMINAL = "programs", "terminal"
"""Names of the keys of who names no client."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = (
        "The server is started where none runs, and stays from then on, because other programs cannot start it; "
        "./tlfif serve --no-keep takes that back. Each client gets a key of its own name: ./tlfif key revoke NAME."
    )
    parser.add_argument("client", nargs="?", metavar="CLIENT", help=f"one of {', '.join(LINES)}")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--env", action="store_true", help='set the variables: eval "$(./tlfif connect --env)"')
    what.add_argument("--at-login", action="store_true", help="print what starts the server each time you log in")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print it."""
    if args.client is not None and args.client not in LINES:
        raise InvalidInputError(
            f"There are no lines for {args.client[:40]!r}. There are for: {', '.join(LINES)}. Any other program needs "
            "the address and the key alone: ./tlfif connect",
            code="usage",
        )
    if args.at_login:
        data_folder = data_folder_from_environment()
        console.line(login_lines(sys.platform, program=_program(), home=str(data_folder.root)))
        return DONE
    return asyncio.run(_connect(args, console))


async def _connect(args: argparse.Namespace, console: Console) -> int:
    data_folder = data_folder_from_environment()
    name = args.client or (THIS_TERMINAL if args.env else ANY_PROGRAM)
    profile = active_profile(data_folder)
    server = LocalServer(data_folder)
    await server.ensure()
    access = change_access(data_folder, _kept)
    address = read_server(data_folder)
    if address is None:
        raise UnavailableError("The server started and ended at once. Read its log.", code="server_gone")
    key = key_for(data_folder, name)
    at = Entrance(root=address.base_url, key=key, model=await _model(console))
    if args.json:
        found = {"openai_url": at.openai_url, "anthropic_url": at.root, "ollama_url": at.ollama_url}
        console.json({**found, "key": key, "key_name": name, "model": at.model, **access_object(access, profile)})
    elif args.env:
        console.line(environment_lines(at, windows=sys.platform == "win32"))
    elif args.client is not None:
        console.line(lines_for(args.client, at))
    else:
        console.line(_report(at, name))
    if not args.json:
        for line in access_lines(replace(access, keys=()), profile, port=address.port):
            console.note(line)  # beside the lines, which a shell or a file may take
    return DONE


def _kept(access: Access) -> Access:
    return replace(access, keep=True)


async def _model(console: Console) -> str:
    """The model's name at the active home; that of the small one, which every home knows, where it cannot be asked."""
    try:
        async with open_client() as client:
            models = await client.models()
    except TlfifError as error:
        console.note(f"{error.message}")
        return "smollm2"
    ready = [model["name"] for model in models if model["state"] == "ready"]
    return (ready or [model["name"] for model in models])[0]


def _report(at: Entrance, name: str) -> str:
    rows = [
        ("OpenAI's clients", at.openai_url),
        ("Anthropic's clients", at.root),
        ("Ollama's clients", at.ollama_url),
        ("Key", f"{at.key}  (./tlfif key revoke {name} ends it)"),
        ("Model", at.model),
    ]
    return "\n".join(
        [
            *columns(rows),
            "",
            f"Lines for one client: ./tlfif connect CLIENT, one of {', '.join(LINES)}",
            'For this terminal:    eval "$(./tlfif connect --env)"',
            "The server stays until you end it or switch the computer off. At each login: ./tlfif connect --at-login",
        ]
    )


def _program() -> str:
    """The command's own path."""
    launcher = Path(__file__).absolute().parents[3] / "tlfif"
    return str(launcher) if launcher.is_file() else shutil.which("tlfif") or "tlfif"
