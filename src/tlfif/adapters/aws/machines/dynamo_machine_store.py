"""Machine records in DynamoDB, shared by the control plane and the machines.

The table's items (``pk`` | ``sk``):

* ``MACHINES`` | ``MACHINE#<position>``   a record, with the completed phases of its start; positions rise by one
* ``MACHINES`` | ``SETTINGS``             what a person has set; sorted behind all records
* ``MACHINE#OPEN`` | ``OPEN``             there while a machine is open: of two launches at once, one finds it there
* ``MACHINE#<id>`` | ``ID``               the position of the machine with this id
* ``STARTS#<model>#<image>`` | ``<position>``  the completed phases once more, by what was started

So the newest record and the settings are one query. A record is written only if it still is as it was read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import (
    ABSENT,
    ConditionFailedError,
    Delete,
    DynamoTable,
    Key,
    Put,
    Update,
    Write,
)
from tlfif.jobs.refusals import no_such_machine
from tlfif.machines.machine import Directive, Heartbeat, MachineRecord, MachineState, Phase, PhaseTiming, Situation
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.transitions import apply_heartbeat, directive, failed_starts

_RECORDS = "MACHINES"
_SETTINGS: Key = (_RECORDS, "SETTINGS")
_OPEN: Key = ("MACHINE#OPEN", "OPEN")
_FIELDS = tuple(f.name for f in fields(MachineRecord))
_FLOATS = frozenset(f.name for f in fields(MachineRecord) if f.type in (float, float | None))
_ENOUGH_FOR_A_ROW_OF_FAILURES = 50

_IDLE_TIMEOUT = "idle_timeout_seconds"
_HELD = "held"
_CONTROL_SEEN_AT = "control_seen_at"
_RESET_THROUGH = "forgiven_through"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A record as stored; ``item`` may have attributes that this version does not know."""

    item: Item

    @property
    def position(self) -> int:
        return int(self.item["position"])

    @property
    def record(self) -> MachineRecord:
        values = {name: self.item[name] for name in _FIELDS if name in self.item}
        values.update({name: float(values[name]) for name in _FLOATS & values.keys()})
        values["state"] = MachineState(values["state"])
        values["phase"] = Phase(values["phase"]) if "phase" in values else None
        return MachineRecord(**values)

    @property
    def timings(self) -> list[PhaseTiming]:
        return [PhaseTiming(phase=Phase(t["phase"]), seconds=float(t["seconds"])) for t in self.item["timings"]]


