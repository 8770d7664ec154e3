"""What programs ask with OpenAI's own client, unchanged: each probe is one ordinary use of it."""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers, like_a_model

USER: Any = {"role": "user", "content": "Hello"}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CITY: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
STRICT_CITY: Any = {
    "type": "json_schema",
    "json_schema": {"name": "city", "strict": True, "schema": {**CITY, "additionalProperties": False}},
}
CALL: Any = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Graz"}'}}
WEATHER_CHOICE: Any = {"type": "function", "function": {"name": "weather"}}


class City(BaseModel):
    """What a program wants to know."""

    city: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server whose model answers at once."""
    container = build_container(tmp_path_factory.mktemp("sdk"))
    server = ApiServer(container, answers=ScriptedAnswers(container, like_a_model))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(home: ApiServer) -> Iterator[Any]:
    """The client as its documentation makes it. It must never need its retries."""
    import openai

    with openai.OpenAI(base_url=f"{home.url}/v1", api_key=TOKEN, max_retries=0, timeout=10) as found:
        yield found


@pytest.fixture
def asked(home: ApiServer) -> list[Any]:
    """What arrives as submissions, from here on."""
    assert isinstance(home.answers, ScriptedAnswers)
    home.answers.asked.clear()
    return home.answers.asked


def text_of(answer: Any) -> str:
    """A whole answer's text, with what each has checked."""
    assert answer.object == "chat.completion"
    assert answer.model == READY_MODEL
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    return str(answer.choices[0].message.content)


PLAIN: dict[str, dict[str, Any]] = {
    "nothing more": {},
    "temperature": {"temperature": 0},
    "top_p": {"top_p": 0.9},
    "seed": {"seed": 7},
    "seed: negative": {"seed": -5},
    "seed: 64 bits": {"seed": 2**63 - 1},
    "stop: text": {"stop": "END"},
    "stop: list": {"stop": ["END", "\n\n"]},
    "stop: null": {"stop": None},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": -0.5},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "logit_bias: empty": {"logit_bias": {}},
    "n: 1": {"n": 1},
    "n: null": {"n": None},
    "max_tokens": {"max_tokens": 50},
    "max_tokens: more than there is room": {"max_tokens": 100_000},
    "max_completion_tokens": {"max_completion_tokens": 50},
    "max_tokens: null": {"max_tokens": None},
    "temperature: null": {"temperature": None},
    "response_format: text": {"response_format": {"type": "text"}},
    "tools: offered": {"tools": [WEATHER]},
    "tools: empty": {"tools": []},
    "tool_choice: none": {"tools": [WEATHER], "tool_choice": "none"},
    "tool_choice: auto": {"tools": [WEATHER], "tool_choice": "auto"},
    "parallel_tool_calls": {"tools": [WEATHER], "parallel_tool_calls": False},
    "metadata": {"metadata": {"purpose": "a test"}},
    "store": {"store": True},
    "user": {"user": "me"},
    "service_tier": {"service_tier": "auto"},
    "reasoning_effort": {"reasoning_effort": "low"},
    "verbosity": {"verbosity": "low"},
    "modalities: text": {"modalities": ["text"]},
    "prediction": {"prediction": {"type": "content", "content": "Hi there"}},
    "prompt_cache_key": {"prompt_cache_key": "k"},
    "safety_identifier": {"safety_identifier": "s"},
    "extra: top_k": {"extra_body": {"top_k": 40}},
    "extra: min_p": {"extra_body": {"min_p": 0.05}},
    "extra: repeat_penalty": {"extra_body": {"repeat_penalty": 1.1}},
    "extra: repetition_penalty": {"extra_body": {"repetition_penalty": 1.1}},
    "extra: a field of nobody": {"extra_body": {"mirostat": 2}},
    "extra: a header": {"extra_headers": {"X-Title": "a program"}},
    "extra: a parameter": {"extra_query": {"api-version": "2024-10-21"}},
}


@pytest.mark.parametrize("more", PLAIN.values(), ids=PLAIN)
def test_a_plain_question(client: Any, more: dict[str, Any]) -> None:
    answer = client.chat.completions.create(model=READY_MODEL, messages=[USER], **more)
    assert text_of(answer) == "Hi there"
    assert answer.choices[0].finish_reason == "stop"


CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "parts of text": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    "two parts": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
    "developer": [{"role": "developer", "content": "Be brief."}, USER],
    "system": [{"role": "system", "content": "Be brief."}, USER],
    "system in parts": [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, USER],
    "system without a word": [{"role": "system", "content": ""}, USER],
    "a name": [{**USER, "name": "anna"}],
    "an answer fed back": [
        USER,
        {"role": "assistant", "content": "Hi", "refusal": None, "annotations": [], "audio": None, "tool_calls": None},
        USER,
    ],
    "a refusal fed back": [USER, {"role": "assistant", "content": None, "refusal": "I will not."}, USER],
    "an answer in parts": [USER, {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}, USER],
    "an answer begun": [USER, {"role": "assistant", "content": "Hi"}],
    "a tool's result": [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ],
    "a tool's result in parts": [
        USER,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "sunny"}]},
    ],
    "a function's result": [
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
    ],
}


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_conversation(client: Any, messages: Any) -> None:
    assert text_of(client.chat.completions.create(model=READY_MODEL, messages=messages)) == "Hi there"


def test_json_in_any_form(client: Any) -> None:
    for form in ({"type": "json_object"}, STRICT_CITY):
        answer = client.chat.completions.create(model=READY_MODEL, messages=[USER], response_format=form)
        assert json.loads(text_of(answer)) == {"city": "Graz"}
    parsed = client.chat.completions.parse(model=READY_MODEL, messages=[USER], response_format=City)
    assert parsed.choices[0].message.parsed == City(city="Graz")


@pytest.mark.parametrize("choice", ["required", WEATHER_CHOICE])
def test_a_call_of_a_tool(client: Any, choice: Any) -> None:
    answer = client.chat.completions.create(model=READY_MODEL, messages=[USER], tools=[WEATHER], tool_choice=choice)
    (found,) = answer.choices
    assert (found.finish_reason, found.message.content) == ("tool_calls", None)
    (call,) = found.message.tool_calls or []
    assert call.model_dump() == {**CALL, "function": {"name": "weather", "arguments": '{"city": "Graz"}'}}
    again = [USER, found.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert text_of(client.chat.completions.create(model=READY_MODEL, messages=again, tools=[WEATHER])) == "Hi there"


def test_only_allowed_tools(client: Any, asked: list[Any]) -> None:
    other = {"type": "function", "function": {"name": "time"}}
    allowed: Any = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [WEATHER_CHOICE]}}
    client.chat.completions.create(
        model=READY_MODEL,
        messages=[USER],
        tools=[other, WEATHER],
        tool_choice=allowed,  # type: ignore[list-item]  # a tool that the client has no type for
    )
    assert [tool.name for tool in asked[0].tools.offered] == ["weather"]


def test_a_function_in_the_older_words(client: Any) -> None:
    answer = client.chat.completions.create(
        model=READY_MODEL, messages=[USER], functions=[WEATHER["function"]], function_call={"name": "weather"}
    )
    assert answer.choices[0].finish_reason == "function_call"
    called = answer.choices[0].message.function_call
    assert called is not None
    assert called.arguments == '{"city": "Graz"}'


def test_logprobs(client: Any) -> None:
    answer = client.chat.completions.create(model=READY_MODEL, messages=[USER], logprobs=True, top_logprobs=2)
    found = answer.choices[0].logprobs
    assert found is not None
    assert [len(entry.top_logprobs) for entry in found.content or []] == [2, 2]
    pieces = client.chat.completions.create(model=READY_MODEL, messages=[USER], logprobs=True, stream=True)
    assert sum(1 for piece in pieces if piece.choices[0].logprobs) == 2


CUT: dict[str, dict[str, Any]] = {
    "text": {},
    "a form": {"response_format": STRICT_CITY},
    "a call": {"tools": [WEATHER], "tool_choice": "required"},
    "a named call": {"tools": [WEATHER], "tool_choice": WEATHER_CHOICE},
    "a function": {"functions": [WEATHER["function"]], "function_call": {"name": "weather"}},
}


@pytest.mark.parametrize("more", CUT.values(), ids=CUT)
def test_an_answer_cut_short(client: Any, more: dict[str, Any]) -> None:
    body: Any = {"model": READY_MODEL, "messages": [USER], "max_tokens": 1, **more}
    assert client.chat.completions.create(**body).choices[0].finish_reason == "length"
    *_, last = client.chat.completions.create(**body, stream=True)
    assert last.choices[0].finish_reason == "length"


