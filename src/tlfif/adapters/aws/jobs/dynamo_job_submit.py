"""Accepting a job, once for each idempotency key; and forgetting it."""

import asyncio
from contextlib import suppress

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import ABSENT, ConditionFailedError, Delete, Put
from tlfif.adapters.aws.jobs.dynamo_job_items import COUNTER, QUEUE, forget_at, idempotency_key
from tlfif.adapters.aws.jobs.dynamo_job_table import JobTable
from tlfif.jobs.jobs import NewJob, SubmitResult
from tlfif.jobs.refusals import key_used_before, queue_full
from tlfif.jobs.transitions import JobRecord, new_record


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
        # Side by side, because a person waits. A number that is not used leaves a gap, which hurts nobody.
        entry, queued, position = await asyncio.gather(self._entry(), self._table.count(QUEUE), self._number())
        found = await self._found(entry)
        if found is not None:
            return found
        if queued >= self._max_queued:
            raise queue_full(queued=queued, limit=self._max_queued)
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

    async def _found(self, entry: Item | None) -> SubmitResult | None:
        """The job that is stored already: under its key, or by our own write of which only the answer was lost."""
        if self._tokens:
            own = await self._table.load(self._job.id)
            if own is not None:
                if own[0].position != self._position:
                    raise ValueError(f"the id {self._job.id} is taken")
                return SubmitResult(job=own[0].job(own[1]), created=True)
        known = None if entry is None else await self._table.load(entry["job"])
        if entry is None or known is None:
            return None
        if entry["fingerprint"] != self._job.request.fingerprint():
            raise key_used_before(entry["job"])
        return SubmitResult(job=known[0].job(known[1]), created=False)

    def _key_put(self, key: str, entry: Item | None) -> Put:
        """The key's entry, also over one whose job has been forgotten."""
        pk, sk = idempotency_key(self._job.owner, key)
        item = {
            "pk": pk,
            "sk": sk,
            "job": self._job.id,
            "fingerprint": self._job.request.fingerprint(),
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
