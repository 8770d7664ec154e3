"""Jobs and events as rows of the SQLite file: reading records, and writing what a transition has changed."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from tlfif.adapters.local.wakeups import topics_of
from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.jobs.endings import receipt_data, receipt_from
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import Job, JobStatus, Lease, Receipt
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.transitions import Change

_COLUMNS = tuple(field.name for field in fields(JobRecord) if field.name not in {"step", "last_seq"})
"""Columns of ``jobs`` that are fields of the record under the same name. The last event number is stored once, in
``events``."""
_FIELDS = ", ".join(f"j.{name}" for name in _COLUMNS)
_LAST_SEQ = "(SELECT MAX(seq) FROM events e WHERE e.position = j.position)"
_RECORDS = f"SELECT {_FIELDS}, {_LAST_SEQ} FROM jobs j "  # noqa: S608  # all of them constants
_WITH_REQUESTS = f"SELECT {_FIELDS}, {_LAST_SEQ}, r.body FROM jobs j JOIN requests r ON r.position = j.position "  # noqa: S608  # likewise


def records(connection: sqlite3.Connection, where: str, parameters: Sequence[object]) -> list[JobRecord]:
    """Jobs that ``where`` (a constant of this package, speaking of ``j``) chooses, in order of acceptance."""
    rows = connection.execute(f"{_RECORDS} WHERE {where} ORDER BY j.position", parameters)
    return [_record_from(row) for row in rows.fetchall()]


def record(connection: sqlite3.Connection, job_id: str) -> JobRecord | None:
    """The job's record, if there is such a job."""
    return next(iter(records(connection, "j.id = ?", (job_id,))), None)


def held(connection: sqlite3.Connection, lease: Lease) -> tuple[int, int] | None:
    """Position and last event number of the lease's job; None if it does not run under this lease
    (:meth:`JobRecord.held_by`)."""
    found: tuple[int, int] | None = connection.execute(
        "SELECT j.position, (SELECT MAX(seq) FROM events e WHERE e.position = j.position) "
        "FROM jobs j WHERE j.id = ? AND j.status = 'running' AND j.lease_token = ?",
        (lease.job_id, lease.token),
    ).fetchone()
    return found


def records_with_requests(
    connection: sqlite3.Connection, clauses: str, parameters: Sequence[object] | Mapping[str, object]
) -> list[tuple[JobRecord, GenerationRequest]]:
    """Jobs that ``clauses`` (constants of this package, from WHERE on, speaking of ``j``) choose and order."""
    rows = connection.execute(_WITH_REQUESTS + clauses, parameters)
    return [(_record_from(row[:-1]), _request_from(row[-1])) for row in rows.fetchall()]


def job_where(connection: sqlite3.Connection, where: str, value: str) -> Job | None:
    """The one job for which ``where`` (a constant of this package) holds with ``value``, if there is one."""
    found = records_with_requests(connection, f"WHERE {where}", (value,))
    return found[0][0].job(found[0][1]) if found else None


def insert(connection: sqlite3.Connection, new: JobRecord, request: GenerationRequest) -> int:
    """Add a job without its events, and return its position, the next one."""
    values = {name: _stored(getattr(new, name)) for name in _COLUMNS if name != "position"}
    values["fingerprint"] = ""  # read by nothing; SQLite before 3.35 cannot drop a column
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    statement = f"INSERT INTO jobs ({columns}) VALUES ({marks})"  # noqa: S608  # names of fields
    position = connection.execute(statement, tuple(values.values())).lastrowid
    assert position is not None  # noqa: S101  # an INSERT of one row has one
    connection.execute("INSERT INTO requests (position, body) VALUES (?, ?)", (position, request.to_json()))
    return position


def write(connection: sqlite3.Connection, topics: set[str], change: Change) -> None:
    """Store ``change``: the columns that differ, none for more text, and the events."""
    before, after = change.before, change.after
    differing = {name: value for name in _COLUMNS if (value := getattr(after, name)) != getattr(before, name)}
    if differing:
        assignments = ", ".join(f"{name} = ?" for name in differing)
        values = (*map(_stored, differing.values()), before.position)
        connection.execute(f"UPDATE jobs SET {assignments} WHERE position = ?", values)  # noqa: S608  # names of fields
    insert_events(connection, before.position, change.events)
    topics |= topics_of(change)


def insert_events(connection: sqlite3.Connection, position: int, events: Iterable[Event]) -> None:
    """Add events. As plain ASCII: half a surrogate pair from an engine must not break the store."""
    connection.executemany(
        "INSERT INTO events (position, seq, kind, at, data) VALUES (?, ?, ?, ?, ?)",
        [(position, event.seq, event.kind.value, event.at, json.dumps(event.data)) for event in events],
    )


@as_written
def event_from(row: tuple[Any, ...]) -> Event:
    """The event of a row ``seq, kind, at, data``."""
    return Event(seq=row[0], kind=EventKind(row[1]), at=row[2], data=json.loads(row[3]))


@as_written
def _record_from(row: tuple[Any, ...]) -> JobRecord:
    """The record of a row of :data:`_RECORDS`."""
    values = dict(zip(_COLUMNS, row, strict=False), last_seq=int(row[-1]))
    values["status"] = JobStatus(values["status"])
    values["cancel_requested"] = bool(values["cancel_requested"])
    if values["receipt"] is not None:
        values["receipt"] = receipt_from(json.loads(values["receipt"]))
    return JobRecord(**values)


_request_from = as_written(GenerationRequest.from_json)


def _stored(value: object) -> object:
    """A field's value as SQLite keeps it."""
    return json.dumps(receipt_data(value)) if isinstance(value, Receipt) else value
