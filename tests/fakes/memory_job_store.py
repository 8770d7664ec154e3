"""Jobs in the memory of one process, for tests: the transitions, and a dictionary to apply them to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tlfif.adapters.local.wakeups import WORK, Wakeups, job_topic, topics_of
from tlfif.jobs import transitions
from tlfif.jobs.cursors import list_position, next_cursor
from tlfif.jobs.events import Event
from tlfif.jobs.job_record import JobRecord, first_event, new_record
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
from tlfif.jobs.refusals import cursor_past_end, no_such_job
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.transitions import Change, Transition
from tlfif.kernel.clock import Ids


class MemoryJobStore(JobStore):
    """Used from one event loop. Between two ``await`` nobody else runs, so every method is one step."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._records: dict[str, JobRecord] = {}  # in order of acceptance
        self._requests: dict[str, GenerationRequest] = {}
        self._events: dict[str, list[Event]] = {}
        self._accepted = 0
        self._wakeups = Wakeups()

    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        key = job.idempotency_key
        same_key = [each for each in self._records.values() if key is not None and each.idempotency_key == key]
        known = self._job(same_key[0]) if same_key else None
        queued = len(self._with(JobStatus.QUEUED))
        repeated = transitions.admit(job, known=known, queued=queued, max_queued=max_queued)
        if repeated is not None:
            return repeated
        if job.id in self._records:
            raise ValueError(f"the id {job.id} is taken")
        self._accepted += 1
        record = new_record(job, position=self._accepted, now=now)
        self._records[job.id], self._requests[job.id] = record, job.request
        self._events[job.id] = [first_event(record)]
        self._wakeups.notify([WORK])
        return SubmitResult(job=self._job(record), created=True)

    async def get(self, job_id: str) -> Job:
        return self._job(self._record(job_id))

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        if limit < 1:
            raise ValueError("a page holds at least one job")
        before = self._accepted + 1 if cursor is None else list_position(cursor)
        found = [
            each
            for each in reversed(self._records.values())
            if each.position < before and status in (None, each.status) and owner in (None, each.owner)
        ]
        return JobPage(jobs=tuple(map(self._job, found[:limit])), next_cursor=next_cursor(found, limit))

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        found = [
            AnswerTime(
                job_id=each.id,
                machine_id=each.worker_id,
                created_at=each.created_at,
                started_at=each.started_at,
                finished_at=each.finished_at,
            )
            for each in self._records.values()
            if each.worker_id is not None
            and each.started_at is not None
            and machine_id in (None, each.worker_id)
            and (since is None or each.created_at >= since)
        ]
        return found[-limit:] if limit > 0 else []

    async def counts(self) -> QueueCounts:
        queued = self._with(JobStatus.QUEUED)
        return QueueCounts(
            queued=len(queued),
            running=len(self._with(JobStatus.RUNNING)),
            oldest_queued_at=queued[0].created_at if queued else None,
            oldest_queued_model=queued[0].base if queued else None,
        )

    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        claimed: list[ClaimedJob] = []
        for record in self._with(JobStatus.QUEUED):
            if record.base == model and len(claimed) < limit:
                token = self._ids.new_id("lease")
                change = self._write(
                    transitions.start(record, worker_id=worker_id, token=token, lease_seconds=lease_seconds, now=now)
                )
                claimed += [change.after.claimed(self._requests[record.id])] if change else []
        return claimed

    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        states: list[LeaseState] = []
        for lease in leases:
            record = self._records.get(lease.job_id)
            change = self._write(transitions.extend(record, lease, until=now + lease_seconds))
            states.append(transitions.lease_state(lease, change.after if change else None))
        return states

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        changes: list[Change] = []
        lost: set[str] = set()
        for lease, texts in transitions.by_lease(writes).items():
            record = self._records.get(lease.job_id)
            if record is None or not record.held_by(lease.token):
                lost.add(lease.job_id)
            elif events := transitions.fresh_deltas(texts, last_seq=record.last_seq, now=now):
                after = replace(record, last_seq=events[-1].seq)
                changes.append(Change(before=record, after=after, events=events))
        for change in changes:  # all or nothing: no gap was found
            self._write(change)
        return frozenset(lost)

    async def change(self, job_id: str, transition: Transition) -> Change | None:
        return self._write(transition(self._records.get(job_id)))

    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        return self._change_all(lambda record: transitions.abandon(record, worker_id, reason=reason, now=now))

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        self._write(transitions.cancel(self._records.get(job_id), job_id, reason=reason, now=now))
        return await self.get(job_id)

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        waiting = [each for each in self._records.values() if each.base == model]
        return self._change_all(
            lambda record: transitions.fail_waiting(record, code=code, message=message, now=now), waiting
        )

    async def reap(self, *, now: float) -> list[str]:
        return self._change_all(lambda record: transitions.reap(record, now=now))

    async def delete(self, job_id: str) -> None:
        self._forget(transitions.deletable(self._records.get(job_id), job_id))

    async def delete_ended(self, *, owner: str, limit: int) -> int:
        return self._forget_ended(lambda record, at: owner in ("", record.owner), limit)

    async def purge(self, *, finished_before: float, limit: int) -> int:
        return self._forget_ended(lambda record, at: at < finished_before, limit)

    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        if limit < 1:
            raise ValueError("ask for at least one event")
        last_seq = self._record(job_id).last_seq
        if after > last_seq:
            raise cursor_past_end(after=after, last_seq=last_seq)
        return self._events[job_id][max(0, after) :][:limit]

    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        record = self._records.get(job_id)
        if record is not None and record.may_grow(after):
            with self._wakeups.waiter(job_topic(job_id)) as waiter:
                await waiter.until(timeout)

    async def wait_work(self, *, timeout: float) -> None:
        with self._wakeups.waiter(WORK) as waiter:
            await waiter.until(timeout)

    async def close(self) -> None:
        self._wakeups.notify_all()

    def _record(self, job_id: str) -> JobRecord:
        if job_id not in self._records:
            raise no_such_job(job_id)
        return self._records[job_id]

    def _job(self, record: JobRecord) -> Job:
        return record.job(self._requests[record.id])

    def _with(self, status: JobStatus) -> list[JobRecord]:
        return [each for each in self._records.values() if each.status is status]

    def _write(self, change: Change | None) -> Change | None:
        if change is not None:
            self._records[change.after.id] = change.after
            self._events[change.after.id] += change.events
            self._wakeups.notify(topics_of(change))
        return change

    def _change_all(self, transition: Transition, records: Iterable[JobRecord] | None = None) -> list[str]:
        found = self._records.values() if records is None else records
        changes = [change for each in found if (change := transition(each)) is not None]
        for change in changes:
            self._write(change)
        return [change.after.id for change in changes]

    def _forget_ended(self, chosen: Callable[[JobRecord, float], bool], limit: int) -> int:
        ended = [(each.finished_at, each) for each in self._records.values() if each.finished_at is not None]
        due = [each for at, each in sorted(ended, key=lambda one: one[0]) if chosen(each, at)][: max(0, limit)]
        for record in due:
            self._forget(record)
        return len(due)

    def _forget(self, record: JobRecord) -> None:
        for kept in (self._records, self._requests, self._events):
            del kept[record.id]
