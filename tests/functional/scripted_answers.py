"""A home whose model says what a test wants: requests are checked and stored as ever, and nobody computes."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from tlfif.control.answers import AskedJob, Followed, OwnAnswers
from tlfif.control.container import Container
from tlfif.control.submit_job import Submission
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.request import NAMED_TOOL, Task

Script = Callable[[Submission], list[dict[str, Any]]]
"""The data of each delta; the last one may have ``finish_reason``. ``restarted``: there the answer starts over."""


class ScriptedAnswers(OwnAnswers):
    """``asked`` keeps the submissions, oldest first."""

    def __init__(self, container: Container, script: Script) -> None:
        super().__init__(container)
        self.script = script
        self.asked: list[Submission] = []
        self._events: dict[str, list[Event]] = {}

    async def submit(self, asked: Submission) -> AskedJob:
        job = await super().submit(asked)
        self.asked.append(asked)
        deltas = self.script(asked)
        reason = deltas[-1].pop("finish_reason", "stop")
        receipt = {"finish_reason": reason, "prompt_tokens": 3, "completion_tokens": len(deltas)}
        kinds = [
            (EventKind.QUEUED, {}),
            (EventKind.STARTED, {"attempt": 1}),
            *((EventKind.RESTARTED if "restarted" in delta else EventKind.DELTA, delta) for delta in deltas),
            (EventKind.SUCCEEDED, {"receipt": receipt}),
        ]
        self._events[job.state.id] = [
            Event(seq=at, kind=kind, at=0.0, data=data) for at, (kind, data) in enumerate(kinds, 1)
        ]
        # It need not wait for a worker.
        await self._container.jobs.request_cancel(job.state.id, reason="", now=self._container.clock.now())
        return job

    async def log(self, job_id: str, *, owner: str) -> list[Event]:
        return self._events.get(job_id) or await super().log(job_id, owner=owner)

    async def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        yield Followed(events=[], progress="the machine\nstarts")
        for event in (await self.log(job_id, owner=""))[after:]:
            yield Followed(events=[event])


def like_a_model(asked: Submission) -> list[dict[str, Any]]:
    """Two words; a call where the choice demands one, JSON where it must be, a vector for each text. With one
    token: the beginning of it."""
    if asked.task is Task.EMBEDDING:
        vectors = [{"index": at, "values": [3.0, 4.0, 0.0, float(at)]} for at in range(len(asked.messages))]
        return [{"text": "", "embeddings": vectors}]
    if asked.tools is not None and asked.tools.choice not in ("auto", "none"):
        name = asked.tools.choice.removeprefix(NAMED_TOOL)
        name = asked.tools.offered[0].name if name == "required" else name
        begun = {"text": "", "tool_calls": [{"index": 0, "id": "call_1", "name": name, "arguments": ""}]}
        if asked.max_tokens == 1:
            return [{**begun, "finish_reason": "length"}]
        return [
            begun,
            {"text": "", "tool_calls": [{"index": 0, "arguments": '{"city":'}]},
            {
                "text": "",
                "tool_calls": [{"index": 0, "arguments": ' "Graz"'}, {"index": 0, "arguments": "}"}],
                "finish_reason": "tool_calls",
            },
        ]
    words = ['{"city": ', '"Graz"}'] if asked.form is not None else ["Hi ", "there"]
    if asked.max_tokens == 1:
        return [{"text": words[0], "finish_reason": "length"}]
    return [{"text": word, **_logprobs(word, asked.logprobs)} for word in words]


def _logprobs(word: str, others: int | None) -> dict[str, Any]:
    if others is None:
        return {}
    entry = {"token": word, "logprob": -0.5, "bytes": list(word.encode())}
    return {"logprobs": [{**entry, "top_logprobs": [entry] * others}]}
