"""Jobs in DynamoDB, long texts in S3, notifications over SQS."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.jobs import dynamo_job_reads as reads
from tlfif.adapters.aws.jobs.dynamo_job_append import Appending
from tlfif.adapters.aws.jobs.dynamo_job_claim import Claiming
from tlfif.adapters.aws.jobs.dynamo_job_items import QUEUE, RUNNING
from tlfif.adapters.aws.jobs.dynamo_job_notifier import CANCEL, RELEASED, SUBMITTED, Notifier, PollResult
from tlfif.adapters.aws.jobs.dynamo_job_submit import Acceptance, forget
from tlfif.adapters.aws.jobs.dynamo_job_table import JobTable, side_by_side
from tlfif.adapters.local.wakeups import WORK, Waiter, Wakeups, job_topic, topics_of
from tlfif.jobs import transitions
from tlfif.jobs.events import Event
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import (
    AnswerTime,
    ClaimedJob,
    DeltaWrite,
    Job,
    JobPage,
    JobStatus,
    Lease,
    LeaseState,
    NewJob,
    QueueCounts,
    SubmitResult,
)
from tlfif.jobs.refusals import no_such_job
from tlfif.jobs.transitions import Change, Transition
from tlfif.kernel.clock import Clock, Ids

POLL_SECONDS = 0.25
"""How often a reader looks for events that another process wrote."""
_QUEUE_PAGE = 1000


class DynamoJobStore(JobStore):
    """The AWS home's job store; open it with ``dynamo_job_opening.open_dynamo_job_store``.

    What DynamoDB cannot do as the port says, and what happens instead:

    * The limit of waiting jobs is checked before a job is written: concurrent submits may exceed it by as many as they
      are. To be exact, all of them would have to write one item, one after another.
    * A job is in the list (:meth:`list_jobs`, :meth:`answer_times`, :meth:`purge`) a moment after it was accepted or
      ended, most often within a second: their index follows the table. The status of a listed job is always current.
    * One :meth:`append` for more than 40 jobs, or of more text than one transaction takes, is one step for each part.
      All gaps are found before the first is written.
    * :meth:`fail_queued`, :meth:`reap`, :meth:`abandon` and :meth:`purge` take job by job: if AWS fails
      half-way, the jobs already changed stay changed, and the next call does the rest.
    * A read of many items is not a snapshot: for some milliseconds a job may be shown as ended before its last event
      is. Events are never shown with a gap.
    """

    def __init__(self, table: JobTable, *, clock: Clock, ids: Ids) -> None:
        self._table = table
        self._clock = clock
        self._ids = ids
        self._wakeups = Wakeups()
        self._notifier: Notifier | None = None
        self._closed = False

    def connect(self, notifier: Notifier) -> None:
        """Notify and be notified by this from now on."""
        self._notifier = notifier

    def work_arrived(self) -> None:
        """Wake whoever waits for work."""
        self._wakeups.notify([WORK])

    async def still_waiting(self, job_ids: Collection[str]) -> set[str]:
        """Those of the jobs that wait for a worker."""
        return {each.id for each in await self._table.records(job_ids) if each.status is JobStatus.QUEUED}

    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        result = await Acceptance(self._table, job, now=now, max_queued=max_queued).run()
        if result.created:
            self._wakeups.notify([WORK])
            if self._notifier is not None:
                await self._notifier.notify(SUBMITTED, [job.id])
        return result

    async def get(self, job_id: str) -> Job:
        found = await self._table.load(job_id)
        if found is None:
            raise no_such_job(job_id)
        record, request = found
        return record.job(request)

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        if limit < 1:
            raise ValueError("a page holds at least one job")
        return await reads.listed(self._table, limit=limit, cursor=cursor, status=status, owner=owner)

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        return await reads.answer_times(self._table, limit=limit, machine_id=machine_id, since=since)

    async def counts(self) -> QueueCounts:
        return await reads.counts(self._table)

    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        if limit < 1:
            return []
        claiming = Claiming(
            self._table, self._ids, worker_id=worker_id, model=model, lease_seconds=lease_seconds, now=now
        )
        await claiming.run(limit)
        job_ids = [one.job.id for one in claiming.claimed]
        self._wakeups.notify(job_topic(job_id) for job_id in job_ids)
        if self._notifier is not None:
            self._notifier.discard(job_ids)
        return claiming.claimed

    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        async def extend(lease: Lease) -> LeaseState:
            record = await self._table.extend(lease.job_id, lease.token, until=now + lease_seconds)
            return transitions.lease_state(lease, record)

        return await side_by_side(extend, leases)

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        appending = Appending(self._table, writes, now=now)
        try:
            await appending.run()
        finally:
            self._wakeups.notify(job_topic(job_id) for job_id in appending.told)
        return frozenset(appending.lost)

    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        theirs = [
            item["sk"] async for page in self._table.pages(RUNNING) for item in page if item["worker"] == worker_id
        ]
        return await self._change_all(
            theirs, lambda record: transitions.abandon(record, worker_id, reason=reason, now=now)
        )

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        await self.change(job_id, lambda record: transitions.cancel(record, job_id, reason=reason, now=now))
        return await self.get(job_id)

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        waiting = [item["job"] async for item in self._queue() if item["model"] == model]
        return await self._change_all(
            waiting, lambda record: transitions.fail_waiting(record, code=code, message=message, now=now)
        )

    async def reap(self, *, now: float) -> list[str]:
        """See :meth:`JobStore.reap`. Waits first, so that no job is given back and expired in one go."""

        def reap(record: JobRecord | None) -> Change | None:
            return transitions.reap(record, now=now)

        late = [item["job"] async for item in self._queue() if item["expires_at"] < now]
        changed = await self._change_all(late, reap)
        async for page in self._table.pages(RUNNING):
            silent = filter(reap, await self._table.records(item["sk"] for item in page))
            in_order = sorted(silent, key=lambda record: record.position)
            changed += await self._change_all((record.id for record in in_order), reap)
        return changed

    async def delete(self, job_id: str) -> None:
        await forget(self._table, transitions.deletable(await self._table.record(job_id), job_id))

    async def delete_ended(self, *, owner: str, limit: int) -> int:
        return await self._forget_all(await reads.longest_ended(self._table, owner=owner or None, limit=limit))

    async def purge(self, *, finished_before: float, limit: int) -> int:
        return await self._forget_all(await reads.longest_ended(self._table, before=finished_before, limit=limit))

    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        if limit < 1:
            raise ValueError("ask for at least one event")
        return await reads.events_after(self._table, job_id, after=after, limit=limit)

    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        """See :meth:`JobStore.wait_events`. Reads every :data:`POLL_SECONDS`; what this process writes itself wakes the
        reader at once."""
        deadline = self._clock.monotonic() + timeout
        with self._wakeups.waiter(job_topic(job_id)) as waiter:
            while (left := deadline - self._clock.monotonic()) > 0 and await self._may_follow(job_id, after):
                pause = asyncio.create_task(self._clock.sleep(min(POLL_SECONDS, left)))
                try:
                    if await _over_before(pause, waiter, left):
                        return
                finally:
                    pause.cancel()

    async def wait_work(self, *, timeout: float) -> None:
        """See :meth:`JobStore.wait_work`. If the queue fails, the time-out is waited for: work is then found late."""
        deadline = self._clock.monotonic() + timeout
        with self._wakeups.waiter(WORK) as waiter:
            while self._notifier is not None and (left := deadline - self._clock.monotonic()) > 0:
                poll = self._notifier.poll(left)
                if await _over_before(poll, waiter, left) or poll.cancelled() or poll.result() is PollResult.NOTIFIED:
                    return
                if left < 1 or poll.result() is PollResult.FAILED:
                    break  # a poll lasts whole seconds; and a failing queue is not polled again and again
            await waiter.until(deadline - self._clock.monotonic())

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._wakeups.notify_all()
        if self._notifier is not None:
            await self._notifier.close()
        self._table.close()

    async def _forget_all(self, records: list[JobRecord]) -> int:
        return len(await side_by_side(lambda record: forget(self._table, record), records))

    async def change(self, job_id: str, transition: Transition) -> Change | None:
        change = await self._table.change(job_id, transition)
        if change is not None:
            await self._tell(change)
        return change

    async def _change_all(self, job_ids: Iterable[str], transition: Transition) -> list[str]:
        """The ids of those that changed."""
        changes = await side_by_side(lambda job_id: self.change(job_id, transition), job_ids)
        return [change.after.id for change in changes if change is not None]

    async def _tell(self, change: Change) -> None:
        """Wake readers and workers that the change concerns, in this process and in others."""
        job_id, released = change.after.id, change.after.status is JobStatus.QUEUED
        self._wakeups.notify(topics_of(change))
        if self._notifier is not None and change.before.status is JobStatus.QUEUED:
            self._notifier.discard([job_id])
        if self._notifier is not None and change.concerns_workers:
            await self._notifier.notify(RELEASED if released else CANCEL, [job_id])

    async def _queue(self) -> AsyncIterator[Item]:
        async for page in self._table.pages(QUEUE, size=_QUEUE_PAGE):
            for item in page:
                yield item

    async def _may_follow(self, job_id: str, after: int) -> bool:
        """Whether it makes sense to wait: nothing beyond ``after`` is there, and more may come."""
        record = await self._table.glance(job_id) or await self._table.record(job_id)
        return record is not None and record.may_grow(after)


async def _over_before(other: "asyncio.Task[Any]", waiter: Waiter, left: float) -> bool:
    """Whether the wait is over, by a wake-up or its time, before ``other`` is."""
    waiting = asyncio.create_task(waiter.until(left))
    try:
        await asyncio.wait({waiting, other}, return_when=asyncio.FIRST_COMPLETED)
        return not other.done()
    finally:
        waiting.cancel()
