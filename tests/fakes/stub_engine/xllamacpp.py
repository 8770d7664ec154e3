"""A fake of the engine's library: what ``entrypoints.engine`` uses of it, answering every prompt with the same words at
once. It is found before the real one where its folder stands in PYTHONPATH.

Where :data:`PACE` is set, it counts instead, a number each so many seconds, as far as the prompt may have tokens: an
answer that takes its time, and the computer none.
"""

import asyncio
import contextlib
import json
import os
import threading
from types import SimpleNamespace
from typing import Any

PROMPT_TOKENS = 9
WORDS = ("All ", "is ", "well.")
PACE = "STUB_ENGINE_PACE_SECONDS"


class CommonParams(SimpleNamespace):
    """Takes whatever is set."""

    def __init__(self) -> None:
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


llama_pooling_type = SimpleNamespace(LLAMA_POOLING_TYPE_MEAN=1)


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
    """One connection, one request. Who asked may leave in the middle of the answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    asked = json.loads(await reader.readexactly(int(fields.get("content-length", 0))) or b"{}")
    pace = float(os.environ.get(PACE, "0"))
    count = asked.get("max_tokens", 0) if pace else len(WORDS)
    if b"/input_tokens " in head:
        counted = json.dumps({"input_tokens": PROMPT_TOKENS}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(counted) + counted)
        writer.close()
        return
    with contextlib.suppress(ConnectionError):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for number in range(count):
            writer.write(_piece({"content": f"{number} " if pace else WORDS[number]}))
            if pace:
                await writer.drain()
                await asyncio.sleep(pace)
        writer.write(_piece({}, "length" if pace else "stop"))
        usage = {"choices": [], "usage": {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": count}}
        writer.write(_data(usage) + b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()


def _piece(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    return _data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def _data(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"
