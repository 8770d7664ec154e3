"""Receives the notifications of other processes and wakes the tasks of this one."""

import asyncio
from contextlib import suppress

from tlfif.adapters.local.wakeups import WORK
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.notifier import (
    EVERYTHING,
    LOOPBACK,
    ChangeCounters,
    change_counters,
    decode_topics,
    register,
    unregister,
)
from tlfif.kernel.errors import StorageError

POLL_SECONDS = 0.25


class NotificationListener(asyncio.DatagramProtocol):
    """Wakes this process's waiting tasks when another process changed the file.

    Listens from the first wait on. Because a notification may get lost, it also polls the file every ``poll_seconds``
    for new commits, but only while a task waits.
    """

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._transport: asyncio.DatagramTransport | None = None
        self._port: int | None = None
        self._tried = False
        self._poller: asyncio.Task[None] | None = None
        self._seen: ChangeCounters | None = None

    async def ensure_listening(self) -> None:
        """Start listening, unless tried before, and polling. Where listening fails, polling is enough."""
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        if self._tried:
            return
        self._tried = True
        try:
            with suppress(OSError, StorageError):
                await self._listen()
        except asyncio.CancelledError:
            self._tried = False  # the next task that waits tries again
            raise

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  # asyncio's name for it
        """Wake the tasks that wait for the topics in ``data``. The sender need not be known: they only read the
        file."""
        topics = decode_topics(data)
        if EVERYTHING in topics:
            self._database.wakeups.notify_all()
        else:
            self._database.wakeups.notify(topics)

    async def close(self) -> None:
        """Wake all tasks one last time; stop listening and polling."""
        self._database.wakeups.notify_all()
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller
        if self._port is not None:
            port = self._port
            with suppress(StorageError):
                await self._database.write(lambda connection, _: unregister(connection, port), durable=False)
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # the transport closes its socket in the loop's next iteration

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
        port = int(transport.get_extra_info("sockname")[1])
        try:
            await self._database.write(lambda connection, _: register(connection, port), durable=False)
        except BaseException:
            transport.close()  # whoever waits next opens another
            raise
        self._transport, self._port = transport, port
        self._database.notifier.own_port = port

    async def _poll(self) -> None:
        wakeups = self._database.wakeups
        while True:
            try:
                found = await self._database.read(change_counters)
            except StorageError:
                found = None  # waiting tasks read the file and get the error themselves
            if found is None or self._seen is None:
                wakeups.notify_all()
            elif found.commits != self._seen.commits:
                wakeups.notify_readers()
                if found.work != self._seen.work:
                    wakeups.notify([WORK])
            self._seen = found
            await asyncio.sleep(self._poll_seconds)
            if not wakeups.waited_for:
                return
