"""Requests and streams against a real socket: the token, problems, broken connections."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tlfif.client.connection import Connection
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.errors import ConnectionLostError, GatewayFailedError, RefusedError, ServerFailedError
from tlfif.client.tlfif_client import TlfifClient

Handler = Callable[[str, bytes], bytes | None]
"""Head and body of a request; the raw answer, or None to break the connection."""


def answer(status: int, body: object) -> bytes:
    content = json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


@asynccontextmanager
async def serving(handle: Handler, slept: list[float] | None = None) -> AsyncIterator[TlfifClient]:
    """``slept`` collects the client's pauses, in seconds."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next((int(h.split(":")[1]) for h in head.splitlines() if h.startswith("content-length")), 0)
                found = handle(head, await reader.readexactly(length))
                if found is None:
                    break
                writer.write(found)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def no_sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)
        await asyncio.sleep(0)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    locator = FixedEndpoint(endpoint=Endpoint(base_url=f"http://127.0.0.1:{port}", token="secret"))
    async with server, TlfifClient(locator, sleep=no_sleep) as client:
        yield client


async def test_requests_carry_the_token_and_ignore_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    heads: list[str] = []

    def handle(head: str, body: bytes) -> bytes:
        heads.append(head)
        return answer(200, {"models": []})

    async with serving(handle) as client:
        assert await client.models() == []
    assert "authorization: bearer secret" in heads[0]


async def test_a_problem_becomes_an_error() -> None:
    problem = {"code": "prompt_too_long", "detail": "Too long.", "status": 422, "tokens": 9, "limit": 8}
    async with serving(lambda head, body: answer(422, problem)) as client:
        with pytest.raises(RefusedError, match="Too long") as caught:
            await client.infer({"messages": []})
    assert caught.value.details == {"tokens": 9, "limit": 8}


@pytest.mark.requirement("1.3.3")
async def test_a_submit_over_a_broken_connection_is_repeated_with_its_key() -> None:
    keys: list[str] = []

    def handle(head: str, body: bytes) -> bytes | None:
        keys.append(next(h for h in head.splitlines() if h.startswith("idempotency-key")))
        return None if len(keys) < 3 else answer(202, {"job_id": "job_1"})

    async with serving(handle) as client:
        assert (await client.infer({"messages": []}))["job_id"] == "job_1"
    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.requirement("1.3.1")
async def test_after_three_tries_it_is_told() -> None:
    seen: list[str] = []

    def handle(head: str, body: bytes) -> None:
        seen.append(head)

    async with serving(handle) as client:
        with pytest.raises(ConnectionLostError):
            await client.machine()
        assert len(seen) == 3
        seen.clear()
        with pytest.raises(ConnectionLostError):
            await client.stop_machine()
        assert len(seen) == 1  # a second "stop" would report nothing stopped


GATEWAY = {503: {"message": "Service Unavailable"}, 504: {"message": "Endpoint request timed out"}, 429: None}


@pytest.mark.parametrize("status", GATEWAY)
async def test_what_a_gateway_answers_in_the_server_s_place_is_asked_again_after_a_longer_pause(status: int) -> None:
    slept: list[float] = []
    answers = [answer(status, GATEWAY[status])] * 2 + [answer(200, {"models": []})]
    async with serving(lambda head, body: answers.pop(0), slept) as client:
        assert await client.models() == []
    assert slept == [1.0, 3.0]


@pytest.mark.parametrize(("header", "pauses"), [("5", [5.0, 5.0]), ("0", [1.0, 3.0]), ("31", []), ("soon", [1.0, 3.0])])
async def test_no_earlier_than_the_gateway_says_and_not_for_minutes(header: str, pauses: list[float]) -> None:
    slept: list[float] = []
    busy = f"HTTP/1.1 503 X\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(lambda head, body: busy, slept) as client:
        with pytest.raises(GatewayFailedError):
            await client.machine()
    assert slept == pauses


async def test_a_problem_of_the_server_s_own_is_not_repeated() -> None:
    seen: list[str] = []

    def handle(head: str, body: bytes) -> bytes:
        seen.append(head)
        return answer(503, {"code": "storage_failed", "detail": "Full."})

    async with serving(handle) as client:
        with pytest.raises(ServerFailedError, match="Full"):
            await client.machine()
    assert len(seen) == 1


