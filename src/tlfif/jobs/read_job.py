"""Read a job and follow its events."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tlfif.jobs.events import Event, EventKind, answer_calls, answer_text
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Job
from tlfif.jobs.refusals import no_such_job
from tlfif.jobs.request import ToolCall
from tlfif.kernel.clock import Clock

READ_LIMIT = 1000
"""Events per read: bounds memory, and 1,000 batches of 50 ms are 50 seconds of answer."""
PAGE_LETTERS = 2_000_000
"""Of events in one answer: AWS lets a function answer with 6 MB, and vectors are long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSoFar:
    """The answer, what a thinking model wrote before it, and the calls of tools that it asks for."""

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...] = ()


async def owned_job(job_id: str, *, owner: str, jobs: JobStore) -> Job:
    """The job, if it belongs to ``owner``; empty: the owner of this computer, who may see all. Raises NotFoundError,
    also for a job of another owner."""
    job = await jobs.get(job_id)
    if owner and job.owner != owner:
        raise no_such_job(job_id)
    return job


async def read_answer(job_id: str, *, jobs: JobStore) -> AnswerSoFar:
    """The answer so far. Raises NotFoundError."""
    events = await read_log(job_id, jobs=jobs)
    return AnswerSoFar(
        text=answer_text(events),
        reasoning=answer_text(events, part="reasoning"),
        tool_calls=answer_calls(events),
    )


async def read_log(job_id: str, *, jobs: JobStore) -> list[Event]:
    """All events so far. Raises NotFoundError."""
    events: list[Event] = []
    after = 0
    while True:
        batch = await jobs.events(job_id, after=after, limit=READ_LIMIT)
        events += batch
        if len(batch) < READ_LIMIT:
            return events
        after = batch[-1].seq


async def next_events(job_id: str, *, after: int, wait: float, jobs: JobStore, clock: Clock) -> list[Event]:
    """Events beyond ``after``; where there are none yet, wait up to ``wait`` seconds for the first.

    Returns at once at the end of an ended job. Raises NotFoundError, InvalidInputError ``cursor_past_end``.
    """
    deadline = clock.monotonic() + wait
    waited = False
    while True:
        found = await jobs.events(job_id, after=after, limit=READ_LIMIT)
        left = deadline - clock.monotonic()
        if found or left <= 0 or (waited and await _ended_before(job_id, after, jobs)):
            return _one_page(found)
        await jobs.wait_events(job_id, after=after, timeout=left)
        waited = True


def _one_page(events: list[Event]) -> list[Event]:
    """As many of the first events as fit into one answer; one at least."""
    letters = 0
    for number, event in enumerate(events):
        letters += len(json.dumps(event.data)) if len(event.data) > 1 else len(str(event.data.get("text", "")))
        if letters > PAGE_LETTERS and number:
            return events[:number]
    return events


async def follow(job_id: str, *, after: int, jobs: JobStore, beat_seconds: float) -> AsyncIterator[list[Event]]:
    """Batches of events until the last; an empty batch after each ``beat_seconds`` without one, so that
    the connection shows that it is alive.

    Each batch costs two reads of the store, because this runs twenty times a second beside an engine that needs the
    processor. For the same reason a ``started`` event is held back until the first text comes, for one beat at most:
    it arrives just when the engine reads the prompt.
    """
    loop = asyncio.get_running_loop()  # the stores' waits last by its time, too
    beat_at = loop.time() + beat_seconds
    waited = False
    while True:
        found = await jobs.events(job_id, after=after, limit=READ_LIMIT)
        is_due = loop.time() >= beat_at
        if waited and not found and await _ended_before(job_id, after, jobs):
            return
        if is_due or (found and found[-1].kind is not EventKind.STARTED):
            yield found
            beat_at = loop.time() + beat_seconds
            after = found[-1].seq if found else after
            if found and found[-1].kind.is_terminal:
                return
        known = found[-1].seq if found else after
        await jobs.wait_events(job_id, after=known, timeout=max(0.0, beat_at - loop.time()))
        waited = True


async def _ended_before(job_id: str, after: int, jobs: JobStore) -> bool:
    """Whether the reader has the terminal event already."""
    job: Job = await jobs.get(job_id)
    return job.status.is_terminal and after >= job.last_seq
