"""This computer answers while a machine on AWS starts: the rule, two jobs followed as one, what the window shows."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.fakes.gui import event, machine_view, receipt_view
from tlfif.client.merged_answers import GAVE_WAY, MergedAnswers
from tlfif.control.answers import Followed
from tlfif.control.bridging import (
    BridgeBegun,
    BridgeExtended,
    BridgeOver,
    asking_here,
    asks_for_prose,
    waits_for_start,
)
from tlfif.dialects.answer import AnswerHere
from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.state import Exchange, ExchangeStage
from tlfif.gui.presenters.bridging import bridged, without_bridge
from tlfif.gui.presenters.endings import ended
from tlfif.jobs.events import Event, EventKind
from tlfif.kernel.errors import AnswerError
from tlfif.wire.jobs import Asking

ASKING: Asking = {"messages": [{"role": "user", "content": "Hello"}], "model": "tinyllama", "idle_timeout_minutes": 1.0}
WHOLE = event(9, EventKind.SUCCEEDED, receipt=receipt_view())


def delta(text: str, seq: int = 3) -> Event:
    return event(seq, EventKind.DELTA, text=text)


@pytest.mark.parametrize("state", ["off", "launching", "loading", "draining", "stopping", "no_capacity", "broken"])
def test_a_prompt_is_answered_here_where_it_waits_for_a_machine(state: str) -> None:
    assert waits_for_start(machine_view(state))
    assert not waits_for_start(machine_view("ready"))


@pytest.mark.parametrize("more", [{"tools": []}, {"form": {}}, {"logprobs": 0}, {"task": "embedding"}])
def test_what_a_program_reads_is_answered_once(more: Any) -> None:
    assert asks_for_prose(ASKING)
    assert not asks_for_prose({**ASKING, **more})


def test_this_computer_is_asked_for_its_own_model_and_keeps_its_own_time_out() -> None:
    assert asking_here(ASKING) == {"messages": ASKING["messages"], "fits_max_tokens": True}


class Feed:
    """One job's news, said step by step."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Event | None] = asyncio.Queue()

    async def follow(self) -> AsyncGenerator[Followed, None]:
        while (one := await self._said.get()) is not None:
            yield Followed(events=[one])

    def say(self, *events: Event | None) -> None:
        for one in events:
            self._said.put_nowait(one)


class Both:
    """Two feeds, followed as one."""

    def __init__(self) -> None:
        self.there, self.here, self.stopped = Feed(), Feed(), 0
        merged = MergedAnswers(self.there.follow(), self.here.follow(), model="smollm2", stop_here=self._stop)
        self._following = merged.follow()

    async def _stop(self) -> None:
        self.stopped += 1

    async def next(self) -> Any:
        one = await asyncio.wait_for(anext(self._following), 5)
        return one.bridge or one.events[0]

    async def rest(self) -> list[Any]:
        return [one.bridge or one.events[0] async for one in self._following]


async def test_awss_first_word_ends_what_this_computer_says() -> None:
    both = Both()
    assert await both.next() == BridgeBegun(model="smollm2")
    both.here.say(delta("Hi "))
    assert await both.next() == BridgeExtended(text="Hi ")
    both.there.say(delta("Hello"), WHOLE, None)
    assert await both.next() == BridgeOver(why=GAVE_WAY)
    assert [one.kind for one in await both.rest()] == [EventKind.DELTA, EventKind.SUCCEEDED]
    assert both.stopped == 1


async def test_a_failure_on_aws_is_told_when_this_computers_answer_is_whole() -> None:
    both = Both()
    await both.next()
    failed = event(5, EventKind.FAILED, error_code="x", error_message="Gone.")
    both.there.say(failed, None)
    both.here.say(delta("Hi"), WHOLE, None)
    assert await both.rest() == [BridgeExtended(text="Hi"), BridgeOver(receipt=receipt_view()), failed]
    assert both.stopped == 0


async def test_a_cancelled_job_on_aws_ends_both() -> None:
    both = Both()
    await both.next()
    both.there.say(event(5, EventKind.CANCELLED), None)
    assert [type(one) for one in await both.rest()] == [BridgeOver, Event]
    assert both.stopped == 1


async def test_one_that_fails_here_leaves_the_prompt_waiting() -> None:
    both = Both()
    await both.next()
    both.here.say(event(5, EventKind.FAILED, error_message="No memory."), None)
    assert await both.next() == BridgeOver(why="No memory.")
    both.there.say(delta("Hello"), WHOLE, None)
    assert [one.kind for one in await both.rest()] == [EventKind.DELTA, EventKind.SUCCEEDED]


def test_a_programs_answer_is_this_computers_only_where_that_is_whole() -> None:
    here, gone = AnswerHere(), AnswerError("Gone.", code="attempts_exhausted")
    assert here.instead_of(gone) is None
    for update in (BridgeBegun(model="smollm2"), BridgeExtended(text="Hi"), BridgeOver(receipt=receipt_view())):
        here.take(update)
    assert here.instead_of(AnswerError("Cancelled.", code="job_cancelled")) is None
    end = here.instead_of(gone)
    assert end is not None
    assert (end.completion_tokens, end.bridge, here.failure) == (receipt_view()["completion_tokens"], here, gone)


def exchange(**more: Any) -> Exchange:
    usual = {"id": "x1", "conversation_id": "c1", "key": "k", "prompt": "Hello", "asked_at": 1.0}
    return Exchange(**{**usual, "stage": ExchangeStage.WAITING, **more})


def test_this_computers_words_stand_until_awss_come() -> None:
    one = bridged(exchange(), BridgeBegun(model="smollm2"), "It answers while the GPU starts")
    assert one.bridge is not None
    assert not one.bridge.stands
    one = bridged(one, BridgeExtended(text="Hi"), "It answers while the GPU starts")
    assert one.bridge is not None
    assert (str(one.answer), one.bridge.stands, one.stage) == ("Hi", True, ExchangeStage.WAITING)
    restarted = ended(one, event(3, EventKind.RESTARTED, reason="lost"))
    assert str(restarted.answer) == "Hi", "AWS had said nothing yet"
    after = without_bridge(one)
    assert after.bridge is not None
    assert (str(after.answer), after.bridge.stands) == ("", False)
    assert after.bridge.line.endswith("the GPU's answer took its place")


def test_words_of_awss_own_are_never_touched() -> None:
    one = exchange(answer=AnswerText(["Hello"]))
    assert bridged(one, BridgeExtended(text="Hi"), "line") is one
    over = exchange(stage=ExchangeStage.DONE)
    assert bridged(over, BridgeExtended(text="Hi"), "line") is over


def test_a_failure_on_aws_leaves_this_computers_words() -> None:
    one = bridged(exchange(), BridgeExtended(text="Hi"), "It answered")
    failed = ended(one, event(5, EventKind.FAILED, error_code="attempts_exhausted", error_message="Gone."))
    assert (str(failed.answer), failed.stage) == ("Hi", ExchangeStage.FAILED)
    assert failed.problem is not None
    assert failed.bridge == one.bridge
