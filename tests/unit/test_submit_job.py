"""Accepting a prompt: when the router is woken, and what a refusal leaves behind."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.money_world import MoneyWorld
from tlfif.control.machine_control import MachineControl, StopResult
from tlfif.control.submit_job import AcceptedJob, Submission, submit_job
from tlfif.jobs.policy import USUAL_TEMPERATURE, JobPolicy
from tlfif.jobs.request import Message, Sampling, Task
from tlfif.kernel.errors import PromptTooLongError
from tlfif.models.catalogue import SamplingDefaults


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

    async def submit(self, prompt: str = "Hello", *, policy: JobPolicy | None = None, **asked: Any) -> AcceptedJob:
        router = self.world.plane.router
        return await submit_job(
            Submission(**{"messages": [Message(role="user", content=prompt)], **asked}),
            jobs=router.jobs,
            machines=router.machines,
            models=router.models,
            policy=policy or self.world.job_policy,
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


@pytest.mark.requirement("2.3.1")
async def test_a_prompt_ends_a_persons_hold() -> None:
    control = Nudged()
    await control.world.machines.set_held(True)
    await control.submit()
    assert not await control.world.machines.held()


@pytest.mark.requirement("2.1.2")
async def test_a_refused_prompt_stores_nothing_and_wakes_nobody() -> None:
    control = Nudged()
    await control.world.machines.set_held(True)
    with pytest.raises(PromptTooLongError):
        await control.submit("word " * 5000)
    assert (control.nudges, await control.world.machines.held()) == (0, True)
    assert (await control.world.jobs.counts()).queued == 0
    assert (await control.world.machines.latest()) is None


@pytest.mark.parametrize(
    ("asked", "owners", "found"),
    [
        (Sampling(), None, Sampling(temperature=0.2, top_p=0.9, top_k=50)),
        (Sampling(), 0.0, Sampling(temperature=0.0, top_p=0.9, top_k=50)),
        (Sampling(temperature=1.0, top_k=0), 0.0, Sampling(temperature=1.0, top_p=0.9, top_k=0)),
    ],
)
async def test_words_are_chosen_as_was_asked_or_set_or_as_the_models_makers_do(
    asked: Sampling, owners: float | None, found: Sampling
) -> None:
    control = Nudged()
    control.world.plane.router.models.sampling = SamplingDefaults(source="a card", temperature=0.2, top_p=0.9, top_k=50)
    policy = replace(control.world.job_policy, default_temperature=owners)
    job = (await control.submit(sampling=asked, policy=policy)).job
    assert job.request.sampling == found


async def test_without_a_card_words_are_chosen_as_usual() -> None:
    assert (await Nudged().submit()).job.request.sampling == Sampling(temperature=USUAL_TEMPERATURE)


@pytest.mark.parametrize(
    ("max_tokens", "fits", "found"), [(2048, True, 2046), (10**9, True, 2046), (5, True, 5), (2000, False, 2000)]
)
async def test_the_longest_answer_is_cut_to_the_room_where_that_is_asked_for(
    max_tokens: int, fits: bool, found: int
) -> None:
    job = (await Nudged().submit(max_tokens=max_tokens, fits_max_tokens=fits)).job
    assert job.request.max_tokens == found


async def test_texts_for_vectors_must_fit_one_by_one() -> None:
    control = Nudged()
    long = [Message(role="user", content="word " * 1500)] * 3
    assert (await control.submit(messages=long, task=Task.EMBEDDING)).job.request.messages == tuple(long)
    with pytest.raises(PromptTooLongError):
        await control.submit("word " * 2100, task=Task.EMBEDDING)


async def test_the_machine_is_not_read_again_for_the_answer_where_nothing_changed() -> None:
    control = Nudged()
    assert (await control.submit()).situation is None, "the router was woken: the machine may be another one now"
    await control.world.ready()
    accepted = await control.submit()
    assert accepted.situation == await control.world.machines.situation()
    await control.world.machines.set_held(True)
    assert (await control.submit()).situation is None, "the hold has ended"
