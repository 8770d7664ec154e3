"""The worker's HTTP to its engine: what becomes of connections. What comes over them is in the engines' contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tlfif.adapters.engines.engine_http import EngineHttp
from tlfif.jobs.engine import EngineAddress
from tlfif.kernel.errors import EngineGoneError

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Server:
    """Answers each request with ``ANSWER`` and counts connections; ``closes``: behind each answer, as llama.cpp does;
    ``deaf``: a connection that is used again is closed without an answer."""

    def __init__(self, *, closes: bool = False, deaf: bool = False) -> None:
        self.closes, self.deaf = closes, deaf
        self.connections = self.requests = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answered = 0
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                if answered and self.deaf:
                    return
                writer.write(ANSWER)
                answered += 1
                if self.closes:
                    return
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[EngineHttp]:
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    http = EngineHttp(EngineAddress(base_url=f"http://127.0.0.1:{port}", api_key="k", pid=None), stall_seconds=5)
    try:
        yield http
    finally:
        await http.close()
        listening.close()


async def said(http: EngineHttp) -> bytes:
    async with http.asked("GET", "/props", accept_seconds=5) as answer:
        return await answer.whole()


async def test_a_connection_whose_answer_was_read_is_used_again() -> None:
    server = Server()
    async with serving(server) as http:
        assert [await said(http) for _ in range(3)] == [b"hi"] * 3
        assert server.connections == 1
        async with http.asked("GET", "/props"):
            pass  # its body is not read
        assert await said(http) == b"hi"
        assert server.connections == 2


@pytest.mark.parametrize("server", [Server(closes=True), Server(deaf=True)], ids=["closes", "deaf"])
async def test_an_engine_that_closes_its_connections_gets_a_new_one(server: Server) -> None:
    async with serving(server) as http:
        assert [await said(http) for _ in range(3)] == [b"hi"] * 3
        assert server.connections == 3


async def test_nobody_is_asked_twice_on_a_new_connection() -> None:
    async def closes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        writer.close()

    server = Server()
    server.handle = closes  # type: ignore[method-assign]  # another server's ways
    async with serving(server) as http:
        with pytest.raises(EngineGoneError, match="closed the connection"):
            await said(http)
    assert server.connections == 1
