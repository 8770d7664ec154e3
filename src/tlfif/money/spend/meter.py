"""Keeps the ledger in step with the machines: opened when one runs, closed when it is gone."""

import logging
from dataclasses import dataclass, field

from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine import MachineRecord
from tlfif.machines.machine_host import Lifetime, MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.money.spend.last_seen import REMEMBERED_MACHINES, LastSeen
from tlfif.money.spend.ledger import Ledger, LedgerState
from tlfif.money.spend.spans import MachineSpan, opened
from tlfif.money.spend.tariff import Tariff

log = logging.getLogger(__name__)

UNCLAIMED_SECONDS = 10.0
"""What is set aside for a machine of which there is no record after this long belongs to a start that never was."""


@dataclass(slots=True, kw_only=True)
class Meter:
    """Run with every tick. It works from the records, so that a tick that is missed, or repeated, or run by another
    control plane, ends in the same ledger: every machine that was launched has one span."""

    ledger: Ledger
    machines: MachineStore
    last_seen: LastSeen
    tariff: Tariff
    clock: Clock
    host: MachineHost | None = None
    """Asked for its own record of a machine's time, which is what the bill goes by; None: only our own is known."""
    _settled: tuple[object, ...] | None = None
    _done: set[str] = field(default_factory=set)
    _unclaimed: dict[str, float] = field(default_factory=dict)

    async def observe(self, active: MachineRecord | None) -> bool:
        """Take in what the records say now; ``active`` is the open one, of which the host has just said that it exists.
        Two short reads where nothing has changed; a meter that knows nothing yet looks at everything once.

        True where another look is wanted soon, before this meter is forgotten: something is set aside for a start of
        which there is no record, and only who has seen that for a while may free it. Raises StorageError.
        """
        if active is not None and active.handle is not None:
            self.last_seen.saw(active.id)
        state = await self.ledger.state()
        if self._settled is not None and _key(await self.machines.latest(), state) == self._settled:
            return False
        records = {record.id: record for record in await self.machines.history(limit=REMEMBERED_MACHINES)}
        seen = _key(next(iter(records.values()), None), state)
        # One that never got a handle was never launched.
        launched = [one for one in reversed(records.values()) if one.handle is not None and one.id not in self._done]
        spans = await self._spans(launched)
        for record in launched:
            await self._enter(record, spans.get(record.id), state)
        self._done &= records.keys()
        await self._close_unknown(records)
        freed = await self._free_unused(records, state)
        # What was written here has changed the ledger: the next look finds it so, and nothing to do.
        self._settled = seen if freed else None
        return not freed

    async def _spans(self, records: list[MachineRecord]) -> dict[str, MachineSpan]:
        """The machines' spans. A meter that has just begun asks for all at once, later for that of the newest."""
        if len(records) == 1:
            span = await self.ledger.span(records[0].id)
            return {} if span is None else {span.machine_id: span}
        return {span.machine_id: span for _, span in await self.ledger.spans_after(0, from_ms=0)} if records else {}

    async def _enter(self, record: MachineRecord, span: MachineSpan | None, state: LedgerState) -> None:
        """One machine's record, open or ended, and the span that it has so far."""
        begun, ended = _ms(record.created_at), record.ended_at
        if ended is not None and (_ms(ended) <= state.since_ms if span is None else _is_whole(span, record)):
            self._done.add(record.id)  # before there was a ledger, or all is in it
            return
        told = await self._told(record) if span is None or ended is not None else Lifetime()
        if span is None:
            span = opened(
                machine_id=record.id,
                instance_type=told.instance_type or self.tariff.instance_type,
                region=self.tariff.region,
                at_ms=begun if told.began_at is None else _ms(told.began_at),
            )
            await self.ledger.open_span(span)
        if record.ready_at is not None and span.ready_ms is None:
            await self.ledger.mark_ready(record.id, at_ms=_ms(record.ready_at))
        if ended is not None:
            if span.to_ms is None:
                await self.ledger.close_span(record.id, at_ms=self.last_seen.end_ms(span, record))
            if told.ended_at is not None:
                await self.ledger.correct_span(record.id, real_stop_ms=_ms(told.ended_at))
            self._done.add(record.id)

    async def _told(self, record: MachineRecord) -> Lifetime:
        """The host's own record; an empty one where it keeps none or does not answer: our own times stand then."""
        if self.host is None or record.handle is None:
            return Lifetime()
        try:
            return await self.host.lifetime(record.handle) or Lifetime()
        except MachineError as error:
            log.warning("meter: the host does not say how long a machine ran: %s", error.message)
            return Lifetime()

    async def _close_unknown(self, records: dict[str, MachineRecord]) -> None:
        """A span whose record is a hundred machines old: only the newest machine can be running."""
        left: list[MachineSpan] = [span for span in await self.ledger.open_spans() if span.machine_id not in records]
        for span in left:
            await self.ledger.close_span(span.machine_id, at_ms=self.last_seen.end_ms(span, None))

    async def _free_unused(self, records: dict[str, MachineRecord], state: LedgerState) -> bool:
        """Free what was set aside for starts that came to nothing. False where one has to be looked at again.

        A start that is under way right now has no record yet; it is given time.
        """
        now = self.clock.monotonic()
        waiting: dict[str, float] = {}
        for machine_id in state.reserved:
            record = records.get(machine_id)
            since = self._unclaimed.get(machine_id, now)
            if record is None and now - since < UNCLAIMED_SECONDS:
                waiting[machine_id] = since
            elif record is None or record.ended_at is not None:
                await self.ledger.release(machine_id)
        self._unclaimed = waiting
        return not waiting


def _is_whole(span: MachineSpan, record: MachineRecord) -> bool:
    """Whether nothing about an ended machine can turn up any more: the host has told its end."""
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
