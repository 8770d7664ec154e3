"""A SOCKS5 proxy on loopback (RFC 1928, no sign-in) that leads every request to one server."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class SocksServer:
    """``asked``: the hosts and ports that callers named."""

    leads_to: tuple[str, int]
    port: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "a name, which the proxy looks up"
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode()
        self.asked.append((host, *struct.unpack(">H", await reader.readexactly(2))))
        onward, to = await asyncio.open_connection(*self.leads_to)
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        await asyncio.gather(_pass_on(reader, to), _pass_on(onward, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def socks_server(leads_to: tuple[str, int]) -> AsyncIterator[SocksServer]:
    """A running one."""
    proxy = SocksServer(leads_to)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
