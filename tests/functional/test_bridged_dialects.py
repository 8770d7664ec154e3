"""What this computer answers while a machine on AWS starts, beside AWS's answer, in each dialect that has it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.fakes.gui import receipt_view
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers, like_a_model
from tlfif.control.answers import Followed
from tlfif.control.bridging import BridgeBegun, BridgeExtended, BridgeOver
from tlfif.jobs.events import Event, EventKind

WISH: Any = {"tlfif": {"bridge": True}}
ASK: Any = {"model": READY_MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
NEWS = (BridgeBegun(model="smollm2"), BridgeExtended(text="From "), BridgeExtended(text="here"))


class Bridged(ScriptedAnswers):
    """A home whose machine starts while this computer answers; with ``fails`` its own answer then comes to nothing."""

    fails = False

    async def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        if self.asked[-1].bridge:
            for news in (*NEWS, BridgeOver(receipt=receipt_view())):
                yield Followed(events=[], bridge=news)
        if self.fails:
            error = {"error_code": "engine_broken", "error_message": "Gone."}
            yield Followed(events=[Event(seq=9, kind=EventKind.FAILED, at=0.0, data=error)])
            return
        async for one in super().follow(job_id, after=after, beat_seconds=beat_seconds):
            yield one


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    container = build_container(tmp_path_factory.mktemp("bridged"))
    server = ApiServer(container, answers=Bridged(container, like_a_model))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=[False, True])
def fails(request: pytest.FixtureRequest, home: ApiServer) -> Iterator[bool]:
    """Whether AWS's answer comes to nothing."""
    assert isinstance(home.answers, Bridged)
    home.answers.fails = request.param
    yield request.param
    home.answers.fails = False


def checked(extension: Any, text: str, *, fails: bool) -> None:
    bridge = extension["bridge"]
    assert (bridge["place"], bridge["model"], bridge["text"]) == ("this computer", "smollm2", "From here")
    assert bridge["failure"] == ({"code": "engine_broken", "message": "Gone."} if fails else None)
    assert extension["place"] == ("this computer" if fails else "the test")
    assert text == ("From here" if fails else "Hi there")


def test_openai(home: ApiServer, fails: bool) -> None:
    with OpenAI(base_url=f"{home.url}/v1", api_key=TOKEN, max_retries=0, timeout=10) as client:
        whole: Any = client.chat.completions.create(**ASK, extra_body=WISH)
        checked(whole.tlfif, whole.choices[0].message.content, fails=fails)
        pieces: list[Any] = list(client.chat.completions.create(**ASK, extra_body=WISH, stream=True))
        text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
        checked(pieces[-1].tlfif, text, fails=fails)
        told = [piece.tlfif["bridge"] for piece in pieces[:-1] if hasattr(piece, "tlfif")]
        assert "".join(one.get("text", "") for one in told) == "From here"
        assert told[-1] == {"ended": True, "why": None}


def test_anthropic(home: ApiServer, fails: bool) -> None:
    with Anthropic(base_url=home.url, auth_token=TOKEN, api_key=None, max_retries=0, timeout=10) as client:
        whole: Any = client.messages.create(**ASK, extra_body=WISH)
        checked(whole.tlfif, whole.content[0].text, fails=fails)
        with client.messages.stream(**ASK, extra_body=WISH) as stream:
            assert stream.get_final_text() == ("From here" if fails else "Hi there")
    with home.client() as http:
        sent = http.post("/v1/messages", json={**ASK, **WISH, "stream": True}).text
    events = [json.loads(line.removeprefix("data: ")) for line in sent.splitlines() if line.startswith("data: ")]
    pings = [one["tlfif"]["bridge"] for one in events if one["type"] == "ping" and "tlfif" in one]
    assert "".join(one.get("text", "") for one in pings) == "From here"


def test_ollama(home: ApiServer, fails: bool) -> None:
    with home.client() as http:
        sent = http.post("/api/chat", json={**ASK, **WISH}).text
    lines = [json.loads(line) for line in sent.splitlines()]
    checked(lines[-1]["tlfif"], "".join(line["message"]["content"] for line in lines), fails=fails)
    told = [line["tlfif"]["bridge"] for line in lines[:-1] if "tlfif" in line]
    assert "".join(one.get("text", "") for one in told) == "From here"


def test_who_does_not_ask_for_it_sees_nothing_of_it(home: ApiServer) -> None:
    with home.client() as http:
        assert "bridge" not in http.post("/v1/chat/completions", json=ASK).text
        refused = http.post("/v1/responses", json={"model": READY_MODEL, "input": "Hello", **WISH})
    assert refused.headers["x-tlfif-ignored"] == "tlfif"


def test_several_answers_are_awss_alone(home: ApiServer) -> None:
    with home.client() as http:
        answer = http.post("/v1/chat/completions", json={**ASK, **WISH, "n": 2}).json()
    assert "bridge" not in answer["tlfif"]
