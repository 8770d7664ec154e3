"""The embedded server in the background: one per data folder, enforced by a lock."""

import argparse
import asyncio
import contextlib
import os
import sys

from tlfif.entrypoints import fastapi_first  # noqa: F401  # before all that imports FastAPI
from tlfif.entrypoints.loading import loaded

# isort: split

from filelock import FileLock, Timeout

from tlfif.api.embedded_server import EmbeddedServer
from tlfif.api.loopback import remember_port
from tlfif.bootstrap.embedded import embedded_container
from tlfif.bootstrap.settings import Settings, load_settings
from tlfif.client.active_answers import ActiveAnswers
from tlfif.control.answers import OwnAnswers
from tlfif.control.end_machine import end_machine
from tlfif.control.images_loop import ImagesLoop
from tlfif.control.reconcile import Pace
from tlfif.control.router_loop import RouterLoop
from tlfif.entrypoints.event_loop import run_event_loop
from tlfif.kernel.data_folder import (
    PRIVATE,
    DataFolder,
    data_folder_from_environment,
    open_private,
    read_holder,
    settle_in,
    write_private,
)
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.log_lines import begin_log

if sys.platform != "win32":
    import resource

STOP_LIMIT_SECONDS = 10.0
FILE_HANDLES = 4096
"""Asked for where the system permits them: macOS gives 256 to who does not ask."""


async def _serve(settings: Settings, port: int | None) -> None:
    container = await embedded_container(settings)
    router = RouterLoop(reconciler=container.reconciler, tick_seconds=settings.tick_seconds)
    pipeline = ImagesLoop(images=container.images, clock=container.clock) if container.images is not None else None
    answers = ActiveAnswers(OwnAnswers(container), settings.data_folder)
    server = EmbeddedServer(
        container,
        settings.data_folder,
        port=port,
        idle_exit_seconds=settings.server_idle_exit_seconds,
        busy=lambda: router.pace is not Pace.REST or (pipeline is not None and pipeline.busy),
        answers=answers,
        hosts=settings.allow_hosts,
        origins=settings.allow_origins,
        is_ours=lambda: sys.platform == "win32" or read_holder(settings.data_folder) == os.getpid(),
    )
    loops = [asyncio.create_task(loop.run()) for loop in (router, pipeline) if loop is not None]
    try:
        await server.run()
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await answers.close()
        await end_machine(container.reconciler, reason="the server was stopped", limit_seconds=STOP_LIMIT_SECONDS)
        await container.close()


def _run(data_folder: DataFolder, port: int | None) -> None:
    settings = load_settings()
    if port is not None:
        remember_port(data_folder, port)
    open_private(data_folder.server_log, append=True).close()
    begin_log("%(asctime)s %(levelname)s %(message)s", level=settings.log_level, file=data_folder.server_log)
    run_event_loop(_serve(settings, settings.port if port is None else port))


def _limit() -> None:
    """For this process and those of the machine, which inherit it."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold prompts
        files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most, FILE_HANDLES)), most))


def main() -> int:
    """Serve, or exit quietly if another server of this data folder runs. A failure is written to
    ``server-error.txt``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=None)
    args = parser.parse_args()
    data_folder = data_folder_from_environment()
    try:
        os.umask(0o077)  # for logs, lock and database, and for the files of the machine, which inherits it
        data_folder.create()
        with FileLock(data_folder.lock, timeout=0, mode=PRIVATE):
            data_folder.start_error.unlink(missing_ok=True)
            with contextlib.suppress(PermissionError):  # on Windows nobody writes into a file that is locked
                data_folder.lock.write_text(str(os.getpid()), encoding="ascii")
            _limit()
            settle_in(data_folder)
            _run(data_folder, args.port)
    except Timeout:
        return 0
    except TlfifError as error:
        return _failed(data_folder, error)
    except OSError as error:
        return _failed(data_folder, data_folder.not_usable(error))
    except Exception as error:
        fault = f"TL-FIF made a mistake ({type(error).__name__}). Where is written in {data_folder.logs}."
        _failed(data_folder, TlfifError(fault, code="internal_error"))
        raise
    return 0


def _failed(data_folder: DataFolder, error: TlfifError) -> int:
    """Leave the reason where every command and window finds it; in the terminal where the folder cannot have it."""
    try:
        if error.code == "home_not_private":
            raise OSError
        write_private(data_folder.start_error, f"{error.code}\t{error.message}\n")
    except OSError:
        print(f"tlfif: {error.message}", file=sys.stderr)
    return 5


loaded()

if __name__ == "__main__":
    sys.exit(main())
