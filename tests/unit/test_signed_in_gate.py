"""The gate of the home on AWS, with an authority that knows one person."""

import json
from typing import Any

import pytest
from starlette.requests import Request

from tlfif.api.request_body import MAX_BODY_BYTES
from tlfif.api.signed_in_gate import SignedInGate, user_of
from tlfif.control.authority import Authority, Caller
from tlfif.kernel.errors import NotAllowedError, UnavailableError


class OnePerson(Authority):
    """Knows Anna, by the token ``anna``."""

    async def identify(self, token: str) -> Caller:
        if token == "nobody is there":
            raise UnavailableError("No keys.", code="keys_unreachable")
        if token != "anna":
            raise NotAllowedError("Who are you?", code="token_wrong")
        return Caller(user="anna-1")


async def visit(*headers: tuple[bytes, bytes], path: str = "/v1/jobs", body: bytes = b"") -> tuple[Any, int, str]:
    seen: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((user_of(Request(scope)), (await receive())["body"]))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    gate = SignedInGate(app, authority=OnePerson())
    await gate({"type": "http", "method": "POST", "path": path, "headers": list(headers)}, receive, send)
    if seen:
        return seen[0], 200, ""
    return None, sent[0]["status"], json.loads(sent[1]["body"])["code"]


def bearer(token: str) -> tuple[bytes, bytes]:
    return (b"authorization", f"Bearer {token}".encode())


async def test_a_signed_in_person_is_let_through_by_name() -> None:
    assert await visit(bearer("anna"), body=b"hello") == (("anna-1", b"hello"), 200, "")


async def test_health_needs_nobody() -> None:
    assert await visit(path="/healthz") == (("", b""), 200, "")


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ((), (401, "token_wrong")),
        ((bearer("ben"),), (401, "token_wrong")),
        (((b"authorization", b"Basic anna"),), (401, "token_wrong")),
        (((b"authorization", b"Bearer \xff"),), (401, "token_wrong")),
        ((bearer("nobody is there"),), (503, "keys_unreachable")),
        ((bearer("anna"), (b"origin", b"https://page")), (403, "origin_not_allowed")),
        ((bearer("anna"), (b"content-length", str(MAX_BODY_BYTES + 1).encode())), (413, "body_too_large")),
        ((bearer("anna"), (b"content-length", b"-1")), (413, "body_too_large")),
    ],
)
async def test_all_else_is_refused(headers: tuple[tuple[bytes, bytes], ...], refusal: tuple[int, str]) -> None:
    assert await visit(*headers) == (None, *refusal)


async def test_a_body_that_grows_too_large_is_refused() -> None:
    assert await visit(bearer("anna"), body=b"x" * (MAX_BODY_BYTES + 1)) == (None, 413, "body_too_large")
