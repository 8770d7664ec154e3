"""The embedded home's server: the app on a loopback socket, for as long as somebody needs it."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict

import uvicorn

from tlfif import __version__
from tlfif.api.app import create_app
from tlfif.api.gate import Gate
from tlfif.api.ingress import MAX_CONNECTIONS, RESERVED, IngressConfig
from tlfif.api.loopback import LOOPBACK, bind_both, own_hosts, usual_sockets
from tlfif.api.routes.server import ServerFacts
from tlfif.control.answers import Answers
from tlfif.control.container import Container
from tlfif.kernel.access import AccessWatch, load_token
from tlfif.kernel.data_folder import DataFolder, ServerAddress, read_server, read_token, write_private
from tlfif.kernel.errors import StorageError

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
OWN_HANDLES, MIN_CONNECTIONS = 128, 32
"""File handles for the database, logs, model files and machines; and the least that is left for connections."""


def most_connections() -> int:
    """As many as may be open at the same time: the system's limit of file handles leaves room for the server's own."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OWN_HANDLES))


class _Listener(uvicorn.Server):
    """uvicorn that says when it listens, and leaves signals to its owner: it would raise a signal once more when it
    is done, and end the process before the machine is ended. It looks ten times a second whether it is to leave; this
    one is told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Take no more requests, answer what is being answered, and end."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Serve until :meth:`leave`."""
        await self._leaving.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


class EmbeddedServer:
    """Serves until :meth:`stop`, a signal, or until nobody has needed it for ``idle_exit_seconds``.

    ``busy`` says whether there is a machine or a job, ``is_ours`` whether the data folder is still this server's.
    ``port`` None: the data folder's own, which it remembers. ``answers``: where programs' requests go; None: here.
    ``hosts`` and ``origins`` are allowed beside those that the data folder's file allows.
    """

    def __init__(
        self,
        container: Container,
        data_folder: DataFolder,
        *,
        port: int | None,
        idle_exit_seconds: float,
        busy: Callable[[], bool],
        is_ours: Callable[[], bool] = lambda: True,
        answers: Answers | None = None,
        hosts: tuple[str, ...] = (),
        origins: tuple[str, ...] = (),
    ) -> None:
        self._container = container
        self._data_folder = data_folder
        self._idle_exit = idle_exit_seconds
        self._busy = busy
        self._is_ours = is_ours
        self._sockets = usual_sockets(data_folder) if port is None else bind_both(port)
        self._port: int = self._sockets[0].getsockname()[1]
        self._access = AccessWatch(data_folder, hosts=hosts, origins=origins)
        self._begun = self._needed_at = time.monotonic()
        facts = ServerFacts(port=self._port, uptime=self._uptime, exits_in=self._exits_in, stop=self.stop)
        self._token = load_token(data_folder)
        connections = most_connections()
        self._gate = gate = Gate(
            create_app(container, facts, answers),
            token=self._token,
            hosts=own_hosts(self._port),
            on_request=self._request_came,
            most_requests=connections - RESERVED,
            access=self._access.now,
        )
        config = IngressConfig(gate, connections=connections)
        self._server = _Listener(config)
        self._fault: StorageError | None = None

    def stop(self) -> None:
        """End soon: answer what is being answered, then leave."""
        self._server.leave()

    async def run(self) -> None:
        """Serve. The address file exists exactly while requests are answered.

        Raises StorageError where it cannot be written: a server that nobody finds must not stay.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Windows' loop has no signal handlers; there the server is ended through the API.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, self.stop)
        watching = asyncio.create_task(self._watch())
        try:
            await self._server.serve(sockets=self._sockets)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            if self._is_ours():
                self._data_folder.server.unlink(missing_ok=True)
        if self._fault is not None:
            raise self._fault

    async def _watch(self) -> None:
        await self._server.listening.wait()
        try:
            self._keep_files()
        except OSError as error:
            self._fault = StorageError(
                f"The file {self._data_folder.server.name} cannot be written: {error.strerror or error}"
            )
            self.stop()
            return
        log.info("server: listening on %s:%d", LOOPBACK, self._port)
        # What start-up made stays: the collector need not walk through all of it between a prompt and its answer.
        gc.freeze()
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self._idle_exit / 4))
            if not self._is_ours():
                log.warning("server: its lock is gone, ending: another server may have taken the folder")
                self.stop()
                return
            with contextlib.suppress(OSError):
                self._keep_files()
            left = self._exits_in()
            if left is not None and left <= 0:
                log.info("server: nobody needed it for %.0f s, ending", self._idle_exit)
                self.stop()

    def _keep_files(self) -> None:
        """Write address and token again where they are lost or changed: without them nobody finds this server, or can
        end it. Raises OSError."""
        address = ServerAddress(pid=os.getpid(), port=self._port, version=__version__)
        if read_server(self._data_folder) != address:
            write_private(self._data_folder.server, json.dumps(asdict(address)))
        if read_token(self._data_folder) != self._token:
            write_private(self._data_folder.token, self._token)

    def _request_came(self) -> None:
        self._needed_at = time.monotonic()

    def _uptime(self) -> float:
        return time.monotonic() - self._begun

    def _exits_in(self) -> float | None:
        if self._busy() or self._gate.answering or self._access.now().keep:
            self._needed_at = max(self._needed_at, time.monotonic())
            return None
        return round(self._idle_exit - (time.monotonic() - self._needed_at), 1)
