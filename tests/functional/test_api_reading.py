"""Following an answer: long-poll and server-sent events, cursors, restarts, readers that leave and come back."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import READY_MODEL, ApiServer
from tlfif.jobs.jobs import FinishReason, JobStatus, Outcome, Receipt

DONE = Outcome(
    status=JobStatus.SUCCEEDED,
    receipt=Receipt(model=READY_MODEL, prompt_tokens=3, completion_tokens=2, finish_reason=FinishReason.STOP),
)


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    id: int | None
    event: str
    data: dict[str, Any]


@pytest.fixture(autouse=True)
def empty_queue(api: ApiServer) -> None:
    """Each test claims its own job."""
    api.empty_queue()


@pytest.fixture
def waiting(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as a reader waits for news."""
    reached, real = threading.Event(), api.container.jobs.wait_events

    async def wait_events(job_id: str, *, after: int, timeout: float) -> None:
        reached.set()
        await real(job_id, after=after, timeout=timeout)

    monkeypatch.setattr(api.container.jobs, "wait_events", wait_events)
    return reached


@contextmanager
def stream(api: ApiServer, job_id: str, query: str = "", **headers: str) -> Iterator[Iterator[Sent]]:
    """An open event stream."""
    accept = {"Accept": "text/event-stream", **headers}
    with api.client(headers=accept) as client, client.stream("GET", f"/v1/jobs/{job_id}/events{query}") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield sent(answer.iter_text())


def sent(pieces: Iterator[str]) -> Iterator[Sent]:
    """The events in a stream; comments are passed over."""
    left = ""
    for piece in pieces:
        left += piece
        while "\n\n" in left:
            block, left = left.split("\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if fields:
                number = int(fields["id"]) if "id" in fields else None
                yield Sent(id=number, event=fields["event"], data=json.loads(fields["data"]))
    assert not left


def answered(api: ApiServer, *texts: str) -> str:
    """The id of a job that has its whole answer."""
    job_id = api.submit()
    claimed = api.claim()
    for seq, text in enumerate(texts, 3):
        api.append(claimed, seq, text)
    api.finish(claimed, 3 + len(texts), DONE)
    return job_id


def test_a_reader_that_asks_gets_what_is_there_at_once(api: ApiServer, http: httpx2.Client) -> None:
    job_id = answered(api, "Hel", "lo")
    answer = http.get(f"/v1/jobs/{job_id}/events", params={"wait": 30}).json()
    assert [(e["seq"], e["kind"]) for e in answer["events"]] == [
        (1, "queued"),
        (2, "started"),
        (3, "delta"),
        (4, "delta"),
        (5, "succeeded"),
    ]
    assert [e["data"]["text"] for e in answer["events"] if e["kind"] == "delta"] == ["Hel", "lo"]
    assert (answer["last_seq"], answer["status"], answer["machine"]) == (5, "succeeded", None)


def test_a_reader_that_has_all_does_not_wait_for_more(api: ApiServer, http: httpx2.Client) -> None:
    job_id = answered(api, "x")
    answer = http.get(f"/v1/jobs/{job_id}/events", params={"after": 4, "wait": 30}, timeout=5).json()
    assert (answer["events"], answer["last_seq"], answer["status"]) == ([], 4, "succeeded")


def test_a_reader_waits_until_something_happens(api: ApiServer, http: httpx2.Client, waiting: threading.Event) -> None:
    job_id = api.submit()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(http.get, f"/v1/jobs/{job_id}/events", params={"after": 1, "wait": 20})
        assert waiting.wait(10)
        api.claim()
        answer = reading.result(10).json()
    assert [(e["seq"], e["kind"]) for e in answer["events"]] == [(2, "started")]
    assert answer["last_seq"] == 2


def test_a_reader_that_waited_in_vain_hears_what_the_machine_does(api: ApiServer, http: httpx2.Client) -> None:
    job_id = api.submit()
    answer = http.get(f"/v1/jobs/{job_id}/events", params={"after": 1, "wait": 0.05}).json()
    assert (answer["events"], answer["last_seq"], answer["status"]) == ([], 1, "queued")
    assert answer["machine"]["state"] == "off"


def test_a_poll_may_resume_after_the_last_event_id(api: ApiServer, http: httpx2.Client) -> None:
    job_id = answered(api, "x")
    answer = http.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "3"}).json()
    assert [e["seq"] for e in answer["events"]] == [4]


