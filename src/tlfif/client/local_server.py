"""The background server of this computer: finds, starts and stops it. One per data folder, ensured by a lock."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tlfif import __version__
from tlfif.client.endpoint import Endpoint, Sleep
from tlfif.client.errors import NotReachableError
from tlfif.client.loopback import exchange
from tlfif.client.server_process import Child, Spawn, is_alive, is_running, is_server, process_of, spawn_server
from tlfif.kernel.data_folder import (
    DataFolder,
    ServerAddress,
    read_holder,
    read_server,
    read_token,
)
from tlfif.kernel.errors import TlfifError, UnavailableError

if TYPE_CHECKING:
    import psutil

START_SECONDS = 60.0
"""Longest wait for a server that starts, or runs and does not answer: beside many busy programs that takes its time."""
HEALTH_SECONDS = 10.0
"""Longest wait for a running server's answer. Asked again and again for less, a slow one would never be found."""
STOP_SECONDS = 20.0
"""Longest wait for a server to leave."""
POLL_SECONDS = 0.02
TRIAL_BYTES = 64 * 1024
"""A database and a log need as much at least."""
REWRITE_SECONDS = 5.0
"""A server that lost its address or token writes them again within this time."""
RETURN_SECONDS = 5.0
"""A server that removed its address file was stopped on purpose, unless another one starts within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A running server of this data folder."""

    address: ServerAddress
    version: str
    endpoint: Endpoint


