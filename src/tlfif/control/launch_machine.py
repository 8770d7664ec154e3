"""Launch a machine: intent first, then the launch, then the commit."""

from dataclasses import dataclass

from tlfif.control.launched_image import LaunchedImage, LaunchImage
from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import ImageError, InvalidInputError, MachineError, ModelError
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


@dataclass(slots=True, kw_only=True)
class MachinePorts:
    """What a launch works with. ``budget`` None: nothing is limited. ``launched`` None: every machine is launched from
    ``image``."""

    machines: MachineStore
    models: ModelStore
    host: MachineHost
    clock: Clock
    ids: Ids
    machine_policy: MachinePolicy
    image: str
    budget: BudgetGate | None = None
    launched: LaunchedImage | None = None


async def launch_machine(model: str, *, reason: str, ports: MachinePorts) -> bool:
    """Start one machine for ``model``. False where one is open already (single flight).

    The model file is checked and the cost of the start is reserved before the intent is written: a corrupt file never
    causes a start, and no start exceeds the budget.

    Raises ModelError, BudgetLockedError, ImageError (nothing was launched), MachineError (the record is closed with its
    reason).
    """
    machines, budget = ports.machines, ports.budget
    if await machines.active() is not None:
        return False
    file = await ports.models.checked_file(model)
    image = await ports.launched.next() if ports.launched is not None else LaunchImage(version=ports.image)
    with ports.clock.held() as now:
        record = _intent(model, f"{reason}, {image.note}" if image.note else reason, image, ports, now)
        if budget is not None:
            await budget.reserve(record.id)
        if not await machines.create_intent(record):
            if budget is not None:
                await budget.release_reservation(record.id)
            return False
    await _launch(record, file, image.ref, ports)
    return True


def _intent(model: str, reason: str, image: LaunchImage, ports: MachinePorts, now: float) -> MachineRecord:
    return MachineRecord(
        id=ports.ids.new_id("machine"),
        state=MachineState.LAUNCHING,
        model=model,
        image=image.version,
        created_at=now,
        reason=reason,
        start_reason=reason,
        phase=Phase.LAUNCH,
        phase_started_at=now,
    )


async def confirm_launch(record: MachineRecord, ports: MachinePorts) -> None:
    """Complete a launch whose control plane died before it had a handle. Safe to repeat.

    A launch that was asked to stop meanwhile, or whose machine has reported already, is not repeated: if the machine
    exists its handle is recorded, otherwise the record is closed.
    Raises ModelError, InvalidInputError, ImageError, MachineError; the record is closed with the reason.
    """
    machines, clock = ports.machines, ports.clock
    if record.stop_requested_at is not None or record.boot_id is not None:
        for found in await ports.host.find_all():
            if found.machine_id == record.id:
                await machines.commit_launch(record.id, handle=found.handle)
                return
        await machines.mark_ended(record.id, state=MachineState.OFF, reason=record.reason, now=clock.now())
        return
    try:
        file = await ports.models.checked_file(record.model)
        ref = await ports.launched.ref_of(record.image) if ports.launched is not None else None
    except (ModelError, InvalidInputError, ImageError) as error:
        await machines.mark_ended(
            record.id, state=MachineState.BROKEN, reason=error.message, now=clock.now(), code=error.code
        )
        raise
    await _launch(record, file, ref, ports)


async def _launch(record: MachineRecord, file: ModelFile, ref: str | None, ports: MachinePorts) -> None:
    machines = ports.machines
    spec = LaunchSpec(
        machine_id=record.id,
        model=record.model,
        model_path=file.path,
        model_sha256=file.sha256,
        context_tokens=file.context_tokens,
        image=record.image,
        image_ref=ref,
        idle_timeout_seconds=await machines.idle_timeout() or ports.machine_policy.idle_timeout_seconds,
    )
    try:
        handle = await ports.host.launch(spec)
    except MachineError as error:
        ran = error.details.get("handle")
        if isinstance(ran, str):
            await machines.commit_launch(record.id, handle=ran)  # it ran only for a moment, but that is billed
        state = END_STATES.get(error.code, MachineState.BROKEN)
        await machines.mark_ended(record.id, state=state, reason=error.message, now=ports.clock.now(), code=error.code)
        raise
    await machines.commit_launch(record.id, handle=handle)
