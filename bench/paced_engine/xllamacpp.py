"""A fake of the engine's library for the benchmark: each answer is ``max_tokens`` words, one every 10 ms, so that only
what stands in front of it is measured. It is found before the real one where its folder stands in PYTHONPATH."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

PACE_SECONDS = 0.01
FIRST_SECONDS = 0.05


class CommonParams(SimpleNamespace):
    """Takes whatever is set."""

    def __init__(self) -> None:
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


llama_pooling_type = SimpleNamespace(LLAMA_POOLING_TYPE_MEAN=1)


class Server:
    """Listens on loopback as soon as it is made."""

    def __init__(self, _params: CommonParams) -> None:
        self.listening_address = ""
        listening = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(listening)), daemon=True).start()
        listening.wait(10)

    async def _serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(_connection, "127.0.0.1", 0)
        self.listening_address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listening.set()
        await server.serve_forever()


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(fields.get("content-length", 0))) or b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await _answer(writer, int(body.get("max_tokens") or body.get("max_completion_tokens") or 16))


async def _answer(writer: asyncio.StreamWriter, tokens: int) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time() + FIRST_SECONDS
    for number in range(tokens):
        await asyncio.sleep(begun + number * PACE_SECONDS - loop.time())
        _piece(writer, {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]})
    _piece(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": tokens + 9}
    _piece(writer, {"choices": [], "usage": usage})
    _chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _piece(writer: asyncio.StreamWriter, piece: dict[str, Any]) -> None:
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "paced"}
    _chunk(writer, b"data: " + json.dumps({**head, **piece}).encode() + b"\n\n")


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
