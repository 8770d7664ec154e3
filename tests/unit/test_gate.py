"""The gate alone: what it lets through, what it hands on, and how it compares."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tlfif.api import request_body
from tlfif.api.gate import Gate
from tlfif.api.loopback import own_hosts
from tlfif.api.request_body import MAX_BODY_BYTES

TOKEN = "t" * 40
HOST = (b"host", b"127.0.0.1:80")
BEARER = (b"authorization", f"Bearer {TOKEN}".encode())


class Visit:
    """One request through a gate: what the app behind it saw, and what came out."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.scopes: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.needed = 0
        self.most = 1

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope["type"])
        if scope["type"] == "http":
            self.seen.append((await receive()).get("body", b""))

    async def pass_through(self, pieces: list[bytes], *headers: tuple[bytes, bytes], **scope: Any) -> None:
        gate = Gate(self.app, token=TOKEN, hosts=own_hosts(80), on_request=self._need, most_requests=self.most)
        await gate(
            {"type": "http", "method": "POST", "path": "/v1/infer", "headers": list(headers), **scope},
            self._receiver(pieces),
            self._send,
        )

    @property
    def status(self) -> int | None:
        return next((m["status"] for m in self.sent if m["type"] == "http.response.start"), None)

    @property
    def code(self) -> str:
        return str(json.loads(self.sent[-1]["body"])["code"])

    def _receiver(self, pieces: list[bytes]) -> Callable[[], Awaitable[dict[str, Any]]]:
        left = [{"type": "http.request", "body": p, "more_body": n < len(pieces)} for n, p in enumerate(pieces, 1)]

        async def receive() -> dict[str, Any]:
            return left.pop(0) if left else {"type": "http.disconnect"}

        return receive

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def _need(self) -> None:
        self.needed += 1


async def test_pieces_arrive_as_one() -> None:
    visit = Visit()
    await visit.pass_through([b"ab", b"", b"cd"], HOST, BEARER)
    assert (visit.seen, visit.sent, visit.needed) == ([b"abcd"], [], 1)


async def test_the_limit_itself_passes_and_one_byte_more_does_not() -> None:
    visit = Visit()
    await visit.pass_through([b"x" * MAX_BODY_BYTES], HOST, BEARER)
    assert visit.status is None
    await visit.pass_through([b"x" * MAX_BODY_BYTES, b"x"], HOST, BEARER)
    assert (visit.status, visit.code, len(visit.seen)) == (413, "body_too_large", 1)


@pytest.mark.parametrize("length", [b"1048577", b"-1", b"1e3", b"", b"\xb2", b"9" * 30])
async def test_a_declared_length_that_cannot_be_right(length: bytes) -> None:
    visit = Visit()
    await visit.pass_through([b"{}"], HOST, BEARER, (b"content-length", length))
    assert (visit.status, visit.code, visit.seen) == (413, "body_too_large", [])


async def test_a_caller_that_left_is_not_answered() -> None:
    visit = Visit()
    visit_pieces: list[bytes] = []
    await visit.pass_through(visit_pieces, HOST, BEARER)
    assert (visit.sent, visit.seen) == ([], [])


async def test_what_is_no_http_passes_untouched() -> None:
    visit = Visit()
    await visit.pass_through([], type="lifespan")
    assert visit.scopes == ["lifespan"]


async def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    real = hmac.compare_digest

    def watch(given: Any, expected: Any) -> bool:
        compared.append((given, expected))
        return real(given, expected)

    monkeypatch.setattr("tlfif.api.gate.hmac.compare_digest", watch)
    visit = Visit()
    await visit.pass_through([b"{}"], HOST, (b"authorization", b"Bearer wrong"))
    assert (visit.status, compared) == (401, [(b"wrong", TOKEN.encode())])


async def test_openais_clients_can_read_a_refusal() -> None:
    for headers, code, theirs in [
        ((HOST,), "token_wrong", "invalid_api_key"),
        ((HOST, BEARER, (b"content-length", b"9999999")), "body_too_large", "body_too_large"),
    ]:
        visit = Visit()
        await visit.pass_through([b"{}"], *headers, path="/v1/chat/completions")
        body = json.loads(visit.sent[-1]["body"])
        error = {"message": body["detail"], "type": "invalid_request_error", "param": None, "code": theirs}
        assert (visit.code, body["error"]) == (code, error)
        await visit.pass_through([b"{}"], *headers)
        assert "error" not in json.loads(visit.sent[-1]["body"])


async def test_host_comes_first_origin_second_token_last() -> None:
    origin, wrong = (b"origin", b"https://evil.example"), (b"host", b"evil.example")
    for headers, code in [
        ((wrong, origin), "host_wrong"),
        ((HOST, origin), "origin_not_allowed"),
        ((HOST,), "token_wrong"),
    ]:
        visit = Visit()
        await visit.pass_through([b"{}"], *headers)
        assert (visit.code, visit.needed) == (code, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "127.0.0.1:80", "localhost:80"])
async def test_on_the_port_of_http_clients_leave_it_out(host: str) -> None:
    visit = Visit()
    await visit.pass_through([b"{}"], (b"host", host.encode()), BEARER)
    assert (visit.status, visit.seen) == (None, [b"{}"])


def test_on_another_port_the_host_names_it() -> None:
    assert own_hosts(8080) == {"127.0.0.1:8080", "[::1]:8080", "localhost:8080"}


@pytest.mark.requirement("2.1.6")
async def test_stop_and_health_are_answered_beside_as_many_requests_as_may_be() -> None:
    visit = Visit()
    visit.most = 0
    await visit.pass_through([b"{}"], HOST, BEARER)
    assert (visit.status, visit.code, visit.seen) == (429, "server_full", [])
    assert (b"retry-after", b"5") in visit.sent[0]["headers"]
    for path in ("/healthz", "/v1/server", "/v1/server/stop"):
        await visit.pass_through([b""], HOST, BEARER, path=path)
    assert len(visit.seen) == 3


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.01)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    visit = Visit()
    gate = Gate(visit.app, token=TOKEN, hosts=own_hosts(80), on_request=lambda: None, most_requests=1)
    scope = {"type": "http", "method": "POST", "path": "/v1/infer", "headers": [HOST, BEARER]}
    await gate(scope, never, send)
    assert (sent[0]["status"], json.loads(sent[1]["body"])["code"]) == (408, "request_slow")
    assert (b"connection", b"close") in sent[0]["headers"]
