"""The items of which a job consists in DynamoDB; their table is drawn in ``docs/reference/aws-store.md``.

What changes often (:class:`JobRecord`) is kept apart from what is long and never changes (the request): a write costs
by the size of its whole item.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import quote

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.jobs.endings import receipt_data, receipt_from
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import JobStatus

BY_TIME = "by_time"
"""The index: ``gpk`` and ``gsk``."""
ALL_JOBS = "JOBS"
"""``gpk`` of each job's first event, ordered by acceptance number."""
ENDED_JOBS = "ENDED"
"""``gpk`` of ended jobs, ordered by the time of their end."""
QUEUE = "QUEUE"
RUNNING = "RUNNING"
COUNTER = ("COUNTER", "JOBS")
RECORD = "JOB"
REQUEST = "REQ"
TTL_GRACE_SECONDS = 7 * 86_400
"""Extra time, because a job's first items are older than its end, from which its time to be kept counts."""

_EVENT = "EV#"
_LAST_SEQ = 10**10 - 1
_FLOATS = frozenset(
    {"created_at", "expires_at", "wait_seconds", "lease_expires_at", "started_at", "finished_at"}
)  # DynamoDB gives whole floats back as ints


def record_item(record: JobRecord, *, keep_seconds: float) -> Item:
    """The record as an item. Only the item of an ended job has an expiry, after which the table deletes it."""
    values = asdict(record) | record_key(record.id) | {"status": record.status.value}
    values["model"] = values.pop("base")  # its name since before there were personal models
    values["receipt"] = None if record.receipt is None else json.dumps(receipt_data(record.receipt))
    if record.finished_at is not None:
        values["gpk"] = ENDED_JOBS
        values["gsk"] = f"{ended_mark(record.finished_at)}#{record.id}"
        values["expires"] = forget_at(record.finished_at, keep_seconds)
    return values


def record_from(item: Mapping[str, Any]) -> JobRecord:
    """The inverse of :func:`record_item`."""
    known = {field.name: item[field.name] for field in fields(JobRecord) if field.name in item}
    known |= {name: float(known[name]) for name in _FLOATS & known.keys()}
    known["base"] = item["model"]
    known["status"] = JobStatus(known["status"])
    known.setdefault("idempotency_key", None)
    if "receipt" in known:
        known["receipt"] = receipt_from(json.loads(known["receipt"]))
    return JobRecord(**known)


def job_pk(job_id: str) -> str:
    """The partition key of all items of a job."""
    return f"JOB#{job_id}"


def job_id_of(item: Mapping[str, Any]) -> str:
    """The inverse of :func:`job_pk`."""
    return str(item["pk"]).removeprefix("JOB#")


def record_key(job_id: str) -> Item:
    """The key of a job's record."""
    return {"pk": job_pk(job_id), "sk": RECORD}


def idempotency_key(owner: str, key: str) -> tuple[str, str]:
    """The key of an idempotency key's item. The owner's name is quoted, so that keys of two owners never collide."""
    return f"KEY#{quote(owner, safe='')}#{key}", "KEY"


def queue_key(record: JobRecord) -> tuple[str, str]:
    """The key of a waiting job's item: ordered by acceptance, even if the job was released or a clock was set back."""
    return QUEUE, f"{record.position:020d}#{record.id}"


def queue_item(record: JobRecord) -> Item:
    """What claiming, counting and expiring need to know about a waiting job."""
    pk, sk = queue_key(record)
    return {
        "pk": pk,
        "sk": sk,
        "job": record.id,
        "model": record.base,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }


def running_item(record: JobRecord) -> Item:
    """The item that says that a job runs, and on which worker. The lease is in the record, so that a heartbeat is one
    write."""
    return {"pk": RUNNING, "sk": record.id, "worker": record.worker_id}


def event_sk(seq: int) -> str:
    """Sorts as the number does. A number that is too large for any event sorts behind all of them."""
    return f"{_EVENT}{min(max(seq, 0), _LAST_SEQ):010d}"


def is_event(item: Mapping[str, Any]) -> bool:
    """Whether the item is a batch of events."""
    return str(item["sk"]).startswith(_EVENT)


def events_key(job_id: str, last_seq: int) -> Item:
    """The key of the batch of events that ends with ``last_seq``: a query beyond a number finds each batch that has a
    later event."""
    return {"pk": job_pk(job_id), "sk": event_sk(last_seq)}


def events_text(events: Sequence[Event]) -> str:
    """Events that became visible together. Plain ASCII: half a surrogate pair from an engine must not break it."""
    return json.dumps([[e.seq, e.kind.value, e.at, e.data] for e in events], separators=(",", ":"))


def events_from(text: str) -> Iterable[Event]:
    """The inverse of :func:`events_text`."""
    return (Event(seq=seq, kind=EventKind(kind), at=at, data=data) for seq, kind, at, data in json.loads(text))


def listing_mark(position: int) -> str:
    """``gsk`` of the job accepted as number ``position``."""
    return f"{position:020d}"


def ended_mark(finished_at: float) -> str:
    """The beginning of the ``gsk`` of a job that ended then: microseconds."""
    return f"{max(0, round(finished_at * 1e6)):020d}"


def forget_at(at: float, keep_seconds: float) -> int:
    """When the table may delete what was written ``at``, if no purge did so before."""
    return int(at + keep_seconds + TTL_GRACE_SECONDS)
