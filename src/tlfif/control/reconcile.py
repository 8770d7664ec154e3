"""The router's tick: observe, decide, act. It may run often, from anywhere, and twice at once without harm."""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from tlfif.control.launch_machine import MachinePorts, confirm_launch, launch_machine
from tlfif.control.scaling import Action, ActionKind, Observation, decide
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import QueueCounts
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import (
    BudgetLockedError,
    ImageError,
    InvalidInputError,
    MachineError,
    ModelError,
    ModelUnusableError,
    NotFoundError,
    StorageError,
    TlfifError,
)
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_host import ObservedMachine
from tlfif.models.catalogue import file_path_of
from tlfif.money.spend.meter import Meter

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 3.0
"""An intent that has no handle after this long was left by a control plane that died."""
ORPHAN_AGE_SECONDS = 300.0
"""A launch is committed within seconds; a machine without a record after this long is an orphan."""
PURGE_LIMIT = 100
"""Old jobs per purge: the write lock is held for about 2.5 ms."""


class Pace(Enum):
    """How soon the next tick is needed."""

    REST = "rest"
    """No machine and no job."""
    WATCH = "watch"
    """A machine serves; prompts need nothing from the router."""
    WORK = "work"
    """A machine starts or ends, a prompt waits for one, or a reservation without a machine is to be released."""


@dataclass(slots=True)
class HeartbeatWatch:
    """Measures the age of heartbeats by the clock that does not jump: the time since the newest one was first seen."""

    _key: tuple[str, float | None] | None = None
    _changed_at: float = 0.0

    def age(self, machine: MachineRecord | None, monotonic: float) -> float | None:
        """Seconds since the newest heartbeat was first seen; None without a machine or before its first
        heartbeat."""
        if machine is None:
            self._key = None
            return None
        key = (machine.id, machine.heartbeat_at)
        if key != self._key:
            self._key, self._changed_at = key, monotonic
        return monotonic - self._changed_at if machine.heartbeat_at is not None else None


