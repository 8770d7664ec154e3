"""Writes the ledger: a span is opened when a machine runs and closed when it is gone."""

import logging
from dataclasses import dataclass, field

from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine import MachineRecord
from tlfif.machines.machine_host import Lifetime, MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.money.spend.last_seen import REMEMBERED_MACHINES, LastSeen
from tlfif.money.spend.ledger import Ledger, LedgerState
from tlfif.money.spend.spans import WORK_PREFIX, MachineSpan, opened
from tlfif.money.spend.tariff import Tariff

log = logging.getLogger(__name__)

UNCLAIMED_SECONDS = 10.0
"""A reservation for a machine that has no record after this long belongs to a start that never happened."""


@dataclass(slots=True, kw_only=True)
class Meter:
    """Runs at every tick. It works from the records, so a tick that is missed, repeated or run by another control plane
    gives the same ledger: every machine that was launched has one span."""

    ledger: Ledger
    machines: MachineStore
    last_seen: LastSeen
    tariff: Tariff
    clock: Clock
    host: MachineHost | None = None
    """Asked for its own record of a machine's time, on which the bill is based; None: only our own record is used."""
    _settled: tuple[object, ...] | None = None
    _done: set[str] = field(default_factory=set)
    _unclaimed: dict[str, float] = field(default_factory=dict)

    async def observe(self, active: MachineRecord | None) -> bool:
        """Bring the ledger up to date with the records; ``active`` is the open one, which the host has just reported as
        existing. Two short reads where nothing has changed; a new meter reads everything once.

        True where another tick is needed soon, with this same meter: there is a reservation without a record, and only
        a meter that has seen it for a while may release it. Raises StorageError.
        """
        if active is not None and active.handle is not None:
            self.last_seen.observed(active.id)
        state = await self.ledger.state()
        if self._settled is not None and _key(await self.machines.latest(), state) == self._settled:
            return False
        records = {record.id: record for record in await self.machines.history(limit=REMEMBERED_MACHINES)}
        seen = _key(next(iter(records.values()), None), state)
        # A machine without a handle was never launched.
        launched = [one for one in reversed(records.values()) if one.handle is not None and one.id not in self._done]
        spans = await self._spans(launched)
        for record in launched:
            await self._enter(record, spans.get(record.id), state)
        self._done &= records.keys()
        await self._close_unknown(records)
        released = await self._release_unused(records, state)
        # If the ledger was changed here, the next call finds another key and checks once more.
        self._settled = seen if released else None
        return not released

    async def _spans(self, records: list[MachineRecord]) -> dict[str, MachineSpan]:
        """The machines' spans. A new meter reads all at once, later only that of the newest machine."""
        if len(records) == 1:
            span = await self.ledger.span(records[0].id)
            return {} if span is None else {span.machine_id: span}
        return {span.machine_id: span for _, span in await self.ledger.spans_after(0, from_ms=0)} if records else {}

    async def _enter(self, record: MachineRecord, span: MachineSpan | None, state: LedgerState) -> None:
        """Write one machine, open or ended, to the ledger; ``span`` is what the ledger has of it so far."""
        begun, ended = _ms(record.created_at), record.ended_at
        if ended is not None and (_ms(ended) <= state.since_ms if span is None else _is_whole(span, record)):
            self._done.add(record.id)  # it ended before the ledger was created, or the ledger has all of it
            return
        reported = await self._host_lifetime(record) if span is None or ended is not None else Lifetime()
        if span is None:
            span = opened(
                machine_id=record.id,
                instance_type=reported.instance_type or record.instance_type or self.tariff.instance_type,
                region=self.tariff.region,
                at_ms=begun if reported.began_at is None else _ms(reported.began_at),
            )
            await self.ledger.open_span(span)
        if record.ready_at is not None and span.ready_ms is None:
            await self.ledger.mark_ready(record.id, at_ms=_ms(record.ready_at))
        if ended is not None:
            if span.to_ms is None:
                await self.ledger.close_span(record.id, at_ms=self.last_seen.end_ms(span, record))
            if reported.ended_at is not None:
                await self.ledger.correct_span(record.id, real_stop_ms=_ms(reported.ended_at))
            self._done.add(record.id)

    async def _host_lifetime(self, record: MachineRecord) -> Lifetime:
        """The host's own record; an empty one where it keeps none or does not answer: our own times are used then."""
        if self.host is None or record.handle is None:
            return Lifetime()
        try:
            return await self.host.lifetime(record.handle) or Lifetime()
        except MachineError as error:
            log.warning("meter: the host does not report how long a machine ran: %s", error.message)
            return Lifetime()

    async def _close_unknown(self, records: dict[str, MachineRecord]) -> None:
        """Close spans whose records are more than a hundred machines old: only the newest machine can run. What builds
        images is metered where it is ended."""
        left: list[MachineSpan] = [
            span
            for span in await self.ledger.open_spans()
            if span.machine_id not in records and not span.machine_id.startswith(WORK_PREFIX)
        ]
        for span in left:
            await self.ledger.close_span(span.machine_id, at_ms=self.last_seen.end_ms(span, None))

    async def _release_unused(self, records: dict[str, MachineRecord], state: LedgerState) -> bool:
        """Release the reservations of failed starts. False where one must be checked again.

        A start that is under way has no record yet, so a reservation without a record is kept for a while.
        """
        now = self.clock.monotonic()
        waiting: dict[str, float] = {}
        for machine_id in (one for one in state.reserved if not one.startswith(WORK_PREFIX)):
            record = records.get(machine_id)
            since = self._unclaimed.get(machine_id, now)
            if record is None and now - since < UNCLAIMED_SECONDS:
                waiting[machine_id] = since
            elif record is None or record.ended_at is not None:
                await self.ledger.release(machine_id)
        self._unclaimed = waiting
        return not waiting


def _is_whole(span: MachineSpan, record: MachineRecord) -> bool:
    """Whether the ledger has everything about an ended machine, the host's own end included."""
    return span.corrected and (record.ready_at is None or span.ready_ms is not None)


def _key(latest: MachineRecord | None, state: LedgerState) -> tuple[object, ...]:
    machine = (
        (None, False, None, None)
        if latest is None
        else (latest.id, latest.handle is not None, latest.ready_at, latest.ended_at)
    )
    return (*machine, state.revision, frozenset(state.reserved))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
