"""OpenAI's Python SDK and its responses, as their guide uses them."""

import json

import openai
from deeds import KEY, MODEL, URL, deed, must_fail, run
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(base_url=f"{URL}/v1", api_key=KEY)
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class City(BaseModel):
    """What the answer is."""

    city: str


@deed("responses")
def responses() -> None:
    answer = client.responses.create(model=MODEL, instructions="Be brief", input="Hello")
    assert answer.output_text == "Hi there"


@deed("stream")
def stream() -> None:
    with client.responses.stream(model=MODEL, input="Hello") as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert (text, events.get_final_response().output_text) == ("Hi there", "Hi there")


@deed("conversation")
def conversation() -> None:
    first = client.responses.create(model=MODEL, input="Hello")
    second = client.responses.create(model=MODEL, input="And now?", previous_response_id=first.id)
    roles = [item.role for item in client.responses.input_items.list(second.id, order="asc")]
    assert roles == ["user", "assistant", "user"]


@deed("background")
def background() -> None:
    made = client.responses.create(model=MODEL, input="Hello", background=True)
    events = list(client.responses.retrieve(made.id, stream=True))
    rest = list(client.responses.retrieve(made.id, stream=True, starting_after=events[4].sequence_number))
    assert [event.sequence_number for event in rest] == [event.sequence_number for event in events[5:]]
    client.responses.delete(made.id)


@deed("tools")
def tools() -> None:
    answer = client.responses.create(model=MODEL, input="Hello", tools=[WEATHER], tool_choice="required")
    call = answer.output[0]
    assert json.loads(call.arguments) == {"city": "Graz"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    answer = client.responses.create(model=MODEL, input=[result], previous_response_id=answer.id)
    assert answer.output_text == "Hi there"


@deed("JSON")
def form() -> None:
    assert client.responses.parse(model=MODEL, input="Hello", text_format=City).output_parsed == City(city="Graz")


@deed("error")
def error() -> None:
    raised = must_fail(lambda: client.responses.create(model="gpt-5", input="Hello"), openai.NotFoundError)
    assert raised.code == "model_not_found"


@deed("words that start over")
def words_start_over() -> None:
    with client.responses.stream(model=MODEL, input="Please start over.") as events:
        assert list(events)
        assert events.get_final_response().output_text == "Hello"


run()
