"""Launch a machine: intent first, then the launch, then the commit."""

from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import InvalidInputError, MachineError, ModelError
from tlfif.machines.machine import MachineRecord, MachineState, Phase
from tlfif.machines.machine_host import LaunchSpec, MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.models.model_store import ModelFile, ModelStore
from tlfif.money.budget.budget_gate import BudgetGate

END_STATES = {
    "no_capacity": MachineState.NO_CAPACITY,
    "no_quota": MachineState.NO_QUOTA,
    "account_plan": MachineState.NO_QUOTA,
    "account_pending": MachineState.NO_QUOTA,
}
"""The state in which a record is closed, by the error's code; any other code is a failed start. What only people can
change, such as the account's plan, is treated as a quota: the start is repeated after a long pause, while prompts
wait."""


async def launch_machine(
    model: str,
    *,
    reason: str,
    image: str,
    machines: MachineStore,
    models: ModelStore,
    host: MachineHost,
    policy: MachinePolicy,
    clock: Clock,
    ids: Ids,
    budget: BudgetGate | None = None,
) -> bool:
    """Start one machine for ``model``. False where one is open already (single flight).

    The model file is checked and the cost of the start is reserved before the intent is written: a corrupt file never
    causes a start, and no start exceeds the budget.

    Raises ModelError, BudgetLockedError (nothing was launched), MachineError (the record is closed with its reason).
    """
    if await machines.active() is not None:
        return False
    file = await models.checked_file(model)
    now = clock.now()
    record = MachineRecord(
        id=ids.new_id("machine"),
        state=MachineState.LAUNCHING,
        model=model,
        image=image,
        created_at=now,
        reason=reason,
        start_reason=reason,
        phase=Phase.LAUNCH,
        phase_started_at=now,
    )
    if budget is not None:
        await budget.reserve(record.id)
    if not await machines.create_intent(record):
        if budget is not None:
            await budget.release_reservation(record.id)
        return False
    await _launch(record, file, machines=machines, host=host, policy=policy, clock=clock)
    return True


async def confirm_launch(
    record: MachineRecord,
    *,
    machines: MachineStore,
    models: ModelStore,
    host: MachineHost,
    policy: MachinePolicy,
    clock: Clock,
) -> None:
    """Complete a launch whose control plane died before it had a handle. Safe to repeat.

    A launch that was asked to stop meanwhile, or whose machine has reported already, is not repeated: if the machine
    exists its handle is recorded, otherwise the record is closed.
    Raises ModelError, InvalidInputError, MachineError; the record is closed with the reason.
    """
    if record.stop_requested_at is not None or record.boot_id is not None:
        for found in await host.find_all():
            if found.machine_id == record.id:
                await machines.commit_launch(record.id, handle=found.handle)
                return
        await machines.mark_ended(record.id, state=MachineState.OFF, reason=record.reason, now=clock.now())
        return
    try:
        file = await models.checked_file(record.model)
    except (ModelError, InvalidInputError) as error:
        await machines.mark_ended(record.id, state=MachineState.BROKEN, reason=error.message, now=clock.now())
        raise
    await _launch(record, file, machines=machines, host=host, policy=policy, clock=clock)


async def _launch(
    record: MachineRecord,
    file: ModelFile,
    *,
    machines: MachineStore,
    host: MachineHost,
    policy: MachinePolicy,
    clock: Clock,
) -> None:
    spec = LaunchSpec(
        machine_id=record.id,
        model=record.model,
        model_path=file.path,
        model_sha256=file.sha256,
        context_tokens=file.context_tokens,
        image=record.image,
        idle_timeout_seconds=await machines.idle_timeout() or policy.idle_timeout_seconds,
    )
    try:
        handle = await host.launch(spec)
    except MachineError as error:
        ran = error.details.get("handle")
        if isinstance(ran, str):
            await machines.commit_launch(record.id, handle=ran)  # it ran only for a moment, but that is billed
        state = END_STATES.get(error.code, MachineState.BROKEN)
        await machines.mark_ended(record.id, state=state, reason=error.message, now=clock.now())
        raise
    await machines.commit_launch(record.id, handle=handle)