def test_a_stream_is_numbered_and_ends_with_the_job(api: ApiServer) -> None:
    job_id = answered(api, "Grüße ", "😀\n\n\u2028\x85 zwei")
    with stream(api, job_id) as events:
        seen = list(events)
    assert [(e.id, e.event) for e in seen] == [
        (1, "queued"),
        (2, "started"),
        (3, "delta"),
        (4, "delta"),
        (5, "succeeded"),
    ]
    assert "".join(e.data["text"] for e in seen if e.event == "delta") == "Grüße 😀\n\n\u2028\x85 zwei"
    assert seen[-1].data["receipt"]["finish_reason"] == "stop"


def test_no_character_of_an_answer_breaks_a_reader_of_lines(api: ApiServer) -> None:
    text = "a\u2028b\u2029c\x85d\x1ce\x0bf"
    job_id = answered(api, text)
    with api.client() as client:
        answer = client.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
    data = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [d["text"] for d in data if "text" in d] == [text]


@pytest.mark.requirement("2.1.5")
@pytest.mark.parametrize(("query", "headers"), [("?after=3", {}), ("", {"Last-Event-ID": "3"})])
def test_a_stream_resumes_after_what_was_read(api: ApiServer, query: str, headers: dict[str, str]) -> None:
    job_id = answered(api, "a", "b")
    with stream(api, job_id, query, **headers) as events:
        assert [(e.id, e.event) for e in events] == [(4, "delta"), (5, "succeeded")]


def test_the_last_event_id_wins_over_the_address(api: ApiServer) -> None:
    job_id = answered(api, "a", "b")
    with stream(api, job_id, "?after=1", **{"Last-Event-ID": "4"}) as events:
        assert [e.id for e in events] == [5]


def test_a_stream_of_an_ended_job_that_was_read_to_the_end_has_no_event(api: ApiServer) -> None:
    job_id = answered(api, "a")
    with stream(api, job_id, "?after=4") as events:
        assert [e for e in events if e.id is not None] == []


def test_a_stream_brings_each_event_as_it_happens(api: ApiServer, waiting: threading.Event) -> None:
    job_id = api.submit()
    with stream(api, job_id) as events:
        assert next(events).event == "queued"
        assert waiting.wait(10)
        claimed = api.claim()
        assert next(e for e in events if e.event != "machine").event == "started"
        api.append(claimed, 3, "one")
        assert next(events).data["text"] == "one"
        api.finish(claimed, 4, DONE)
        assert [e.event for e in events] == ["succeeded"]


def test_a_waiting_reader_hears_of_the_machine(api: ApiServer) -> None:
    job_id = api.submit()
    with stream(api, job_id) as events:
        assert next(events).event == "queued"
        beat = next(events)
    assert (beat.id, beat.event, beat.data["state"]) == (None, "machine", "off")


def test_a_lost_attempt_tells_readers_to_start_over(api: ApiServer) -> None:
    job_id = api.submit()
    first = api.claim()
    api.append(first, 3, "wrong start")
    now = api.container.clock.now()
    api.run(api.container.jobs.release(first.lease, reason="the worker died", count_attempt=True, now=now))
    second = api.claim()
    api.append(second, 6, "right")
    api.finish(second, 7, DONE)
    with stream(api, job_id) as events:
        seen = list(events)
    kinds = [e.event for e in seen]
    assert kinds == ["queued", "started", "delta", "restarted", "started", "delta", "succeeded"]
    assert seen[3].data["reason"] == "the worker died"
    with api.client() as http:
        assert http.get(f"/v1/jobs/{job_id}").json()["answer"] == "right"


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_every_end_closes_the_stream(api: ApiServer, status: JobStatus) -> None:
    job_id = api.submit()
    claimed = api.claim()
    api.append(claimed, 3, "half")
    api.finish(claimed, 4, Outcome(status=status, error_code="run_timeout", error_message="It took too long."))
    with stream(api, job_id) as events:
        last = list(events)[-1]
    assert (last.event, last.data["error_code"]) == (status.value, "run_timeout")


