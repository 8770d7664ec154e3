"""The router's decisions: from what is observed to what is done. Pure: no clock, no I/O."""

from dataclasses import dataclass
from enum import StrEnum

from tlfif.jobs.jobs import QueueCounts
from tlfif.machines.machine import ALIVE, STARTING, MachineRecord, MachineState
from tlfif.machines.policy import MachinePolicy
from tlfif.money.budget.budget import DRAIN_SECONDS, PRACTICE, BudgetLock, queued_text

BUDGET_REASON = "the month's budget is used up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one tick observes.

    ``machine`` is the open record, if any. ``exists`` is what the host reports (None: nothing was launched for this
    record yet, or the host does not know it). ``heartbeat_age`` is seconds since its last heartbeat, by a clock that
    does not jump. ``failed_starts`` in a row. The last machine ended at ``last_ended_at`` for ``last_reason`` and shows
    ``last_state``.
    """

    counts: QueueCounts
    machine: MachineRecord | None
    exists: bool | None
    heartbeat_age: float | None
    idle_timeout_seconds: float
    held: bool = False
    failed_starts: int = 0
    last_ended_at: float | None = None
    last_state: MachineState | None = None
    last_reason: str = ""
    budget_lock: BudgetLock | None = None
    """The budget's lock; None while there is none."""
    search_goes_on: bool = False
    """The last start had no time to ask for capacity everywhere."""


class ActionKind(StrEnum):
    """What the router can do."""

    LAUNCH = "launch"
    DRAIN = "drain"
    TERMINATE = "terminate"
    FORCE = "force"
    CONFIRM_ENDED = "confirm_ended"
    FAIL_QUEUED = "fail_queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do and the reason for the log of starts and stops. ``end_state`` is shown after the end."""

    kind: ActionKind
    reason: str
    model: str | None = None
    end_state: MachineState = MachineState.OFF
    code: str = ""
    """Why jobs fail, for programs; with FAIL_QUEUED only."""
    unexplained: bool = False
    """The machine ended and nobody has said why; with CONFIRM_ENDED only."""


def decide(seen: Observation, policy: MachinePolicy, now: float) -> tuple[Action, ...]:
    """What to do now; the empty tuple where nothing is to be done. Repeating an action is safe."""
    if seen.machine is not None:
        return _decide_running(seen, seen.machine, policy, now)
    return _decide_off(seen, policy, now)


def _decide_off(seen: Observation, policy: MachinePolicy, now: float) -> tuple[Action, ...]:
    model = seen.counts.oldest_queued_model
    if model is None or seen.held:
        return ()
    if seen.budget_lock is not None:
        return (_refuse_for_budget(model, seen.budget_lock),)
    if seen.failed_starts >= policy.max_failed_starts:
        return (
            Action(
                kind=ActionKind.FAIL_QUEUED,
                model=model,
                code="machine_broken",
                reason=f"The machine failed to start {seen.failed_starts} times in a row"
                + (f", the last time because: {seen.last_reason}" if seen.last_reason else "."),
            ),
        )
    if seen.last_ended_at is not None and 0 <= now - seen.last_ended_at < _pause(seen, policy):
        return ()
    waiting = seen.counts.queued
    reason = f"started for {waiting} waiting prompt{'s' if waiting != 1 else ''}"
    return (Action(kind=ActionKind.LAUNCH, model=model, reason=reason),)


def _pause(seen: Observation, policy: MachinePolicy) -> float:
    """Seconds to wait after the last machine's end: 0 after a normal one."""
    if seen.last_state is MachineState.NO_CAPACITY:
        return 0.0 if seen.search_goes_on else policy.no_capacity_pause_seconds
    if seen.last_state is MachineState.NO_QUOTA:
        return policy.no_quota_pause_seconds
    return policy.failed_start_backoff_seconds * 2 ** (seen.failed_starts - 1) if seen.failed_starts else 0.0


