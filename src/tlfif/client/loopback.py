"""One plain HTTP request to this computer, for health and stop, before the HTTP library is imported."""

import asyncio
import contextlib
import json

LIMIT_BYTES = 64 * 1024


async def exchange(
    port: int, method: str, path: str, *, token: str | None = None, limit_seconds: float = 2.0
) -> dict[str, object] | None:
    """The JSON object that a server on loopback answers with status 2xx; None for anything else.

    Send no token before it is known that the port is our server's.
    """
    lines = [f"{method} {path} HTTP/1.0", f"Host: 127.0.0.1:{port}", "Content-Length: 0"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    request = "\r\n".join([*lines, "", ""]).encode("ascii")
    try:
        async with asyncio.timeout(limit_seconds):
            return _parsed(await _round_trip(port, request))
    except (OSError, ValueError, EOFError):  # TimeoutError is an OSError
        return None


async def _round_trip(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        parts: list[bytes] = []
        size = 0
        while size <= LIMIT_BYTES and (part := await reader.read(LIMIT_BYTES)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _parsed(answer: bytes) -> dict[str, object] | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)
    if len(status) < 2 or not head.startswith(b"HTTP/1.") or not status[1].startswith(b"2"):
        return None
    found = json.loads(body)
    return found if isinstance(found, dict) else None
