"""Jobs as Redis keeps them: a hash for each, a stream of its events, and sorted sets by which they are found.

``tlfif:job:ID``: every field of the record as JSON, and ``request``. ``tlfif:events:ID``: a stream, whose entry
``SEQ-0`` is event number SEQ. ``tlfif:key:[OWNER, KEY]``: the job of an idempotency key. ``tlfif:count``: jobs accepted
so far. All else are sorted sets of job ids, by :func:`places`.
"""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from tlfif.adapters.local.wakeups import topics_of
from tlfif.adapters.redis.redis_errors import damaged
from tlfif.jobs.endings import receipt_data, receipt_from
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import JobStatus, Receipt
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.transitions import Change

PREFIX = "tlfif:"
COUNTER = PREFIX + "count"
WAKE = PREFIX + "wake"
"""The channel on which a topic of ``adapters.local.wakeups`` is published."""
ALL = PREFIX + "jobs"
"""By acceptance number."""
QUEUE = PREFIX + "queue"
"""Those that wait, by acceptance number: released ones keep their place."""
RUNNING = PREFIX + "running"
DUE = PREFIX + "due"
"""Those that wait or run, by when their wait or their lease is over."""
ANSWERED = PREFIX + "answered"
"""Those that are or were answered, by acceptance number."""
ENDED = PREFIX + "ended"
"""By the time of their end."""
RECORD = tuple(field.name for field in fields(JobRecord))
REQUEST = "request"

Command = tuple[str | int | float, ...]


def job_key(job_id: str) -> str:
    """The hash of a job."""
    return f"{PREFIX}job:{job_id}"


def events_key(job_id: str) -> str:
    """The stream of a job's events."""
    return f"{PREFIX}events:{job_id}"


def queue_of(model: str) -> str:
    """Those that wait for a machine with ``model``, by acceptance number."""
    return f"{PREFIX}queue:{model}"


def known_key(owner: str, key: str | None) -> str:
    """Where an idempotency key is kept; empty for none."""
    return "" if key is None else f"{PREFIX}key:{json.dumps([owner, key])}"


def places(record: JobRecord) -> dict[str, float]:
    """The sorted sets that hold the job, each with its score."""
    found: dict[str, float] = {ALL: record.position}
    if record.status is JobStatus.QUEUED:
        found |= {QUEUE: record.position, queue_of(record.base): record.position, DUE: record.expires_at}
    elif record.status is JobStatus.RUNNING:
        found |= {RUNNING: record.position, DUE: record.lease_expires_at or 0.0}
    if record.started_at is not None and record.worker_id is not None:
        found[ANSWERED] = record.position
    if record.finished_at is not None:
        found[ENDED] = record.finished_at
    return found


def saving(change: Change, step: str) -> list[Command]:
    """The commands that write ``change`` and wake whom it concerns."""
    before, after = change.before, change.after
    differing = [name for name in RECORD if getattr(before, name) != getattr(after, name)]
    values = [part for name in differing for part in (name, _stored(getattr(after, name)))]
    commands: list[Command] = [("HSET", job_key(after.id), *values, "step", json.dumps(step))]
    commands += adding_events(after.id, change.events)
    was, is_now = places(before), places(after)
    commands += [("ZADD", place, repr(score), after.id) for place, score in is_now.items() if was.get(place) != score]
    commands += [("ZREM", place, after.id) for place in was.keys() - is_now.keys()]
    return commands + [("PUBLISH", WAKE, topic) for topic in sorted(topics_of(change))]


def forgetting(record: JobRecord) -> list[Command]:
    """The commands that leave nothing of a job."""
    keys = [job_key(record.id), events_key(record.id), known_key(record.owner, record.idempotency_key)]
    removed: list[Command] = [("DEL", *filter(None, keys))]
    return removed + [("ZREM", place, record.id) for place in places(record)]


def job_hash(record: JobRecord, request: GenerationRequest) -> list[str]:
    """All names and values of a job's hash."""
    values = {name: _stored(getattr(record, name)) for name in RECORD} | {REQUEST: request.to_json()}
    return [part for pair in values.items() for part in pair]


def adding_events(job_id: str, events: Sequence[Event]) -> list[Command]:
    """The commands that append events. As plain ASCII: half a surrogate pair from an engine must not break them."""
    return [
        ("XADD", events_key(job_id), f"{e.seq}-0", "kind", e.kind.value, "at", repr(e.at), "data", json.dumps(e.data))
        for e in events
    ]


def event_from(entry: tuple[bytes, dict[bytes, bytes]]) -> Event:
    """The inverse of :func:`adding_events`. Raises StorageError (code ``storage_damaged``)."""
    try:
        seq, values = int(entry[0].split(b"-")[0]), entry[1]
        kind = EventKind(values[b"kind"].decode())
        return Event(seq=seq, kind=kind, at=float(values[b"at"]), data=json.loads(values[b"data"]))
    except (ValueError, KeyError, RecursionError) as error:
        raise damaged(error) from None


def record_from(row: Sequence[bytes | None]) -> JobRecord | None:
    """The record of the values of :data:`RECORD`; None where there is no such job. Raises as above."""
    if all(value is None for value in row):
        return None
    try:
        known: dict[str, Any] = {name: json.loads(value or b"") for name, value in zip(RECORD, row, strict=True)}
        known["status"] = JobStatus(known["status"])
        known["receipt"] = None if known["receipt"] is None else receipt_from(known["receipt"])
        return JobRecord(**known)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(error) from None


def request_from(body: bytes | None) -> GenerationRequest:
    """The request of a job's hash. Raises as above."""
    try:
        return GenerationRequest.from_json((body or b"").decode())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(error) from None


def _stored(value: object) -> str:
    return json.dumps(receipt_data(value) if isinstance(value, Receipt) else value)
