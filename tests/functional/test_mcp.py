"""The model as a tool of agents, asked by the SDK's own client: in this process, and as agents start it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.api_server import TOKEN, ApiServer
from tests.functional.test_api_server_process import environment
from tlfif.cli.mcp import mcp_server
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.jobs import JobStatus, Outcome


def an_agent(api: ApiServer) -> Any:
    """To be entered in the test's own task, as the SDK wants it."""
    import mcp

    there = FixedEndpoint(endpoint=Endpoint(base_url=api.url, token=TOKEN))
    return mcp.Client(mcp_server(lambda: TlfifClient(there)))


async def claimed(api: ApiServer) -> Any:
    """The job that the agent's question has become."""
    for _ in range(200):
        if (await asyncio.to_thread(api.run, api.container.jobs.counts())).queued:
            return await asyncio.to_thread(api.claim)
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was asked")


def text_of(result: Any) -> str:
    return "".join(part.text for part in result.content)


async def test_its_tools_say_what_they_do_to_the_user(api: ApiServer) -> None:
    async with an_agent(api) as agent:
        tools = {tool.name: tool for tool in (await agent.list_tools()).tools}
        assert set(tools) == {"ask", "status", "cost", "stop"}
        assert tools["ask"].input_schema["required"] == ["prompt"]
        hints = {
            name: (tool.annotations.read_only_hint, tool.annotations.destructive_hint) for name, tool in tools.items()
        }
        assert hints == {"ask": (False, False), "status": (True, None), "cost": (True, None), "stop": (False, True)}


async def test_an_agent_asks_and_is_told_what_it_waits_for(api: ApiServer) -> None:
    async with an_agent(api) as agent:
        told: list[str | None] = []
        waits = asyncio.Event()

        async def progress(_done: float, _total: float | None, message: str | None) -> None:
            told.append(message)
            waits.set()

        words = {"prompt": "Hello", "system": "Be brief.", "model": "smollm2", "max_tokens": 5}
        asking = asyncio.create_task(agent.call_tool("ask", words, progress_callback=progress))
        await asyncio.wait_for(waits.wait(), 10)
        job = await claimed(api)
        assert [message.content for message in job.job.request.messages] == ["Be brief.", "Hello"]
        await asyncio.to_thread(api.append, job, 3, "Hello, agent.")
        await asyncio.to_thread(api.finish, job, 4, Outcome(status=JobStatus.SUCCEEDED))
        result = await asyncio.wait_for(asking, 10)
        assert (text_of(result), result.is_error) == ("Hello, agent.", False)
        assert "machine" in str(told[0])


@pytest.mark.requirement("2.4.10")
async def test_an_agent_that_wants_no_answer_any_more_ends_the_job(api: ApiServer) -> None:
    async with an_agent(api) as agent:
        asking = asyncio.create_task(agent.call_tool("ask", {"prompt": "Hello", "model": "smollm2"}))
        job = await claimed(api)
        asking.cancel()
        for _ in range(200):
            state = await asyncio.to_thread(api.run, api.container.jobs.get(job.job.id))
            if state.cancel_requested:
                break
            await asyncio.sleep(0.02)
        assert state.cancel_requested
        await asyncio.to_thread(api.finish, job, 3, Outcome(status=JobStatus.CANCELLED))


async def test_the_rest_is_told_in_sentences(api: ApiServer) -> None:
    async with an_agent(api) as agent:
        assert "machine" in text_of(await agent.call_tool("status", {}))
        assert "What TL-FIF costs" in text_of(await agent.call_tool("cost", {}))
        assert "machine" in text_of(await agent.call_tool("stop", {}))


async def test_a_refusal_is_an_error_with_its_code(api: ApiServer) -> None:
    async with an_agent(api) as agent:
        for words, code in (({"prompt": " "}, "prompt_empty"), ({"prompt": "x", "model": "no"}, "unknown_model")):
            result = await agent.call_tool("ask", words)
            assert result.is_error
            assert f"[{code}]" in text_of(result)


@pytest.mark.requirement("2.4.10")
async def test_as_agents_start_it(tmp_path: Path) -> None:
    """Nothing but the protocol comes out of standard output; starting it starts no server."""
    import mcp

    program = mcp.StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "tlfif", "mcp"], env=environment(tmp_path / "home")
    )
    async with mcp.Client(program) as client:
        assert len((await client.list_tools()).tools) == 4
    assert not (tmp_path / "home").exists()
