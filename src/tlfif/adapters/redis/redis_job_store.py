"""Jobs in a Redis or Valkey server that several processes share."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.adapters.redis import job_hashes as hashes
from tlfif.adapters.redis.redis_server import POSITION, RedisServer
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
        for _ in range(_TRIES):
            known_id, queued = await self._server.ask(("GET", known), ("ZCARD", hashes.QUEUE))
            repeated = transitions.admit(job, known=await self._known(known_id), queued=queued, max_queued=max_queued)
            if repeated is not None:
                return repeated
            commands = _accepting(record, job, known)
            position = await self._server.accept(job.id, known=known, most=max_queued, step=step, commands=commands)
            if position < 0:
                raise ValueError(f"the id {job.id} is taken")
            if position:
                return SubmitResult(job=replace(record, position=position).job(job.request), created=True)
        raise _crowded()

    async def get(self, job_id: str) -> Job:
        (found,) = await self._with_requests([job_id])
        if found is None:
            raise no_such_job(job_id)
        return found[0].job(found[1])

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        if limit < 1:
            raise ValueError("a page holds at least one job")
        newest = "+inf" if cursor is None else f"({list_position(cursor)}"
        found: list[JobRecord] = []
        async for record in self._walk("ZREVRANGEBYSCORE", hashes.ALL, newest, "-inf"):
            if status in (None, record.status) and owner in (None, record.owner):
                found.append(record)
            if len(found) > limit:
                break
        jobs = [each for each in await self._with_requests([one.id for one in found[:limit]]) if each is not None]
        return JobPage(jobs=tuple(one.job(request) for one, request in jobs), next_cursor=next_cursor(found, limit))

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        found: list[AnswerTime] = []
        if limit < 1:
            return found
        async for one in self._walk("ZREVRANGEBYSCORE", hashes.ANSWERED, "+inf", "-inf"):
            if one.worker_id is None or one.started_at is None or machine_id not in (None, one.worker_id):
                continue
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
        async def waiting() -> list[JobRecord | None]:
            found: list[JobRecord | None] = []
            async for record in self._walk("ZRANGEBYSCORE", hashes.queue_of(model), "-inf", "+inf"):
                found += [record] if record.expires_at >= now and len(found) < limit else []
                if len(found) >= limit:
                    break
            return found

        def start(record: JobRecord | None) -> Change | None:
            token = self._ids.new_id("lease")
            return transitions.start(record, worker_id=worker_id, token=token, lease_seconds=lease_seconds, now=now)

        if limit < 1:
            return []
        changes = await self._apply(waiting, start)
        claimed = await self._with_requests([change.after.id for change in changes])
        requests = [each[1] for each in claimed if each is not None]
        return [change.after.claimed(request) for change, request in zip(changes, requests, strict=True)]

    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        by_id = {lease.job_id: lease for lease in leases}
        states: list[LeaseState] = []
        for lease in by_id.values():
            change = await self.change(
                lease.job_id, partial(transitions.extend, lease=lease, until=now + lease_seconds)
            )
            states.append(transitions.lease_state(lease, change.after if change else None))
        return states

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
            "+inf",
            lambda record: transitions.abandon(record, worker_id, reason=reason, now=now),
        )

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        await self.change(job_id, lambda record: transitions.cancel(record, job_id, reason=reason, now=now))
        return await self.get(job_id)

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        return await self._change_all(
            hashes.queue_of(model),
            "+inf",
            lambda record: transitions.fail_waiting(record, code=code, message=message, now=now),
        )

    async def reap(self, *, now: float) -> list[str]:
        return await self._change_all(hashes.DUE, f"({now!r}", lambda record: transitions.reap(record, now=now))

    async def delete(self, job_id: str) -> None:
        for _ in range(_TRIES):
            (found,) = await self._records([job_id])
            if await self._forget([transitions.deletable(found, job_id)]):
                return
        raise _crowded()

    async def delete_ended(self, *, owner: str, limit: int) -> int:
        return await self._forget_ended("+inf", lambda record: owner in ("", record.owner), limit)

    async def purge(self, *, finished_before: float, limit: int) -> int:
        return await self._forget_ended(f"({finished_before!r}", lambda _: True, limit)

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
        self._server.listen()
        with self._server.wakeups.waiter(job_topic(job_id)) as waiter:
            (record,) = await self._records([job_id])
            if record is not None and record.may_grow(after):
                await waiter.until(timeout)

    async def wait_work(self, *, timeout: float) -> None:
        self._server.listen()
        with self._server.wakeups.waiter(WORK) as waiter:
            await waiter.until(timeout)

    async def close(self) -> None:
        await self._server.close()

    async def _known(self, job_id: bytes | None) -> Job | None:
        found = (await self._with_requests([job_id.decode()]))[0] if job_id else None
        return found[0].job(found[1]) if found else None

    async def _records(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        rows = await self._server.ask(*(("HMGET", hashes.job_key(each), *hashes.RECORD) for each in job_ids))
        return [hashes.record_from(row) for row in rows]

    async def _with_requests(self, job_ids: Sequence[str]) -> list[tuple[JobRecord, GenerationRequest] | None]:
        names = (*hashes.RECORD, hashes.REQUEST)
        rows = await self._server.ask(*(("HMGET", hashes.job_key(each), *names) for each in job_ids))
        found = [(hashes.record_from(row[:-1]), row[-1]) for row in rows]
        return [None if one is None else (one, hashes.request_from(body)) for one, body in found]

    async def _walk(self, command: str, place: str, first: str, last: str) -> AsyncIterator[JobRecord]:
        """Jobs of a sorted set, in its order; what is deleted meanwhile is passed over."""
        start = 0
        while True:
            (ids,) = await self._server.ask((command, place, first, last, "LIMIT", start, _AT_ONCE))
            for record in await self._records([each.decode() for each in ids]) if ids else []:
                if record is not None:
                    yield record
            if len(ids) < _AT_ONCE:
                return
            start += _AT_ONCE

    async def _apply(
        self, read: Callable[[], Awaitable[Sequence[JobRecord | None]]], transition: Transition
    ) -> list[Change]:
        """Read, decide and write all that changes in one step; again where somebody else wrote meanwhile."""
        for _ in range(_TRIES):
            changes = [change for record in await read() if (change := transition(record)) is not None]
            if await self._save(changes):
                return changes
        raise _crowded()

    async def _change_all(self, place: str, last: str, transition: Transition) -> list[str]:
        async def read() -> list[JobRecord | None]:
            return [record async for record in self._walk("ZRANGEBYSCORE", place, "-inf", last)]

        changes = await self._apply(read, transition)
        return [each.after.id for each in sorted(changes, key=lambda change: change.after.position)]

    async def _save(self, changes: Sequence[Change]) -> bool:
        if not changes:
            return True
        step = self._ids.new_id("step")
        commands = [command for change in changes for command in hashes.saving(change, step)]
        return await self._server.commit([change.before for change in changes], commands, step=step)

    async def _forget(self, records: Sequence[JobRecord]) -> bool:
        commands = [command for record in records for command in hashes.forgetting(record)]
        return not records or await self._server.commit(records, commands, step=self._ids.new_id("step"))

    async def _forget_ended(self, last: str, chosen: Callable[[JobRecord], bool], limit: int) -> int:
        for _ in range(_TRIES):
            found: list[JobRecord] = []
            async for record in self._walk("ZRANGEBYSCORE", hashes.ENDED, "-inf", last):
                found += [record] if chosen(record) and len(found) < limit else []
                if len(found) >= limit:
                    break
            if await self._forget(found):
                return len(found)
        raise _crowded()


def _accepting(record: JobRecord, job: NewJob, known: str) -> list[hashes.Command]:
    """What is written of a new job, whose number the server fills in."""
    values = hashes.job_hash(record, job.request)
    values[values.index("position") + 1] = POSITION
    commands: list[hashes.Command] = [("HSET", hashes.job_key(job.id), *values)]
    commands += hashes.adding_events(job.id, [first_event(record)])
    for place, score in hashes.places(record).items():
        commands.append(("ZADD", place, repr(score) if place == hashes.DUE else POSITION, job.id))
    commands += [("SET", known, job.id)] if known else []
    return [*commands, ("PUBLISH", hashes.WAKE, WORK)]


def _crowded() -> StorageError:
    return StorageError(
        "Too many write to this job at once. Try again; nothing was changed.", details={"reason": "busy"}
    )
