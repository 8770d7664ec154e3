"""Machine records in the SQLite file that control plane and worker share."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from typing import Any

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.jobs.refusals import no_such_machine
from tlfif.machines.machine import Directive, Heartbeat, MachineRecord, MachineState, Phase, PhaseTiming, Situation
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.transitions import apply_heartbeat, directive, failed_starts

_COLUMNS = tuple(f.name for f in fields(MachineRecord))
# Column names are field names of MachineRecord, so nothing from outside gets into these statements.
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM machines"  # noqa: S608  # constants
_INSERT = f"INSERT INTO machines ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  # constants
_UPDATE = f"UPDATE machines SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE id = ?"  # noqa: S608  # constants
_SELECT_PHASES = "SELECT m.id, t.phase, t.seconds FROM machines m JOIN phase_timings t ON t.machine = m.position"
_ENOUGH_FOR_A_ROW_OF_FAILURES = 50

_IDLE_TIMEOUT = "idle_timeout_seconds"
_HELD = "held"
_CONTROL_SEEN_AT = "control_seen_at"
_RESET_THROUGH = "forgiven_through"


class SqliteMachineStore(MachineStore):
    """Machine records of this computer; open the store with ``stores.open_sqlite_stores``.

    ``default_idle_timeout`` (seconds) applies until a person sets another one. What starts or ends a cost survives a
    power failure; heartbeats survive the end of the process.
    """

    def __init__(self, database: Database, *, default_idle_timeout: float) -> None:
        self._database = database
        self._default_idle_timeout = default_idle_timeout
        database.share(self)

    async def create_intent(self, record: MachineRecord) -> bool:
        return await self._database.write(lambda c, _: _create(c, record), durable=True)

    async def active(self) -> MachineRecord | None:
        return await self._database.read(lambda c: _first(c, f"{_SELECT} WHERE ended_at IS NULL"))

    async def latest(self) -> MachineRecord | None:
        return await self._database.read(lambda c: _first(c, f"{_SELECT} ORDER BY position DESC LIMIT 1"))

    async def situation(self) -> Situation:
        return await self._database.read(_situation)

    async def history(self, *, limit: int) -> list[MachineRecord]:
        return await self._database.read(lambda c: _newest(c, 0, max(0, limit)))

    async def phases_of(self, machine_ids: Sequence[str]) -> dict[str, list[PhaseTiming]]:
        return await self._database.read(lambda c: _phases(c, machine_ids))

    async def heartbeat(self, beat: Heartbeat, *, now: float) -> Directive:
        return await self._database.write(
            lambda c, _: _heartbeat(c, beat, now, self._default_idle_timeout), durable=False
        )

    async def phase_timings(self, *, model: str, image: str, limit: int) -> list[PhaseTiming]:
        return await self._database.read(lambda c: _timings(c, model, image, max(0, limit)))

    async def failed_starts(self) -> int:
        return await self._database.read(
            lambda c: failed_starts(_newest(c, int(_setting(c, _RESET_THROUGH) or 0), _ENOUGH_FOR_A_ROW_OF_FAILURES))
        )

    async def reset_failures(self) -> None:
        await self._database.write(lambda c, _: _reset_failures(c), durable=True)

    async def idle_timeout(self) -> float | None:
        return await self._database.read(lambda c: _setting(c, _IDLE_TIMEOUT))

    async def set_idle_timeout(self, seconds: float) -> None:
        await self._database.write(lambda c, _: _set(c, _IDLE_TIMEOUT, seconds), durable=True)

    async def held(self) -> bool:
        return bool(await self._database.read(lambda c: _setting(c, _HELD)))

    async def set_held(self, held: bool) -> None:
        await self._database.write(lambda c, _: _set(c, _HELD, float(held)), durable=True)

    async def control_alive(self, *, now: float) -> None:
        await self._database.write(lambda c, _: _set(c, _CONTROL_SEEN_AT, now), durable=False)

    async def close(self) -> None:
        await self._database.release(self)

    async def change(self, machine_id: str, change: Callable[[MachineRecord], MachineRecord]) -> None:
        def work(connection: sqlite3.Connection, _: set[str]) -> None:
            record = _by_id(connection, machine_id)
            if record is None:
                raise no_such_machine(machine_id)
            _store(connection, change(record))

        await self._database.write(work, durable=True)


def _situation(connection: sqlite3.Connection) -> Situation:
    return Situation(
        latest=_first(connection, f"{_SELECT} ORDER BY position DESC LIMIT 1"),
        held=bool(_setting(connection, _HELD)),
        idle_timeout_seconds=_setting(connection, _IDLE_TIMEOUT),
    )


@as_written
def _record(row: tuple[Any, ...]) -> MachineRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["state"] = MachineState(values["state"])
    values["phase"] = None if values["phase"] is None else Phase(values["phase"])
    values["drain_requested"] = bool(values["drain_requested"])
    return MachineRecord(**values)


def _first(connection: sqlite3.Connection, select: str, parameters: tuple[object, ...] = ()) -> MachineRecord | None:
    row = connection.execute(select, parameters).fetchone()
    return None if row is None else _record(row)


def _by_id(connection: sqlite3.Connection, machine_id: str) -> MachineRecord | None:
    return _first(connection, f"{_SELECT} WHERE id = ?", (machine_id,))


def _newest(connection: sqlite3.Connection, beyond: int, limit: int) -> list[MachineRecord]:
    rows = connection.execute(f"{_SELECT} WHERE position > ? ORDER BY position DESC LIMIT ?", (beyond, limit))
    return [_record(row) for row in rows]


def _create(connection: sqlite3.Connection, record: MachineRecord) -> bool:
    if connection.execute("SELECT 1 FROM machines WHERE ended_at IS NULL").fetchone():
        return False
    connection.execute(_INSERT, astuple(record))
    return True


def _store(connection: sqlite3.Connection, record: MachineRecord) -> None:
    connection.execute(_UPDATE, (*astuple(record), record.id))


def _heartbeat(connection: sqlite3.Connection, beat: Heartbeat, now: float, default: float) -> Directive:
    taken = apply_heartbeat(_by_id(connection, beat.machine_id), beat, now=now)
    if taken is not None:
        _store(connection, taken.record)
        if taken.timing is not None:
            connection.execute(
                "INSERT INTO phase_timings (machine, phase, seconds) "
                "VALUES ((SELECT position FROM machines WHERE id = ?), ?, ?)",
                (beat.machine_id, taken.timing.phase, taken.timing.seconds),
            )
    set_by_person = _setting(connection, _IDLE_TIMEOUT)
    return directive(
        taken,
        idle_timeout=default if set_by_person is None else set_by_person,
        control_seen_at=_setting(connection, _CONTROL_SEEN_AT),
    )


def _timings(connection: sqlite3.Connection, model: str, image: str, limit: int) -> list[PhaseTiming]:
    rows = connection.execute(
        "SELECT phase, seconds FROM phase_timings WHERE machine IN ("
        " SELECT position FROM machines m WHERE model = ? AND image = ?"
        " AND EXISTS (SELECT 1 FROM phase_timings t WHERE t.machine = m.position)"
        " ORDER BY position DESC LIMIT ?"
        ") ORDER BY machine DESC, position DESC",
        (model, image, limit),
    )
    return [_timing(row) for row in rows]


@as_written
def _timing(row: tuple[Any, ...]) -> PhaseTiming:
    return PhaseTiming(phase=Phase(row[0]), seconds=row[1])


def _phases(connection: sqlite3.Connection, machine_ids: Sequence[str]) -> dict[str, list[PhaseTiming]]:
    found: dict[str, list[PhaseTiming]] = {machine_id: [] for machine_id in machine_ids}
    places = ", ".join("?" * len(found))
    select = f"{_SELECT_PHASES} WHERE m.id IN ({places}) ORDER BY t.position"
    for machine_id, *timed in connection.execute(select, tuple(found)):
        found[machine_id].append(_timing(tuple(timed)))
    return found


def _reset_failures(connection: sqlite3.Connection) -> None:
    (newest,) = connection.execute("SELECT COALESCE(MAX(position), 0) FROM machines").fetchone()
    _set(connection, _RESET_THROUGH, newest)


def _setting(connection: sqlite3.Connection, name: str) -> float | None:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else as_written(float)(row[0])


def _set(connection: sqlite3.Connection, name: str, value: float) -> None:
    connection.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
