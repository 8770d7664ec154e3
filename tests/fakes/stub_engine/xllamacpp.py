"""A fake of the engine's library: what ``entrypoints.engine`` uses of it, answering every prompt with the same words at
once. It is found before the real one where its folder stands in PYTHONPATH."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

WORDS = ("All ", "is ", "well.")


class CommonParams(SimpleNamespace):
    """Takes whatever is set."""

    def __init__(self) -> None:
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


class Server:
    """Listens on loopback as soon as it is made."""

    def __init__(self, params: CommonParams) -> None:
        self.listening_address = ""
        listening = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(listening)), daemon=True).start()
        assert listening.wait(10)

    async def _serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        self.listening_address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listening.set()
        await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    await reader.readexactly(int(fields.get("content-length", 0)))
    pieces: list[Any] = [
        {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in WORDS
    ]
    pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    pieces.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(WORDS)}})
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    writer.write(b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n")
    await writer.drain()
    writer.close()
