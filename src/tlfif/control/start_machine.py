"""A person starts the machine, without a prompt."""

from tlfif.control.launch_machine import launch_machine
from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import ConflictError
from tlfif.machines.machine_host import MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.models.model_store import ModelStore
from tlfif.money.budget.budget_gate import BudgetGate


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
    """Launch a machine now, without a prompt, and reset earlier failures. False where one exists already.

    Raises InvalidInputError ``unknown_model``, ModelError, MachineError; BudgetLockedError, under a lock also where a
    machine still runs (it is ending); ConflictError ``machine_busy_other_model`` where ``model`` was named
    and the machine has another one (nothing was changed).
    """
    chosen = await models.resolve(model)
    if budget is not None:
        await budget.check_unlocked()
    if model is not None:
        await _refuse_other_model(chosen.name, machines)
    await machines.set_held(False)
    await machines.reset_failures()
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
        await _refuse_other_model(chosen.name, machines)  # another caller launched one first
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
