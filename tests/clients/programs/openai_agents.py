"""OpenAI's Agents SDK, as its README uses it: an agent with a tool, over responses."""

import asyncio

from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from deeds import KEY, MODEL, URL, deed, run
from openai import AsyncOpenAI

set_default_openai_client(AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY))
set_tracing_disabled(True)


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: sunny"


@deed("agent")
def agent() -> None:
    result = Runner.run_sync(Agent(name="A", instructions="Be brief", model=MODEL, tools=[weather]), "Hello")
    assert result.final_output == "Hi there"


@deed("conversation")
def conversation() -> None:
    one = Agent(name="A", model=MODEL)
    first = Runner.run_sync(one, "Hello")
    second = Runner.run_sync(one, "And now?", previous_response_id=first.last_response_id)
    assert second.final_output == "Hi there"


@deed("stream")
def stream() -> None:
    async def streamed() -> str:
        set_default_openai_client(AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY))  # a client belongs to one loop
        result = Runner.run_streamed(Agent(name="A", model=MODEL), "Hello")
        async for _ in result.stream_events():
            pass
        return str(result.final_output)

    assert asyncio.run(streamed()) == "Hi there"


run()
