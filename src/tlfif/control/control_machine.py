"""What a person does to the machine: start it, stop it now, set its idle time-out."""

import logging
from dataclasses import dataclass

from tlfif.control.control import Control, StopResult
from tlfif.control.launch_machine import launch_machine
from tlfif.control.reconcile import Reconciler
from tlfif.jobs import limits
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus
from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import ConflictError, MachineError
from tlfif.machines.machine_host import MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.models.model_store import ModelStore
from tlfif.money.budget.budget_gate import BudgetGate

log = logging.getLogger(__name__)

STOPPED_BY_PERSON = "stopped by you"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalControl(Control):
    """Where the router's hands are in the same process."""

    reconciler: Reconciler

    async def start(self, model: str | None) -> bool:
        """See the port."""
        hands = self.reconciler
        return await start_machine(
            model,
            image=hands.image,
            machines=hands.machines,
            models=hands.models,
            host=hands.host,
            policy=hands.machine_policy,
            clock=hands.clock,
            ids=hands.ids,
            budget=hands.budget,
        )

    async def stop(self, *, requeue: bool) -> StopResult:
        """See the port."""
        hands = self.reconciler
        result = await stop_machine(
            requeue=requeue, jobs=hands.jobs, machines=hands.machines, host=hands.host, clock=hands.clock
        )
        await hands.tick_running(launch=False)
        return result

    async def nudge(self) -> None:
        """See the port; the store wakes a router beside it."""


async def start_machine(
    model: str | None,
    *,
    image: str,
    machines: MachineStore,
    models: ModelStore,
    host: MachineHost,
    policy: MachinePolicy,
    clock: Clock,
    ids: Ids,
    budget: BudgetGate | None = None,
) -> bool:
    """Launch a machine now, without a prompt; forgets earlier failures. False where one exists already.

    Raises InvalidInputError ``unknown_model``, ModelError, MachineError; BudgetLockedError, under a lock also where a
    machine still runs (it is on its way out); ConflictError ``machine_busy_other_model`` where ``model`` was named
    and the machine has another one (nothing was changed).
    """
    chosen = await models.resolve(model)
    if budget is not None:
        await budget.check_unlocked()
    if model is not None:
        await _refuse_other_model(chosen.name, machines)
    await machines.set_held(False)
    await machines.forgive()
    launched = await launch_machine(
        chosen.name,
        reason="started by you",
        image=image,
        machines=machines,
        models=models,
        host=host,
        policy=policy,
        clock=clock,
        ids=ids,
        budget=budget,
    )
    if model is not None and not launched:
        await _refuse_other_model(chosen.name, machines)  # another caller was faster
    return launched


async def _refuse_other_model(wanted: str, machines: MachineStore) -> None:
    record = await machines.active()
    if record is not None and record.model != wanted:
        raise ConflictError(
            f"A machine with the model {record.model} runs. Stop it first (./tlfif machine stop), or ask something "
            f"with --model {wanted}: that changes the model.",
            code="machine_busy_other_model",
            details={"model": record.model},
        )


async def stop_machine(
    *, requeue: bool, jobs: JobStore, machines: MachineStore, host: MachineHost, clock: Clock
) -> StopResult:
    """End the machine now, whatever runs. It is finished when the next ticks confirm it gone.

    With ``requeue`` False every running and waiting job is cancelled, because a waiting job would start a new
    machine at once. With ``requeue`` True they are kept, and no machine starts until a person sends a prompt or
    presses start.
    """
    now = clock.now()
    record = await machines.active()
    waiting = await _open_jobs(jobs)
    if requeue:
        await machines.set_held(True)
    else:
        for job_id in waiting:
            await jobs.request_cancel(job_id, reason=STOPPED_BY_PERSON, now=now)
    if record is not None:
        await machines.mark_stopping(record.id, reason=STOPPED_BY_PERSON, now=now)
        if record.handle is not None:
            # Asked politely, the worker gives its jobs back without counting an attempt, in a fraction of a second;
            # the router's next ticks use force where that does not happen.
            # The record says stopping: where the host does not take the order, the router gives it again.
            try:
                await host.terminate(record.handle, force=not requeue)
            except MachineError as error:
                log.warning("stop: the machine could not be told to end yet: %s", error.message)
        if not requeue:
            await jobs.abandon(record.id, reason="the machine was stopped", now=now)
    return StopResult(
        was_running=record is not None,
        cancelled=() if requeue else tuple(waiting),
        requeued=tuple(waiting) if requeue else (),
    )


async def _open_jobs(jobs: JobStore) -> list[str]:
    found: list[str] = []
    for status in (JobStatus.RUNNING, JobStatus.QUEUED):
        cursor: str | None = None
        while True:
            page = await jobs.list_jobs(limit=100, cursor=cursor, status=status)
            found += [job.id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
    return found


async def set_idle_timeout(minutes: float, *, machines: MachineStore) -> None:
    """Keep a new idle time-out; a running machine obeys it at its next heartbeat.

    Raises InvalidInputError ``idle_timeout_out_of_range``.
    """
    await machines.set_idle_timeout(limits.check_idle_minutes(minutes))
