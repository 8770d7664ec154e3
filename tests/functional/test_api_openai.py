"""The OpenAI-compatible endpoint: the same jobs in another language."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import READY_MODEL, ApiServer, assert_problem
from tlfif.jobs.jobs import ClaimedJob, FinishReason, JobStatus, Outcome, Receipt

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

    def __init__(self, api: ApiServer, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self._api = api
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
            return http.post(CHAT, json=body)


def test_a_whole_answer(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(
        api, {**ASK, "max_completion_tokens": 7, "temperature": 0, "seed": 1, "n": 1, "user": "me"}, monkeypatch
    )
    worker = asking.worker()
    assert (worker.job.request.max_tokens, worker.job.request.sampling.seed) == (7, 1)
    api.append(worker, 3, "Hi ")
    api.finish(worker, 4, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="there")
    answer = asking.answer()
    assert answer.status_code == 200
    assert answer.json() == {
        "id": worker.job.id,
        "object": "chat.completion",
        "created": int(worker.job.created_at),
        "model": READY_MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi there"}, "finish_reason": "length"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def test_a_streamed_answer(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "stream": True, "stream_options": {"include_usage": True}}, monkeypatch)
    worker = asking.worker()
    api.append(worker, 3, "Hi ")
    api.append(worker, 4, "there")
    api.finish(worker, 5, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT))
    *chunks, usage, done = asking.pieces()
    assert done == "[DONE]"
    assert all(isinstance(c, dict) and c["object"] == "chat.completion.chunk" for c in chunks)
    choices = [c["choices"][0] for c in chunks if isinstance(c, dict)]
    assert choices[0]["delta"] == {"role": "assistant"}
    assert "".join(c["delta"].get("content", "") for c in choices) == "Hi there"
    assert [c["finish_reason"] for c in choices] == [None] * (len(choices) - 1) + ["length"]
    assert isinstance(usage, dict)
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 5)


def test_a_stream_without_a_wish_has_no_usage(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "stream": True}, monkeypatch)
    api.finish(asking.worker(), 3, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="x")
    assert all("usage" not in piece for piece in asking.pieces())


def test_a_failed_answer_is_an_error_in_both_languages(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, ASK, monkeypatch)
    api.finish(asking.worker(), 3, FAILED)
    problem = assert_problem(asking.answer(), 409, "attempts_exhausted")
    assert problem["error"] == {
        "message": "Given up.",
        "type": "invalid_request_error",
        "param": None,
        "code": "attempts_exhausted",
    }


def test_a_failed_stream_ends_with_an_error(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "stream": True}, monkeypatch)
    api.finish(asking.worker(), 3, FAILED, text="half")
    *_, last = asking.pieces()
    assert last == {"error": {"code": "attempts_exhausted", "message": "Given up."}}


def test_a_cancelled_answer(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, ASK, monkeypatch)
    api.finish(asking.worker(), 3, Outcome(status=JobStatus.CANCELLED), text="half")
    assert_problem(asking.answer(), 409, "job_cancelled")


def test_a_stream_that_would_start_over_ends(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "stream": True}, monkeypatch)
    worker = asking.worker()
    api.append(worker, 3, "half")
    now = api.container.clock.now()
    api.run(api.container.jobs.release(worker.lease, reason="the worker died", count_attempt=True, now=now))
    *_, last = asking.pieces()
    assert isinstance(last, dict)
    assert last["error"]["code"] == "started_over"


def test_an_attempt_lost_before_its_first_word_is_not_noticed(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(api, {**ASK, "stream": True}, monkeypatch)
    worker, now = asking.worker(), api.container.clock.now()
    api.run(api.container.jobs.release(worker.lease, reason="the worker died", count_attempt=True, now=now))
    api.finish(asking.worker(), 5, Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT), text="fine")
    pieces = asking.pieces()
    assert pieces[-1] == "[DONE]"
    assert any(
        isinstance(p, dict) and p["choices"] and p["choices"][0]["delta"].get("content") == "fine" for p in pieces
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"n": 2}, "n_out_of_range"),
        ({"n": 0}, "n_out_of_range"),
        ({"max_tokens": 0}, "max_tokens_out_of_range"),
        ({"max_completion_tokens": 0}, "max_tokens_out_of_range"),
        ({"max_completion_tokens": 0, "max_tokens": 5}, "max_tokens_out_of_range"),
        ({"max_completion_tokens": 5, "max_tokens": 0}, "max_tokens_out_of_range"),
        ({"temperature": 3}, "temperature_out_of_range"),
        ({"top_p": 0.5}, "unknown_field"),
        ({"tools": []}, "unknown_field"),
        ({"stream": "yes"}, "wrong_type"),
        ({"stream_options": {"include_usage": 1}}, "wrong_type"),
        ({"stream_options": {"other": True}}, "unknown_field"),
        ({"messages": []}, "messages_empty"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "role_unknown"),
        ({"messages": [{"role": "user", "content": " "}]}, "prompt_empty"),
        ({"model": "gpt-5"}, "unknown_model"),
    ],
)
def test_bad_requests(api: ApiServer, http: httpx2.Client, more: dict[str, Any], code: str) -> None:
    before = api.newest_job()
    problem = assert_problem(http.post(CHAT, json={**ASK, **more}), 422, code)
    assert (problem["error"]["code"], problem["error"]["message"]) == (code, problem["detail"])
    assert api.newest_job() == before


def test_the_models_in_openais_words(http: httpx2.Client) -> None:
    found = http.get("/v1/models").json()
    assert found["object"] == "list"
    assert found["data"] == [{"id": READY_MODEL, "object": "model", "created": 0, "owned_by": "tlfif"}]
    assert [m["name"] for m in found["models"]] == ["tinyllama", READY_MODEL]


def test_a_host_that_gives_up_long_requests_says_where_the_answer_will_be(start_api: Callable[..., ApiServer]) -> None:
    api = start_api(streams=False, longest_wait_seconds=0.2)
    body = {**ASK, "model": READY_MODEL}
    with api.client() as http:
        problem = assert_problem(http.post(CHAT, json=body), 503, "answer_pending")
        assert http.get(f"/v1/jobs/{problem['job_id']}").json()["status"] == "queued"
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