async def test_what_is_none_is_not_sent() -> None:
    bodies: list[bytes] = []

    def handle(head: str, body: bytes) -> bytes:
        bodies.append(body)
        return answer(202, {})

    async with serving(handle) as client:
        await client.infer({"messages": [], "model": "smollm2", "seed": None})
    assert json.loads(bodies[0]) == {"messages": [], "model": "smollm2"}


async def test_an_answer_that_is_not_json_is_a_server_fault() -> None:
    async with serving(lambda head, body: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<a>") as client:
        with pytest.raises(ServerFailedError, match="not JSON"):
            await client.machine()


async def test_a_job_is_followed_over_the_socket() -> None:
    stream = b'id: 1\nevent: queued\ndata: {"at": 1}\n\nid: 2\nevent: succeeded\ndata: {"at": 2}\n\n'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(stream)}\r\n\r\n".encode()
    async with serving(lambda _head, body: head + stream) as client:
        kinds = [str(getattr(item, "kind", "")) async for item in client.follow("job_1")]
    assert kinds == ["queued", "succeeded"]


async def test_following_an_unknown_job_is_refused() -> None:
    problem = {"code": "job_not_found", "detail": "There is no job."}
    async with serving(lambda head, body: answer(404, problem)) as client:
        with pytest.raises(RefusedError, match="no job"):
            await anext(client.follow("job_1"))


async def test_a_pull_is_watched_until_it_ends() -> None:
    states = iter(["pulling", "pulling", "ready"])

    def model() -> dict[str, object]:
        return {"name": "tinyllama", "state": next(states)}

    def handle(head: str, body: bytes) -> bytes:
        return answer(202, model()) if head.startswith("post") else answer(200, {"models": [model()]})

    async with serving(handle) as client:
        seen = [m["state"] async for m in client.pull("tinyllama")]
    assert seen == ["pulling", "pulling", "ready"]


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
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                step = 1 if self.slowly else max(1, len(self.script))
                for start in range(0, len(self.script), step):
                    writer.write(self.script[start : start + step])
                    await writer.drain()
                if self.hang_up:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[Connection]:
    server = await asyncio.start_server(peer.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}", token="secret")
    connection = Connection(FixedEndpoint(endpoint=endpoint))
    async with server:
        yield connection
        await connection.close()


async def streamed(connection: Connection) -> bytes:
    async with connection.stream("GET", "/v1/x", params={"after": 3}, headers={"Key": "k"}) as chunks:
        return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize("slowly", [False, True])
async def test_streams_follow_each_other_on_one_connection(slowly: bool) -> None:
    peer = Peer(WHOLE, slowly=slowly)
    async with connected(peer) as connection:
        assert [await streamed(connection) for _ in range(3)] == [b"hello you "] * 3
    assert peer.connections == 1
    head = peer.requests[0].lower().split(b"\r\n")
    assert head[0] == b"get /v1/x?after=3 http/1.1"
    assert {b"authorization: bearer secret", b"accept: text/event-stream", b"key: k"} <= set(head)


async def test_a_stream_left_early_closes_its_connection() -> None:
    peer = Peer(WHOLE.removesuffix(b"0\r\n\r\n"))
    async with connected(peer) as connection:
        async with connection.stream("GET", "/v1/x") as chunks:
            assert await anext(aiter(chunks)) == b"hello"
        await peer.left.wait()


async def test_a_stream_after_which_the_server_closes_is_followed_by_one_on_a_new_connection() -> None:
    peer = Peer(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), hang_up=True)
    async with connected(peer) as connection:
        assert [await streamed(connection) for _ in range(2)] == [b"hello you "] * 2
    assert peer.connections == 2


@pytest.mark.parametrize(
    ("script", "hang_up"),
    [(b"", True), (WHOLE[:-8], True), (b"SSH-2.0-OpenSSH\r\n", False), (b"", False), (WHOLE[:-8], False)],
)
async def test_a_stream_that_breaks_off_or_falls_silent_is_a_lost_connection(
    script: bytes, hang_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlfif.client.connection.SILENCE_SECONDS", 5.0 if hang_up else 0.01)
    async with connected(Peer(script, hang_up=hang_up)) as connection:
        with pytest.raises(ConnectionLostError, match="what was accepted is not lost"):
            await streamed(connection)


async def test_where_nobody_listens_the_connection_counts_as_lost() -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:1", token="secret")
    with pytest.raises(ConnectionLostError, match="ConnectError"):
        await streamed(Connection(FixedEndpoint(endpoint=endpoint)))
