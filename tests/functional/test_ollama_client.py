"""Ollama's addresses, asked with its own client, unchanged."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.builders import a_beat
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer
from tests.functional.scripted_answers import ScriptedAnswers
from tests.waiting import wait_until
from tlfif.jobs.jobs import JobStatus, Outcome
from tlfif.machines.machine import MachineState

MODEL = f"{READY_MODEL}:latest"
USER: Any = {"role": "user", "content": "Hello"}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client_of(server: ApiServer) -> Any:
    """The client as its documentation makes it, with the token in a header."""
    import ollama

    return ollama.Client(host=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10, trust_env=False)


@pytest.fixture(scope="module")
def client(scripted: ApiServer) -> Iterator[Any]:
    """The client of a server whose model answers at once."""
    with client_of(scripted) as found:
        yield found


def last_submission(server: ApiServer) -> Any:
    """What arrived last."""
    assert isinstance(server.answers, ScriptedAnswers)
    return server.answers.asked[-1]


@pytest.mark.requirement("2.4.4")
def test_a_chat(client: Any, scripted: ApiServer) -> None:
    answer = client.chat(MODEL, [USER], options={"temperature": 0.5, "num_predict": 9, "num_ctx": 512}, keep_alive="5m")
    assert (answer.message.content, answer.model, answer.done, answer.done_reason) == ("Hi there", MODEL, True, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (3, 2)
    asked = last_submission(scripted)
    assert (asked.sampling.temperature, asked.max_tokens) == (0.5, 9)


def test_a_stream(client: Any) -> None:
    lines = list(client.chat(MODEL, [USER], stream=True))
    assert "".join(line.message.content or "" for line in lines) == "Hi there"
    assert [line.done for line in lines].index(True) == len(lines) - 1


def test_a_tool_is_called_and_answered(client: Any, scripted: ApiServer) -> None:
    assert isinstance(scripted.answers, ScriptedAnswers)
    call = {"index": 0, "id": "call_1", "name": "weather", "arguments": '{"city": "Graz"}'}
    usual, scripted.answers.script = (
        scripted.answers.script,
        lambda asked: [{"text": "", "tool_calls": [call], "finish_reason": "tool_calls"}],
    )
    try:
        message = client.chat(MODEL, [USER], tools=[WEATHER]).message
    finally:
        scripted.answers.script = usual
    assert message.tool_calls is not None
    assert dict(message.tool_calls[0].function.arguments) == {"city": "Graz"}
    client.chat(MODEL, [USER, message, {"role": "tool", "tool_name": "weather", "content": "wet"}])
    turns = last_submission(scripted).messages
    assert turns[1].tool_calls[0].id == turns[2].tool_call_id


def test_a_prompt_and_a_form(client: Any, scripted: ApiServer) -> None:
    assert client.generate(MODEL, "Hello", system="Be short").response == "Hi there"
    assert client.generate(MODEL, "Where?", format="json").response == '{"city": "Graz"}'
    assert last_submission(scripted).form is not None


def test_what_it_cost_and_where_it_was_answered(scripted: ApiServer) -> None:
    with scripted.client() as http:
        for stream in (False, True):
            body = {"model": MODEL, "messages": [USER], "stream": stream}
            last = json.loads(http.post("/api/chat", json=body).text.splitlines()[-1])
            assert (last["tlfif"]["place"], last["tlfif"]["cost"]["usd"]) == ("the test", 0.0)


@pytest.mark.parametrize("form", [None, "json"])
def test_an_answer_cut_short(client: Any, form: Any) -> None:
    assert client.generate(MODEL, "Where?", format=form, options={"num_predict": 1}).done_reason == "length"
    *_, last = client.chat(MODEL, [USER], format=form, options={"num_predict": 1}, stream=True)
    assert last.done_reason == "length"


def test_vectors(client: Any) -> None:
    assert client.embed(MODEL, ["a", "b"]).embeddings == [[3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.0, 1.0]]
    assert client.embeddings(MODEL, "a").embedding == [3.0, 4.0, 0.0, 0.0]


@pytest.mark.requirement("2.4.4")
def test_to_load_a_model_starts_nothing(client: Any, api: ApiServer) -> None:
    before = api.newest_job()
    with client_of(api) as live:
        assert live.generate(MODEL).done_reason == "load"
        assert live.chat(MODEL).done_reason == "load"
    assert api.newest_job() == before


def test_models_are_listed_and_shown(client: Any, api: ApiServer) -> None:
    import ollama

    assert [model.model for model in client.list().models] == [MODEL]
    assert client.show(MODEL).capabilities == ["completion", "tools"]
    assert client.ps().models == []
    with pytest.raises(ollama.ResponseError, match="no model by the name") as unknown:
        client.show("llama4")
    assert unknown.value.status_code == 404


def test_the_model_in_memory_is_listed(start_api: Callable[..., ApiServer]) -> None:
    api = start_api()
    with api.client() as http:
        machine = http.post("/v1/machine/start").json()["machine_id"]
    ready = a_beat(machine, boot_id="b", state=MachineState.READY, phase=None)
    api.run(api.container.machines.heartbeat(ready, now=api.container.clock.now()))
    with client_of(api) as live:
        assert [model.model for model in live.ps().models] == [MODEL]


def test_what_is_refused_is_a_sentence(client: Any) -> None:
    import ollama

    with pytest.raises(ollama.ResponseError, match=r"messages\[0\]\.images: ") as refused:
        client.chat(MODEL, [{**USER, "images": ["iVBORw0KGgo="]}])
    assert refused.value.status_code == 400
    with pytest.raises(ollama.ResponseError) as unknown:
        client.chat("llama4", [USER])
    assert unknown.value.status_code == 404


def test_a_failed_answer_ends_the_stream_with_an_error(api: ApiServer) -> None:
    import ollama

    api.empty_queue()
    failed = Outcome(status=JobStatus.FAILED, error_code="attempts_exhausted", error_message="Given up.")
    with client_of(api) as live, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(list, live.generate(MODEL, "Hello", stream=True))
        asyncio.run(wait_until(lambda: api.newest_job() is not None, "the prompt arrives"))
        api.finish(api.claim(), 3, failed)
        with pytest.raises(ollama.ResponseError, match=r"Given up\."):
            reading.result(10)


def test_probes_are_answered(scripted: ApiServer) -> None:
    with scripted.client() as http:
        assert http.head("/").status_code == 200
        assert http.get("/").text == "TL-FIF is running"
        assert http.get("/api/version").json()["tlfif"]
        assert http.post("/api/pull", json={"model": "x"}).json()["code"] == "route_not_found"
