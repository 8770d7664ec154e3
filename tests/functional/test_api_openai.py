"""OpenAI's addresses as bytes: errors, repetitions, hang-ups, and answers that start over. What its own
client asks is in ``test_openai_sdk``."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers
from tests.waiting import wait_until
from tlfif.dialects.starting_over import MARK
from tlfif.jobs.jobs import ClaimedJob, DeltaWrite, FinishReason, JobStatus, Outcome, Receipt
from tlfif.jobs.pieces import Piece
from tlfif.jobs.policy import JobPolicy

CHAT = "/v1/chat/completions"
ASK = {"messages": [{"role": "user", "content": "Hello"}]}
RECEIPT = Receipt(model=READY_MODEL, prompt_tokens=3, completion_tokens=2, finish_reason=FinishReason.LENGTH)
FAILED = Outcome(status=JobStatus.FAILED, error_code="attempts_exhausted", error_message="Given up.")


@pytest.fixture(autouse=True)
def empty_queue(api: ApiServer) -> None:
    """Each test claims its own job."""
    api.empty_queue()


class Asking:
    """A question under way in a thread, while the test plays the worker."""

    def __init__(self, api: ApiServer, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **headers: str) -> None:
        self._api, self._headers = api, headers
        accepted, real = threading.Event(), api.container.jobs.submit

        async def submit(*args: Any, **options: Any) -> Any:
            result = await real(*args, **options)
            accepted.set()
            return result

        monkeypatch.setattr(api.container.jobs, "submit", submit)
        self._pool = ThreadPoolExecutor(1)
        self._answer = self._pool.submit(self._ask, body)
        assert accepted.wait(10)

    def worker(self) -> ClaimedJob:
        """Lease the question's job."""
        return self._api.claim()

    def answer(self) -> httpx2.Response:
        """What came back."""
        found = self._answer.result(10)
        self._pool.shutdown()
        return found

    def pieces(self) -> list[dict[str, Any] | str]:
        """What came back as a stream."""
        answer = self.answer()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]

    def _ask(self, body: dict[str, Any]) -> httpx2.Response:
        with self._api.client() as http:
            return http.post(CHAT, json=body, headers=self._headers)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    asyncio.run(wait_until(condition, "the server does it"))


def content_of(pieces: list[dict[str, Any] | str]) -> str:
    """The text that a stream's reader has in the end."""
    choices = [piece["choices"][0] for piece in pieces if isinstance(piece, dict) and piece.get("choices")]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def error_of(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The error in OpenAI's shape, beside TL-FIF's own words for its own client."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    body = answer.json()
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["message"]) == (code, body["detail"])
    return error


def test_a_whole_answer(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "max_completion_tokens": 7, "temperature": 0, "seed": 1}, monkeypatch)
    worker = asking.worker()
    assert (worker.job.request.max_tokens, worker.job.request.sampling.seed) == (7, 1)
    api.append(worker, 3, "Hi ")
    api.finish(worker, 4, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="there")
    answer = asking.answer()
    assert answer.status_code == 200
    whole = answer.json()
    assert whole.pop("tlfif")["job_id"] == worker.job.id
    assert whole == {
        "id": worker.job.id,
        "object": "chat.completion",
        "created": int(worker.job.created_at),
        "model": READY_MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi there", "refusal": None},
                "logprobs": None,
                "finish_reason": "length",
            },
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def test_a_thinking_models_thoughts_come_apart(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (False, True):
        asking = Asking(api, {**ASK, "stream": stream}, monkeypatch)
        worker = asking.worker()
        write = DeltaWrite(lease=worker.lease, seq=3, piece=Piece(reasoning="Hm."))
        api.run(api.container.jobs.append([write], now=api.container.clock.now()))
        api.finish(worker, 4, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="Hi")
        if stream:
            deltas = [p["choices"][0]["delta"] for p in asking.pieces()[:-1] if isinstance(p, dict)]
            assert deltas[1:3] == [{"reasoning_content": "Hm."}, {"content": "Hi"}]
        else:
            message = asking.answer().json()["choices"][0]["message"]
            assert (message["content"], message["reasoning_content"]) == ("Hi", "Hm.")


def test_an_answer_without_a_word_is_one(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "stop": "Hi"}, monkeypatch)
    nothing = Outcome(
        status=JobStatus.FAILED,
        receipt=replace(RECEIPT, finish_reason=FinishReason.STOP),
        error_code="answer_empty",
        error_message="The model wrote nothing.",
    )
    api.finish(asking.worker(), 3, nothing)
    (choice,) = asking.answer().json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "stop")


