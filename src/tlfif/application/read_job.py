"""Read a job and follow its events."""

from collections.abc import AsyncIterator

from tlfif.domain.errors import InvalidInputError
from tlfif.domain.events import Event, answer_text
from tlfif.domain.jobs import Job
from tlfif.ports.clock import Clock
from tlfif.ports.job_store import JobStore

READ_LIMIT = 1000
"""Events per read: bounds memory, and 1,000 batches of 50 ms are 50 seconds of answer."""


async def read_answer(job_id: str, *, jobs: JobStore) -> str:
    """The text of the answer so far. Raises NotFoundError."""
    events: list[Event] = []
    after = 0
    while True:
        batch = await jobs.events(job_id, after=after, limit=READ_LIMIT)
        events += batch
        if len(batch) < READ_LIMIT:
            return answer_text(events)
        after = batch[-1].seq


async def next_events(job_id: str, *, after: int, wait: float, jobs: JobStore, clock: Clock) -> list[Event]:
    """Events beyond ``after``; where there are none yet, wait up to ``wait`` seconds for the first.

    Returns at once at the end of an ended job. Raises NotFoundError, InvalidInputError ``cursor_past_end``.
    """
    deadline = clock.monotonic() + wait
    while True:
        found = await jobs.events(job_id, after=after, limit=READ_LIMIT)
        left = deadline - clock.monotonic()
        if found or left <= 0 or (await jobs.get(job_id)).status.is_terminal:
            return found
        await jobs.wait_events(job_id, after=after, timeout=left)


async def follow(
    job_id: str, *, after: int, jobs: JobStore, clock: Clock, beat_seconds: float
) -> AsyncIterator[list[Event]]:
    """Batches of events until the last; an empty batch each ``beat_seconds`` without news, to show life."""
    while True:
        found = await next_events(job_id, after=after, wait=beat_seconds, jobs=jobs, clock=clock)
        yield found
        if found:
            after = found[-1].seq
            if found[-1].kind.is_terminal:
                return
        elif await _ended_before(job_id, after, jobs):
            return


async def _ended_before(job_id: str, after: int, jobs: JobStore) -> bool:
    """Whether the reader has the terminal event already."""
    job: Job = await jobs.get(job_id)
    if after > job.last_seq:
        raise InvalidInputError("The cursor is past the end of this answer.", code="cursor_past_end")
    return job.status.is_terminal and after >= job.last_seq
