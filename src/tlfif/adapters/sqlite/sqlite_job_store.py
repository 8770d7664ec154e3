"""Jobs in a SQLite file that several processes share."""

import sqlite3
from collections.abc import Sequence

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.adapters.sqlite import job_transactions as transactions
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.notification_listener import POLL_SECONDS, NotificationListener
from tlfif.adapters.sqlite.job_rows import SELECT_JOB, event_from, job_from
from tlfif.jobs.cursors import list_cursor, list_position
from tlfif.jobs.events import Event
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
from tlfif.jobs.refusals import cursor_past_end
from tlfif.kernel.clock import Ids

_NEWEST = 2**62
"""Beyond every position."""


class SqliteJobStore(JobStore):
    """The embedded home's job store; open it with ``stores.open_sqlite_stores``.

    What a person did or is told of as final (submit, finish, release, cancel) survives power loss; tokens, claims
    and heartbeats survive any end of the process.
    """

    def __init__(self, database: Database, ids: Ids, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._ids = ids
        self._listener = NotificationListener(database, poll_seconds=poll_seconds)
        self._closed = False
        database.share()

    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        """See :meth:`JobStore.submit`."""
        return await self._database.write(
            lambda c, topics: transactions.submit(c, topics, job, now, max_queued), durable=True
        )

    async def get(self, job_id: str) -> Job:
        """See :meth:`JobStore.get`."""
        return await self._database.read(lambda c: transactions.stored_job(c, job_id))

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        """See :meth:`JobStore.list_jobs`."""
        if limit < 1:
            raise ValueError("a page holds at least one job")
        before = _NEWEST if cursor is None else list_position(cursor)
        return await self._database.read(lambda c: _page(c, limit, before, status, owner))

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        """See :meth:`JobStore.answer_times`."""
        return await self._database.read(lambda c: _answer_times(c, max(0, limit), machine_id, since))

    async def counts(self) -> QueueCounts:
        """See :meth:`JobStore.counts`."""
        return await self._database.read(_counts)

    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        """See :meth:`JobStore.claim`."""
        if limit < 1:
            return []
        if not await self._database.read(lambda c: transactions.work_waits(c, model, now)):
            return []
        return await self._database.write(
            lambda c, topics: transactions.claim(
                c,
                topics,
                worker_id=worker_id,
                model=model,
                limit=limit,
                lease_seconds=lease_seconds,
                now=now,
                ids=self._ids,
            ),
            durable=False,
        )

    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        """See :meth:`JobStore.heartbeat`."""
        if not leases:
            return []
        return await self._database.write(
            lambda c, _: transactions.heartbeat(c, leases, now + lease_seconds), durable=False
        )

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        """See :meth:`JobStore.append`."""
        if not writes:
            return frozenset()
        return await self._database.write(lambda c, topics: transactions.append(c, topics, writes, now), durable=False)

    async def finish(self, lease: Lease, *, seq: int, text: str, outcome: Outcome, now: float) -> None:
        """See :meth:`JobStore.finish`."""
        await self._database.write(
            lambda c, topics: transactions.finish(c, topics, lease, seq=seq, text=text, outcome=outcome, now=now),
            durable=True,
        )

    async def release(self, lease: Lease, *, reason: str, count_attempt: bool, now: float) -> JobStatus:
        """See :meth:`JobStore.release`."""
        return await self._database.write(
            lambda c, topics: transactions.release(
                c, topics, lease, reason=reason, count_attempt=count_attempt, now=now
            ),
            durable=True,
        )

    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        """See :meth:`JobStore.abandon`."""
        return await self._database.write(
            lambda c, topics: transactions.abandon(c, topics, worker_id, reason=reason, now=now), durable=True
        )

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        """See :meth:`JobStore.request_cancel`."""
        return await self._database.write(
            lambda c, topics: transactions.request_cancel(c, topics, job_id, reason=reason, now=now),
            durable=True,
        )

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        """See :meth:`JobStore.fail_queued`."""
        return await self._database.write(
            lambda c, topics: transactions.fail_queued(c, topics, model=model, code=code, message=message, now=now),
            durable=True,
        )

    async def reap(self, *, now: float) -> list[str]:
        """See :meth:`JobStore.reap`."""
        changed = await self._database.write_if(
            lambda c: transactions.something_to_reap(c, now),
            lambda c, topics: transactions.reap(c, topics, now),
            durable=True,
        )
        return changed or []

    async def delete(self, job_id: str) -> None:
        """See :meth:`JobStore.delete`."""
        await self._database.write(lambda c, _: transactions.delete(c, job_id), durable=True)

    async def purge(self, *, finished_before: float, limit: int) -> int:
        """See :meth:`JobStore.purge`."""
        if limit < 1:
            return 0
        return await self._database.write(
            lambda c, _: c.execute(transactions.PURGE, (finished_before, limit)).rowcount, durable=True
        )

    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        """See :meth:`JobStore.events`."""
        if limit < 1:
            raise ValueError("ask for at least one event")
        return await self._database.read(lambda c: _events(c, job_id, after, limit))

    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        """See :meth:`JobStore.wait_events`."""
        await self._listener.ensure_listening()
        with self._database.wakeups.waiter(job_topic(job_id)) as waiter:
            if await self._database.read(lambda c: _may_follow(c, job_id, after)):
                await waiter.until(timeout)

    async def wait_work(self, *, timeout: float) -> None:
        """See :meth:`JobStore.wait_work`."""
        await self._listener.ensure_listening()
        with self._database.wakeups.waiter(WORK) as waiter:
            await waiter.until(timeout)

    async def close(self) -> None:
        """See :meth:`JobStore.close`."""
        if not self._closed:
            self._closed = True
            await self._listener.close()
            await self._database.release()


def _page(
    connection: sqlite3.Connection, limit: int, before: int, status: JobStatus | None, owner: str | None
) -> JobPage:
    chosen = ("" if status is None else "j.status = :status AND ") + ("" if owner is None else "j.owner = :owner AND ")
    rows = connection.execute(
        f"{SELECT_JOB} WHERE {chosen} j.position < :before ORDER BY j.position DESC LIMIT :most",  # constants
        {"status": status and status.value, "owner": owner, "before": before, "most": limit + 1},
    ).fetchall()
    shown = rows[:limit]
    more = len(rows) > limit
    return JobPage(
        jobs=tuple(job_from(row) for row in shown),
        next_cursor=list_cursor(shown[-1][-1]) if more else None,
    )


def _answer_times(
    connection: sqlite3.Connection, limit: int, machine_id: str | None, since: float | None
) -> list[AnswerTime]:
    whose = "worker_id IS NOT NULL" if machine_id is None else "worker_id = :machine"
    when = "" if since is None else "AND created_at >= :since"
    rows = connection.execute(
        "SELECT id, worker_id, created_at, started_at, finished_at FROM jobs "  # noqa: S608  # constants
        f"WHERE started_at IS NOT NULL AND {whose} {when} ORDER BY position DESC LIMIT :limit",
        {"machine": machine_id, "since": since, "limit": limit},
    ).fetchall()
    return [
        AnswerTime(job_id=row[0], machine_id=row[1], created_at=row[2], started_at=row[3], finished_at=row[4])
        for row in reversed(rows)
    ]


def _counts(connection: sqlite3.Connection) -> QueueCounts:
    queued, running = connection.execute(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE status = 'queued'),"
        " (SELECT COUNT(*) FROM jobs WHERE status = 'running')"
    ).fetchone()
    oldest = connection.execute(
        "SELECT created_at, model FROM jobs WHERE status = 'queued' ORDER BY position LIMIT 1"
    ).fetchone() or (None, None)
    return QueueCounts(queued=queued, running=running, oldest_queued_at=oldest[0], oldest_queued_model=oldest[1])


def _events(connection: sqlite3.Connection, job_id: str, after: int, limit: int) -> list[Event]:
    position, last = transactions.position_and_last_seq(connection, job_id)
    if after > last:
        raise cursor_past_end(after=after, last_seq=last)
    rows = connection.execute(
        "SELECT seq, kind, at, data FROM events WHERE position = ? AND seq > ? ORDER BY seq LIMIT ?",
        (position, after, limit),
    ).fetchall()
    return [event_from(row) for row in rows]


def _may_follow(connection: sqlite3.Connection, job_id: str, after: int) -> bool:
    """Whether it makes sense to wait: nothing beyond ``after`` is there, and more may come."""
    row = connection.execute(
        "SELECT (SELECT MAX(seq) FROM events e WHERE e.position = j.position) FROM jobs j "
        "WHERE j.id = ? AND j.status IN ('queued', 'running')",
        (job_id,),
    ).fetchone()
    return row is not None and row[0] <= after