@pytest.mark.parametrize(
    ("outcome", "status", "kind", "code"),
    [
        (FAILED, 500, "server_error", "attempts_exhausted"),
        (Outcome(status=JobStatus.CANCELLED), 400, "invalid_request_error", "job_cancelled"),
        (Outcome(status=JobStatus.EXPIRED), 500, "server_error", "job_expired"),
        (replace(FAILED, error_code="engine_rejected"), 400, "invalid_request_error", "engine_rejected"),
        (replace(FAILED, error_code="prompt_too_long"), 400, "invalid_request_error", "context_length_exceeded"),
        (replace(FAILED, error_code="budget_locked"), 429, "insufficient_quota", "insufficient_quota"),
    ],
)
def test_a_job_without_an_answer_is_not_sent_again(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, status: int, kind: str, code: str
) -> None:
    asking = Asking(api, ASK, monkeypatch)
    api.finish(asking.worker(), 3, outcome)
    answer = asking.answer()
    error = error_of(answer, status, code)
    assert (error["type"], answer.headers["x-should-retry"]) == (kind, "false")
    streaming = Asking(api, {**ASK, "stream": True}, monkeypatch)
    api.finish(streaming.worker(), 3, outcome, text="half")
    *_, last = streaming.pieces()
    assert last == {"error": error}


def lose_attempt(api: ApiServer, worker: ClaimedJob) -> None:
    """The machine dies; the job waits for another one."""
    now = api.container.clock.now()
    api.run(api.container.jobs.release(worker.lease, reason="the machine died", count_attempt=True, now=now))


@pytest.mark.parametrize(
    ("more", "second", "whole"),
    [
        ({"seed": 1}, "Hi there", "Hi there"),
        ({"temperature": 0}, "Hi there", "Hi there"),
        ({"temperature": 0}, "Hello", f"Hi {MARK}Hello"),
        ({}, "Hi there", f"Hi {MARK}Hi there"),
    ],
)
def test_a_stream_goes_on_where_an_attempt_is_lost(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], second: str, whole: str
) -> None:
    asking = Asking(api, {**ASK, **more, "stream": True}, monkeypatch)
    worker = asking.worker()
    api.append(worker, 3, "Hi ")
    lose_attempt(api, worker)
    api.finish(asking.worker(), 6, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text=second)
    pieces = asking.pieces()
    assert (content_of(pieces), pieces[-1]) == (whole, "[DONE]")


@pytest.mark.requirement("2.4.7")
def test_json_that_would_start_over_ends_with_an_error(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"response_format": {"type": "json_object"}}
    asking = Asking(api, {**ASK, **form, "stream": True}, monkeypatch)
    worker = asking.worker()
    api.append(worker, 3, "{")
    lose_attempt(api, worker)
    *_, last = asking.pieces()
    assert isinstance(last, dict)
    assert last["error"]["code"] == "started_over"


@pytest.mark.requirement("2.4.7")
def test_a_whole_answer_is_the_last_attempts(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, ASK, monkeypatch)
    worker = asking.worker()
    api.append(worker, 3, "lost")
    lose_attempt(api, worker)
    api.finish(asking.worker(), 6, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="fine")
    assert asking.answer().json()["choices"][0]["message"]["content"] == "fine"


class HangingUp:
    """A client that asks and leaves."""

    def __init__(self, api: ApiServer, body: dict[str, Any], *headers: str) -> None:
        content = json.dumps(body).encode()
        lines = (
            f"POST {CHAT} HTTP/1.1",
            f"Host: 127.0.0.1:{api.port}",
            f"Authorization: Bearer {TOKEN}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *headers,
        )
        before = api.newest_job()
        self._connection = socket.create_connection(("127.0.0.1", api.port), timeout=5)
        self._connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        until(lambda: api.newest_job() != before)
        self.job_id = api.newest_job() or ""

    def leave(self) -> None:
        self._connection.close()

    def half_close(self) -> None:
        """Nothing more will be sent; what comes would still be read."""
        self._connection.shutdown(socket.SHUT_WR)


def is_ended(api: ApiServer, job_id: str) -> bool:
    job = api.run(api.container.jobs.get(job_id))
    return job.cancel_requested or job.status.is_terminal


@pytest.mark.requirement("2.4.6")
def test_a_client_that_hangs_up_ends_its_job_within_two_seconds(api: ApiServer) -> None:
    staying = HangingUp(api, {**ASK, "seed": 1})
    asked_otherwise = HangingUp(api, {**ASK, "seed": 2}, "X-TLFIF-On-Disconnect: continue")
    whole, streaming, half = (
        HangingUp(api, {**ASK, "seed": 3}),
        HangingUp(api, {**ASK, "stream": True}),
        HangingUp(api, {**ASK, "seed": 4}),
    )
    begun = time.monotonic()
    whole.leave()
    streaming.leave()
    half.half_close()
    asked_otherwise.leave()
    for gone in (whole, streaming, half):
        until(lambda job_id=gone.job_id: is_ended(api, job_id))
    assert time.monotonic() - begun < 2
    assert api.run(api.container.jobs.get(whole.job_id)).cancel_reason == "the program that asked hung up"
    assert not is_ended(api, asked_otherwise.job_id)
    assert not is_ended(api, staying.job_id)
    for gone in (staying, half):
        gone.leave()


