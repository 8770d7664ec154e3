"""The machine as shown to a person: its state, the reason, and how long until it is ready or ends."""

import asyncio
from dataclasses import dataclass

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import QueueCounts
from tlfif.kernel.clock import Clock
from tlfif.machines.machine import STARTING, MachineRecord, MachineState, Situation, estimate_ready_seconds
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.models.model_store import ModelStore

HISTORY_STARTS = 5
"""Only the newest starts count: a computer's load and what is in its file cache change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStatus:
    """``state`` is what is shown; ``eta_seconds`` until ready: 0 when ready, what a start would take when off, None
    while it ends or is held.

    ``code`` is that of the error where ``state`` is broken, no_capacity or no_quota because of one, else empty.
    ``idle_seconds_left`` until it ends itself; None unless it is ready and idle.
    """

    state: MachineState
    reason: str
    code: str
    record: MachineRecord | None
    eta_seconds: float | None
    idle_seconds_left: float | None
    idle_timeout_seconds: float
    counts: QueueCounts
    held: bool


async def describe_machine(
    *,
    jobs: JobStore,
    machines: MachineStore,
    models: ModelStore,
    policy: MachinePolicy,
    image: str,
    clock: Clock,
    situation: Situation | None = None,
) -> MachineStatus:
    """The state now. Reads the stores only, and as little as the answer needs: it runs for every prompt, whose caller
    has just read the ``situation``."""
    if situation is not None:
        counts, seen = await jobs.counts(), situation
    else:
        counts, seen = await asyncio.gather(jobs.counts(), machines.situation())
    record, open_record, held = seen.latest, seen.active, seen.held
    image = record.image if record is not None else image  # the same one is likely to be launched again
    idle_timeout = seen.idle_timeout_seconds or policy.idle_timeout_seconds
    state, reason, code = _shown(record, counts.oldest_queued_model)
    now = clock.now()
    eta, idle_left = None, None
    expected = policy.expected_phase_seconds
    if open_record is not None and state is MachineState.READY:
        eta = 0.0
        if not counts.running:
            # The next heartbeat says since when the machine is idle; until then: since now.
            idle_left = round(max(0.0, (open_record.idle_since or now) + idle_timeout - now), 1)
    elif open_record is not None and state in STARTING:
        history = await machines.phase_timings(model=open_record.model, image=image, limit=HISTORY_STARTS)
        elapsed = max(0.0, now - (open_record.phase_started_at or now))
        eta = estimate_ready_seconds(phase=open_record.phase, elapsed=elapsed, history=history, expected=expected)
    elif open_record is None and not held:
        model = counts.oldest_queued_model or (await models.resolve(None)).name
        history = await machines.phase_timings(model=model, image=image, limit=HISTORY_STARTS)
        eta = estimate_ready_seconds(phase=None, elapsed=0.0, history=history, expected=expected)
    return MachineStatus(
        state=state,
        reason=reason,
        code=code,
        record=open_record,
        eta_seconds=eta,
        idle_seconds_left=idle_left,
        idle_timeout_seconds=idle_timeout,
        counts=counts,
        held=held,
    )


def _shown(record: MachineRecord | None, wanted: str | None) -> tuple[MachineState, str, str]:
    """State, reason and code. Why one model's machine broke is not what a prompt for another model waits for."""
    if record is None:
        return MachineState.OFF, "not started yet", ""
    if record.state is MachineState.BROKEN and wanted not in {None, record.model}:
        return MachineState.OFF if record.ended_at is not None else MachineState.STOPPING, "", ""
    if record.state not in {MachineState.BROKEN, MachineState.NO_CAPACITY, MachineState.NO_QUOTA}:
        return record.state, record.reason, ""
    return record.state, record.reason, record.code
