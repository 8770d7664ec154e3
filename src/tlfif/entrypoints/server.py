"""The embedded server in the background: one per data folder, enforced by a lock."""

import argparse
import asyncio
import os
import sys

from filelock import FileLock, Timeout

from tlfif.api.embedded_server import EmbeddedServer
from tlfif.bootstrap.embedded import embedded_container
from tlfif.bootstrap.settings import Settings, load_settings
from tlfif.control.end_machine import end_machine
from tlfif.control.reconcile import Pace
from tlfif.control.router_loop import RouterLoop
from tlfif.entrypoints.event_loop import run_event_loop
from tlfif.kernel.data_folder import PRIVATE, DataFolder, data_folder_from_environment
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.log_lines import begin_log

STOP_LIMIT_SECONDS = 10.0


async def _serve(settings: Settings, port: int) -> None:
    container = await embedded_container(settings)
    router = RouterLoop(reconciler=container.reconciler, tick_seconds=settings.tick_seconds)
    server = EmbeddedServer(
        container,
        settings.data_folder,
        port=port,
        idle_exit_seconds=settings.server_idle_exit_seconds,
        busy=lambda: router.pace is not Pace.REST,
    )
    routing = asyncio.create_task(router.run())
    try:
        await server.run()
    finally:
        routing.cancel()
        await asyncio.gather(routing, return_exceptions=True)
        await end_machine(container.reconciler, reason="the server was stopped", limit_seconds=STOP_LIMIT_SECONDS)
        await container.close()


def _run(data_folder: DataFolder, port: int | None) -> None:
    settings = load_settings()
    begin_log("%(asctime)s %(levelname)s %(message)s", level=settings.log_level, file=data_folder.server_log)
    run_event_loop(_serve(settings, settings.port if port is None else port))


def main() -> int:
    """Serve, or exit quietly if another server of this data folder runs. A failure is written to
    ``server-error.txt``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=None)
    args = parser.parse_args()
    data_folder = data_folder_from_environment()
    error_file = data_folder.root / "server-error.txt"
    os.umask(0o077)  # for logs, lock and database, and for the files of the machine, which inherits it
    try:
        data_folder.create()
        with FileLock(data_folder.lock, timeout=0, mode=PRIVATE):
            error_file.unlink(missing_ok=True)
            _run(data_folder, args.port)
    except Timeout:
        return 0
    except TlfifError as error:
        error_file.write_text(f"{error.code}\t{error.message}\n", encoding="utf-8")
        return 5
    except OSError as error:
        print(f"tlfif: TL-FIF's folder cannot be used: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