def test_a_stream_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    container = build_container(tmp_path)
    long = ScriptedAnswers(container, lambda asked: [{"text": "x" * 1_000_000}] * 8)
    api = ApiServer(container, answers=long, stalled_seconds=0.2)
    api.start()
    try:
        stalled = HangingUp(api, {**ASK, "stream": True})
        until(lambda: len(api.connections_now()) == 1)
        until(lambda: not api.connections_now())
        stalled.leave()
    finally:
        api.stop()


@pytest.mark.requirement("2.4.5")
def test_a_repeated_request_joins_its_job(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = HangingUp(api, ASK)
    first.leave()
    with ThreadPoolExecutor() as pool, api.client(headers={"X-Stainless-Retry-Count": "1"}) as http:
        other = pool.submit(http.post, CHAT, json={**ASK, "seed": 5})
        until(lambda: api.newest_job() != first.job_id)
        again = pool.submit(http.post, CHAT, json=ASK)
        worker = api.claim()
        assert worker.job.id == first.job_id
        until(lambda: api.requests >= 3)
        api.finish(worker, 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="once")
        assert again.result(10).json()["id"] == first.job_id
        assert http.post(CHAT, json=ASK).json()["id"] == first.job_id, "also when it has ended meanwhile"
        api.finish(api.claim(), 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="other")
        assert other.result(10).json()["id"] != first.job_id


@pytest.mark.requirement("2.4.5")
def test_a_time_out_of_the_official_client_is_one_job(api: ApiServer) -> None:
    import openai

    def ask() -> str:
        with openai.OpenAI(base_url=f"{api.url}/v1", api_key=TOKEN, timeout=0.3, max_retries=5) as client:
            answer = client.chat.completions.create(model=READY_MODEL, messages=[{"role": "user", "content": "Hello"}])
        return answer.id

    before = api.requests
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(ask)
        until(lambda: api.requests >= before + 2)
        worker = api.claim()
        api.finish(worker, 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="once")
        assert asking.result(10) == worker.job.id
    assert api.newest_job() == worker.job.id


def test_a_cancelled_job_under_a_waiting_official_client_is_not_repeated(api: ApiServer) -> None:
    import openai

    def ask() -> str:
        with openai.OpenAI(base_url=f"{api.url}/v1", api_key=TOKEN, timeout=10, max_retries=5) as client:
            try:
                client.chat.completions.create(model=READY_MODEL, messages=[{"role": "user", "content": "Hello"}])
            except openai.BadRequestError as error:
                return str(error.code)
        return "answered"

    before = api.requests
    with ThreadPoolExecutor() as pool, api.client() as http:
        asking = pool.submit(ask)
        until(lambda: api.requests > before)
        worker = api.claim()
        http.post(f"/v1/jobs/{worker.job.id}/cancel")
        api.finish(worker, 3, Outcome(status=JobStatus.CANCELLED))
        assert asking.result(10) == "job_cancelled"
    assert api.newest_job() == worker.job.id
    assert api.requests == before + 2, "the question, and its cancellation"


def test_a_repetition_of_a_cancelled_job_is_a_new_one(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, ASK, monkeypatch)
    worker = asking.worker()
    with api.client() as http:
        http.post(f"/v1/jobs/{worker.job.id}/cancel")
    api.finish(worker, 3, Outcome(status=JobStatus.CANCELLED))
    error_of(asking.answer(), 400, "job_cancelled")
    again = Asking(api, ASK, monkeypatch, **{"X-Stainless-Retry-Count": "1"})
    api.finish(again.worker(), 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="new")
    assert again.answer().json()["id"] != worker.job.id


def test_an_idempotency_key_is_honoured(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, ASK, monkeypatch, **{"Idempotency-Key": "k"})
    api.finish(asking.worker(), 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="once")
    first = asking.answer().json()
    with api.client(headers={"Idempotency-Key": "k"}) as http:
        assert http.post(CHAT, json=ASK).json() == first
        error_of(http.post(CHAT, json={**ASK, "seed": 1}), 400, "idempotency_conflict")


def test_what_may_be_sent_again_later_says_so(start_api: Callable[..., ApiServer]) -> None:
    api = start_api(job_policy=JobPolicy(max_queued=1))
    with api.client() as http:
        api.submit(model=READY_MODEL)
        answer = http.post(CHAT, json={**ASK, "model": READY_MODEL})
        error = error_of(answer, 429, "queue_full")
    assert (error["type"], answer.headers["retry-after"]) == ("rate_limit_error", "5")
    assert "x-should-retry" not in answer.headers


BAD = [
    (b"{", 400, "json_malformed"),
    (b"", 400, "body_missing"),
    (b"[" * 200 + b"]" * 200, 400, "json_malformed"),
    (b"[" * 100_000, 400, "json_malformed"),
    (b'{"messages": [], "messages": []}', 400, "repeated_field"),
    (b'{"messages": 5}', 400, "wrong_type"),
    (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400, "prompt_not_text"),
    (b'{"messages": [{"role": "user", "content": "Hi"}], "stop": ' + json.dumps(["x"] * 1000).encode() + b"}", 400, ""),
    (b'{"messages": [{"role": "user", "content": "Hi"}], "seed": ' + b"9" * 5000 + b"}", 400, "json_malformed"),
    (b'{"x": "' + b"x" * 1_100_000 + b'"}', 413, "body_too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD, ids=range(len(BAD)))
def test_bad_bodies(api: ApiServer, http: httpx2.Client, body: bytes, status: int, code: str) -> None:
    before = api.newest_job()
    answer = http.post(CHAT, content=body, headers={"Content-Type": "application/json"})
    error_of(answer, status, code or answer.json()["error"]["code"])
    assert api.newest_job() == before


def test_other_methods_and_addresses(http: httpx2.Client) -> None:
    error_of(http.get(CHAT), 405, "method_not_allowed")
    error_of(http.post("/v1/audio/speech", json={}), 404, "route_not_found")


def test_a_fault_of_the_server_has_openais_shape(start_api: Callable[..., ApiServer]) -> None:
    api = start_api(models=None)
    with api.client() as http:
        answer = http.post(CHAT, json=ASK)
    error_of(answer, 500, "internal_error")
    assert answer.headers["x-should-retry"] == "false"


def test_names_of_other_models(start_api: Callable[..., ApiServer]) -> None:
    api = start_api(model_names={"gpt-4o-mini": "", "gpt-4o": READY_MODEL})
    with api.client() as http:
        assert http.get("/v1/models/gpt-4o").json()["id"] == "gpt-4o"
        for name in ("gpt-4o-mini", "gpt-4o"):
            with ThreadPoolExecutor() as pool:
                asking = pool.submit(http.post, CHAT, json={**ASK, "model": name})
                until(lambda: api.run(api.container.jobs.counts()).queued == 1)
                api.finish(api.claim(), 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="x")
                assert asking.result(10).json()["model"] == READY_MODEL


def test_the_models_in_openais_words(http: httpx2.Client) -> None:
    found = http.get("/v1/models").json()
    assert found["object"] == "list"
    assert found["data"] == [{"id": READY_MODEL, "object": "model", "created": 0, "owned_by": "tlfif"}]
    assert [m["name"] for m in found["models"]] == ["tinyllama", READY_MODEL]


def test_a_host_that_gives_up_long_requests_says_where_the_answer_will_be(start_api: Callable[..., ApiServer]) -> None:
    api = start_api(streams=False, longest_wait_seconds=0.2)
    body = {**ASK, "model": READY_MODEL}
    with api.client() as http:
        answer = http.post(CHAT, json=body)
        error_of(answer, 503, "answer_pending")
        assert (answer.headers["x-should-retry"], answer.headers.get("retry-after")) == ("false", None)
        assert http.get(f"/v1/jobs/{answer.json()['job_id']}").json()["status"] == "queued"
        streamed = http.post(CHAT, json={**body, "stream": True}).text
        assert '"answer_pending"' in streamed
        assert "[DONE]" not in streamed


def test_a_host_that_cannot_stream_answers_with_json(start_api: Callable[..., ApiServer]) -> None:
    api = start_api(streams=False, longest_wait_seconds=0.2)
    wanted = {"Accept": "text/event-stream"}
    with api.client() as http:
        accepted = http.post("/v1/infer", json={"prompt": "Hi", "model": READY_MODEL}, headers=wanted)
        assert (accepted.status_code, accepted.headers["content-type"]) == (202, "application/json")
        path = f"/v1/jobs/{accepted.json()['job_id']}/events"
        assert [e["kind"] for e in http.get(path, headers=wanted).json()["events"]] == ["queued"]
        waited = http.get(path, params={"after": 1, "wait": 30})
        assert (waited.json()["events"], waited.json()["last_seq"]) == ([], 1)