def _decide_running(seen: Observation, machine: MachineRecord, policy: MachinePolicy, now: float) -> tuple[Action, ...]:
    unseen = seen.exists is None and machine.handle is not None
    if seen.exists is False or (unseen and now - machine.created_at > policy.unseen_limit_seconds):
        return (_confirm(machine, policy),)
    if machine.handle is None:
        # An intent without a commit: the launching process died in between. The orphan sweep ends what it may have
        # launched.
        if now - machine.created_at > policy.launch_limit_seconds:
            return (
                Action(
                    kind=ActionKind.CONFIRM_ENDED,
                    reason="the start was never confirmed",
                    end_state=MachineState.BROKEN,
                ),
            )
        return ()
    if machine.state in {MachineState.STOPPING, MachineState.BROKEN} or machine.stop_requested_at is not None:
        asked = machine.stop_requested_at
        waited = now - asked if asked is not None else seen.heartbeat_age
        if waited is None or not 0 <= waited < policy.stop_patience_seconds:
            return (Action(kind=ActionKind.FORCE, reason=machine.reason or "did not end when asked"),)
        return ()
    overdue = _must_end(seen, machine, policy, now)
    if overdue is not None:
        return (overdue,)
    if seen.budget_lock is not None:
        return _decide_locked(seen, machine, seen.budget_lock)
    return _model_change(seen, machine)


def _decide_locked(seen: Observation, machine: MachineRecord, lock: BudgetLock) -> tuple[Action, ...]:
    """Running jobs may finish within the time that was reserved for it; waiting jobs fail at once."""
    model = seen.counts.oldest_queued_model
    waiting = (_refuse_for_budget(model, lock),) if model is not None else ()
    reason = BUDGET_REASON + (f".{PRACTICE}" if lock.simulated_aws else "")
    if lock.seconds > DRAIN_SECONDS:
        return (*waiting, Action(kind=ActionKind.TERMINATE, reason=reason))
    if not machine.drain_requested:
        return (*waiting, Action(kind=ActionKind.DRAIN, reason=reason))
    return waiting


def _refuse_for_budget(model: str, lock: BudgetLock) -> Action:
    return Action(kind=ActionKind.FAIL_QUEUED, model=model, code="budget_locked", reason=queued_text(lock))


def _confirm(machine: MachineRecord, policy: MachinePolicy) -> Action:
    """The host says that it is gone: closed as a normal end or as a failure."""
    stopped_at = machine.stop_requested_at
    overdue = stopped_at is not None and stopped_at - machine.created_at > policy.launch_limit_seconds
    asked = stopped_at is not None or machine.drain_requested
    # Until an end is requested or reported, the record's reason is why it was started.
    has_end_reason = asked or machine.state in {MachineState.STOPPING, MachineState.BROKEN}
    why = machine.reason if has_end_reason else ""
    if machine.state is MachineState.BROKEN or (machine.ready_at is None and (overdue or not asked)):
        reason = why or "ended before it was ready"
        return Action(kind=ActionKind.CONFIRM_ENDED, reason=reason, end_state=MachineState.BROKEN, unexplained=not why)
    return Action(kind=ActionKind.CONFIRM_ENDED, reason=why or "ended without being asked", unexplained=not why)


def _must_end(seen: Observation, machine: MachineRecord, policy: MachinePolicy, now: float) -> Action | None:
    age = now - machine.created_at
    if machine.state in STARTING and machine.ready_at is None and age > policy.launch_limit_seconds:
        return Action(
            kind=ActionKind.TERMINATE,
            reason=f"not ready within {policy.launch_limit_seconds:.0f} s",
        )
    if seen.heartbeat_age is not None and seen.heartbeat_age > policy.heartbeat_valid_seconds:
        return Action(kind=ActionKind.FORCE, reason=f"silent for {policy.heartbeat_valid_seconds:.0f} s")
    if age > policy.max_run_seconds + policy.drain_limit_seconds:
        return Action(kind=ActionKind.TERMINATE, reason="older than its maximum run time")
    if age > policy.max_run_seconds and not machine.drain_requested:
        return Action(kind=ActionKind.DRAIN, reason="reached its maximum run time")
    if machine.idle_since is not None and machine.state is MachineState.READY:
        idle = now - machine.idle_since
        busy = seen.counts.running or (seen.counts.queued and seen.counts.oldest_queued_model == machine.model)
        if idle > seen.idle_timeout_seconds + policy.idle_grace_seconds and not busy:
            return Action(kind=ActionKind.TERMINATE, reason=f"idle for {idle / 60:.1f} minutes")
    return None


def _model_change(seen: Observation, machine: MachineRecord) -> tuple[Action, ...]:
    wanted = seen.counts.oldest_queued_model
    if wanted is None or wanted == machine.model or machine.drain_requested:
        return ()
    if machine.state in ALIVE - {MachineState.DRAINING}:
        return (Action(kind=ActionKind.DRAIN, reason=f"the next prompt wants the model {wanted}"),)
    return ()