class DynamoMachineStore(MachineStore):
    """The machine store of the home on AWS. A question about the newest machine and the settings is one request, a
    heartbeat two.

    ``default_idle_timeout`` (seconds) is used while no person has set another one.
    """

    def __init__(self, table: DynamoTable, *, default_idle_timeout: float) -> None:
        self._table = table
        self._default_idle_timeout = default_idle_timeout

    async def create_intent(self, record: MachineRecord) -> bool:
        intent = self._table.new_token()

        async def step() -> bool:
            latest, _ = await self._look()
            if latest is not None and latest.record.ended_at is None:
                # True if it is our own: the write succeeded and only the answer was lost.
                return bool(latest.item.get("intent") == intent)
            position = 1 if latest is None else latest.position + 1
            try:
                await self._table.write(*_creation(record, position, intent))
            except ConditionFailedError as refused:
                opened, there, same_id = refused.found
                if there is not None and there.get("intent") == intent:
                    return True
                if opened is not None:
                    return False
                if same_id is not None:
                    raise ValueError(f"the id {record.id} is taken") from refused
                raise  # another machine came and went in the meantime
            return True

        return await self._table.persist(step)

    async def active(self) -> MachineRecord | None:
        return (await self.situation()).active

    async def latest(self) -> MachineRecord | None:
        return (await self.situation()).latest

    async def situation(self) -> Situation:
        latest, settings = await self._look()
        return Situation(
            latest=None if latest is None else latest.record,
            held=bool(settings.get(_HELD, False)),
            idle_timeout_seconds=_seconds(settings.get(_IDLE_TIMEOUT)),
        )

    async def history(self, *, limit: int) -> list[MachineRecord]:
        found = await self._table.query(
            "pk = :records AND begins_with(sk, :record)",
            {":records": _RECORDS, ":record": "MACHINE#"},
            limit=max(0, limit),
            newest_first=True,
        )
        return [_Kept(item).record for item in found]

    async def phases_of(self, machine_ids: Sequence[str]) -> dict[str, list[PhaseTiming]]:
        found: dict[str, list[PhaseTiming]] = {machine_id: [] for machine_id in machine_ids}
        positions = await self._table.get_all(_id_key(machine_id) for machine_id in found)
        records = await self._table.get_all(_record_key(item["position"]) for item in positions.values())
        for item in records.values():
            found[item["id"]] = _Kept(item).timings
        return found

    async def heartbeat(self, beat: Heartbeat, *, now: float) -> Directive:
        async def step() -> Directive:
            latest, settings = await self._look()
            # Only the newest can be open.
            kept = latest if latest is not None and latest.item["id"] == beat.machine_id else None
            taken = apply_heartbeat(None if kept is None else kept.record, beat, now=now)
            if kept is not None and taken is not None:
                await self._store(kept, taken.record, taken.timing)
            wanted = _seconds(settings.get(_IDLE_TIMEOUT))
            return directive(
                taken,
                idle_timeout=self._default_idle_timeout if wanted is None else wanted,
                control_seen_at=_seconds(settings.get(_CONTROL_SEEN_AT)),
            )

        return await self._table.persist(step)

    async def phase_timings(self, *, model: str, image: str, limit: int) -> list[PhaseTiming]:
        starts = await self._table.query(
            "pk = :starts", {":starts": _starts_of(model, image)}, limit=max(0, limit), newest_first=True
        )
        return [timing for item in starts for timing in reversed(_Kept(item).timings)]

    async def failed_starts(self) -> int:
        # The settings come first; if there are none, one more record does no harm.
        found = await self._newest(1 + _ENOUGH_FOR_A_ROW_OF_FAILURES)
        reset_through = _settings(found).get(_RESET_THROUGH, 0)
        return failed_starts([kept.record for kept in _records(found) if kept.position > reset_through])

    async def reset_failures(self) -> None:
        latest, _ = await self._look()
        await self._set(_RESET_THROUGH, 0 if latest is None else latest.position)

    async def idle_timeout(self) -> float | None:
        return (await self.situation()).idle_timeout_seconds

    async def set_idle_timeout(self, seconds: float) -> None:
        await self._set(_IDLE_TIMEOUT, seconds)

    async def held(self) -> bool:
        return (await self.situation()).held

    async def set_held(self, held: bool) -> None:
        await self._set(_HELD, held)

    async def control_alive(self, *, now: float) -> None:
        await self._set(_CONTROL_SEEN_AT, now)

    async def close(self) -> None:
        """See :meth:`MachineStore.close`. The creator of the client closes it."""

    async def _look(self) -> tuple[_Kept | None, Item]:
        """The newest record and the settings, read by one query."""
        found = await self._newest(2)
        return next(iter(_records(found)), None), _settings(found)

    async def _newest(self, limit: int) -> list[Item]:
        return await self._table.query("pk = :records", {":records": _RECORDS}, limit=limit, newest_first=True)

    async def _find(self, machine_id: str) -> _Kept:
        latest, _ = await self._look()
        if latest is not None and latest.item["id"] == machine_id:
            return latest
        known = await self._table.get(_id_key(machine_id))
        item = None if known is None else await self._table.get(_record_key(known["position"]))
        if item is None:
            raise no_such_machine(machine_id)
        return _Kept(item)

    async def change(self, machine_id: str, change: Callable[[MachineRecord], MachineRecord]) -> None:
        """Each of these changes can be made twice with the same result, so one whose answer was lost is repeated."""

        async def step() -> None:
            kept = await self._find(machine_id)
            await self._store(kept, change(kept.record))

        await self._table.persist(step)

    async def _store(self, kept: _Kept, record: MachineRecord, timing: PhaseTiming | None = None) -> None:
        before = kept.record
        if record == before:
            return
        item = kept.item | _values(record) | {"version": kept.item["version"] + 1}
        if timing is not None:
            item["timings"] = [*item["timings"], {"phase": timing.phase, "seconds": timing.seconds}]
        names, seen = {"#version": "version"}, {":seen": kept.item["version"]}
        writes: list[Write] = [Put(item=item, condition="#version = :seen", names=names, values=seen)]
        if timing is not None:
            writes.append(Put(item=_start_item(record, kept.position, item["timings"])))
        if before.ended_at is None and record.ended_at is not None:
            writes.append(Delete(key=_OPEN))
        await self._table.write(*writes)

    async def _set(self, name: str, value: float | bool) -> None:
        update = Update(key=_SETTINGS, change="SET #name = :value", names={"#name": name}, values={":value": value})
        await self._table.write(update)


def _creation(record: MachineRecord, position: int, intent: str) -> list[Write]:
    """All of it or nothing: the record, its mark as open, and its position by id."""
    item = _item(_record_key(position), _values(record) | {"position": position, "version": 1, "timings": []})
    return [
        Put(item=_item(_OPEN, {"id": record.id}), condition=ABSENT),
        Put(item=item | {"intent": intent}, condition=ABSENT),
        Put(item=_item(_id_key(record.id), {"position": position}), condition=ABSENT),
    ]


def _start_item(record: MachineRecord, position: int, timings: list[dict[str, Any]]) -> Item:
    key = (_starts_of(record.model, record.image), f"{position:010d}")
    return _item(key, {"id": record.id, "timings": timings})


def _item(key: Key, values: Item) -> Item:
    return {"pk": key[0], "sk": key[1], **values}


def _values(record: MachineRecord) -> Item:
    return {name: getattr(record, name) for name in _FIELDS}


def _record_key(position: int) -> Key:
    return (_RECORDS, f"MACHINE#{position:010d}")


def _id_key(machine_id: str) -> Key:
    return (f"MACHINE#{machine_id}", "ID")


def _starts_of(model: str, image: str) -> str:
    # Quoted, so that no name can be part of another's key.
    return f"STARTS#{quote(model, safe='')}#{quote(image, safe='')}"


def _records(found: list[Item]) -> list[_Kept]:
    return [_Kept(item) for item in found if item["sk"] != _SETTINGS[1]]


def _settings(found: list[Item]) -> Item:
    return next((item for item in found if item["sk"] == _SETTINGS[1]), {})


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(value)
