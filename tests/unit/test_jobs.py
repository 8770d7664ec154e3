"""Jobs, their requests, events and receipts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_receipt, a_request
from tlfif.jobs.endings import receipt_data, receipt_from
from tlfif.jobs.events import TERMINAL_KINDS, Event, EventKind, answer_text
from tlfif.jobs.jobs import TERMINAL, FinishReason, JobStatus, Outcome
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolCall, ToolUse

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=TEXT,
    name=st.none() | TEXT,
    tool_calls=st.lists(st.builds(ToolCall, id=TEXT, name=TEXT, arguments=TEXT), max_size=2).map(tuple),
    tool_call_id=st.none() | TEXT,
)
REQUESTS = st.builds(
    GenerationRequest,
    model=TEXT,
    messages=st.lists(MESSAGES).map(tuple),
    max_tokens=st.integers(1, 2048),
    sampling=st.builds(
        Sampling,
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        seed=st.none() | st.integers(0, 2**32 - 2),
        stop=st.lists(TEXT, max_size=4).map(tuple),
        logit_bias=st.lists(st.tuples(st.integers(0, 99), st.floats(-100, 100)), max_size=2).map(tuple),
    ),
    task=st.sampled_from(Task),
    form=st.none() | st.builds(AnswerForm, schema=st.none() | TEXT),
    tools=st.none()
    | st.builds(
        ToolUse, offered=st.lists(st.builds(Tool, name=TEXT, description=TEXT), max_size=2).map(tuple), choice=TEXT
    ),
    logprobs=st.none() | st.integers(0, 20),
)


def test_the_four_ends_have_an_event_each() -> None:
    assert {kind.value for kind in TERMINAL_KINDS} == {status.value for status in TERMINAL}
    assert {kind for kind in EventKind if kind.is_terminal} == TERMINAL_KINDS
    assert {status for status in JobStatus if not status.is_terminal} == {JobStatus.QUEUED, JobStatus.RUNNING}


@pytest.mark.requirement("4.2.2")
@given(REQUESTS)
def test_a_request_comes_back_from_json_as_it_was(request: GenerationRequest) -> None:
    again = GenerationRequest.from_json(request.to_json())
    assert again == request
    assert again.fingerprint() == request.fingerprint()
    assert "\n" not in request.to_json()


def test_requests_that_differ_have_other_fingerprints() -> None:
    base = a_request()
    others = [
        replace(base, model="other"),
        replace(base, max_tokens=65),
        replace(base, sampling=replace(base.sampling, temperature=0.8)),
        replace(base, sampling=replace(base.sampling, seed=None)),
        replace(base, messages=(*base.messages, Message(role="user", content="More"))),
        replace(base, messages=(Message(role="system", content=base.messages[0].content),)),
    ]
    assert len({r.fingerprint() for r in (base, *others)}) == 1 + len(others)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_an_outcome_ends_a_job(status: JobStatus) -> None:
    with pytest.raises(ValueError, match="does not end a job"):
        Outcome(status=status)


def event(seq: int, kind: EventKind, text: str | None = None) -> Event:
    return Event(seq=seq, kind=kind, at=0.0, data={} if text is None else {"text": text})


def test_the_answer_starts_over_when_told() -> None:
    events = [
        event(1, EventKind.QUEUED),
        event(2, EventKind.STARTED),
        event(3, EventKind.DELTA, "A clo"),
        event(4, EventKind.RESTARTED),
        event(5, EventKind.STARTED),
        event(6, EventKind.DELTA, "A "),
        event(7, EventKind.DELTA, "cloud"),
        event(8, EventKind.SUCCEEDED),
    ]
    assert answer_text(events) == "A cloud"
    assert answer_text(events[:4]) == ""
    assert answer_text([]) == ""


@pytest.mark.requirement("11.3.1")
@pytest.mark.parametrize("reason", [None, *FinishReason])
def test_a_receipt_comes_back_from_plain_values_as_it_was(reason: FinishReason | None) -> None:
    receipt = replace(a_receipt(), finish_reason=reason)
    data = receipt_data(receipt)
    assert data["finish_reason"] == (None if reason is None else reason.value)
    assert receipt_from(data) == receipt
    assert receipt_from({**data, "of_a_newer_worker": 1}) == receipt, "an image may be newer than the control plane"
