"""What single answers cost: shares of a real story, to the last micro-dollar, without computing them too often."""

import random
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.money_world import AWS, MoneyWorld
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import AnswerTime
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.spend.answer_costs import KEPT_FACTOR, MachineShares

ONCE = AWS.once(BUILT_IN_PRICES, at_ms=0)


async def shares_of(world: MoneyWorld, machine_id: str) -> MachineShares:
    span = await world.book.span(machine_id)
    assert span is not None
    return await world.money.answers.of_machine(span, AWS, idle_timeout_seconds=300.0)


async def cost(world: MoneyWorld, job_id: str) -> Any:
    return await world.money.answers.of_job(await world.jobs.get(job_id), AWS, idle_timeout_seconds=300.0)


def whole(shares: MachineShares) -> int:
    return shares.unassigned + sum(one.total for one in shares.by_job.values())


@pytest.mark.requirement("6.1.2")
@pytest.mark.parametrize("seed", range(10))
async def test_shares_and_what_nobody_caused_are_the_whole_run(seed: int) -> None:
    chance = random.Random(seed)
    world = MoneyWorld()
    for number in range(chance.randrange(1, 4)):
        await world.submit(f"first {number}")
    record = await world.ready(chance.random() * 5)
    for number in range(chance.randrange(1, 25)):
        if chance.random() < 0.7:
            await world.submit(f"p{number}")
        await world.answer(chance.random() * 20, limit=chance.randrange(1, 4))
        world.clock.advance(chance.random() * 30)
        await world.beat()
        await world.tick()
        shares = await shares_of(world, record.id)
        assert whole(shares) == shares.total == await world.spent() - await standing(world)
    world.host.machines[0].exists = False
    await world.tick()
    shares = await shares_of(world, record.id)
    assert whole(shares) == shares.total == await world.spent() - await standing(world)
    assert sum(one.start for one in shares.by_job.values()) == ONCE
    assert all(one.final and one.idle_at_most == 0 for one in shares.by_job.values())


async def standing(world: MoneyWorld) -> int:
    return (await world.money.totals.month(AWS)).standing_accrued


async def test_what_a_start_costs_once_is_nobodys_where_nobody_waited_for_it() -> None:
    world = MoneyWorld()
    await world.submit()
    record = await world.ready()
    (job,) = (await world.jobs.list_jobs(limit=1)).jobs
    await world.jobs.request_cancel(job.id, reason="no", now=world.clock.now())
    world.clock.advance(100)
    await world.beat()
    later = (await world.submit("later")).job
    await world.answer(10)
    shares = await shares_of(world, record.id)
    assert shares.by_job[later.id].start == 0
    assert shares.unassigned >= ONCE
    assert whole(shares) == shares.total


async def test_only_the_last_answer_can_still_cost_idle_time() -> None:
    world = MoneyWorld()
    first = (await world.submit()).job
    await world.ready()
    await world.answer(2)
    second = (await world.submit("second")).job
    await world.answer(2)
    world.clock.advance(10)
    one, two = await cost(world, first.id), await cost(world, second.id)
    rate = AWS.hourly(BUILT_IN_PRICES, at_ms=world.now_ms)
    assert (one.final, one.idle_at_most) == (False, 0)
    assert (two.final, two.idle_at_most) == (False, -(-rate * 300 // 3600) - two.idle)


async def test_a_prompt_without_a_machine_has_no_share() -> None:
    world = MoneyWorld()
    job = (await world.submit()).job
    assert await cost(world, job.id) is None


class Counting:
    """Counts how often the answers of a machine are asked for; each time takes a while."""

    def __init__(self, jobs: JobStore, clock: FakeClock, seconds: float) -> None:
        self._jobs, self._clock, self._seconds = jobs, clock, seconds
        self.asked = 0

    async def answer_times(self, **keywords: Any) -> list[AnswerTime]:
        self.asked += 1
        self._clock.advance(self._seconds)
        return await self._jobs.answer_times(**keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)


async def counted(seconds: float) -> tuple[MoneyWorld, Counting, list[str]]:
    world = MoneyWorld()
    counting = Counting(world.jobs, world.clock, seconds)
    world.plane = world.another_plane(lambda part: counting if part is world.jobs else part)
    await world.limit(None)
    jobs = [(await world.submit(f"p{number}")).job.id for number in range(5)]
    await world.ready()
    await world.answer(3, limit=5)
    counting.asked = 0
    return world, counting, jobs


async def test_five_receipts_are_one_computation_while_the_machine_runs() -> None:
    world, counting, jobs = await counted(0.001)
    for job_id in jobs:
        assert (await cost(world, job_id)).total > 0
    assert counting.asked == 1


async def test_a_new_answer_is_in_at_once_where_that_is_cheap() -> None:
    world, counting, jobs = await counted(0.001)
    await cost(world, jobs[0])
    new = (await world.submit("new")).job.id
    await world.answer(1)
    assert (await cost(world, new)).total > 0
    assert counting.asked == 2


async def test_few_shares_are_computed_anew_however_slow_the_computer_is() -> None:
    world, counting, jobs = await counted(0.1)
    await cost(world, jobs[0])
    new = (await world.submit("new")).job.id
    await world.answer(1)
    assert (await cost(world, new)).total > 0
    assert counting.asked == 2


async def test_shares_that_take_long_are_kept_for_two_hundred_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlfif.money.spend.answer_costs.FEW_ANSWERS", 0)
    world, counting, jobs = await counted(0.1)
    before = await cost(world, jobs[0])
    new = (await world.submit("new")).job.id
    await world.answer(1)
    assert await cost(world, new) is None
    assert await cost(world, jobs[0]) == before
    assert counting.asked == 1
    world.clock.advance(0.1 * KEPT_FACTOR)
    assert (await cost(world, new)).total > 0
    assert counting.asked == 2


async def test_an_ended_machine_is_computed_once_and_again_after_a_correction_or_new_prices() -> None:
    world, counting, jobs = await counted(0.001)
    world.host.machines[0].exists = False
    await world.tick()
    counting.asked = 0
    first = [await cost(world, job_id) for job_id in jobs]
    assert [await cost(world, job_id) for job_id in jobs] == first
    assert counting.asked == 1
    world.money.pricing.reload()
    assert [await cost(world, job_id) for job_id in jobs] == first
    assert counting.asked == 2
    (machine,) = world.host.machines
    await world.book.correct_span(machine.machine_id, real_stop_ms=world.now_ms + 3_600_000)
    assert (await cost(world, jobs[0])).total > first[0].total
    assert counting.asked == 3


async def test_an_answer_that_was_open_when_its_machine_ended_is_not_remembered_as_open() -> None:
    world = MoneyWorld()
    job = (await world.submit()).job
    record = await world.ready()
    await world.jobs.claim(worker_id=record.id, model=record.model, limit=1, lease_seconds=60, now=world.clock.now())
    await world.book.close_span(record.id, at_ms=world.now_ms + 5000)
    assert job.id in (await shares_of(world, record.id)).by_job
    await world.jobs.abandon(record.id, reason="gone", now=world.clock.now())
    shares = await shares_of(world, record.id)
    assert job.id not in shares.by_job
    assert whole(shares) == shares.total
