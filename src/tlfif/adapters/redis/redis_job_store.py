"""Jobs in a Redis or Valkey server that several processes share."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.adapters.redis import job_hashes as hashes
from tlfif.adapters.redis.redis_server import POSITION, RedisServer
from tlfif.jobs import transitions
from tlfif.jobs.cursors import list_position, next_cursor
from tlfif.jobs.events import Event
from tlfif.jobs.job_record import JobRecord, new_record
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
from tlfif.jobs.transitions import Change, Transition
from tlfif.kernel.clock import Ids
from tlfif.kernel.errors import StorageError

_AT_ONCE = 100  # jobs looked at in one request
_TRIES = 50  # against other writers: each of them that is in the way has itself got on


class RedisJobStore(JobStore):
    """Open it with ``open_store.open_redis_job_store``. What survives the server's end is up to its ``appendonly`` and
    ``appendfsync``: ``docs/decisions/0019-a-store-in-redis.md``."""

    def __init__(self, server: RedisServer, ids: Ids) -> None:
        self._server = server
        self._ids = ids

    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        known = hashes.known_key(job.owner, job.idempotency_key)
        step = self._ids.new_id("step")
        record = replace(new_record(job, position=0, now=now), step=step)
        commands = hashes.accepting(record, job.request, known, position=POSITION)
        for _ in range(_TRIES):
            # Asked first and looked at only where the server says no: most submits are one round trip.
            position = await self._server.accept(job.id, known=known, most=max_queued, step=step, commands=commands)
            if position < 0:
                raise ValueError(f"the id {job.id} is taken")
            if position:
                return SubmitResult(job=replace(record, position=position).job(job.request), created=True)
            known_id, queued = await self._server.ask(("GET", known), ("ZCARD", hashes.QUEUE))
            before = await self._known(known_id.decode()) if known_id else None
            repeated = transitions.admit(job, known=before, queued=queued, max_queued=max_queued)
            if repeated is not None:
                return repeated
        raise _crowded()

    async def get(self, job_id: str) -> Job:
        found = await self._known(job_id)
        if found is None:
            raise no_such_job(job_id)
        return found

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        if limit < 1:
            raise ValueError("a page holds at least one job")
        before = None if cursor is None else list_position(cursor)
        found: list[hashes.Found] = []
        async for one in self._walk(hashes.listed(owner, status), newest_first=True, below=before, requests=True):
            found.append(one)
            if len(found) > limit:
                break
        return JobPage(
            jobs=tuple(one.record.job(one.request) for one in found[:limit]),
            next_cursor=next_cursor([one.record for one in found], limit),
        )

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        found: list[AnswerTime] = []
        if limit < 1:
            return found
        async for one, _ in self._walk(hashes.answered(machine_id), newest_first=True):
            if one.worker_id is None or one.started_at is None or machine_id not in (None, one.worker_id):
                continue  # given back meanwhile
            if since is None or one.created_at >= since:
                found.append(
                    AnswerTime(
                        job_id=one.id,
                        machine_id=one.worker_id,
                        created_at=one.created_at,
                        started_at=one.started_at,
                        finished_at=one.finished_at,
                    )
                )
            if len(found) == limit:
                break
        return found[::-1]

    async def counts(self) -> QueueCounts:
        queued, running, first = await self._server.ask(
            ("ZCARD", hashes.QUEUE), ("ZCARD", hashes.RUNNING), ("ZRANGE", hashes.QUEUE, 0, 0)
        )
        oldest = (await self._records([each.decode() for each in first]) or [None])[0]
        return QueueCounts(
            queued=queued,
            running=running,
            oldest_queued_at=oldest.created_at if oldest else None,
            oldest_queued_model=oldest.base if oldest else None,
        )

    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        requests: dict[str, hashes.Found] = {}

        async def waiting() -> list[JobRecord | None]:
            found: list[JobRecord | None] = []
            async for one in self._walk(hashes.queue_of(model), at_once=limit, requests=True):
                if one.record.expires_at >= now:
                    found.append(one.record)
                    requests[one.record.id] = one
                if len(found) >= limit:
                    break
            return found

        def start(record: JobRecord | None) -> Change | None:
            token = self._ids.new_id("lease")
            return transitions.start(record, worker_id=worker_id, token=token, lease_seconds=lease_seconds, now=now)

        if limit < 1:
            return []
        changes = await self._apply(waiting, start)
        return [change.after.claimed(requests[change.after.id].request) for change in changes]

    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        by_id = {lease.job_id: lease for lease in leases}
        rows = await self._server.extend(list(by_id.values()), until=now + lease_seconds)
        extended = [hashes.record_from(row) if row else None for row in rows]
        return [transitions.lease_state(lease, one) for lease, one in zip(by_id.values(), extended, strict=True)]

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        lost: set[str] = set()

        def grow(record: JobRecord | None, lease: Lease, texts: Sequence[DeltaWrite]) -> Change | None:
            if record is None or not record.held_by(lease.token):
                lost.add(lease.job_id)
                return None
            events = transitions.fresh_deltas(texts, last_seq=record.last_seq, now=now)
            after = replace(record, last_seq=events[-1].seq) if events else record
            return Change(before=record, after=after, events=events) if events else None

        for _ in range(_TRIES):
            lost.clear()
            pairs = list(transitions.by_lease(writes).items())
            records = await self._records([lease.job_id for lease, _ in pairs])
            grown = [grow(one, lease, texts) for one, (lease, texts) in zip(records, pairs, strict=True)]
            if await self._save([change for change in grown if change is not None]):
                return frozenset(lost)
        raise _crowded()

    async def change(self, job_id: str, transition: Transition) -> Change | None:
        return next(iter(await self._apply(lambda: self._records([job_id]), transition)), None)

    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        return await self._change_all(
            hashes.RUNNING,
            lambda record: transitions.abandon(record, worker_id, reason=reason, now=now),
        )

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        await self.change(job_id, lambda record: transitions.cancel(record, job_id, reason=reason, now=now))
        return await self.get(job_id)

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        return await self._change_all(
            hashes.queue_of(model),
            lambda record: transitions.fail_waiting(record, code=code, message=message, now=now),
        )

    async def reap(self, *, now: float) -> list[str]:
        return await self._change_all(hashes.DUE, lambda record: transitions.reap(record, now=now), last=f"({now!r}")

    async def delete(self, job_id: str) -> None:
        for _ in range(_TRIES):
            (found,) = await self._records([job_id])
            if await self._forget([transitions.deletable(found, job_id)]):
                return
        raise _crowded()

    async def delete_ended(self, *, owner: str, limit: int) -> int:
        return await self._forget_ended(hashes.ended(owner or None), "+inf", limit)

    async def purge(self, *, finished_before: float, limit: int) -> int:
        return await self._forget_ended(hashes.ended(), f"({finished_before!r}", limit)

    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        if limit < 1:
            raise ValueError("ask for at least one event")
        start = "-" if after < 1 else f"({min(after, 2**62)}-0"
        last, entries = await self._server.ask(
            ("HGET", hashes.job_key(job_id), "last_seq"),
            ("XRANGE", hashes.events_key(job_id), start, "+", "COUNT", limit),
        )
        if last is None:
            raise no_such_job(job_id)
        if after > int(last):
            raise cursor_past_end(after=after, last_seq=int(last))
        return [hashes.event_from(entry) for entry in entries]

    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        self._server.listen(hashes.WAKE_READERS)
        with self._server.wakeups.waiter(job_topic(job_id)) as waiter:
            (record,) = await self._records([job_id])
            if record is not None and record.may_grow(after):
                await waiter.until(timeout)

    async def wait_work(self, *, timeout: float) -> None:
        self._server.listen(hashes.WAKE_WORKERS)
        with self._server.wakeups.waiter(WORK) as waiter:
            await waiter.until(timeout)

    async def close(self) -> None:
        await self._server.close()

    async def _known(self, job_id: str) -> Job | None:
        (row,) = await self._server.ask(("HMGET", hashes.job_key(job_id), *hashes.RECORD, hashes.REQUEST))
        record = hashes.record_from(row[:-1])
        return record.job(hashes.request_from(row[-1])) if record else None

    async def _records(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        rows = await self._server.ask(*(("HMGET", hashes.job_key(each), *hashes.RECORD) for each in job_ids))
        return [hashes.record_from(row) for row in rows]

    async def _walk(
        self,
        place: str,
        *,
        newest_first: bool = False,
        below: int | None = None,
        at_once: int = _AT_ONCE,
        requests: bool = False,
    ) -> AsyncIterator[hashes.Found]:
        """Jobs of a sorted set by acceptance number, and what they ask for where that is wanted. Each request goes on
        behind the number that was seen last, so nobody who adds or takes away meanwhile moves another job out of
        sight."""
        first, last = ("+inf", "-inf") if newest_first else ("-inf", "+inf")
        first = first if below is None else f"({below}"
        names = (*hashes.RECORD, hashes.REQUEST) if requests else hashes.RECORD
        while True:
            page = await self._server.look(place, first, last, newest_first=newest_first, most=at_once, names=names)
            for _, row in page:
                record = hashes.record_from(row[: len(hashes.RECORD)])
                if record is not None:
                    yield hashes.Found(record, row[-1])
            if len(page) < at_once:
                return
            first = f"({page[-1][0]}"

    async def _all(self, place: str, last: str, *, most: int = -1) -> list[JobRecord | None]:
        """Jobs of a sorted set up to a score, as they were at one moment: many may have the same."""
        page = await self._server.look(place, "-inf", last, most=most, names=hashes.RECORD)
        return [hashes.record_from(row) for _, row in page]

    async def _apply(
        self,
        read: Callable[[], Awaitable[Sequence[JobRecord | None]]],
        transition: Transition,
        *,
        beats: bool = False,
    ) -> list[Change]:
        """Read, decide and write all that changes in one step; again where somebody else wrote meanwhile."""
        for _ in range(_TRIES):
            changes = [change for record in await read() if (change := transition(record)) is not None]
            if await self._save(changes, beats=beats):
                return changes
        raise _crowded()

    async def _change_all(self, place: str, transition: Transition, *, last: str = "+inf") -> list[str]:
        changes = await self._apply(lambda: self._all(place, last), transition, beats=True)
        return [each.after.id for each in sorted(changes, key=lambda change: change.after.position)]

    async def _save(self, changes: Sequence[Change], *, beats: bool = False) -> bool:
        if not changes:
            return True
        step = self._ids.new_id("step")
        commands = [command for change in changes for command in hashes.saving(change, step)]
        return await self._server.commit([change.before for change in changes], commands, step=step, beats=beats)

    async def _forget(self, records: Sequence[JobRecord]) -> bool:
        commands = [command for record in records for command in hashes.forgetting(record)]
        return not records or await self._server.commit(records, commands, step=self._ids.new_id("step"))

    async def _forget_ended(self, place: str, last: str, limit: int) -> int:
        for _ in range(_TRIES):
            found = [each for each in await self._all(place, last, most=max(limit, 0)) if each is not None]
            if await self._forget(found):
                return len(found)
        raise _crowded()


def _crowded() -> StorageError:
    return StorageError(
        "Too many write to this job at once. Try again; nothing was changed.", details={"reason": "busy"}
    )
