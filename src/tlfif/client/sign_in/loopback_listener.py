"""Receives the browser's redirect at the end of a sign-in, on loopback (RFC 8252, section 7.3)."""

import asyncio
import contextlib
import hmac
from collections.abc import Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tlfif.client.errors import AccessDeniedError, NotReachableError
from tlfif.client.profile import REDIRECT_PATH, redirect_uri

HEAD_BYTES = 128 * 1024
"""Browsers send the cookies of every other program on this computer's address along."""
HEAD_SECONDS = 10.0
"""Browsers open spare connections; one that sends nothing for this long is closed."""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>TL-FIF</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 15vh auto 0; max-width: 32em; padding: 0 1em }}</style>
</head><body><h1>{title}</h1><p>{text}</p></body></html>
"""
DONE_PAGE = _PAGE.format(title="You are signed in", text="You can close this page and go back to TL-FIF.")
FAILED_PAGE = _PAGE.format(
    title="You are not signed in", text="TL-FIF says why. You can close this page and try again there."
)
_HEADERS = (
    "Content-Type: text/html; charset=utf-8",
    "Cache-Control: no-store",
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "Connection: close",
)


class LoopbackListener:
    """Listens on the first free port of those registered, takes the one answer that knows ``state``, and shows the
    browser how it ended. Other answers are refused and change nothing: any page and program may send one.

    Made and entered on a running loop; left early, it closes.
    """

    def __init__(self, ports: Sequence[int], state: str) -> None:
        self._ports = ports
        self._state = state.encode()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._waiting: asyncio.StreamWriter | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        """Listen. Raises NotReachableError (code ``sign_in_ports_taken``)."""
        for port in self._ports:
            with contextlib.suppress(OSError):
                self._server = await asyncio.start_server(self._talk, "127.0.0.1", port, limit=HEAD_BYTES)
                self._port = port
                return self
        raise NotReachableError(
            f"Other programs use the ports that a sign-in comes back on ({', '.join(map(str, self._ports))}). "
            "End one of them, or another sign-in that still waits, then try again.",
            code="sign_in_ports_taken",
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; a waiting browser is shown whether the sign-in succeeded."""
        if self._server is not None:
            self._server.close()
        self._answer.cancel()
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            await _send(waiting, HTTPStatus.OK, DONE_PAGE if error is None else FAILED_PAGE)
        for idle in self._open:
            idle.close()

    @property
    def redirect_uri(self) -> str:
        """The redirect URI of this listener."""
        return redirect_uri(self._port)

    async def answer(self) -> dict[str, str]:
        """What the provider sent through the browser, of which the state alone is checked. Later requests are
        refused."""
        return await self._answer

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._receive(reader, writer)
        finally:
            self._open.discard(writer)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):  # TimeoutError is an OSError
            writer.close()
            return
        status, query = self._target(head)
        found = _parameters(query)
        if status is HTTPStatus.OK and not hmac.compare_digest(found.get("state", "").encode(), self._state):
            status = HTTPStatus.BAD_REQUEST
        if status is not HTTPStatus.OK:
            shown = FAILED_PAGE if status in {HTTPStatus.GONE, HTTPStatus.BAD_REQUEST} else status.phrase
            await _send(writer, status, shown)
            return
        self._waiting = writer
        self._answer.set_result(found)

    def _target(self, head: str) -> tuple[HTTPStatus, str]:
        """The HTTP status to answer with, and the parameters if this is the redirect."""
        line, *fields = head.split("\r\n")
        method, _, rest = line.partition(" ")
        try:
            target = urlsplit(rest.partition(" ")[0])
        except ValueError:
            return HTTPStatus.BAD_REQUEST, ""
        hosts = [value.strip() for name, _, value in (f.partition(":") for f in fields) if name.lower() == "host"]
        if hosts != [f"127.0.0.1:{self._port}"]:
            return HTTPStatus.MISDIRECTED_REQUEST, ""  # another host name that resolves to this computer
        if target.path != REDIRECT_PATH:
            return HTTPStatus.NOT_FOUND, ""  # the page's icon, for instance
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, ""
        if self._answer.done():
            return HTTPStatus.GONE, ""
        return HTTPStatus.OK, target.query


def _parameters(query: str) -> dict[str, str]:
    """The parameters; none for what no provider sends: one that comes twice, or too many."""
    try:
        found = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return dict(found) if len(dict(found)) == len(found) else {}


def not_ours(why: str) -> AccessDeniedError:
    """The error for a redirect that does not belong to this sign-in, or is forged."""
    return AccessDeniedError(
        f"What came back from the browser is not the answer to this sign-in: {why}. You were not signed in. "
        "Try again: ./tlfif login",
        code="sign_in_not_ours",
    )


async def _send(writer: asyncio.StreamWriter, status: HTTPStatus, page: str) -> None:
    body = page.encode()
    head = "\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}", *_HEADERS, f"Content-Length: {len(body)}", "", ""])
    with contextlib.suppress(OSError):
        writer.write(head.encode("ascii") + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
