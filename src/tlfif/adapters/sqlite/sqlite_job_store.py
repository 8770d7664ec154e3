"""Jobs in a SQLite file that several processes share."""

import sqlite3
from collections.abc import Sequence

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.adapters.sqlite import job_reads, job_transactions
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.notification_listener import POLL_SECONDS, NotificationListener
from tlfif.adapters.sqlite.file.wiper import Wiper
from tlfif.jobs import transitions
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
    QueueCounts,
    SubmitResult,
)
from tlfif.jobs.transitions import Change, Transition
from tlfif.kernel.clock import Ids


class SqliteJobStore(JobStore):
    """The embedded home's job store; open it with ``stores.open_sqlite_stores``.

    What a person did or is told of as final (submit, finish, release, cancel) survives power loss; tokens, claims
    and heartbeats survive any end of the process.
    """

    def __init__(self, database: Database, ids: Ids, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._ids = ids
        self._listener = NotificationListener(database, poll_seconds=poll_seconds)
        self.wiper = Wiper(database)
        self._closed = False
        database.share(self)

    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        return await self._database.write(
            lambda c, topics: job_transactions.submit(c, topics, job, now, max_queued), durable=True
        )

    async def get(self, job_id: str) -> Job:
        return await self._database.read(lambda c: job_reads.stored_job(c, job_id))

    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        if limit < 1:
            raise ValueError("a page holds at least one job")
        return await self._database.read(lambda c: job_reads.page(c, limit, cursor, status, owner))

    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        return await self._database.read(lambda c: job_reads.answer_times(c, max(0, limit), machine_id, since))

    async def counts(self) -> QueueCounts:
        return await self._database.read(job_reads.counts)

    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        if limit < 1:
            return []
        return await self._database.write(
            lambda c, _: job_transactions.claim(
                c,
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
        if not leases:
            return []
        return await self._database.write(
            lambda c, topics: job_transactions.heartbeat(c, topics, leases, now + lease_seconds), durable=False
        )

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        if not writes:
            return frozenset()
        return await self._database.write(
            lambda c, topics: job_transactions.append(c, topics, writes, now), durable=False
        )

    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        return await self._change_all(
            "j.status = 'running' AND j.worker_id = ?",
            (worker_id,),
            lambda record: transitions.abandon(record, worker_id, reason=reason, now=now),
        )

    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        def cancel(connection: sqlite3.Connection, topics: set[str]) -> Job:
            job_transactions.change_one(
                connection, topics, job_id, lambda record: transitions.cancel(record, job_id, reason=reason, now=now)
            )
            return job_reads.stored_job(connection, job_id)

        return await self._database.write(cancel, durable=True)

    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        return await self._change_all(
            "j.status = 'queued' AND j.base = ?",
            (model,),
            lambda record: transitions.fail_waiting(record, code=code, message=message, now=now),
        )

    async def reap(self, *, now: float) -> list[str]:
        due = (job_transactions.DUE, (now, now))
        if not await self._database.read(lambda c: job_reads.exists(c, *due)):
            return []
        return await self._change_all(*due, lambda record: transitions.reap(record, now=now))

    async def delete(self, job_id: str) -> None:
        await self._database.write(lambda c, _: job_transactions.delete(c, job_id), durable=True)
        self.wiper.soon()

    async def delete_ended(self, *, owner: str, limit: int) -> int:
        return await self._delete_all(job_transactions.DELETE_ENDED, owner, limit)

    async def purge(self, *, finished_before: float, limit: int) -> int:
        return await self._delete_all(job_transactions.PURGE, finished_before, limit)

    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        if limit < 1:
            raise ValueError("ask for at least one event")
        return await self._database.read(lambda c: job_reads.events(c, job_id, after, limit))

    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        await self._listener.ensure_listening()
        with self._database.wakeups.waiter(job_topic(job_id)) as waiter:
            if await self._database.read(lambda c: job_reads.may_grow(c, job_id, after)):
                await waiter.until(timeout)

    async def wait_work(self, *, timeout: float) -> None:
        await self._listener.ensure_listening()
        with self._database.wakeups.waiter(WORK) as waiter:
            await waiter.until(timeout)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self.wiper.close()
            await self._listener.close()
            await self._database.release(self)

    async def _delete_all(self, statement: str, which: str | float, limit: int) -> int:
        if limit < 1:
            return 0
        deleted = await self._database.write(
            lambda c, _: job_transactions.delete_all(c, statement, which, limit), durable=True
        )
        if deleted:
            self.wiper.soon()
        return deleted

    async def change(self, job_id: str, transition: Transition) -> Change | None:
        return await self._database.write(
            lambda c, topics: job_transactions.change_one(c, topics, job_id, transition), durable=True
        )

    async def _change_all(self, where: str, parameters: tuple[object, ...], transition: Transition) -> list[str]:
        return await self._database.write(
            lambda c, topics: job_transactions.change_all(c, topics, where, parameters, transition), durable=True
        )
