"""The machine: its states and record, its heartbeats, and the estimated time until it is ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MachineState(StrEnum):
    """``off → launching → loading → ready → draining → stopping → off``, and three reasons why there is no machine."""

    OFF = "off"
    LAUNCHING = "launching"
    """The intent is written and the launch was requested; the machine has not reported yet."""
    LOADING = "loading"
    """The worker runs and starts the engine."""
    READY = "ready"
    """A real generation on this machine succeeded and its heartbeat is fresh."""
    DRAINING = "draining"
    """Takes no new job; finishes or returns what runs."""
    STOPPING = "stopping"
    """Asked to end; not yet confirmed gone."""
    NO_CAPACITY = "no_capacity"
    NO_QUOTA = "no_quota"
    BROKEN = "broken"
    """It could not start or its engine kept failing; ``reason`` says how. A machine that is ending may report it of
    itself."""


STARTING = frozenset({MachineState.LAUNCHING, MachineState.LOADING})
ALIVE = STARTING | {MachineState.READY, MachineState.DRAINING, MachineState.STOPPING}
"""States of a machine that exists or may exist, and so may cost money."""


class Phase(StrEnum):
    """Parts of a start, each measured under its own name."""

    LAUNCH = "launch"
    """From the intent to the worker's first heartbeat."""
    ENGINE_START = "engine_start"
    """The engine's process comes up and loads the weights."""
    PROVE = "prove"
    """A real generation, which proves that the machine is ready."""


PHASES = (Phase.LAUNCH, Phase.ENGINE_START, Phase.PROVE)

DEFAULT_PHASE_SECONDS = {Phase.LAUNCH: 1.0, Phase.ENGINE_START: 2.0, Phase.PROVE: 0.5}
"""Estimates of the embedded home until it has a history of its own (two cores, SmolLM2-135M)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRecord:
    """One machine from intent to confirmed end. Times are epoch seconds.

    ``handle`` is the host's name for it (embedded: process id and start time; AWS: instance id) and is None between
    intent and commit. ``boot_id`` is new at each boot; a heartbeat with another one is not this machine's.
    ``instance_type`` (as AWS names it; None on one's own computer) and ``engine`` are known from the first heartbeat.
    ``idle_since`` is None while work or loading makes progress. ``reason`` is why it started until it is why it ends;
    ``start_reason`` stays why it started, and is empty in records older than the field. ``code`` is the error's where
    an error with one is why it ends, empty otherwise.
    """

    id: str
    state: MachineState
    model: str
    image: str
    created_at: float
    reason: str = ""
    start_reason: str = ""
    handle: str | None = None
    boot_id: str | None = None
    phase: Phase | None = None
    phase_started_at: float | None = None
    ready_at: float | None = None
    heartbeat_at: float | None = None
    idle_since: float | None = None
    ended_at: float | None = None
    worker_pid: int | None = None
    engine_pid: int | None = None
    drain_requested: bool = False
    stop_requested_at: float | None = None
    code: str = ""
    instance_type: str | None = None
    engine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What the worker reports about its machine. ``image``: the version that it was launched from; empty: not said."""

    machine_id: str
    boot_id: str
    state: MachineState
    phase: Phase | None
    idle_since: float | None
    worker_pid: int | None = None
    engine_pid: int | None = None
    reason: str = ""
    code: str = ""
    instance_type: str | None = None
    engine: str | None = None
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """The control plane's answer to a heartbeat.

    ``owned`` False: the record is closed or another machine's, so end now. ``control_seen_at`` is the control plane's
    own last heartbeat (epoch seconds; None: never).
    """

    owned: bool
    drain: bool
    idle_timeout_seconds: float
    control_seen_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The newest machine, open or ended, and what a person has set: ``held``, and the idle time-out or None."""

    latest: MachineRecord | None
    held: bool
    idle_timeout_seconds: float | None

    @property
    def active(self) -> MachineRecord | None:
        """The open record, if any: only the newest can be."""
        return self.latest if self.latest is not None and self.latest.ended_at is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTiming:
    """How long one phase of one start took."""

    phase: Phase
    seconds: float


def estimate_ready_seconds(
    *,
    phase: Phase | None,
    elapsed: float,
    history: list[PhaseTiming],
    expected: Mapping[Phase, float] = DEFAULT_PHASE_SECONDS,
) -> float:
    """Seconds until ready, from 0 up: the rest of the present phase plus the phases after it.

    Each phase counts as the median of its own history, or as ``expected`` before there is one. ``phase`` None: nothing
    has started yet.
    """
    from statistics import median  # it loads much, and each command reads this module

    left = 0.0
    reached = phase is None
    for step in PHASES:
        known = [t.seconds for t in history if t.phase is step]
        takes = median(known) if known else expected[step]
        if step is phase:
            reached = True
            left += max(0.0, takes - elapsed)
        elif reached:
            left += takes
    return round(left, 1)
