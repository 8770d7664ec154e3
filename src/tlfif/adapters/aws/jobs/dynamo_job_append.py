"""Appending text to many jobs: the most frequent write, so it reads nothing as long as all is as expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import ConditionFailedError, Update, Write
from tlfif.adapters.aws.jobs.dynamo_job_items import RECORD, job_pk, record_from
from tlfif.adapters.aws.jobs.dynamo_job_table import HELD, HELD_NAMES, JobTable, held_values
from tlfif.jobs.events import Event
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import DeltaWrite
from tlfif.jobs.transitions import by_lease, fresh_deltas

JOBS_AT_ONCE = 40
"""Jobs in one transaction; each takes two of the 100 items."""
CHARACTERS_AT_ONCE = 300_000
"""Text in one transaction of several jobs: a transaction takes 4 MB, and a character is at most 12 bytes as stored."""


@dataclass(slots=True)
class _Log:
    """What one lease has to write, after event ``last_seq`` of its job."""

    job_id: str
    token: str
    writes: list[DeltaWrite]
    last_seq: int

    @property
    def size(self) -> int:
        return sum(write.piece.letters for write in self.writes)


class Appending:
    """One call of ``append``. ``lost`` are the jobs whose lease is lost, ``told`` those whose readers should look."""

    def __init__(self, table: JobTable, writes: Sequence[DeltaWrite], *, now: float) -> None:
        self._table = table
        self._now = now
        self.lost: set[str] = set()
        self.told: set[str] = set()

        self._logs = [
            _Log(job_id=lease.job_id, token=lease.token, writes=texts, last_seq=texts[0].seq - 1)
            for lease, texts in by_lease(writes).items()
        ]

    async def run(self) -> None:
        """Write. Raises ValueError for a gap, StorageError."""
        parts = list(_in_parts(self._logs))
        if len(parts) > 1 or any(self._has_gap(log) for log in self._logs):
            await self._look(self._logs)  # nothing may be written before every gap is found
        for part in parts:
            left = [log for log in part if log in self._logs]
            await self._table.persist(lambda left=left: self._write(left))  # type: ignore[misc]  # awaited at once

    def _has_gap(self, log: _Log) -> bool:
        try:
            self._fresh(log)
        except ValueError:
            return True
        return False

    def _fresh(self, log: _Log) -> tuple[Event, ...]:
        return fresh_deltas(log.writes, last_seq=log.last_seq, now=self._now)

    async def _look(self, logs: Sequence[_Log]) -> None:
        records = {record.id: record for record in await self._table.records({log.job_id for log in logs})}
        for log in logs:
            self._learn(log, records.get(log.job_id))
        for log in self._logs:
            self._fresh(log)

    def _learn(self, log: _Log, record: JobRecord | None) -> None:
        if record is None or not record.held_by(log.token):
            self.lost.add(log.job_id)
            self._logs.remove(log)
        else:
            log.last_seq = record.last_seq

    async def _write(self, logs: list[_Log]) -> None:
        """One transaction. If a condition fails, the answer has the items as they are."""
        batch: list[tuple[_Log, list[Write]]] = []
        for log in logs:
            events = self._fresh(log) if log in self._logs else ()
            if events:
                batch.append((log, await self._writes(log, events)))
        if not batch:
            return
        try:
            await self._table.write(*(write for _, writes in batch for write in writes))
        except ConditionFailedError as error:
            if self._learn_all([log for log, _ in batch], error.found[::2]):
                raise
        else:
            self.told |= {log.job_id for log, _ in batch}

    def _learn_all(self, logs: Sequence[_Log], found: Sequence[Item | None]) -> bool:
        """Whether something is left to write."""
        for log, item in zip(logs, found, strict=True):
            if item is not None:
                self._learn(log, record_from(item) if item else None)
                self.told.add(log.job_id)  # it may be our own write, of which only the answer was lost
        return any(log in self._logs and self._fresh(log) for log in logs)

    async def _writes(self, log: _Log, events: Sequence[Event]) -> list[Write]:
        step = self._table.new_token()
        return [
            Update(
                key=(job_pk(log.job_id), RECORD),
                change="SET #seq = :seq, #step = :step",
                condition=f"{HELD} AND #seq = :before",
                names=HELD_NAMES | {"#seq": "last_seq", "#step": "step"},
                values=held_values(log.token) | {":seq": events[-1].seq, ":before": log.last_seq, ":step": step},
            ),
            await self._table.events_put(log.job_id, events, step),
        ]


def _in_parts(logs: Sequence[_Log]) -> Iterator[list[_Log]]:
    """The logs, split into transactions: one log stays whole, and no job is in a transaction twice."""
    part: list[_Log] = []
    for log in logs:
        full = len(part) == JOBS_AT_ONCE or (part and sum(one.size for one in (*part, log)) > CHARACTERS_AT_ONCE)
        if full or any(one.job_id == log.job_id for one in part):
            yield part
            part = []
        part.append(log)
    if part:
        yield part
