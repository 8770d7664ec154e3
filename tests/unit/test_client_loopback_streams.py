"""Streams over plain connections to this computer: one for one answer after the other, and every way to lose it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tlfif.client.endpoint import Endpoint
from tlfif.client.errors import ConnectionLostError
from tlfif.client.loopback_streams import LoopbackStreams

WHOLE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\n you \r\n0\r\n\r\n"


class Peer:
    """Sends ``script`` to each request, byte by byte where ``slowly``, and counts connections."""

    def __init__(self, script: bytes, *, slowly: bool = False, hang_up: bool = False) -> None:
        self.script, self.slowly, self.hang_up = script, slowly, hang_up
        self.connections = 0
        self.requests: list[bytes] = []
        self.left = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(h[15:]) for h in head.split(b"\r\n") if h.startswith(b"Content-Length")), 0)
                self.requests.append(head + await reader.readexactly(length))
                for piece in (
                    [self.script[n : n + 1] for n in range(len(self.script))] if self.slowly else [self.script]
                ):
                    writer.write(piece)
                    await writer.drain()
                if self.hang_up:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def serving(peer: Peer, *, silence: float = 5.0) -> AsyncIterator[LoopbackStreams]:
    server = await asyncio.start_server(peer.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    streams = LoopbackStreams(Endpoint(base_url=f"http://127.0.0.1:{port}", token="secret"), 5.0, silence)
    async with server:
        yield streams
        streams.close()


async def ask(streams: LoopbackStreams, path: str = "/v1/x", **headers: str) -> tuple[int, bytes]:
    async with streams.send("POST", path, {"after": 3}, headers, {"prompt": "Ä"}) as (status, chunks):
        return status, b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize("slowly", [False, True])
async def test_answers_follow_each_other_on_one_connection(slowly: bool) -> None:
    peer = Peer(WHOLE, slowly=slowly)
    async with serving(peer) as streams:
        assert [await ask(streams, Key="k") for _ in range(3)] == [(200, b"hello you ")] * 3
    assert peer.connections == 1
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x?after=3 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert {b"Authorization: Bearer secret", b"Key: k"} <= set(head.split(b"\r\n"))
    assert body == b'{"prompt": "\\u00c4"}'


async def test_an_answer_left_early_closes_its_connection() -> None:
    peer = Peer(WHOLE.removesuffix(b"0\r\n\r\n"))
    async with serving(peer) as streams:
        async with streams.send("GET", "/v1/x", {}, {}, None) as (_, chunks):
            assert await anext(aiter(chunks)) == b"hello"
        await peer.left.wait()


async def test_a_server_that_wants_to_close_is_called_anew() -> None:
    peer = Peer(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), hang_up=True)
    async with serving(peer) as streams:
        assert [await ask(streams) for _ in range(2)] == [(200, b"hello you ")] * 2
    assert peer.connections == 2


@pytest.mark.parametrize(
    ("script", "hang_up", "why"),
    [
        (b"", True, "EOFError"),
        (WHOLE[:-8], True, "EOFError"),
        (b"SSH-2.0-OpenSSH\r\n", False, "HttpParser"),
        (b"", False, "TimeoutError"),
    ],
)
async def test_an_answer_that_breaks_off_is_a_lost_connection(script: bytes, hang_up: bool, why: str) -> None:
    async with serving(Peer(script, hang_up=hang_up), silence=0.01 if why == "TimeoutError" else 5.0) as streams:
        with pytest.raises(ConnectionLostError, match="what was accepted is not lost") as lost:
            await ask(streams)
    assert why in lost.value.message or "HttpParser" in type(lost.value.__cause__).__name__


async def test_where_nobody_listens_the_connection_counts_as_lost() -> None:
    streams = LoopbackStreams(Endpoint(base_url="http://127.0.0.1:1", token="secret"), 5.0, 5.0)
    with pytest.raises(ConnectionLostError, match="ConnectionRefusedError"):
        await ask(streams)


async def test_a_header_cannot_smuggle_another_in_nor_a_path_another_request() -> None:
    peer = Peer(WHOLE)
    async with serving(peer) as streams:
        with pytest.raises(ValueError, match="Key"):
            await ask(streams, Key="k\r\nX: y")
        await ask(streams, "/v1/jobs/a b\r\nX: y/events")
    assert peer.requests[0].startswith(b"POST /v1/jobs/a%20b%0D%0AX%3A%20y/events?after=3 HTTP/1.1\r\n")
