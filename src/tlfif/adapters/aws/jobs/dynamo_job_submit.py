"""Accepting a job, once for each idempotency key; and deleting it."""

import asyncio
from contextlib import suppress

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import ABSENT, ConditionFailedError, Delete, Put
from tlfif.adapters.aws.jobs.dynamo_job_items import COUNTER, QUEUE, forget_at, idempotency_key
from tlfif.adapters.aws.jobs.dynamo_job_table import JobTable
from tlfif.jobs.job_record import JobRecord, new_record
from tlfif.jobs.jobs import Job, NewJob, SubmitResult
from tlfif.jobs.transitions import admit


class Acceptance:
    """One call of ``submit``."""

    def __init__(self, table: JobTable, job: NewJob, *, now: float, max_queued: int) -> None:
        self._table = table
        self._job = job
        self._now = now
        self._max_queued = max_queued
        self._tokens: set[str] = set()
        self._position: int | None = None

    async def run(self) -> SubmitResult:
        """Store the job, or find it stored. Raises what the port says, and ValueError where the id is taken."""
        return await self._table.persist(self._once)

    async def _once(self) -> SubmitResult:
        # Concurrently, because a person waits. A position that is not used leaves a gap, which does no harm.
        entry, queued, position = await asyncio.gather(self._entry(), self._table.count(QUEUE), self._number())
        stored = await self._stored_before()
        if stored is None:
            known = None if entry is None else await self._job_of(entry)
            stored = admit(self._job, known=known, queued=queued, max_queued=self._max_queued)
        if stored is not None:
            return stored
        record = new_record(self._job, position=position, now=self._now)
        token = self._table.new_token()
        self._tokens.add(token)
        writes = await self._table.new_items(record, self._job.request, token)
        if self._job.idempotency_key is not None:
            writes.append(self._key_put(self._job.idempotency_key, entry))
        await self._table.write(*writes)
        return SubmitResult(job=record.job(self._job.request), created=True)

    async def _entry(self) -> Item | None:
        key = self._job.idempotency_key
        return None if key is None else await self._table.get(idempotency_key(self._job.owner, key))

    async def _number(self) -> int:
        if self._position is None:
            self._position = await self._table.number(COUNTER)
        return self._position

    async def _stored_before(self) -> SubmitResult | None:
        """The job as an earlier try of this call stored it, where only the answer to that write was lost."""
        found = await self._table.load(self._job.id) if self._tokens else None
        if found is None:
            return None
        record, request = found
        if record.position != self._position:
            raise ValueError(f"the id {self._job.id} is taken")
        return SubmitResult(job=record.job(request), created=True)

    async def _job_of(self, entry: Item) -> Job | None:
        """The job that an idempotency key's entry names, if it has not been forgotten."""
        found = await self._table.load(entry["job"])
        return None if found is None else found[0].job(found[1])

    def _key_put(self, key: str, entry: Item | None) -> Put:
        """Writes the key's entry, also over one whose job has been deleted."""
        pk, sk = idempotency_key(self._job.owner, key)
        item = {
            "pk": pk,
            "sk": sk,
            "job": self._job.id,
            "expires": forget_at(self._now, self._table.keep_seconds),
        }
        if entry is None:
            return Put(item=item, condition=ABSENT)
        return Put(item=item, condition="#job = :gone", names={"#job": "job"}, values={":gone": entry["job"]})


async def forget(table: JobTable, record: JobRecord) -> None:
    """Delete an ended job. Its key may be used again, unless it is another's by now."""
    if record.idempotency_key is not None:
        mine = Delete(
            key=idempotency_key(record.owner, record.idempotency_key),
            condition="#job = :job",
            names={"#job": "job"},
            values={":job": record.id},
        )
        with suppress(ConditionFailedError):
            await table.write(mine)
    await table.forget(record)
