"""Jobs as Redis keeps them: a hash for each, a stream of its events, and sorted sets by which they are found.

``tlfif:job:ID``: the record as JSON, what of it is :data:`APART`, and ``request``. ``tlfif:events:ID``: a stream,
whose entry ``SEQ-0`` is event number SEQ. ``tlfif:key:[OWNER, KEY]``: the job of an idempotency key. ``tlfif:count``:
jobs accepted so far. All else are sorted sets of job ids, by :func:`places`: none is found by looking through the
others' jobs.
"""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from tlfif.adapters.local.wakeups import WORK, topics_of
from tlfif.adapters.redis.redis_errors import damaged
from tlfif.jobs.endings import receipt_data, receipt_from
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_record import JobRecord, first_event
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.transitions import Change

PREFIX = "tlfif:"
COUNTER = PREFIX + "count"
WAKE_WORKERS, WAKE_READERS = PREFIX + "wake:work", PREFIX + "wake:jobs"
"""The channels on which topics of ``adapters.local.wakeups`` are published. Two, because each piece of an answer wakes
readers, and no worker need hear of it."""
DUE = PREFIX + "due"
"""Those that wait or run, by when their wait or their lease is over."""
APART = ("status", "position", "last_seq", "step", "lease_token", "lease_expires_at")
"""What has a field of its own: the server numbers a job, compares its step, and extends a lease that is held; and text
changes nothing else."""
RECORD = ("record", *APART)
REQUEST = "request"
_TOGETHER = tuple(field.name for field in fields(JobRecord) if field.name not in APART)

Command = tuple[str | int | float, ...]


class Found(NamedTuple):
    """A job, and its request as it is stored, where it was wanted."""

    record: JobRecord
    body: bytes | None

    @property
    def request(self) -> GenerationRequest:
        """What the job asks for. Raises StorageError (code ``storage_damaged``)."""
        return request_from(self.body)


def job_key(job_id: str) -> str:
    """The hash of a job."""
    return f"{PREFIX}job:{job_id}"


def events_key(job_id: str) -> str:
    """The stream of a job's events."""
    return f"{PREFIX}events:{job_id}"


def queue_of(model: str) -> str:
    """Those that wait for a machine with ``model``, by acceptance number."""
    return f"{PREFIX}queue:{model}"


def listed(owner: str | None = None, status: JobStatus | None = None) -> str:
    """Jobs by acceptance number; of one owner, in one status, where that is given. Released ones keep their place."""
    return f"{PREFIX}jobs:{status or '*'}" + ("" if owner is None else f":{owner}")


def answered(machine_id: str | None) -> str:
    """Those that are or were answered (on one machine), by acceptance number."""
    return f"{PREFIX}answered" + ("" if machine_id is None else f":{machine_id}")


def ended(owner: str | None = None) -> str:
    """Those that have ended (of one owner), by the time of their end."""
    return f"{PREFIX}ended" + ("" if owner is None else f":{owner}")


QUEUE = listed(status=JobStatus.QUEUED)
RUNNING = listed(status=JobStatus.RUNNING)


def known_key(owner: str, key: str | None) -> str:
    """Where an idempotency key is kept; empty for none."""
    return "" if key is None else f"{PREFIX}key:{json.dumps([owner, key])}"


def places(record: JobRecord) -> dict[str, float]:
    """The sorted sets that hold the job, each with its score."""
    position = float(record.position)
    found = {listed(owner, status): position for owner in (None, record.owner) for status in (None, record.status)}
    if record.status is JobStatus.QUEUED:
        found |= {queue_of(record.base): position, DUE: record.expires_at}
    elif record.status is JobStatus.RUNNING:
        found[DUE] = record.lease_expires_at or 0.0
    if record.started_at is not None and record.worker_id is not None:
        found |= {answered(None): position, answered(record.worker_id): position}
    if record.finished_at is not None:
        found |= {ended(): record.finished_at, ended(record.owner): record.finished_at}
    return found


def saving(change: Change, step: str) -> list[Command]:
    """The commands that write ``change`` and wake whom it concerns."""
    before, after = change.before, change.after
    now = apart(after) | {"step": step}
    values = {name: value for name, value in now.items() if value != apart(before)[name]}
    if any(getattr(before, name) != getattr(after, name) for name in _TOGETHER):
        values["record"] = _together(after)
    commands: list[Command] = [("HSET", job_key(after.id), *_pairs(values))]
    commands += adding_events(after.id, change.events)
    was, is_now = places(before), places(after)
    commands += [("ZADD", place, repr(score), after.id) for place, score in is_now.items() if was.get(place) != score]
    commands += [("ZREM", place, after.id) for place in was.keys() - is_now.keys()]
    return commands + [waking(topic) for topic in sorted(topics_of(change))]


def waking(topic: str) -> Command:
    """The command that wakes those who wait for ``topic``."""
    return ("PUBLISH", WAKE_WORKERS if topic == WORK else WAKE_READERS, topic)


def forgetting(record: JobRecord) -> list[Command]:
    """The commands that leave nothing of a job."""
    keys = [job_key(record.id), events_key(record.id), known_key(record.owner, record.idempotency_key)]
    removed: list[Command] = [("DEL", *filter(None, keys))]
    return removed + [("ZREM", place, record.id) for place in places(record)]


def accepting(record: JobRecord, request: GenerationRequest, known: str, *, position: str) -> list[Command]:
    """The commands that write a new job and its idempotency key. ``position`` stands where its number will be."""
    values = apart(record) | {"record": _together(record), "position": position, REQUEST: request.to_json()}
    commands: list[Command] = [("HSET", job_key(record.id), *_pairs(values))]
    commands += adding_events(record.id, [first_event(record)])
    for place, score in places(record).items():
        commands.append(("ZADD", place, repr(score) if place == DUE else position, record.id))
    commands += [("SET", known, record.id)] if known else []
    return [*commands, waking(WORK)]


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
        together, *others = ((value or b"").decode() for value in row)
        known: dict[str, Any] = json.loads(together) | dict(zip(APART, others, strict=True))
        known |= {"position": int(known["position"]), "last_seq": int(known["last_seq"])}
        known["status"] = JobStatus(known["status"])
        known["lease_token"] = known["lease_token"] or None
        known["lease_expires_at"] = float(known["lease_expires_at"]) if known["lease_expires_at"] else None
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


def apart(record: JobRecord) -> dict[str, str]:
    """The values of :data:`APART` as they are stored; empty for nothing."""
    values = {name: getattr(record, name) for name in APART}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _pairs(values: dict[str, str]) -> list[str]:
    return [part for pair in values.items() for part in pair]


def _together(record: JobRecord) -> str:
    values = {name: getattr(record, name) for name in _TOGETHER}
    return json.dumps(values | {"receipt": None if record.receipt is None else receipt_data(record.receipt)})
