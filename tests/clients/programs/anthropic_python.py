"""Anthropic's Python SDK, as its README uses it."""

import anthropic
from anthropic import Anthropic
from deeds import KEY, MARK, MODEL, URL, deed, must_fail, run

client = Anthropic(base_url=URL, api_key=KEY)
HELLO = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@deed("messages")
def messages() -> None:
    message = client.messages.create(**HELLO, system="Be brief")
    assert (message.content[0].text, message.stop_reason) == ("Hi there", "end_turn")


@deed("stream")
def stream() -> None:
    with client.messages.stream(**HELLO) as streaming:
        assert "".join(streaming.text_stream) == "Hi there"
        assert streaming.get_final_message().usage.output_tokens == 2


@deed("tools")
def tools() -> None:
    with client.messages.stream(**HELLO, tools=[WEATHER], tool_choice={"type": "any"}) as streaming:
        message = streaming.get_final_message()
    assert message.content[0].input == {"city": "Graz"}
    result = {"type": "tool_result", "tool_use_id": message.content[0].id, "content": "sunny"}
    turns = [*HELLO["messages"], message.to_param(), {"role": "user", "content": [result]}]
    assert client.messages.create(**{**HELLO, "messages": turns}, tools=[WEATHER]).content[0].text == "Hi there"


@deed("error")
def error() -> None:
    raised = must_fail(lambda: client.messages.create(**{**HELLO, "model": "claude"}), anthropic.NotFoundError)
    assert raised.body["error"]["type"] == "not_found_error"


@deed("words that start over")
def words_start_over() -> None:
    turns = [{"role": "user", "content": "Please start over."}]
    with client.messages.stream(**{**HELLO, "messages": turns}) as streaming:
        text = "".join(streaming.text_stream)
    assert text.startswith("Hi ")
    assert MARK in text
    assert text.endswith("Hello")


run()
