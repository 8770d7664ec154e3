"""The items of which a job consists in DynamoDB; their table is drawn in ``docs/reference/aws-store.md``.

What changes often (:class:`JobRecord`) is kept apart from what is long and never changes (the request): a write costs
by the size of its whole item.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import quote

from tlfif.adapters.aws.dynamo_items import Item
from tlfif.domain.endings import receipt_data, receipt_from
from tlfif.domain.events import Event, EventKind
from tlfif.domain.jobs import GenerationRequest, Job, JobStatus, NewJob, Receipt

BY_TIME = "by_time"
"""The index: ``gpk`` and ``gsk``."""
ALL_JOBS = "JOBS"
"""``gpk`` under which each job's first event stands, by acceptance number."""
ENDED_JOBS = "ENDED"
"""``gpk`` under which ended jobs stand, by the time of their end."""
QUEUE = "QUEUE"
RUNNING = "RUNNING"
COUNTER = ("COUNTER", "JOBS")
RECORD = "JOB"
REQUEST = "REQ"
TTL_GRACE_SECONDS = 7 * 86_400
"""A job's first items are dated before its end, which is when its time to be kept begins."""

_EVENT = "EV#"
_LAST_SEQ = 10**10 - 1
_FLOATS = frozenset(
    {"created_at", "expires_at", "wait_seconds", "lease_expires_at", "started_at", "finished_at"}
)  # DynamoDB gives whole floats back as ints


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job without its request. ``step`` names the last write to it, by which every writer knows that nobody came
    in between, and knows its own write again. ``position`` is the acceptance number."""

    id: str
    status: JobStatus
    model: str
    idempotency_key: str | None
    created_at: float
    expires_at: float
    wait_seconds: float
    position: int
    owner: str = ""
    step: str = ""
    attempt: int = 0
    last_seq: int = 0
    worker_id: str | None = None
    lease_token: str | None = None
    lease_expires_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    cancel_requested: bool = False
    cancel_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    receipt: Receipt | None = None

    def held_by(self, token: str) -> bool:
        """Whether ``token`` is that of the current lease."""
        return self.status is JobStatus.RUNNING and self.lease_token == token

    def job(self, request: GenerationRequest) -> Job:
        """As the port shows it."""
        shared = {field.name for field in fields(Job)} - {"request"}
        return Job(request=request, **{name: getattr(self, name) for name in shared})

    def item(self, *, keep_seconds: float) -> Item:
        """As it is stored. Only a job that has ended may be forgotten by the table itself."""
        values = asdict(self) | record_key(self.id) | {"status": self.status.value}
        values["receipt"] = None if self.receipt is None else json.dumps(receipt_data(self.receipt))
        if self.finished_at is not None:
            values["gpk"] = ENDED_JOBS
            values["gsk"] = f"{ended_mark(self.finished_at)}#{self.id}"
            values["expires"] = forget_at(self.finished_at, keep_seconds)
        return values


def record_from(item: Mapping[str, Any]) -> JobRecord:
    """The inverse of :meth:`JobRecord.item`."""
    known = {field.name: item[field.name] for field in fields(JobRecord) if field.name in item}
    known |= {name: float(known[name]) for name in _FLOATS & known.keys()}
    known["status"] = JobStatus(known["status"])
    known.setdefault("idempotency_key", None)
    if "receipt" in known:
        known["receipt"] = receipt_from(json.loads(known["receipt"]))
    return JobRecord(**known)


def new_record(job: NewJob, *, position: int, now: float) -> JobRecord:
    """A job as it is accepted, its event 1 written."""
    return JobRecord(
        id=job.id,
        status=JobStatus.QUEUED,
        model=job.request.model,
        idempotency_key=job.idempotency_key,
        created_at=now,
        expires_at=job.expires_at,
        wait_seconds=job.expires_at - now,
        position=position,
        owner=job.owner,
        last_seq=1,
    )


def job_pk(job_id: str) -> str:
    """Under which all items of a job stand."""
    return f"JOB#{job_id}"


def job_id_of(item: Mapping[str, Any]) -> str:
    """The inverse of :func:`job_pk`."""
    return str(item["pk"]).removeprefix("JOB#")


def record_key(job_id: str) -> Item:
    """Where a job's record stands."""
    return {"pk": job_pk(job_id), "sk": RECORD}


def idempotency_key(owner: str, key: str) -> tuple[str, str]:
    """Where an idempotency key stands. Keys of two owners never meet: their names may hold anything."""
    return f"KEY#{quote(owner, safe='')}#{key}", "KEY"


def queue_key(record: JobRecord) -> tuple[str, str]:
    """A waiting job's place: by acceptance, also where it was given back or the clock was set back."""
    return QUEUE, f"{record.position:020d}#{record.id}"


def queue_item(record: JobRecord) -> Item:
    """What claiming, counting and expiring must know of a waiting job."""
    pk, sk = queue_key(record)
    return {
        "pk": pk,
        "sk": sk,
        "job": record.id,
        "model": record.model,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }


def running_item(record: JobRecord) -> Item:
    """That a job runs, and where; its lease is in its record, so that a heartbeat is one write."""
    return {"pk": RUNNING, "sk": record.id, "worker": record.worker_id}


def event_sk(seq: int) -> str:
    """Sorts as the number does. What can never have been written sorts behind all that was."""
    return f"{_EVENT}{min(max(seq, 0), _LAST_SEQ):010d}"


def is_event(item: Mapping[str, Any]) -> bool:
    """Whether the item is a batch of events."""
    return str(item["sk"]).startswith(_EVENT)


def events_key(job_id: str, last_seq: int) -> Item:
    """Where the batch of events that ends with ``last_seq`` stands: who looks beyond a number finds each batch that
    has more."""
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
    """When the table itself may delete what was written ``at``, where no purge came first."""
    return int(at + keep_seconds + TTL_GRACE_SECONDS)