def test_several_answers(client: Any, asked: list[Any]) -> None:
    answer = client.chat.completions.create(model=READY_MODEL, messages=[USER], n=3, seed=5)
    assert [(choice.index, choice.message.content) for choice in answer.choices] == [(n, "Hi there") for n in range(3)]
    assert [one.sampling.seed for one in asked] == [5, 6, 7]
    texts = {0: "", 1: ""}
    for piece in client.chat.completions.create(model=READY_MODEL, messages=[USER], n=2, stream=True):
        texts[piece.choices[0].index] += piece.choices[0].delta.content or ""
    assert texts == {0: "Hi there", 1: "Hi there"}


@pytest.mark.requirement("2.4.1")
def test_a_stream(client: Any) -> None:
    pieces = list(client.chat.completions.create(model=READY_MODEL, messages=[USER], stream=True))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "Hi there"
    assert [piece.choices[0].finish_reason for piece in pieces][-1] == "stop"
    assert all(piece.usage is None for piece in pieces)


def test_a_stream_with_usage(client: Any) -> None:
    *_, last = client.chat.completions.create(
        model=READY_MODEL, messages=[USER], stream=True, stream_options={"include_usage": True}
    )
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 5


@pytest.mark.requirement("2.4.11")
def test_what_it_cost_and_where_it_was_answered(client: Any) -> None:
    whole: Any = client.chat.completions.create(model=READY_MODEL, messages=[USER], n=2)
    free = {"usd": 0.0, "eur": 0.0, "final": True}
    assert (whole.tlfif["job_id"], whole.tlfif["place"], whole.tlfif["cost"]) == (whole.id, "the test", free)
    pieces: list[Any] = list(client.chat.completions.create(model=READY_MODEL, messages=[USER], stream=True))
    assert [hasattr(piece, "tlfif") for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].tlfif["cost"] == free
    text: Any = client.completions.create(model=READY_MODEL, prompt="Hello")
    vectors: Any = client.embeddings.create(model=READY_MODEL, input="Hello")
    assert [one.tlfif["cost"] for one in (text, vectors)] == [free] * 2


def test_a_streamed_call(client: Any) -> None:
    with client.chat.completions.stream(
        model=READY_MODEL, messages=[USER], tools=[WEATHER], tool_choice="required"
    ) as stream:
        for _ in stream:
            pass
        (call,) = stream.get_final_completion().choices[0].message.tool_calls or []
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", '{"city": "Graz"}')


def test_the_whole_response(client: Any) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=READY_MODEL, messages=[USER], extra_body={"mirostat": 2, "messages_": [], "max_tokens": None}
    )
    assert raw.headers["x-should-retry"] == "false"
    assert raw.headers["x-tlfif-job-id"] == raw.parse().id
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["x-tlfif-ignored"] == "mirostat, messages_"
    with client.chat.completions.with_streaming_response.create(model=READY_MODEL, messages=[USER]) as response:
        assert json.loads(response.read())["choices"][0]["message"]["content"] == "Hi there"


@pytest.mark.parametrize("prompt", ["Once upon a time", ["Once upon a time"]])
def test_completions(client: Any, prompt: Any) -> None:
    answer = client.completions.create(model=READY_MODEL, prompt=prompt, max_tokens=20, best_of=1)
    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == (
        "text_completion",
        "Hi there",
        "stop",
    )
    pieces = client.completions.create(model=READY_MODEL, prompt=prompt, stream=True, echo=True)
    assert "".join(piece.choices[0].text for piece in pieces) == "Once upon a timeHi there"
    scored = client.completions.create(model=READY_MODEL, prompt=prompt, logprobs=1).choices[0].logprobs
    assert scored is not None
    assert (scored.tokens, scored.text_offset) == (["Hi ", "there"], [0, 3])


def test_embeddings(client: Any) -> None:
    found = client.embeddings.create(model=READY_MODEL, input=["a", "b"])
    assert [list(one.embedding) for one in found.data] == [[3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.0, 1.0]]
    plain = client.embeddings.create(model=READY_MODEL, input="a", encoding_format="float", dimensions=2)
    assert plain.data[0].embedding == pytest.approx([0.6, 0.8])
    coded: Any = client.embeddings.create(model=READY_MODEL, input="a", encoding_format="base64").data[0].embedding
    assert struct.unpack("<4f", base64.b64decode(coded)) == (3.0, 4.0, 0.0, 0.0)


