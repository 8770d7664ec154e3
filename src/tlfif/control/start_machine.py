"""A person starts the machine, without a prompt."""

from tlfif.control.launch_machine import MachinePorts, launch_machine
from tlfif.kernel.errors import ConflictError
from tlfif.machines.machine_store import MachineStore


async def start_machine(model: str | None, ports: MachinePorts) -> bool:
    """Launch a machine now, without a prompt, and reset earlier failures. False where one exists already.

    Raises InvalidInputError ``unknown_model``, ModelError, ImageError, MachineError; BudgetLockedError, under a lock
    also where a machine still runs (it is ending); ConflictError ``machine_busy_other_model`` where ``model`` was named
    and the machine has another one (nothing was changed).
    """
    machines = ports.machines
    chosen = await ports.models.resolve(model)
    if ports.budget is not None:
        await ports.budget.check_unlocked()
    if model is not None:
        await _refuse_other_model(chosen.name, machines)
    await machines.set_held(False)
    await machines.reset_failures()
    launched = await launch_machine(chosen.name, reason="started by you", ports=ports)
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
