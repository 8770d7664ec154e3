"""A job: one accepted request to generate, from acceptance to its one terminal state."""

from dataclasses import dataclass
from enum import StrEnum

from tlfif.jobs.pieces import Piece
from tlfif.jobs.request import GenerationRequest


class JobStatus(StrEnum):
    """``queued → running → succeeded | failed | cancelled | expired``, and ``running → queued`` on a lost lease."""

    QUEUED = "queued"
    """Accepted and stored; waits for a worker."""
    RUNNING = "running"
    """A worker holds the lease."""
    SUCCEEDED = "succeeded"
    """Finished with a whole answer."""
    FAILED = "failed"
    """Ended by an error; ``error_code`` and ``error_message`` say which."""
    CANCELLED = "cancelled"
    """Ended on request; a partial answer stays readable."""
    EXPIRED = "expired"
    """Waited longer than its limit and was never answered."""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended for good."""
        return self in TERMINAL


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED})

MAX_ATTEMPTS = 3
"""How often one job is claimed before it fails for good."""


class FinishReason(StrEnum):
    """Why the engine stopped, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an answer took. Seconds are wall clock; ``queue_seconds`` runs from acceptance to the last claim.

    ``first_token_seconds`` and ``total_seconds`` run from acceptance. Token counts come from the engine;
    None where it did not say. ``model_sha256`` is the hash of the weights that answered,
    ``adapter_sha256`` that of the adapter on top of them, None for a model of the catalogue. ``engine``: a value of
    ``machines.machine_types.EngineKind``; ``instance_type``: as AWS names it, None on one's own computer.
    """

    model: str
    model_sha256: str | None = None
    image: str | None = None
    instance_type: str | None = None
    engine: str | None = None
    machine_id: str | None = None
    attempt: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: FinishReason | None = None
    queue_seconds: float | None = None
    first_token_seconds: float | None = None
    total_seconds: float | None = None
    tokens_per_second: float | None = None
    adapter_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job without its request. Times are seconds since the epoch (UTC).

    ``last_seq`` is the number of the newest event. ``expires_at`` limits waiting only; a running job has its own limit.
    """

    id: str
    status: JobStatus
    idempotency_key: str | None
    created_at: float
    expires_at: float
    attempt: int = 0
    last_seq: int = 0
    worker_id: str | None = None
    lease_expires_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    cancel_requested: bool = False
    cancel_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    receipt: Receipt | None = None
    owner: str = ""
    """Who submitted it; empty in a home with one user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobState):
    """One job as callers of the store see it. ``request`` never leaves the store except to its worker and its owner."""

    request: GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A checked request, ready to be made durable. ``base``: the model that a machine must run to answer it. The model
    that the request names is that one, or a personal model on top of it."""

    id: str
    request: GenerationRequest
    base: str
    idempotency_key: str | None
    expires_at: float
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A time-limited claim on a job; only its ``token`` may write to the job."""

    job_id: str
    token: str
    worker_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job and the lease under which its worker may write."""

    job: Job
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ends. ``status`` is terminal; ``receipt`` belongs to every end that a worker reports."""

    status: JobStatus
    receipt: Receipt | None = None
    error_code: str | None = None
    error_message: str | None = None

    def __post_init__(self) -> None:
        if not self.status.is_terminal:
            raise ValueError(f"{self.status} does not end a job")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """How many jobs wait and run; since when the oldest waits (epoch seconds) and which model a machine must run for
    it."""

    queued: int = 0
    running: int = 0
    oldest_queued_at: float | None = None
    oldest_queued_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult:
    """The stored job; ``created`` is False where the idempotency key had been seen with the same request."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaWrite:
    """More of an answer, to append as event number ``seq``, which the lease's holder counts; writing it twice changes
    nothing."""

    lease: Lease
    seq: int
    piece: Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """What a heartbeat learned: whether the lease is still held, and whether the job is to be cancelled."""

    job_id: str
    held: bool
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTime:
    """When a job was accepted, started and finished, and on which machine: a machine's cost is shared out by this.
    Times are epoch seconds."""

    job_id: str
    machine_id: str
    created_at: float
    started_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Jobs newest first; ``next_cursor`` is None on the last page."""

    jobs: tuple[Job, ...]
    next_cursor: str | None = None
