"""The limits of machines, each with its unit, range and reason."""

from dataclasses import dataclass, replace

from tlfif.machines.machine import Phase

MIN_IDLE_TIMEOUT_MINUTES = 0.1
MAX_IDLE_TIMEOUT_MINUTES = 240.0
DEFAULT_IDLE_TIMEOUT_MINUTES = 5.0
"""RQL 1 section 1.1.4. The upper bound keeps a forgotten machine at four hours."""
LATE_SECONDS = 600.0
"""A machine may be older than its limit and its drain by this much: the schedule's minute, a slow termination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePolicy:
    """Limits of machines, in seconds unless named otherwise."""

    idle_timeout_seconds: float = DEFAULT_IDLE_TIMEOUT_MINUTES * 60
    idle_grace_seconds: float = 15.0
    """How long after the machine should have ended itself the control plane ends it (the second stop)."""
    launch_limit_seconds: float = 180.0
    """Not ready by then: the start has failed."""
    unseen_limit_seconds: float = 120.0
    """A cloud lists a new machine with a delay. One that it does not know this long after its launch is gone."""
    expected_launch_seconds: float = 1.0
    """How long the phases of a start take, where there is no history yet (two cores, SmolLM2-135M)."""
    expected_engine_start_seconds: float = 2.0
    expected_prove_seconds: float = 0.5
    heartbeat_seconds: float = 2.0
    heartbeat_valid_seconds: float = 60.0
    clocks_apart_seconds: float | None = None
    """How far the clocks of a machine and its control plane may differ. A heartbeat older than this plus the time for
    which it is valid has expired, even for a control plane that has just started. None: they share one clock, which may
    jump, so only the time that this process has measured counts."""
    max_run_seconds: float = 4 * 3600.0
    """Absolute maximum run time of one machine (the third stop)."""
    drain_limit_seconds: float = 600.0
    """A draining machine that still runs then is terminated; its jobs go back to the queue."""
    stop_patience_seconds: float = 5.0
    """From the request to end until force is used."""
    control_gone_seconds: float = 15.0
    """Time without a heartbeat of the control plane after which a machine drains."""
    control_gone_drain_seconds: float = 10.0
    """How long it may then still finish answers: together less than the promised 30 s."""
    max_failed_starts: int = 3
    failed_start_backoff_seconds: float = 2.0
    """Doubled with each failed start in a row."""
    no_capacity_pause_seconds: float = 120.0
    """The cloud has no capacity: the start is repeated after this long, while prompts wait."""
    no_quota_pause_seconds: float = 900.0
    """The quota is too small: people must raise it, so the start is repeated less often."""
    engine_slots: int = 4
    """Answers generated at once (continuous batching)."""
    engine_threads: int | None = None
    """Processor threads of an embedded engine; None: one for each core. Fewer are better on a busy computer, because
    the threads of one answer wait for each other in a busy loop."""

    @property
    def longest_life_seconds(self) -> float:
        """After this long a machine is gone, whatever it does."""
        return self.max_run_seconds + self.drain_limit_seconds + LATE_SECONDS

    @property
    def expected_phase_seconds(self) -> dict[Phase, float]:
        """The expected seconds by phase."""
        return {
            Phase.LAUNCH: self.expected_launch_seconds,
            Phase.ENGINE_START: self.expected_engine_start_seconds,
            Phase.PROVE: self.expected_prove_seconds,
        }


AWS_MACHINE_POLICY = MachinePolicy(
    launch_limit_seconds=900.0,
    expected_launch_seconds=75.0,
    expected_engine_start_seconds=150.0,
    expected_prove_seconds=3.0,
    heartbeat_seconds=5.0,
    clocks_apart_seconds=900.0,
    control_gone_seconds=600.0,
    control_gone_drain_seconds=60.0,
    stop_patience_seconds=60.0,
    failed_start_backoff_seconds=60.0,
    engine_slots=16,
)
"""A machine in the cloud: minutes to start, a router that looks once a minute, a whole GPU. How long a start takes is
not measured yet: surprises 37 to 41 give 2 to 10 minutes for a new image. Its own history replaces these figures."""

PROCESSOR_SLOTS = 4
"""Answers at once on a machine without a GPU: they share its few processors, as on one's own computer."""


def without_gpu(policy: MachinePolicy) -> MachinePolicy:
    """``policy`` for a machine whose engine runs on its processors."""
    return replace(policy, engine_slots=min(policy.engine_slots, PROCESSOR_SLOTS))
