"""The machine as it is shown: what concerns another model is no answer to the prompt that waits."""

import pytest

from tests.builders import MODEL, T0, a_beat, a_machine, submit
from tests.unit.test_reconcile import World
from tlfif.control.describe_machine import MachineStatus, describe_machine
from tlfif.machines.machine import MachineState


async def shown(world: World) -> MachineStatus:
    return await describe_machine(
        jobs=world.jobs,
        machines=world.machines,
        models=world.models,
        policy=world.policy,
        image="embedded-1",
        clock=world.clock,
    )


@pytest.mark.parametrize("gone", [True, False])
async def test_why_one_models_machine_broke_is_not_told_to_a_prompt_for_another(gone: bool) -> None:
    world = World()
    await world.machines.create_intent(a_machine(model="other"))
    await world.machines.heartbeat(a_beat(state=MachineState.BROKEN, reason="no such format"), now=T0)
    if gone:
        await world.machines.mark_ended(
            "machine_1", state=MachineState.BROKEN, reason="", now=T0, code="model_unusable"
        )
    status = await shown(world)
    assert (status.state, status.reason) == (MachineState.BROKEN, "no such format")
    assert status.code == ("model_unusable" if gone else "")
    await submit(world.jobs, model=MODEL)
    status = await shown(world)
    assert (status.state, status.reason, status.code) == (MachineState.OFF if gone else MachineState.STOPPING, "", "")


async def test_a_prompt_for_the_same_model_is_told() -> None:
    world = World()
    await world.machines.create_intent(a_machine())
    await world.machines.mark_ended("machine_1", state=MachineState.BROKEN, reason="it died", now=T0)
    await submit(world.jobs)
    assert ((await shown(world)).state, (await shown(world)).reason) == (MachineState.BROKEN, "it died")
