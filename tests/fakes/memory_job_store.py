"""Jobs in the memory of one process, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tlfif.adapters.local.wakeups import WORK, Wakeups, job_topic
from tlfif.jobs.cursors import list_cursor, list_position
from tlfif.jobs.endings import LEASE_RAN_OUT, after_attempt, after_waiting, terminal_data
from tlfif.jobs.events import Event, EventKind
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
    Outcome,
    QueueCounts,
    SubmitResult,
)
from tlfif.jobs.refusals import (
    cursor_past_end,
    is_next,
    key_used_before,
    lease_lost,
    no_such_job,
    not_ended,
    queue_full,
)
from tlfif.kernel.clock import Ids


@dataclass(slots=True)
class _Entry:
    """A job with what the store alone knows of it."""

    job: Job
    position: int
    wait_seconds: float
    token: str | None = None
    events: list[Event] = field(default_factory=list)

    def log(self, kind: EventKind, now: float, data: dict[str, object] | None = None) -> None:
        seq = len(self.events) + 1
        self.events.append(Event(seq=seq, kind=kind, at=now, data=data or {}))
        self.job = replace(self.job, last_seq=seq)


class MemoryJobStore(JobStore):
    """Used from one event loop. Between two ``await`` nobody else runs, so every method is one step."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._entries: dict[str, _Entry] = {}  # in order of acceptance
        self._by_key: dict[str, str] = {}
        self._accepted = 0
        self._wakeups = Wakeups()

    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        """See :meth:`JobStore.submit`."""
        if job.idempotency_key in self._by_key:
            known = self._entries[self._by_key[job.idempotency_key]].job
            if known.request.fingerprint() != job.request.fingerprint():
                raise key_used_before(known.id)
            return SubmitResult(job=known, created=False)
        queued = len(self._with(JobStatus.QUEUED))
        if queued >= max_queued:
            raise queue_full(queued=queued, limit=max_queued)
        if job.id in self._entries:
            raise ValueError(f"the id {job.id} is taken")
        self._accepted += 1
        stored = Job(
            id=job.id,
            status=JobStatus.QUEUED,
            request=job.request,
            idempotency_key=job.idempotency_key,
            created_at=now,
            expires_at=job.expires_at,
            owner=job.owner,
        )
        entry = _Entry(job=stored, position=self._accepted, wait_seconds=job.expires_at - now)
        self._entries[job.id] = entry
        if job.idempotency_key is not None:
            self._by_key[job.idempotency_key] = job.id
        entry.log(EventKind.QUEUED, now)
        self._wakeups.ring([WORK])
        return SubmitResult(job=entry.job, created=True)

    async def get(self, job_id: str) -> Job:
        """See :meth:`JobStore.get`."""
        return self._entry(job_id).job

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        """See :meth:`JobStore.list_jobs`."""
        if limit < 1:
            raise ValueError("a page holds at least one job")
        before = self._accepted + 1 if cursor is None else list_position(cursor)
        found = [
            e
            for e in reversed(self._entries.values())
            if e.position < before and status in (None, e.job.status) and owner in (None, e.job.owner)
        ]
        shown = found[:limit]
        return JobPage(
            jobs=tuple(e.job for e in shown),
            next_cursor=list_cursor(shown[-1].position) if len(found) > limit else None,
        )

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        """See :meth:`JobStore.answer_times`."""
        found = [
            AnswerTime(
                job_id=job.id,
                machine_id=job.worker_id,
                created_at=job.created_at,
                started_at=job.started_at,
                finished_at=job.finished_at,
            )
            for job in (entry.job for entry in self._entries.values())
            if job.worker_id is not None
            and job.started_at is not None
            and machine_id in (None, job.worker_id)
            and (since is None or job.created_at >= since)
        ]
        return found[-limit:] if limit > 0 else []

    async def counts(self) -> QueueCounts:
        """See :meth:`JobStore.counts`."""
        queued = self._with(JobStatus.QUEUED)
        oldest = queued[0].job if queued else None
        return QueueCounts(
            queued=len(queued),
            running=len(self._with(JobStatus.RUNNING)),
            oldest_queued_at=oldest.created_at if oldest else None,
            oldest_queued_model=oldest.request.model if oldest else None,
        )

    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        """See :meth:`JobStore.claim`."""
        waiting = [
            e
            for e in self._with(JobStatus.QUEUED)
            if e.job.request.model == model and e.job.expires_at >= now and not e.job.cancel_requested
        ]
        claimed: list[ClaimedJob] = []
        for entry in waiting[: max(0, limit)]:
            entry.token = self._ids.new_id("lease")
            attempt = entry.job.attempt + 1
            entry.job = replace(
                entry.job,
                status=JobStatus.RUNNING,
                attempt=attempt,
                worker_id=worker_id,
                lease_expires_at=now + lease_seconds,
                started_at=now,
            )
            entry.log(EventKind.STARTED, now, {"attempt": attempt})
            self._wakeups.ring([job_topic(entry.job.id)])
            lease = Lease(job_id=entry.job.id, token=entry.token, worker_id=worker_id, attempt=attempt)
            claimed.append(ClaimedJob(job=entry.job, lease=lease))
        return claimed

    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        """See :meth:`JobStore.heartbeat`."""
        states: list[LeaseState] = []
        for lease in leases:
            entry = self._held(lease)
            if entry is None:
                states.append(LeaseState(job_id=lease.job_id, held=False))
                continue
            entry.job = replace(entry.job, lease_expires_at=now + lease_seconds)
            cancelled = entry.job.cancel_requested
            states.append(LeaseState(job_id=lease.job_id, held=True, cancel_requested=cancelled))
        return states

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        """See :meth:`JobStore.append`."""
        lost: set[str] = set()
        fresh: list[tuple[_Entry, str]] = []
        last: dict[str, int] = {}
        for write in writes:  # all are looked at before the first is written: a gap leaves no trace
            entry = self._held(write.lease)
            if entry is None:
                lost.add(write.lease.job_id)
            elif is_next(last_seq=last.get(entry.job.id, entry.job.last_seq), seq=write.seq):
                last[entry.job.id] = write.seq
                fresh.append((entry, write.text))
        for entry, text in fresh:
            entry.log(EventKind.DELTA, now, {"text": text})
        self._wakeups.ring([job_topic(job_id) for job_id in last])
        return frozenset(lost)

    async def finish(self, lease: Lease, *, seq: int, text: str, outcome: Outcome, now: float) -> None:
        """See :meth:`JobStore.finish`."""
        entry = self._held(lease)
        if entry is None:
            ended = self._entries.get(lease.job_id)
            if ended is not None and ended.token == lease.token:
                return  # only an end by this very lease leaves its token behind
            raise lease_lost(lease)
        if is_next(last_seq=entry.job.last_seq, seq=seq) and text:
            entry.log(EventKind.DELTA, now, {"text": text})
        self._end(entry, outcome, now)
        entry.token = lease.token

    async def release(self, lease: Lease, *, reason: str, count_attempt: bool, now: float) -> JobStatus:
        """See :meth:`JobStore.release`."""
        entry = self._held(lease)
        if entry is None:
            raise lease_lost(lease)
        return self._end_attempt(entry, reason=reason, count_attempt=count_attempt, now=now)

    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        """See :meth:`JobStore.abandon`."""
        mine = [e for e in self._with(JobStatus.RUNNING) if e.job.worker_id == worker_id]
        for entry in mine:
            self._end_attempt(entry, reason=reason, count_attempt=True, now=now)
        return [e.job.id for e in mine]

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        """See :meth:`JobStore.request_cancel`."""
        entry = self._entry(job_id)
        if entry.job.status.is_terminal or entry.job.cancel_requested:
            return entry.job
        entry.job = replace(entry.job, cancel_requested=True, cancel_reason=reason)
        if entry.job.status is JobStatus.QUEUED:
            self._end(entry, Outcome(status=JobStatus.CANCELLED), now)
        else:
            self._wakeups.ring([WORK])
        return entry.job

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        """See :meth:`JobStore.fail_queued`."""
        outcome = Outcome(status=JobStatus.FAILED, error_code=code, error_message=message)
        waiting = [e for e in self._with(JobStatus.QUEUED) if e.job.request.model == model]
        for entry in waiting:
            self._end(entry, outcome, now)
        return [e.job.id for e in waiting]

    async def reap(self, *, now: float) -> list[str]:
        """See :meth:`JobStore.reap`."""
        late = [e for e in self._with(JobStatus.QUEUED) if e.job.expires_at < now]
        silent = [e for e in self._with(JobStatus.RUNNING) if (e.job.lease_expires_at or 0.0) < now]
        for entry in late:
            self._end(entry, after_waiting(), now)
        for entry in silent:
            self._end_attempt(entry, reason=LEASE_RAN_OUT, count_attempt=True, now=now)
        return [e.job.id for e in (*late, *silent)]

    async def delete(self, job_id: str) -> None:
        """See :meth:`JobStore.delete`."""
        job = self._entry(job_id).job
        if not job.status.is_terminal:
            raise not_ended(job_id)
        self._forget(job)

    async def purge(self, *, finished_before: float, limit: int) -> int:
        """See :meth:`JobStore.purge`."""
        ended = [
            e.job
            for e in self._entries.values()
            if e.job.finished_at is not None and e.job.finished_at < finished_before
        ]
        oldest = sorted(ended, key=_finished_at)[: max(0, limit)]
        for job in oldest:
            self._forget(job)
        return len(oldest)

    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        """See :meth:`JobStore.events`."""
        if limit < 1:
            raise ValueError("ask for at least one event")
        events = self._entry(job_id).events
        if after > len(events):
            raise cursor_past_end(after=after, last_seq=len(events))
        start = max(0, after)
        return events[start : start + limit]

    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        """See :meth:`JobStore.wait_events`."""
        entry = self._entries.get(job_id)
        if entry is None or entry.job.status.is_terminal or len(entry.events) > after:
            return
        with self._wakeups.waiter(job_topic(job_id)) as waiter:
            await waiter.until(timeout)

    async def wait_work(self, *, timeout: float) -> None:
        """See :meth:`JobStore.wait_work`."""
        with self._wakeups.waiter(WORK) as waiter:
            await waiter.until(timeout)

    async def close(self) -> None:
        """See :meth:`JobStore.close`."""
        self._wakeups.ring_all()

    def _forget(self, job: Job) -> None:
        del self._entries[job.id]
        if job.idempotency_key is not None:
            del self._by_key[job.idempotency_key]

    def _with(self, status: JobStatus) -> list[_Entry]:
        return [e for e in self._entries.values() if e.job.status is status]

    def _entry(self, job_id: str) -> _Entry:
        entry = self._entries.get(job_id)
        if entry is None:
            raise no_such_job(job_id)
        return entry

    def _held(self, lease: Lease) -> _Entry | None:
        entry = self._entries.get(lease.job_id)
        if entry is None or entry.job.status is not JobStatus.RUNNING or entry.token != lease.token:
            return None
        return entry

    def _end(self, entry: _Entry, outcome: Outcome, now: float) -> None:
        entry.token = None
        entry.job = replace(
            entry.job,
            status=outcome.status,
            finished_at=now,
            lease_expires_at=None,
            error_code=outcome.error_code,
            error_message=outcome.error_message,
            receipt=outcome.receipt,
        )
        entry.log(EventKind(outcome.status.value), now, terminal_data(outcome))
        self._wakeups.ring([job_topic(entry.job.id)])

    def _end_attempt(self, entry: _Entry, *, reason: str, count_attempt: bool, now: float) -> JobStatus:
        job = entry.job
        outcome = after_attempt(
            attempt=job.attempt,
            count_attempt=count_attempt,
            cancel_requested=job.cancel_requested,
            reason=reason,
        )
        if outcome is not None:
            self._end(entry, outcome, now)
            return outcome.status
        entry.token = None
        entry.job = replace(
            job,
            status=JobStatus.QUEUED,
            attempt=job.attempt if count_attempt else job.attempt - 1,
            worker_id=None,
            lease_expires_at=None,
            started_at=None,
            expires_at=now + entry.wait_seconds,
        )
        entry.log(EventKind.RESTARTED, now, {"reason": reason, "attempt": job.attempt})
        self._wakeups.ring([job_topic(job.id), WORK])
        return JobStatus.QUEUED


def _finished_at(job: Job) -> float:
    return job.finished_at or 0.0