def test_a_reader_that_leaves_does_not_cancel(api: ApiServer, http: httpx2.Client) -> None:
    job_id = api.submit()
    with stream(api, job_id) as events:
        assert next(events).event == "queued"
    claimed = api.claim()
    assert claimed.job.id == job_id
    api.finish(claimed, 3, DONE, text="still here")
    job = http.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["answer"], job["cancel_requested"]) == ("succeeded", "still here", False)


@pytest.mark.requirement("2.1.5")
def test_many_readers_see_the_same(api: ApiServer) -> None:
    job_id = api.submit()

    def read() -> list[int | None]:
        with stream(api, job_id) as events:
            return [e.id for e in events if e.id is not None]

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(8)]
        claimed = api.claim()
        for seq in range(3, 30):
            api.append(claimed, seq, f"{seq} ")
        api.finish(claimed, 30, DONE)
        assert all(reader.result(10) == list(range(1, 31)) for reader in readers)


def test_a_long_answer_is_read_in_pages(api: ApiServer, http: httpx2.Client) -> None:
    job_id = answered(api, *(f"{n} " for n in range(1500)))
    first = http.get(f"/v1/jobs/{job_id}/events").json()
    rest = http.get(f"/v1/jobs/{job_id}/events", params={"after": first["last_seq"]}).json()
    assert (len(first["events"]), rest["last_seq"]) == (1000, 1503)
    assert http.get(f"/v1/jobs/{job_id}").json()["answer"] == "".join(f"{n} " for n in range(1500))
    with stream(api, job_id) as events:
        assert [e.id for e in events] == list(range(1, 1504))


def test_a_prompt_can_be_sent_and_followed_in_one_request(api: ApiServer) -> None:
    accept = {"Accept": "text/event-stream", "Idempotency-Key": "one"}
    with api.client(headers=accept) as client:
        with client.stream("POST", "/v1/infer", json={"prompt": "Hello"}) as answer:
            assert (answer.status_code, answer.headers["content-type"][:17]) == (200, "text/event-stream")
            news = sent(answer.iter_text())
            accepted = next(news)
            assert (accepted.event, accepted.id, accepted.data["created"]) == ("accepted", None, True)
            assert accepted.data["machine"]["state"] == "off"
            claimed = api.claim()
            assert claimed.job.id == accepted.data["job_id"]
            api.append(claimed, 3, "Hi")
            api.finish(claimed, 4, DONE)
            kinds = [(one.id, one.event) for one in news if one.event != "machine"]
        assert kinds == [(1, "queued"), (2, "started"), (3, "delta"), (4, "succeeded")]
        with client.stream("POST", "/v1/infer", json={"prompt": "Hello"}) as answer:
            again = list(sent(answer.iter_text()))
    assert (again[0].data["job_id"], again[0].data["created"]) == (claimed.job.id, False)
    assert [one.event for one in again[1:]] == ["queued", "started", "delta", "succeeded"]


def test_a_reader_that_follows_hears_of_the_start_within_a_beat(api: ApiServer) -> None:
    job_id = api.submit()
    with stream(api, job_id) as news:
        assert next(news).event == "queued"
        api.claim()
        assert next(one for one in news if one.event != "machine").event == "started"


def test_a_prompt_that_is_refused_is_refused_as_ever(api: ApiServer) -> None:
    with api.client(headers={"Accept": "text/event-stream"}) as client:
        answer = client.post("/v1/infer", json={"prompt": " "})
    assert (answer.status_code, answer.json()["code"]) == (422, "prompt_empty")
