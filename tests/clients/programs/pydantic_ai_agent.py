"""Pydantic AI's agent, as its page on OpenAI-compatible models uses it."""

from deeds import KEY, MODEL, URL, deed, run
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY))


class City(BaseModel):
    """A city."""

    city: str


@deed("agent")
def agent() -> None:
    one = Agent(model, instructions="Be brief.")

    @one.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    assert one.run_sync("Hello").output == "Hi there"


@deed("conversation")
def conversation() -> None:
    one = Agent(model)
    first = one.run_sync("Hello")
    assert one.run_sync("And now?", message_history=first.all_messages()).output == "Hi there"


@deed("stream")
def stream() -> None:
    found = Agent(model).run_stream_sync("Hello")
    assert "".join(found.stream_text(delta=True)) == "Hi there"


@deed("typed output")
def typed() -> None:
    assert Agent(model, output_type=City).run_sync("Hello").output == City(city="Graz")


run()
