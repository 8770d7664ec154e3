"""Accepting a prompt: when the router is woken, and what a refusal leaves behind."""

from dataclasses import dataclass, field

import pytest

from tests.money_world import MoneyWorld
from tlfif.control.machine_control import MachineControl, StopResult
from tlfif.control.submit_job import AcceptedJob, Submission, submit_job
from tlfif.jobs.request import Message
from tlfif.kernel.errors import PromptTooLongError


@dataclass
class Nudged(MachineControl):
    """Counts nudges."""

    world: MoneyWorld = field(default_factory=MoneyWorld)
    nudges: int = 0

    async def start(self, model: str | None) -> bool:
        raise NotImplementedError

    async def stop(self, *, requeue: bool) -> StopResult:
        raise NotImplementedError

    async def nudge(self) -> None:
        self.nudges += 1

    async def submit(self, prompt: str = "Hello") -> AcceptedJob:
        router = self.world.plane.router
        return await submit_job(
            Submission(messages=[Message(role="user", content=prompt)]),
            jobs=router.jobs,
            machines=router.machines,
            models=router.models,
            policy=self.world.job_policy,
            clock=self.world.clock,
            ids=self.world.ids,
            control=self,
        )


async def test_the_router_is_woken_only_where_no_machine_is_up() -> None:
    control = Nudged()
    await control.submit()
    assert control.nudges == 1, "there is no machine"
    record = await control.world.ready()
    await control.submit()
    assert control.nudges == 1, "it is ready"
    await control.world.machines.mark_stopping(record.id, reason="test", now=control.world.clock.now())
    await control.submit()
    assert control.nudges == 2, "it is on its way out"


async def test_a_prompt_ends_a_persons_hold() -> None:
    control = Nudged()
    await control.world.machines.set_held(True)
    await control.submit()
    assert not await control.world.machines.held()


async def test_a_refused_prompt_stores_nothing_and_wakes_nobody() -> None:
    control = Nudged()
    await control.world.machines.set_held(True)
    with pytest.raises(PromptTooLongError):
        await control.submit("word " * 5000)
    assert (control.nudges, await control.world.machines.held()) == (0, True)
    assert (await control.world.jobs.counts()).queued == 0
    assert (await control.world.machines.latest()) is None


async def test_the_machine_is_not_read_again_for_the_answer_where_nothing_changed() -> None:
    control = Nudged()
    assert (await control.submit()).situation is None, "the router was woken: the machine may be another one now"
    await control.world.ready()
    accepted = await control.submit()
    assert accepted.situation == await control.world.machines.situation()
    await control.world.machines.set_held(True)
    assert (await control.submit()).situation is None, "the hold has ended"