def test_models(client: Any) -> None:
    assert [model.id for model in client.models.list(extra_query={"limit": 5})] == [READY_MODEL]
    assert client.models.retrieve(READY_MODEL).owned_by == "tlfif"


REFUSED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "an image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        "unsupported_value",
        "messages[0].content[0]",
    ),
    "sound": ({"modalities": ["text", "audio"]}, "unsupported_value", "modalities"),
    "a search": ({"web_search_options": {}}, "unsupported_value", "web_search_options"),
    "a tool that is no function": ({"tools": [{"type": "custom"}]}, "unsupported_value", "tools[0].type"),
    "a tool that is not offered": (
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "time"}}},
        "unknown_value",
        "tool_choice",
    ),
    "too many answers": ({"n": 9}, "n_out_of_range", "n"),
    "no answer": ({"n": 0}, "n_out_of_range", "n"),
    "no tokens": ({"max_tokens": 0}, "max_tokens_out_of_range", "max_tokens"),
    "too hot": ({"temperature": 3}, "temperature_out_of_range", "temperature"),
    "a number as text": ({"temperature": "1"}, "wrong_type", "temperature"),
    "stop as a number": ({"stop": 5}, "wrong_type", "stop"),
    "top_logprobs alone": ({"top_logprobs": 2}, "unknown_value", "top_logprobs"),
    "an unknown form": ({"response_format": {"type": "xml"}}, "unknown_value", "response_format.type"),
    "an unknown role": ({"messages": [{"role": "king", "content": "x"}]}, "role_unknown", "messages[0].role"),
    "no message": ({"messages": []}, "messages_empty", "messages"),
    "no word": ({"messages": [{"role": "user", "content": " "}]}, "prompt_empty", "messages"),
    "a prompt too long": (
        {"messages": [{"role": "user", "content": "word " * 3000}]},
        "context_length_exceeded",
        "messages",
    ),
}


@pytest.mark.parametrize(("more", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_named(
    home: ApiServer, client: Any, more: dict[str, Any], code: str, param: str | None
) -> None:
    import openai

    before = home.newest_job()
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": READY_MODEL, "messages": [USER], **more})
    assert (refused.value.code, refused.value.param, refused.value.type) == (code, param, "invalid_request_error")
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert home.newest_job() == before


def test_what_embeddings_and_completions_cannot_do(client: Any) -> None:
    import openai

    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: client.embeddings.create(model=READY_MODEL, input=[1, 2]), "input"),
        (lambda: client.embeddings.create(model=READY_MODEL, input="a", dimensions=5), "dimensions"),
        (lambda: client.completions.create(model=READY_MODEL, prompt=[[1, 2]]), "prompt"),
        (lambda: client.completions.create(model=READY_MODEL, prompt=["a", "b"]), "prompt"),
        (lambda: client.completions.create(model=READY_MODEL, prompt="a", suffix="b"), "suffix"),
        (lambda: client.completions.create(model=READY_MODEL, prompt="a", best_of=3), "best_of"),
    ]
    for ask, param in refusals:
        with pytest.raises(openai.BadRequestError) as refused:
            ask()
        assert refused.value.param == param


def test_a_model_that_is_not_there(client: Any) -> None:
    import openai

    refusals: list[Callable[[], Any]] = [
        lambda: client.models.retrieve("gpt-5"),
        lambda: client.chat.completions.create(model="gpt-5", messages=[USER]),
        lambda: client.embeddings.create(model="gpt-5", input="a"),
    ]
    for ask in refusals:
        with pytest.raises(openai.NotFoundError) as missing:
            ask()
        assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


def test_an_address_that_is_not_there(client: Any) -> None:
    import openai

    with pytest.raises(openai.NotFoundError) as missing:
        client.files.list()
    assert missing.value.code == "route_not_found"


def test_a_wrong_key(home: ApiServer) -> None:
    import openai

    with (
        openai.OpenAI(base_url=f"{home.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"


def test_addresses_without_version_and_with_a_slash(home: ApiServer) -> None:
    body = {"messages": [USER], "model": READY_MODEL}
    with home.client() as http:
        for path in ("/chat/completions", "/v1/chat/completions/", "/chat/completions/"):
            assert http.post(path, json=body).json()["choices"][0]["message"]["content"] == "Hi there"
        for path in ("/models", "/v1/models/", f"/models/{READY_MODEL}"):
            assert http.get(path).status_code == 200
