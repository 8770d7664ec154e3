"""The router's tick: observe, decide, act. Run often, from anywhere; twice does no harm."""

import logging
from dataclasses import dataclass, field
from enum import Enum

from tlfif.control.launch_machine import confirm_launch, launch_machine
from tlfif.control.scaling import Action, ActionKind, Observation, decide
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import QueueCounts
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import (
    BudgetLockedError,
    InvalidInputError,
    MachineError,
    ModelError,
    NotFoundError,
    StorageError,
)
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_host import MachineHost, ObservedMachine
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.models.model_store import ModelStore
from tlfif.money.budget.budget_gate import BudgetGate
from tlfif.money.spend.meter import Meter

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 3.0
"""An intent that has no handle after this long was left behind by a control plane that died."""


ORPHAN_AGE_SECONDS = 300.0
"""A launch is committed within seconds; a machine without a record after this long has nobody."""


class Pace(Enum):
    """What the next round is for."""

    REST = "rest"
    """No machine and no job."""
    WATCH = "watch"
    """A machine serves; prompts need nothing from the router."""
    WORK = "work"
    """A machine is on its way in or out, a prompt waits for one, or a start that never was is to be forgotten."""


@dataclass(slots=True)
class HeartbeatWatch:
    """Ages heartbeats by the clock that does not jump: a beat is as old as the time since it last changed."""

    _key: tuple[str, float | None] | None = None
    _changed_at: float = 0.0

    def age(self, machine: MachineRecord | None, monotonic: float) -> float | None:
        """Seconds since the newest heartbeat was first seen; None without a machine or before its first beat."""
        if machine is None:
            self._key = None
            return None
        key = (machine.id, machine.heartbeat_at)
        if key != self._key:
            self._key, self._changed_at = key, monotonic
        return monotonic - self._changed_at if machine.heartbeat_at is not None else None


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """One control plane's hands. Holds nothing that a restart may not lose.

    Without ``meter`` and ``budget`` nothing is metered and nothing limited: for tests of the router alone.
    """

    jobs: JobStore
    machines: MachineStore
    models: ModelStore
    host: MachineHost
    clock: Clock
    ids: Ids
    job_policy: JobPolicy
    machine_policy: MachinePolicy
    image: str
    meter: Meter | None = None
    budget: BudgetGate | None = None
    watch: HeartbeatWatch = field(default_factory=HeartbeatWatch)
    suspects: set[str] = field(default_factory=set)
    seen: Observation | None = None
    """What the last tick began with; None where it could not look."""

    async def tick(self) -> Pace:
        """One round; returns how soon the next one is wanted."""
        self.seen, now = None, self.clock.now()
        await self.jobs.reap(now=now)
        return await self.tick_running()

    async def tick_running(self, *, launch: bool = True) -> Pace:
        """The machine's part of a tick; with ``launch`` False nothing new is started (the server is ending)."""
        now = self.clock.now()
        self.seen = seen = await self.observe()
        unchanged = seen.machine is None or seen.machine.handle is not None
        if seen.machine is not None and seen.machine.handle is None and launch:
            await self._confirm(seen.machine, now)
        if seen.machine is not None:
            await self.machines.control_alive(now=now)
        for action in decide(seen, self.machine_policy, now):
            if action.kind is ActionKind.LAUNCH and not launch:
                continue
            unchanged = False
            await self._act(action, seen.machine, now)
        active = seen.machine if unchanged else await self.machines.active()
        soon = self.meter is not None and await self.meter.observe(active)
        if soon:
            return Pace.WORK
        if seen.machine is None:
            return Pace.WORK if seen.counts.queued or seen.counts.running else Pace.REST
        return Pace.WATCH if seen.machine.state is MachineState.READY else Pace.WORK

    async def observe(self) -> Observation:
        """What there is, as the store and the host tell it."""
        counts: QueueCounts = await self.jobs.counts()
        situation = await self.machines.situation()
        machine = situation.active
        exists = None
        failed, ended_at, last_state = 0, None, None
        if machine is None:
            if counts.queued:
                failed = await self.machines.failed_starts()
                last = situation.latest
                ended_at, last_state = (last.ended_at, last.state) if last is not None else (None, None)
        elif machine.handle is not None:
            exists = await self._exists(machine.handle)
        return Observation(
            counts=counts,
            machine=machine,
            exists=exists,
            heartbeat_age=self._heartbeat_age(machine),
            idle_timeout_seconds=situation.idle_timeout_seconds or self.machine_policy.idle_timeout_seconds,
            held=situation.held,
            failed_starts=failed,
            last_ended_at=ended_at,
            last_state=last_state,
            budget_lock=await self.budget.watch() if self.budget is not None else None,
        )

    def _heartbeat_age(self, machine: MachineRecord | None) -> float | None:
        """As this process has watched it; and by the clocks, as far as they can be trusted, since the process may be
        new at every round."""
        watched, apart = self.watch.age(machine, self.clock.monotonic()), self.machine_policy.clocks_apart_seconds
        if machine is None or machine.heartbeat_at is None or watched is None or apart is None:
            return watched
        return max(watched, self.clock.now() - machine.heartbeat_at - apart)

    async def _exists(self, handle: str) -> bool | None:
        """The host's word. One that does not answer has not said that the machine is gone: it goes on counting."""
        try:
            return await self.host.alive(handle)
        except MachineError as error:
            log.warning("router: the host does not say whether the machine exists: %s", error.message)
            return True

    async def terminate(self, handle: str, *, force: bool) -> None:
        """Give the order to end; one that the host does not take is given again at the next tick, and keeps nothing
        else from its work."""
        try:
            await self.host.terminate(handle, force=force)
        except MachineError as error:
            log.warning("router: the machine could not be told to end: %s", error.message)

    async def _act(self, action: Action, machine: MachineRecord | None, now: float) -> None:
        log.info("router: %s: %s", action.kind, action.reason)
        if action.kind is ActionKind.LAUNCH and action.model is not None:
            await self._launch(action.model, action.reason, now)
        elif action.kind is ActionKind.FAIL_QUEUED and action.model is not None:
            await self._give_up(action.model, action.code, action.reason, now)
            await self.machines.reset_failures()
        elif machine is None:
            return
        elif action.kind is ActionKind.DRAIN:
            await self.machines.request_drain(machine.id, reason=action.reason)
        elif action.kind is ActionKind.CONFIRM_ENDED:
            await self.machines.mark_ended(machine.id, state=action.end_state, reason=action.reason, now=now)
            await self.jobs.abandon(machine.id, reason="the machine ended", now=now)
        elif machine.handle is not None:
            await self.machines.mark_stopping(machine.id, reason=action.reason, now=now)
            await self.terminate(machine.handle, force=action.kind is ActionKind.FORCE)

    async def _launch(self, model: str, reason: str, now: float) -> None:
        try:
            await self.models.checked_file(model)
            if not (await self.jobs.counts()).queued or await self.machines.held():
                return  # reading a large file takes seconds; a person may have stopped it all meanwhile
            await launch_machine(
                model,
                reason=reason,
                image=self.image,
                machines=self.machines,
                models=self.models,
                host=self.host,
                policy=self.machine_policy,
                clock=self.clock,
                ids=self.ids,
                budget=self.budget,
            )
        except (ModelError, InvalidInputError, BudgetLockedError) as error:
            # A person's own file may be gone or changed since the prompt was accepted, or the budget used up.
            await self._give_up(model, error.code, error.message, now)
        except MachineError as error:
            log.warning("router: the machine did not start: %s", error.message)

    async def _confirm(self, machine: MachineRecord, now: float) -> None:
        """Finish a launch that another control plane began: the same id again gives the same machine."""
        age = now - machine.created_at
        if 0 <= age < CONFIRM_SECONDS or age > self.machine_policy.launch_limit_seconds:
            return  # too fresh to be left behind, or so old that this tick closes it
        try:
            await confirm_launch(
                machine,
                machines=self.machines,
                models=self.models,
                host=self.host,
                policy=self.machine_policy,
                clock=self.clock,
            )
        except (ModelError, InvalidInputError, MachineError) as error:
            log.warning("router: the machine did not start: %s", error.message)

    async def _give_up(self, model: str, code: str, message: str, now: float) -> None:
        """No machine will come for these jobs: say so instead of letting them wait."""
        failed = await self.jobs.fail_queued(model=model, code=code, message=message, now=now)
        log.warning("router: %d waiting jobs failed: %s", len(failed), code)

    async def sweep_orphans(self) -> list[str]:
        """End machines that carry our mark but no open record, in two passes: seen once, they are suspects; seen
        again, they are ended. One that the host says is old is ended at first sight: a control plane that keeps no
        memory between its rounds has no second pass. Returns the handles that were ended.

        Raises MachineError where the host does not say what there is."""
        record = await self.machines.active()
        known = record.id if record is not None else None
        strays = [m for m in await self.host.find_all() if m.machine_id != known or _is_double(m, record)]
        found = {m.handle for m in strays}
        since = self.clock.now() - ORPHAN_AGE_SECONDS
        old = {m.handle for m in strays if m.began_at is not None and m.began_at < since}
        if record is not None and record.state in {MachineState.LAUNCHING, MachineState.LOADING}:
            # A launch in flight may show processes before its commit; its id is known, but be patient all the same.
            found.discard(record.handle or "")
        guilty = found & (self.suspects | old)
        for stray in (each for each in strays if each.handle in guilty):
            log.warning("router: ending an orphaned machine")
            await self._own_up(stray)
            await self.terminate(stray.handle, force=True)
        self.suspects = found - guilty
        return sorted(guilty)

    async def _own_up(self, stray: ObservedMachine) -> None:
        """A machine whose launch seemed to have failed ran after all: its record learns of it, so that its time is
        metered. Before its end is asked for, because nobody finds it afterwards; but a store that fails keeps nothing
        from its end."""
        if stray.machine_id is None:
            return
        try:
            await self.machines.commit_launch(stray.machine_id, handle=stray.handle)
        except NotFoundError:
            return  # no record of this home
        except StorageError as error:
            log.warning("router: an orphaned machine's time will not be metered: %s", error.message)


def _is_double(found: ObservedMachine, record: MachineRecord | None) -> bool:
    """A second machine under the open record's id: two launchers at once, and one answer was lost. Only a host that
    keeps times gives handles that never change."""
    committed = record is not None and record.handle is not None and found.handle != record.handle
    return committed and found.began_at is not None
