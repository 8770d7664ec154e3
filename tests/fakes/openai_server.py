"""An OpenAI-style server on loopback that says what a script tells it, byte for byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tlfif.jobs.engine import EngineAddress

Say = Callable[[bytes], Awaitable[None]]
Script = Callable[[Say], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(body: object) -> bytes:
    """One server-sent event."""
    return b"data: " + (body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()) + b"\n\n"


def piece(text: str | None, finish: str | None = None) -> bytes:
    """A piece of an answer in OpenAI's words."""
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def usage(prompt: int, completion: int) -> bytes:
    """The counts at the end."""
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


DONE = event(b"[DONE]")
WHOLE = piece("A ") + piece("cloud.") + piece(None, "stop") + usage(5, 2) + DONE


def says(*parts: bytes, head: bytes = HEAD) -> Script:
    """A script: these bytes, one write each, then the end of the connection."""

    async def script(say: Say) -> None:
        for part in (head, *parts):
            await say(part)

    return script


def says_and_waits(*parts: bytes, head: bytes = HEAD) -> Script:
    """A script: these bytes, then nothing more, until the caller hangs up."""

    async def script(say: Say) -> None:
        await says(*parts, head=head)(say)
        await asyncio.Event().wait()

    return script


def refuses(status: int, body: bytes, kind: bytes = b"application/json", *extra: bytes) -> Script:
    """A script: another status than 200."""
    lines = [b"HTTP/1.1 %d No" % status, b"content-type: " + kind, b"content-length: %d" % len(body), *extra]
    return says(head=b"\r\n".join(lines) + b"\r\n\r\n" + body)


@dataclass(slots=True)
class ScriptedServer:
    """``script`` is played for every request. ``left`` counts callers that hung up before its end."""

    script: Script
    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    playing: int = 0
    left: int = 0

    @property
    def address(self) -> EngineAddress:
        """As an engine process would tell it."""
        return EngineAddress(base_url=f"http://127.0.0.1:{self.port}", api_key="a-key", pid=None)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        self.bodies.append(json.loads(await reader.readexactly(int(fields["content-length"]))))
        self.keys.append(fields.get("authorization", ""))
        self.playing += 1

        async def say(part: bytes) -> None:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

        played = asyncio.ensure_future(self.script(say))
        gone = asyncio.ensure_future(reader.read())
        await asyncio.wait({played, gone}, return_when=asyncio.FIRST_COMPLETED)
        self.playing -= 1
        self.left += not played.done()
        for task in (played, gone):
            task.cancel()
        await asyncio.gather(played, gone, return_exceptions=True)
        writer.close()


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[ScriptedServer]:
    """A server that plays ``script``."""
    scripted = ScriptedServer(script)
    server = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()
        await server.wait_closed()
