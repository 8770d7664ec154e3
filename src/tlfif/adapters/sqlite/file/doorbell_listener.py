"""The waiting side of the doorbell."""

import asyncio
from contextlib import suppress

from tlfif.adapters.local.wakeups import WORK
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.doorbell import (
    EVERYTHING,
    LOOPBACK,
    Marks,
    decode_topics,
    marks,
    register,
    unregister,
)
from tlfif.kernel.errors import StorageError

POLL_SECONDS = 0.25


class DoorbellListener(asyncio.DatagramProtocol):
    """Wakes this process's waiting tasks when another process changed the file.

    Listens from the first wait on. Because a hint may get lost, it also asks the file every ``poll_seconds``
    whether anything was committed, but only while somebody waits.
    """

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._transport: asyncio.DatagramTransport | None = None
        self._port: int | None = None
        self._tried = False
        self._poller: asyncio.Task[None] | None = None
        self._seen: Marks | None = None

    async def ensure_listening(self) -> None:
        """Listen, if not tried yet, and look at the file regularly. Where listening fails, looking is all."""
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        if self._tried:
            return
        self._tried = True
        try:
            with suppress(OSError, StorageError):
                await self._listen()
        except asyncio.CancelledError:
            self._tried = False  # the next who waits listens
            raise

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  # asyncio's name for it
        """A hint came, from whomever: it only makes tasks look at the file."""
        topics = decode_topics(data)
        if EVERYTHING in topics:
            self._database.wakeups.ring_all()
        else:
            self._database.wakeups.ring(topics)

    async def close(self) -> None:
        """Wake everybody for the last time, stop listening and looking."""
        self._database.wakeups.ring_all()
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
            await asyncio.sleep(0)  # the transport closes its socket in the loop's next round

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
        self._transport = transport
        port = int(transport.get_extra_info("sockname")[1])
        await self._database.write(lambda connection, _: register(connection, port), durable=False)
        self._port = port
        self._database.ringer.own_port = port

    async def _poll(self) -> None:
        wakeups = self._database.wakeups
        while True:
            try:
                found = await self._database.read(marks)
            except StorageError:
                found = None  # whoever waits shall look and meet the error themselves
            if found is None or self._seen is None:
                wakeups.ring_all()
            elif found.version != self._seen.version:
                wakeups.ring_readers()
                if found.work != self._seen.work:
                    wakeups.ring([WORK])
            self._seen = found
            await asyncio.sleep(self._poll_seconds)
            if not wakeups.waited_for:
                return
