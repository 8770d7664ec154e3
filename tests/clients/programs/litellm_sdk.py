"""LiteLLM's SDK, as its page on OpenAI-compatible endpoints uses it."""

import json

import litellm
from deeds import KEY, MARK, MODEL, URL, deed, must_fail, run

PLACE = {"model": f"openai/{MODEL}", "api_base": f"{URL}/v1", "api_key": KEY}
USER = {"role": "user", "content": "Hello"}
START_OVER = {"role": "user", "content": "Please start over."}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def streamed(**more: object) -> str:
    """The text of a streamed answer."""
    pieces = litellm.completion(**PLACE, stream=True, **{"messages": [USER], **more})
    return "".join(piece.choices[0].delta.content or "" for piece in pieces)


@deed("chat")
def chat() -> None:
    answer = litellm.completion(**PLACE, messages=[USER])
    assert answer.choices[0].message.content == "Hi there"


@deed("stream")
def stream() -> None:
    assert streamed() == "Hi there"


@deed("tools")
def tools() -> None:
    answer = litellm.completion(**PLACE, messages=[USER], tools=[WEATHER], tool_choice="required")
    message = answer.choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Graz"}
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    answer = litellm.completion(**PLACE, messages=[USER, message, result], tools=[WEATHER])
    assert answer.choices[0].message.content == "Hi there"


@deed("JSON")
def form() -> None:
    assert json.loads(streamed(response_format={"type": "json_object"})) == {"city": "Graz"}


@deed("embeddings")
def embeddings() -> None:
    found = litellm.embedding(**PLACE, input=["a", "b"])
    assert [len(one["embedding"]) for one in found.data] == [4, 4]


@deed("error")
def error() -> None:
    other = {**PLACE, "model": "openai/gpt-5"}
    must_fail(lambda: litellm.completion(**other, messages=[USER]), litellm.NotFoundError)


@deed("words that start over")
def words_start_over() -> None:
    text = streamed(messages=[START_OVER])
    assert text.startswith("Hi ")
    assert MARK in text
    assert text.endswith("Hello")


@deed("JSON that starts over")
def json_starts_over() -> None:
    must_fail(
        lambda: json.loads(streamed(messages=[START_OVER], response_format={"type": "json_object"})),
        litellm.exceptions.APIError,
        litellm.exceptions.MidStreamFallbackError,
    )


run()
