"""The machine on the wire."""

from typing import Literal

from tlfif.wire.errors import ErrorView
from tlfif.wire.typed_dict import TypedDict


class Pids(TypedDict):
    """Process ids on this computer; null where there is none."""

    server: int | None
    worker: int | None
    engine: int | None


class MachineView(TypedDict):
    """The machine now. Seconds are estimates learned from its own history; null where there is nothing to say.
    ``idle_timeout_minutes`` is null only in what the command line prints where no server runs; the API knows it.
    ``code``: the error's where there is no machine because of one, empty otherwise. ``fault``: why the server can start
    and end no machine at present; all the rest is then as it was before.
    ``instance_type`` (AWS's name; null on one's own computer) and ``engine`` (vllm or llama) are known as soon as the
    machine is launched, on one's own computer from its first heartbeat on."""

    state: str
    reason: str
    code: str
    phase: str | None
    eta_seconds: float | None
    image: str | None
    instance_type: str | None
    engine: str | None
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
    fault: ErrorView | None


class PhaseView(TypedDict):
    """One completed part of a start: ``launch``, ``engine_start`` or ``prove``."""

    phase: str
    seconds: float


class PastMachineView(TypedDict):
    """A machine, ended or still there. ``state`` is the one at its end. ``start_reason`` is empty for machines from
    before it was kept, ``end_reason`` while no end is under way. ``boot_seconds`` until ready, ``run_seconds`` from
    then to its end or until now; null where it never was ready."""

    machine_id: str
    model: str
    image: str
    instance_type: str | None
    engine: str | None
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


StopMode = Literal["cancel", "requeue"]
"""What becomes of running and waiting jobs when a person stops the machine."""


class StopResult(TypedDict):
    """What became of the machine and of the jobs (their ids)."""

    was_running: bool
    cancelled: list[str]
    requeued: list[str]
    machine: MachineView


NO_MACHINE: MachineView = {
    "state": "off",
    "reason": "the server is not running",
    "code": "",
    "phase": None,
    "eta_seconds": None,
    "image": None,
    "instance_type": None,
    "engine": None,
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
    "fault": None,
}
"""What the command line says of the machine where no server runs."""