@dataclass(slots=True, kw_only=True)
class Reconciler(MachinePorts):
    """Observes the machine and the jobs of one control plane and acts on them. Its state may be lost at any restart.

    Without ``meter`` and ``budget`` nothing is metered or limited: for tests of the router alone. ``last_words``: what
    the machine with this id said about its own end, empty where that is not known; None where no machine says it.
    """

    jobs: JobStore
    job_policy: JobPolicy
    meter: Meter | None = None
    last_words: Callable[[str], Awaitable[str]] | None = None
    watch: HeartbeatWatch = field(default_factory=HeartbeatWatch)
    suspects: set[str] = field(default_factory=set)
    seen: Observation | None = None
    """What the last tick observed; None where it failed to."""
    fault: TlfifError | None = None
    """Why ticks keep failing, and no machine is started or ended; None while they succeed. Set by the router's loop."""
    search_goes_on: bool = False
    """The last start found no capacity, and had no time to ask everywhere."""

    async def tick(self, *, launch: bool = True) -> Pace:
        """One tick; returns how soon the next one is needed. With ``launch`` False no machine is started."""
        self.seen = None
        await self.clock.follow_wall(self._at_rest)
        await self.jobs.reap(now=self.clock.now())
        return await self.tick_running(launch=launch)

    async def tick_running(self, *, launch: bool = True) -> Pace:
        """The machine's part of a tick; with ``launch`` False no machine is started (the server is ending, or
        there is too little time left)."""
        now = self.clock.now()
        self.seen = seen = await self.observe()
        unchanged = seen.machine is None or seen.machine.handle is not None
        if seen.machine is not None and seen.machine.handle is None and launch:
            await self._confirm(seen.machine, now)
        if seen.machine is not None:
            await self.machines.control_alive(now=now)
            if self.launched is not None and seen.machine.ready_at is not None:
                await self.launched.started(seen.machine)
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

    async def _at_rest(self) -> bool:
        """Whether no prompt and no machine is open, so that no time is being measured."""
        counts = await self.jobs.counts()
        return not counts.queued and not counts.running and await self.machines.active() is None

    async def observe(self) -> Observation:
        """The present state, from the stores and the host."""
        counts: QueueCounts = await self.jobs.counts()
        situation = await self.machines.situation()
        machine = situation.active
        exists = None
        failed, ended_at, last_state, last_reason = 0, None, None, ""
        if machine is None:
            if counts.queued:
                failed = await self.machines.failed_starts()
                last = situation.latest
                if last is not None:
                    ended_at, last_state, last_reason = last.ended_at, last.state, last.reason
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
            last_reason=last_reason,
            budget_lock=await self.budget.watch() if self.budget is not None else None,
            search_goes_on=self.search_goes_on,
        )

    def _heartbeat_age(self, machine: MachineRecord | None) -> float | None:
        """As measured by this process, or by comparing the clocks where that is more: this process may be new at every
        tick."""
        watched, apart = self.watch.age(machine, self.clock.monotonic()), self.machine_policy.clocks_apart_seconds
        if machine is None or machine.heartbeat_at is None or watched is None or apart is None:
            return watched
        return max(watched, self.clock.now() - machine.heartbeat_at - apart)

    async def _exists(self, handle: str) -> bool | None:
        """What the host reports. If it does not answer, the machine still counts as existing."""
        try:
            return await self.host.alive(handle)
        except MachineError as error:
            log.warning("router: the host does not report whether the machine exists: %s", error.message)
            return True

    async def terminate(self, handle: str, *, force: bool) -> None:
        """Ask the host to end the machine. A call that fails is logged and repeated at the next tick."""
        try:
            await self.host.terminate(handle, force=force)
        except MachineError as error:
            log.warning("router: the machine could not be asked to end: %s", error.message)

    async def _act(self, action: Action, machine: MachineRecord | None, now: float) -> None:
        log.info("router: %s: %s", action.kind, action.reason)
        if action.kind is ActionKind.LAUNCH and action.model is not None:
            await self._launch(action.model, action.reason, now)
        elif action.kind is ActionKind.FAIL_QUEUED and action.model is not None:
            await self._fail_waiting(action.model, action.code, action.reason, now)
            await self.machines.reset_failures()
        elif machine is None:
            return
        elif action.kind is ActionKind.DRAIN:
            await self.machines.request_drain(machine.id, reason=action.reason)
        elif action.kind is ActionKind.CONFIRM_ENDED:
            # In this order: whoever is killed in between leaves an open record, and the next tick does both.
            await self.jobs.abandon(machine.id, reason="the machine ended", now=now)
            reason = await self._explained(action, machine)
            reason += await self._told_of_image(machine, action, reason)
            await self.machines.mark_ended(machine.id, state=action.end_state, reason=reason, now=now)
        elif machine.handle is not None:
            await self.machines.mark_stopping(machine.id, reason=action.reason, now=now)
            await self.terminate(machine.handle, force=action.kind is ActionKind.FORCE)

    async def _explained(self, action: Action, machine: MachineRecord) -> str:
        """The action's reason; where nobody knows one, with what the machine or its host says."""
        if not action.unexplained:
            return action.reason
        words = await self.last_words(machine.id) if self.last_words is not None else ""
        if not words and machine.handle is not None:
            with contextlib.suppress(MachineError):
                lifetime = await self.host.lifetime(machine.handle)
                words = lifetime.last_words if lifetime is not None else ""
        return f"{action.reason}: {words}" if words else action.reason

    async def _told_of_image(self, machine: MachineRecord, action: Action, reason: str) -> str:
        """What its end means for the image, as the end of its ``reason``."""
        if self.launched is None or machine.ready_at is not None or action.end_state is not MachineState.BROKEN:
            return ""
        if machine.code == ModelUnusableError.code and file_path_of(machine.model) is not None:
            return ""  # a person's own file is in no image
        return await self.launched.broke(machine, reason)

    async def _launch(self, model: str, reason: str, now: float) -> None:
        try:
            await self.models.checked_file(model)
            if not (await self.jobs.counts()).queued or await self.machines.held():
                return  # reading a large file takes seconds; a person may have stopped everything meanwhile
            self.search_goes_on = False
            await launch_machine(model, reason=reason, ports=self)
        except (ModelError, InvalidInputError, BudgetLockedError, ImageError) as error:
            # Since the prompt was accepted, a person's own file or the image's pointer may have gone or changed, or the
            # budget been used up.
            await self._fail_waiting(model, error.code, error.message, now)
        except MachineError as error:
            self.search_goes_on = bool(error.details.get("left"))
            log.warning("router: the machine did not start: %s", error.message)

    async def _confirm(self, machine: MachineRecord, now: float) -> None:
        """Complete a launch that another control plane began: launching the same id again gives the same machine."""
        age = now - machine.created_at
        if 0 <= age < CONFIRM_SECONDS or age > self.machine_policy.launch_limit_seconds:
            return  # too new to be abandoned, or so old that this tick closes it
        try:
            await confirm_launch(machine, self)
        except (ModelError, InvalidInputError, ImageError, MachineError) as error:
            log.warning("router: the machine did not start: %s", error.message)

    async def _fail_waiting(self, model: str, code: str, message: str, now: float) -> None:
        """Fail the waiting jobs, because no machine will be started for them."""
        failed = await self.jobs.fail_queued(model=model, code=code, message=message, now=now)
        log.warning("router: %d waiting jobs failed: %s", len(failed), code)

    async def purge_expired(self) -> None:
        """Delete jobs whose retention time is over, at most :data:`PURGE_LIMIT` of them."""
        keep = self.job_policy.retention_seconds
        await self.jobs.purge(finished_before=self.clock.certain() - keep, limit=PURGE_LIMIT)

    async def sweep_orphans(self) -> list[str]:
        """End machines that have our mark but no open record, in two passes: found once, they are suspects; found
        again, they are ended. One that the host reports as old is ended the first time, because a control plane without
        memory between ticks has no second pass. Returns the handles that were ended.

        Raises MachineError where the host does not list its machines."""
        record = await self.machines.active()
        known = record.id if record is not None else None
        unowned = [m for m in await self.host.find_all() if m.machine_id != known or _is_double(m, record)]
        found = {m.handle for m in unowned}
        since = self.clock.now() - ORPHAN_AGE_SECONDS
        old = {m.handle for m in unowned if m.began_at is not None and m.began_at < since}
        if record is not None and record.state in {MachineState.LAUNCHING, MachineState.LOADING}:
            # A launch under way may show processes before its commit.
            found.discard(record.handle or "")
        confirmed = found & (self.suspects | old)
        for orphan in (each for each in unowned if each.handle in confirmed):
            log.warning("router: ending an orphaned machine")
            await self._record_orphan(orphan)
            await self.terminate(orphan.handle, force=True)
        self.suspects = found - confirmed
        return sorted(confirmed)

    async def _record_orphan(self, orphan: ObservedMachine) -> None:
        """Write the handle of an orphan to its record, so that its time is metered: its launch seemed to have failed.
        This is done before the orphan is ended, because it cannot be found afterwards; a store that fails does not keep
        it from being ended."""
        if orphan.machine_id is None:
            return
        try:
            await self.machines.commit_launch(orphan.machine_id, handle=orphan.handle)
        except NotFoundError:
            return  # not a record of this installation
        except StorageError as error:
            log.warning("router: an orphaned machine's time will not be metered: %s", error.message)


def _is_double(found: ObservedMachine, record: MachineRecord | None) -> bool:
    """A second machine with the open record's id: two launches at once, and one response was lost. Only a host that
    reports times has handles that never change."""
    committed = record is not None and record.handle is not None and found.handle != record.handle
    return committed and found.began_at is not None
