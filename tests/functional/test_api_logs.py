"""No prompt text in logs, whatever goes wrong."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import ApiServer

MARK = "xyzzy-a-secret-of-the-owner"
ASK = {"messages": [{"role": "user", "content": MARK}]}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that any part of the program logs, in full, down to DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.requirement("8.6.1")
def test_prompts_accepted_and_refused_leave_no_trace(api: ApiServer, http: httpx2.Client, logged: io.StringIO) -> None:
    for body in (
        {"prompt": MARK},
        {"prompt": MARK, "system": MARK},
        {"prompt": f"{MARK}\x00"},
        {"prompt": MARK, MARK: MARK},
        {"prompt": [MARK]},
        {"prompt": MARK, "seed": MARK},
        {"prompt": f"{MARK} " * 3000},
        {"prompt": MARK, "model": MARK},
        {"messages": [{"role": MARK, "content": MARK}]},
    ):
        http.post("/v1/infer", json=body)
        http.post("/v1/chat/completions", json={**ASK, **body, "n": 99})
    http.post("/v1/infer", content=f'{{"prompt": "{MARK}'.encode(), headers={"content-type": "application/json"})
    http.post("/v1/infer", content=f"prompt={MARK}".encode())
    http.post("/v1/infer", json={"prompt": MARK}, headers={"Idempotency-Key": f"{MARK} {MARK}"})
    logging.getLogger("tlfif").debug("the log is being listened to")
    assert "the log is being listened to" in logged.getvalue()
    assert MARK not in logged.getvalue()


@pytest.mark.parametrize("port", ["jobs", "models"])
def test_a_mistake_that_quotes_the_prompt_is_logged_without_it(
    api: ApiServer, http: httpx2.Client, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    def innermost(text: str) -> None:
        raise KeyError(text)

    async def broken(*args: Any, **options: Any) -> Any:
        try:
            innermost(MARK)
        except KeyError as error:
            raise RuntimeError(f"cannot do {MARK}") from error

    method = {"jobs": "submit", "models": "resolve"}[port]
    monkeypatch.setattr(getattr(api.container, port), method, broken)
    for path, body in (("/v1/infer", {"prompt": MARK}), ("/v1/chat/completions", ASK)):
        answer = http.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert MARK not in answer.text
        assert "log" in answer.json()["detail"]
    written = logged.getvalue()
    assert MARK not in written
    assert written.count("builtins.RuntimeError") == 2
    assert written.count("builtins.KeyError") == 2
    assert "in innermost" in written


def test_a_mistake_in_mid_stream_ends_the_stream_and_is_logged_without_the_text(
    api: ApiServer, http: httpx2.Client, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = api.submit(MARK)
    real, calls = api.container.jobs.events, []

    async def breaks_later(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError(MARK)
        return await real(*args, **options)

    monkeypatch.setattr(api.container.jobs, "events", breaks_later)
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            answer.read()
    assert MARK not in logged.getvalue()
    assert "builtins.RuntimeError" in logged.getvalue()
    monkeypatch.undo()
    assert http.get("/healthz").status_code == 200
