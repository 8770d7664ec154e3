"""What a machine says of itself: the engine's own word, and nothing that it does not know."""

import asyncio

import pytest

from tlfif.adapters.engines.installed_versions import installed_versions
from tlfif.jobs.engine import EngineAddress


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/version": '{"version": "0.32.1"}'}, {"vllm": "0.32.1"}),
        ({"/props": '{"build_info": "b7541-abc"}'}, {"llama.cpp": "b7541-abc"}),
        ({"/props": '{"build_info": "b0-unknown"}'}, {}),
        ({"/version": "[]", "/props": "data: "}, {}),
        ({}, {}),
    ],
)
async def test_the_engine_is_asked_for_its_version(answers: dict[str, str], said: dict[str, str]) -> None:
    keys = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        keys.update(line for line in head.split("\r\n") if line.lower().startswith("authorization"))
        body = answers.get(head.split(" ", 2)[1])
        status = "200 OK" if body is not None else "404 Not Found"
        text = body or "{}"
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + text.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        found = await installed_versions(EngineAddress(base_url=address, api_key="the-key", pid=None), ("pip",))
    assert {name: version for name, version in found.items() if name in ("vllm", "llama.cpp")} == said
    assert {"python", "system", "tlfif", "pip"} <= set(found)
    assert {key.lower() for key in keys} == {"authorization: bearer the-key"}


async def test_an_engine_that_is_gone_is_left_out() -> None:
    gone = EngineAddress(base_url="http://127.0.0.1:9", api_key="", pid=None)
    assert "vllm" not in await installed_versions(gone)
    assert "python" in await installed_versions(None)