def is_locked(data_folder: DataFolder) -> bool:
    """Whether a server holds the data folder's lock."""
    if not data_folder.lock.exists():
        return False
    try:
        with FileLock(data_folder.lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


class LocalServer:
    """A :class:`Locator` for the server of one data folder. Does nothing before the first call."""

    def __init__(
        self,
        data_folder: DataFolder,
        *,
        arguments: Sequence[str] = (),
        spawn: Spawn = spawn_server,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``arguments`` go to a server that has to be started; the callables are replaced in tests."""
        self.data_folder = data_folder
        self._arguments = arguments
        self._spawn = spawn
        self._sleep = sleep
        self._monotonic = monotonic

    async def find(self) -> RunningServer | None:
        """The running server, if any; starts none.

        The token is sent to a port only if the process that wrote the address runs, a server holds the lock, and the
        port answers like our server: another program may use the port of a stale address.

        Raises NotReachableError (``home_not_usable``, ``home_not_private``).
        """
        _checked(self.data_folder)
        address = read_server(self.data_folder)
        if address is None or not is_alive(address.pid) or not is_locked(self.data_folder):
            return None
        health = await exchange(address.port, "GET", "/healthz", limit_seconds=HEALTH_SECONDS)
        if health is None or health.get("status") != "ok":
            return None
        token = read_token(self.data_folder)
        if token is None:
            return None
        endpoint = Endpoint(base_url=address.base_url, token=token)
        return RunningServer(address=address, version=str(health.get("version")), endpoint=endpoint)

    async def ensure(self) -> Endpoint:
        """The server, started if none runs. One of another version is stopped first; its waiting jobs are kept.

        Raises NotReachableError, with the server's own code if it reported why it did not start.
        """
        child: Child | None = None
        dismissed: int | None = None
        deadline = self._monotonic() + START_SECONDS
        while True:
            running = await self.find()
            if running is not None and running.version == __version__:
                return running.endpoint
            if running is not None and running.address.pid != dismissed:
                dismissed = running.address.pid
                await self._dismiss(running)
                deadline = self._monotonic() + START_SECONDS
            elif running is None and (child is None or child.poll() is not None):
                self._check_start(child)
                child = None if is_locked(self.data_folder) else self._start()
            if self._monotonic() >= deadline:
                raise NotReachableError(
                    f"The background server did not answer within {START_SECONDS:.0f} s. "
                    f"Look into {self.data_folder.server_log}, then try again.",
                    code="server_silent",
                )
            await self._sleep(POLL_SECONDS)

    async def again(self) -> Endpoint:
        """After a broken connection: the server, restarted if it died.

        A server that dies leaves its address file; one that is stopped removes it and is not restarted.
        Raises NotReachableError then, with why its last start failed, or ``server_stopped``.
        """
        begun = self._monotonic()
        free_since: float | None = None
        while True:
            if await self.find() is not None:
                return await self.ensure()
            now = self._monotonic()
            if is_locked(self.data_folder):
                free_since = None
                if now - begun >= START_SECONDS:
                    return await self.ensure()
            elif read_server(self.data_folder) is not None:
                return await self.ensure()
            else:
                free_since = now if free_since is None else free_since
                if now - free_since >= RETURN_SECONDS:
                    raise last_failure(self.data_folder) or NotReachableError(
                        "The background server was stopped. Prompts that waited are kept "
                        "and go on when it is started again.",
                        code="server_stopped",
                    )
            await self._sleep(POLL_SECONDS)

    async def stop(self) -> bool:
        """Ask the server to end, and wait until its lock is free and its process gone. False where none runs.

        Raises NotReachableError (code ``server_stays``) if it is still there after 20 s.
        """
        running = await self.find_soon()
        if running is None and not is_locked(self.data_folder):
            return False
        process = process_of(running.address.pid) if running is not None else self.holder()
        if running is not None:
            await self._dismiss(running)
        elif process is not None:
            process.terminate()
        deadline = self._monotonic() + STOP_SECONDS
        # The server releases the lock a moment before its process ends.
        while is_locked(self.data_folder) or (process is not None and is_running(process)):
            if self._monotonic() >= deadline:
                raise NotReachableError(
                    f"The background server did not end within {STOP_SECONDS:.0f} s"
                    + (f" (process {process.pid}). " if process is not None else ". ")
                    + f"Look into {self.data_folder.server_log}.",
                    code="server_stays",
                )
            await self._sleep(POLL_SECONDS)
        return True

    async def find_soon(self) -> RunningServer | None:
        """As :meth:`find`; a server that is about to write again what it is found by is waited for."""
        deadline = self._monotonic() + REWRITE_SECONDS
        while (running := await self.find()) is None and is_locked(self.data_folder) and self._monotonic() < deadline:
            await self._sleep(POLL_SECONDS)
        return running

    async def find_or_tell(self) -> RunningServer | None:
        """The running server; None where none runs. Raises NotReachableError (``server_silent``) for one that does not
        answer."""
        running = await self.find_soon()
        if running is None and is_locked(self.data_folder):
            raise self.silent()
        return running

    def silent(self) -> NotReachableError:
        """The error for a server that holds the lock and does not answer."""
        holder = self.holder()
        who = "A background server" if holder is None else f"A background server (process {holder.pid})"
        return NotReachableError(
            f"{who} holds TL-FIF's folder and does not answer. It may be starting. To end it: ./tlfif serve --stop",
            code="server_silent",
        )

    def holder(self) -> "psutil.Process | None":
        """The server that holds the lock, found or not; None where none does, or which is not known."""
        pid = read_holder(self.data_folder) if is_locked(self.data_folder) else None
        process = None if pid is None else process_of(pid)
        return process if process is not None and is_server(process) else None

    async def _dismiss(self, running: RunningServer) -> None:
        await exchange(running.address.port, "POST", "/v1/server/stop", token=running.endpoint.token)

    def _start(self) -> Child:
        try:
            self.data_folder.create()
            self.data_folder.start_error.unlink(missing_ok=True)
            return self._spawn(self.data_folder, self._arguments)
        except OSError as error:
            raise _not_reachable(self.data_folder.not_usable(error)) from error
        except UnavailableError as error:
            raise _not_reachable(error) from error

    def _check_start(self, child: Child | None) -> None:
        """Exit status 0 means that another server was faster; anything else that there will be none."""
        status = child.poll() if child is not None else None
        if status:
            raise start_failure(self.data_folder)


def _checked(data_folder: DataFolder) -> None:
    try:
        data_folder.check()
    except UnavailableError as error:
        raise _not_reachable(error) from error


def _not_reachable(error: TlfifError) -> NotReachableError:
    return NotReachableError(error.message, code=error.code)


def last_failure(data_folder: DataFolder) -> NotReachableError | None:
    """Why the last start of the server failed; None where it did not, or nothing is known."""
    with contextlib.suppress(OSError, ValueError):
        code, tab, message = data_folder.start_error.read_text(encoding="utf-8").partition("\t")
        if tab and message.strip():
            return NotReachableError(message.strip(), code=code)
    return None


def start_failure(data_folder: DataFolder) -> NotReachableError:
    """For a server that ended while starting: its own words, or the last line that Python wrote, or that the disk takes
    neither."""
    known = last_failure(data_folder)
    if known is not None:
        return known
    last = ""
    with contextlib.suppress(OSError):
        said = (data_folder.logs / "server-start.log").read_text(encoding="utf-8", errors="replace").strip()
        last = said.splitlines()[-1][:300] if said else ""
    if not last:
        try:
            with tempfile.TemporaryFile(dir=data_folder.root) as file:
                file.write(bytes(TRIAL_BYTES))
        except OSError as error:
            return _not_reachable(data_folder.not_usable(error))
    return NotReachableError(
        f"The background server ended while starting{': ' + last if last else ''}. "
        f"More may stand in {data_folder.server_log}.",
        code="server_start_failed",
    )
