"""Anthropic's messages, asked with its own client, unchanged."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer
from tests.functional.scripted_answers import ScriptedAnswers
from tlfif.jobs.jobs import JobStatus, Outcome

HELLO: Any = {"messages": [{"role": "user", "content": "Hello"}], "model": READY_MODEL, "max_tokens": 64}
WEATHER: Any = {
    "name": "weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture(scope="module")
def client(scripted: ApiServer) -> Iterator[Any]:
    """The client as its documentation makes it, with the token as a bearer. It must never need its retries."""
    import anthropic

    with anthropic.Anthropic(base_url=scripted.url, auth_token=TOKEN, api_key=None, max_retries=0, timeout=10) as found:
        yield found


def submissions(server: ApiServer) -> list[Any]:
    """What arrived, oldest first."""
    assert isinstance(server.answers, ScriptedAnswers)
    return server.answers.asked


def test_a_message(client: Any, scripted: ApiServer) -> None:
    sampling = {"temperature": 0.5, "top_k": 5}  # this version of the client has no words for them
    message = client.messages.create(**HELLO, system="Be short", stop_sequences=["END"], extra_body=sampling)
    assert [block.model_dump()["text"] for block in message.content] == ["Hi there"]
    assert (message.model, message.stop_reason, message.usage.input_tokens) == (READY_MODEL, "end_turn", 3)
    asked = submissions(scripted)[-1].sampling
    assert (asked.temperature, asked.top_k, asked.stop) == (0.5, 5, ("END",))
    assert message._request_id


@pytest.mark.requirement("2.4.3")
def test_a_stream(client: Any) -> None:
    with client.messages.stream(**HELLO) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()
    assert texts == ["Hi ", "there"]
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 3, 2)


@pytest.mark.requirement("2.4.11")
def test_what_it_cost_and_where_it_was_answered(client: Any) -> None:
    whole: Any = client.messages.create(**HELLO)
    (last,) = [event for event in client.messages.create(**HELLO, stream=True) if event.type == "message_delta"]
    told: list[Any] = [whole.tlfif, last.model_dump()["tlfif"]]
    assert [(one["place"], one["cost"]["usd"]) for one in told] == [("the test", 0.0)] * 2


@pytest.mark.requirement("2.4.3")
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_used_and_its_result_told(client: Any, scripted: ApiServer, stream: bool) -> None:
    body: Any = {**HELLO, "tools": [WEATHER], "tool_choice": {"type": "any"}}
    if stream:
        with client.messages.stream(**body) as streaming:
            message: Any = streaming.get_final_message()
    else:
        message = client.messages.create(**body)
    (use,) = message.content
    assert (message.stop_reason, use.type, use.name, use.input) == ("tool_use", "tool_use", "weather", {"city": "Graz"})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "wet"}
    turns: Any = [*HELLO["messages"], message.to_param(), {"role": "user", "content": [result]}]
    client.messages.create(**{**HELLO, "messages": turns})
    assert [one.role for one in submissions(scripted)[-1].messages] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("stream", [False, True])
def test_one_that_is_cut_short_says_so(client: Any, stream: bool) -> None:
    form = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    for more in ({}, {"tools": [WEATHER], "tool_choice": {"type": "any"}}, {"output_config": form}):
        body: Any = {**HELLO, **more, "max_tokens": 1}
        if not stream:
            assert client.messages.create(**body).stop_reason == "max_tokens", more
            continue
        with client.messages.stream(**body) as streaming:
            for _ in streaming:
                pass
            assert streaming.current_message_snapshot.stop_reason == "max_tokens", more


@pytest.mark.requirement("2.4.3")
def test_tokens_are_counted_without_an_engine(client: Any, scripted: ApiServer) -> None:
    import anthropic

    before = len(submissions(scripted))
    long = "What is the capital of Austria, and how many people live there? Tell me in two short sentences. " * 4
    body: Any = {"model": READY_MODEL, "messages": [{"role": "user", "content": long}]}
    alone = client.messages.count_tokens(**body).input_tokens
    assert 0.9 * 92 < alone < 1.3 * 92, "SmolLM2's tokenizer says 92"
    with_tools = client.messages.count_tokens(**body, system="Be short", tools=[WEATHER]).input_tokens
    assert with_tools > alone + 20
    assert len(submissions(scripted)) == before
    with pytest.raises(anthropic.BadRequestError):
        client.messages.count_tokens(model=READY_MODEL, messages=[])


def test_what_is_refused_has_the_shape_that_clients_read(client: Any) -> None:
    import anthropic

    image: Any = [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}]
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(**{**HELLO, "messages": image})
    error: Any = refused.value.body
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    assert error["error"]["message"].startswith("messages[0].content[0]: ")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(**{**HELLO, "model": "claude"})
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(auth_token="wrong").messages.create(**HELLO)


def test_a_failed_answer_ends_the_stream_with_an_error(api: ApiServer) -> None:
    import anthropic

    api.empty_queue()
    failed = Outcome(status=JobStatus.FAILED, error_code="attempts_exhausted", error_message="Given up.")
    with (
        anthropic.Anthropic(base_url=api.url, auth_token=TOKEN, api_key=None, max_retries=0, timeout=10) as client,
        client.messages.create(**HELLO, stream=True) as stream,
    ):
        assert next(iter(stream)).type == "message_start"
        api.finish(api.claim(), 3, failed)
        with pytest.raises(anthropic.APIStatusError, match=r"Given up\."):
            list(stream)


def test_fields_that_nobody_knows_are_named_in_a_header(scripted: ApiServer) -> None:
    body = {**HELLO, "metadata": {"user_id": "me"}, "warp": 9}
    with scripted.client() as http:
        answer: httpx2.Response = http.post("/v1/messages", json=body)
    assert answer.status_code == 200
    assert answer.headers["x-tlfif-ignored"] == "warp"
    assert answer.headers["x-should-retry"] == "false"
