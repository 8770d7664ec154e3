"""What both gates do: read the whole body, up to a limit, before the app sees it, and answer what they refuse."""

import asyncio
import contextlib
from collections.abc import Mapping

from starlette.types import Message, Receive, Scope, Send

from tlfif.api.problems import problem_of, send_problem, status_of
from tlfif.dialects.addresses import dialect_of
from tlfif.kernel.errors import InvalidInputError, TlfifError

OPEN_PATHS = frozenset({"/healthz"})
"""Answered without a token."""
MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
DRAIN_BYTES = 64 * MAX_BODY_BYTES
DRAIN_SECONDS = 2.0


def too_large() -> InvalidInputError:
    """The refusal of a body over the limit."""
    return InvalidInputError("The request is larger than 1 MiB. Shorten it.", code="body_too_large")


def check_declared(headers: Mapping[bytes, bytes]) -> None:
    """Check the declared length of the body. Raises InvalidInputError ``body_too_large``."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared[:20]) > MAX_BODY_BYTES:
        raise too_large()


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None where the caller left. Raises InvalidInputError ``body_too_large``, ``request_slow``."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive)
    except TimeoutError:
        raise InvalidInputError(
            f"The request's body took more than {BODY_SECONDS:g} s. Send it again.", code="request_slow"
        ) from None


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            if message.get("more_body", False):
                await drain(receive)
            raise too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def drain(receive: Receive) -> None:
    """Read and drop what is still being sent, within limits of size and time: a caller whose connection is closed while
    it sends never reads the refusal."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while size < DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def replay(body: bytes, receive: Receive) -> Receive:
    """A receiver that gives ``body`` once more, and then what ``receive`` gives."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def refuse(send: Send, error: TlfifError, scope: Scope) -> None:
    """Answer the request with the problem, and close the connection."""
    status = status_of(error)
    made = problem_of(
        status, error.code, error.message, error.details, dialect=dialect_of(scope["path"], scope["method"])
    )
    sign_in = [(b"www-authenticate", b'Bearer realm="tlfif"')] if status == 401 else []
    await send_problem(send, made, (b"connection", b"close"), *sign_in)
