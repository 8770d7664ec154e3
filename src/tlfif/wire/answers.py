"""What the API sends, as types. The server's schemas are the original; a test compares the two."""

from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from tlfif.jobs.events import Event
from tlfif.wire.money import CostShareView


class MessageView(TypedDict):
    """One turn of a conversation."""

    role: str
    content: str


class Pids(TypedDict):
    """Process ids on this computer; None where there is none."""

    server: int | None
    worker: int | None
    engine: int | None


class MachineView(TypedDict):
    """The machine now. Seconds are estimates; None where there is nothing to say."""

    state: str
    reason: str
    phase: str | None
    eta_seconds: float | None
    image: str | None
    model: str | None
    machine_id: str | None
    idle_seconds_left: float | None
    idle_timeout_minutes: float | None
    since: float | None
    queued: int
    running: int
    held: bool
    place: str
    pids: Pids


class PhaseView(TypedDict):
    """One completed part of a start: ``launch``, ``engine_start`` or ``prove``."""

    phase: str
    seconds: float


class PastMachineView(TypedDict):
    """A machine, ended or still there. ``start_reason`` is empty for machines from before it was kept, ``end_reason``
    while no end is under way. Seconds until ready and from then on; None where it never was ready."""

    machine_id: str
    model: str
    image: str
    state: str
    start_reason: str
    end_reason: str
    created_at: float
    ready_at: float | None
    ended_at: float | None
    phases: list[PhaseView]
    boot_seconds: float | None
    run_seconds: float | None


class MachineHistory(TypedDict):
    """Newest first."""

    machines: list[PastMachineView]


class ReceiptView(TypedDict):
    """What an answer took; seconds from acceptance."""

    model: str
    model_sha256: str | None
    image: str | None
    machine_id: str | None
    attempt: int
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str | None
    queue_seconds: float | None
    first_token_seconds: float | None
    total_seconds: float | None
    tokens_per_second: float | None


class ErrorView(TypedDict):
    """Why a job failed."""

    code: str
    message: str


class JobView(TypedDict):
    """A job. ``answer``, ``cost`` and ``as_if_aws`` are None in lists; ``as_if_aws`` also where machines run on AWS."""

    job_id: str
    status: str
    model: str
    messages: list[MessageView]
    max_tokens: int
    temperature: float
    seed: int | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempt: int
    last_seq: int
    cancel_requested: bool
    cancel_reason: str | None
    error: ErrorView | None
    receipt: ReceiptView | None
    answer: str | None
    cost: CostShareView | None
    as_if_aws: CostShareView | None


class Accepted(TypedDict):
    """The job is stored and will end in exactly one terminal status."""

    job_id: str
    status: str
    model: str
    created: bool
    machine: MachineView


class JobList(TypedDict):
    """Newest first; ``next_cursor`` is None on the last page."""

    jobs: list[JobView]
    next_cursor: str | None


class DeletedJobs(TypedDict):
    """How many were forgotten; with ``more``, ask again for the rest."""

    deleted: int
    more: bool


class StopResult(TypedDict):
    """What became of the machine and of the jobs (their ids)."""

    was_running: bool
    cancelled: list[str]
    requeued: list[str]
    machine: MachineView


class ModelView(TypedDict):
    """A model of the catalogue and its file on this computer. Sizes in bytes."""

    name: str
    title: str
    licence: str
    source: str
    context_tokens: int
    size_bytes: int | None
    sha256: str | None
    state: str
    received_bytes: int
    problem: str
    is_default: bool


class ModelList(TypedDict):
    """The default first."""

    models: list[ModelView]


class ServerView(TypedDict):
    """The server process. ``exits_in_seconds`` is None while something keeps it alive."""

    pid: int
    version: str
    port: int
    uptime_seconds: float
    exits_in_seconds: float | None


class Asking(TypedDict):
    """What to send to ``POST /v1/infer``; a member that is absent or None means the server's default."""

    messages: list[MessageView]
    model: NotRequired[str | None]
    max_tokens: NotRequired[int | None]
    temperature: NotRequired[float | None]
    seed: NotRequired[int | None]
    idle_timeout_minutes: NotRequired[float | None]


StopMode = Literal["cancel", "requeue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedNews:
    """The prompt is stored; from here on it cannot be lost. Comes first, once, and only to who submitted."""

    accepted: Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineNews:
    """What a waiting job waits for; sent about once a second and not part of the job's log."""

    machine: MachineView


News = Event | MachineNews
"""What a follower of a job hears."""

NO_MACHINE: MachineView = {
    "state": "off",
    "reason": "the server is not running",
    "phase": None,
    "eta_seconds": None,
    "image": None,
    "model": None,
    "machine_id": None,
    "idle_seconds_left": None,
    "idle_timeout_minutes": None,
    "since": None,
    "queued": 0,
    "running": 0,
    "held": False,
    "place": "this computer",
    "pids": {"server": None, "worker": None, "engine": None},
}
"""The machine where no server runs that could be asked."""
