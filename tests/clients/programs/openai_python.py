"""OpenAI's Python SDK, as its README uses it."""

import json

import openai
from deeds import KEY, MARK, MODEL, URL, deed, must_fail, run
from openai import OpenAI

client = OpenAI(base_url=f"{URL}/v1", api_key=KEY)
USER = {"role": "user", "content": "Hello"}
START_OVER = {"role": "user", "content": "Please start over."}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def streamed(**more: object) -> str:
    """The text of a streamed answer."""
    pieces = client.chat.completions.create(model=MODEL, stream=True, **{"messages": [USER], **more})
    return "".join(piece.choices[0].delta.content or "" for piece in pieces)


@deed("chat")
def chat() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=[USER])
    assert answer.choices[0].message.content == "Hi there"


@deed("stream")
def stream() -> None:
    assert streamed() == "Hi there"


@deed("tools")
def tools() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=[USER], tools=[WEATHER], tool_choice="required")
    message = answer.choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Graz"}
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    answer = client.chat.completions.create(model=MODEL, messages=[USER, message, result], tools=[WEATHER])
    assert answer.choices[0].message.content == "Hi there"


@deed("JSON")
def form() -> None:
    text = streamed(response_format={"type": "json_object"})
    assert json.loads(text) == {"city": "Graz"}


@deed("embeddings")
def embeddings() -> None:
    found = client.embeddings.create(model=MODEL, input=["a", "b"])
    assert [len(one.embedding) for one in found.data] == [4, 4]


@deed("models")
def models() -> None:
    assert MODEL in [model.id for model in client.models.list()]


@deed("error")
def error() -> None:
    raised = must_fail(lambda: client.chat.completions.create(model="gpt-5", messages=[USER]), openai.NotFoundError)
    assert raised.code == "model_not_found"


@deed("words that start over")
def words_start_over() -> None:
    text = streamed(messages=[START_OVER])
    assert text.startswith("Hi ")
    assert MARK in text
    assert text.endswith("Hello")


@deed("JSON that starts over")
def json_starts_over() -> None:
    form = {"type": "json_object"}
    raised = must_fail(lambda: streamed(messages=[START_OVER], response_format=form), openai.APIError)
    assert raised.code == "started_over"


run()
