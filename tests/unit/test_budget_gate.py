"""The owner's limit: nothing starts, is taken or runs on beyond it, and a lock says what to press."""

import asyncio
import random
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fakes.clock import START, FakeIds
from tests.fakes.machine_host import FakeMachineHost, Obedience
from tests.money_world import AWS, MoneyWorld
from tlfif.adapters.sqlite.stores import open_all_sqlite_stores
from tlfif.control.start_machine import start_machine
from tlfif.jobs.jobs import JobStatus
from tlfif.kernel.errors import BudgetLockedError, IdempotencyConflictError, MachineError
from tlfif.machines.machine import MachineState
from tlfif.machines.policy import MachinePolicy
from tlfif.money.billing_month import Month
from tlfif.money.budget.budget import DRAIN_SECONDS, PRACTICE, Budget, BudgetState

TIGHT = "0.15"
"""EUR: headroom for one start of the default policy, and a little more."""


async def locked_world(*, tariff: bool = True) -> MoneyWorld:
    """A world in which a lock holds and no machine runs."""
    world = MoneyWorld(tariff=AWS if tariff else None)
    await world.limit("20", simulated_aws=not tariff)
    state = await world.book.state()
    month = Month.of(world.now_ms)
    await world.book.set_budget(
        Budget(limit_eur=Decimal(20), simulated_aws=not tariff, locked_at_ms=world.now_ms, lock_month=month),
        instead_of=state.budget,
    )
    return world


async def status(world: MoneyWorld, job_id: str) -> JobStatus:
    return (await world.jobs.get(job_id)).status


async def budget_state(world: MoneyWorld) -> BudgetState:
    return (await world.money.budget.status()).headroom.state


async def start_by_a_person(world: MoneyWorld) -> bool:
    return await start_machine(None, world.plane.router)


# What is refused, and what is not


@pytest.mark.requirement("6.2.3")
async def test_a_lock_refuses_prompts_and_starts_with_the_figures_and_what_to_press() -> None:
    world = await locked_world()
    for refused in (world.submit(), start_by_a_person(world)):
        with pytest.raises(BudgetLockedError) as error:
            await refused
        assert error.value.code == "budget_locked"
        assert "./tlfif budget set AMOUNT" in error.value.message
        assert "./tlfif budget release" in error.value.message
        assert "practice" not in error.value.message
    assert world.host.launches == 0
    assert (await world.jobs.counts()).queued == 0
    assert await world.machines.active() is None


async def test_a_lock_refuses_a_start_also_while_the_machine_is_on_its_way_out() -> None:
    world = MoneyWorld()
    await world.limit("20")
    await world.submit()
    await world.ready()
    state = await world.book.state()
    lock = Budget(limit_eur=Decimal(20), locked_at_ms=world.now_ms, lock_month=Month.of(world.now_ms))
    assert await world.book.set_budget(lock, instead_of=state.budget)
    with pytest.raises(BudgetLockedError) as error:
        await start_by_a_person(world)
    assert error.value.code == "budget_locked"
    assert world.host.launches == 1


async def test_a_prompt_that_is_stored_already_is_answered_under_a_lock() -> None:
    world = MoneyWorld()
    first = await world.submit("Hello", key="k1")
    state = await world.book.state()
    lock = Budget(locked_at_ms=world.now_ms, lock_month=Month.of(world.now_ms))
    assert await world.book.set_budget(lock, instead_of=state.budget)
    again = await world.submit("Hello", key="k1")
    assert (again.created, again.job.id) == (False, first.job.id)
    with pytest.raises(IdempotencyConflictError):
        await world.submit("Something else", key="k1")
    with pytest.raises(BudgetLockedError):
        await world.submit("Hello", key="k2")


async def test_no_room_for_a_start_is_said_with_its_parts_and_nothing_is_stored() -> None:
    world = MoneyWorld()
    await world.limit("0.01")
    for refused in (world.submit(), start_by_a_person(world)):
        with pytest.raises(BudgetLockedError, match=r"to boot.*for the idle time-out.*once per start") as error:
            await refused
        assert error.value.code == "budget_no_room"
    assert (await world.jobs.counts()).queued == 0


async def test_a_build_is_begun_only_where_all_of_it_has_room_and_leaves_room_for_nothing_else() -> None:
    world = MoneyWorld()
    await world.limit("0.5")
    gate, state = world.money.budget, world.book.state
    with pytest.raises(BudgetLockedError, match=r"Image v1 was not begun: .* free .* may cost") as error:
        await gate.reserve_work({"image-v1-builder": 1, "image-v1-candidate": 10_000_000}, what="Image v1")
    assert (error.value.code, (await state()).reserved) == ("budget_no_room", {})
    free = (await gate.status()).headroom.free
    assert free is not None
    await gate.reserve_work({"image-v1-builder": free}, what="Image v1")
    await gate.reserve_work({"image-v1-builder": free}, what="Image v1")  # begun again after a kill
    assert (await gate.status()).headroom.free == 0
    with pytest.raises(BudgetLockedError, match="was not started"):
        await start_by_a_person(world)
    assert await gate.check_admission(max_queued=9) == 0, "no machine runs that could answer"


@pytest.mark.requirement("6.2.1")
async def test_no_limit_is_not_a_limit_of_zero() -> None:
    world = MoneyWorld()
    await world.limit(None)
    await world.submit()
    await world.ready()
    assert await budget_state(world) is BudgetState.NONE
    await world.ticks(4 * 3600 // 60)
    assert world.host.launches == 1


@pytest.mark.requirement("6.2.6")
async def test_real_money_on_this_computer_never_locks() -> None:
    world = MoneyWorld(tariff=None)
    await world.limit("0.01")
    await world.submit()
    await world.ready()
    await world.ticks(600)
    assert await budget_state(world) is BudgetState.OPEN
    assert len(world.host.existing) == 1
    await world.submit()


# The lock, and how it ends


@pytest.mark.requirement("6.2.3")
async def test_the_lock_survives_a_restart_and_ends_with_the_month() -> None:
    world = await locked_world()
    world.plane = world.another_plane()
    await world.tick()
    with pytest.raises(BudgetLockedError):
        await world.submit()
    month = Month.of(world.now_ms)
    world.clock.advance((month.end_ms - world.now_ms) / 1000 - 1)
    with pytest.raises(BudgetLockedError):
        await world.submit()
    world.clock.advance(1)
    assert (await world.submit()).created
    await world.tick()
    assert world.host.launches == 1


async def test_a_release_makes_room_for_a_start_and_pressing_twice_adds_nothing() -> None:
    world = await locked_world()
    status = await world.money.budget.unlock()
    assert status.headroom.state is not BudgetState.LOCKED
    assert await world.money.budget.unlock() == status
    await world.submit()
    await world.tick()
    assert world.host.launches == 1


async def test_a_release_where_no_start_fits_makes_room_for_one_and_the_prompt_is_answered() -> None:
    world = MoneyWorld()
    await world.machines.set_idle_timeout(6.0)
    await world.limit("0.01")
    with pytest.raises(BudgetLockedError):
        await world.submit()
    await world.money.budget.unlock()
    job = (await world.submit()).job
    await world.ready(3)
    await world.answer(5)
    assert await status(world, job.id) is JobStatus.SUCCEEDED


async def test_a_start_that_is_let_through_has_time_for_its_answer_before_the_lock() -> None:
    """The least limit that a start fits into: the machine must not be locked away while it boots."""
    world = MoneyWorld()
    await world.machines.set_idle_timeout(6.0)
    needed = (await world.money.budget.status()).start.total
    rate = await world.money.pricing.rate()
    spent = await world.spent()
    await world.limit(str((rate.to_eur(spent + needed + 600)).quantize(Decimal("0.0001"), rounding="ROUND_CEILING")))
    job = (await world.submit()).job
    await world.ready(3)
    await world.ticks(1)
    await world.answer(25)
    await world.tick()
    assert await status(world, job.id) is JobStatus.SUCCEEDED


async def test_raising_unlocks_and_lowering_locks() -> None:
    world = await locked_world()
    await world.limit("25")
    assert await budget_state(world) is BudgetState.OPEN
    await world.submit()
    await world.ready()
    await world.answer(300)
    world.clock.advance(600)
    await world.beat()
    await world.limit("0.01")
    assert await budget_state(world) is BudgetState.LOCKED
    await world.tick()
    record = await world.machines.active()
    assert record is not None
    assert record.drain_requested


async def test_a_limit_that_a_person_sets_while_the_lock_comes_is_not_overwritten() -> None:
    world = MoneyWorld()
    await world.limit("20")
    stale = await world.book.state()
    await world.limit("30")
    assert not await world.book.set_budget(Budget(locked_at_ms=1, lock_month=Month(2027, 1)), instead_of=stale.budget)
    assert (await world.book.state()).budget.limit_eur == 30


@pytest.mark.parametrize("practice", [True, False])
async def test_waiting_prompts_end_with_the_code_and_the_sentence_when_the_lock_comes(practice: bool) -> None:
    world = MoneyWorld(tariff=None if practice else AWS)
    await world.limit(TIGHT, simulated_aws=practice)
    await world.submit()
    await world.ready()
    waiting = (await world.submit("Second")).job
    await world.limit("0.01", simulated_aws=practice)
    await world.ticks(1)
    job = await world.jobs.get(waiting.id)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "budget_locked")
    assert job.error_message is not None
    assert "./tlfif budget release" in job.error_message
    assert (PRACTICE in job.error_message) is practice


async def test_a_practice_is_named_in_every_text() -> None:
    world = await locked_world(tariff=False)
    texts = [(await world.money.budget.status()).headroom.sentence]
    for refused in (world.submit(), start_by_a_person(world)):
        with pytest.raises(BudgetLockedError) as error:
            await refused
        texts.append(error.value.message)
    await world.limit("0.01", simulated_aws=True)
    texts.append((await world.money.budget.status()).headroom.sentence)
    with pytest.raises(BudgetLockedError) as error:
        await world.submit()
    texts.append(error.value.message)
    await world.limit("20", simulated_aws=True)
    texts.append((await world.money.budget.too_many_waiting(3)).message)
    texts.append((await world.money.budget.too_many_waiting(0)).message)
    assert [text for text in texts if PRACTICE not in text] == []


# Never over the limit


@pytest.mark.requirement("6.2.2")
@pytest.mark.parametrize("seed", range(12))
async def test_the_running_sum_never_passes_the_limit(seed: int) -> None:
    """Random answers, ticks a second or a little more apart, a machine that obeys or only yields to force."""
    chance = random.Random(seed)
    host = FakeMachineHost(obedience=Obedience.DEAF if seed % 2 else Obedience.PROMPT)
    world = MoneyWorld(host=host, policy=MachinePolicy(idle_timeout_seconds=chance.choice([6.0, 60.0, 300.0])))
    await world.limit(chance.choice([TIGHT, "0.16", "0.2"]))
    limit = await world.limit_micros()
    standing = (await world.money.budget.status()).headroom.spent
    accepted: list[str] = []
    locked_at = None
    for second in range(2500):
        world.clock.advance(1.0 + chance.random() * 0.05)
        if chance.random() < 0.3 and len(accepted) < 300:
            with suppress(BudgetLockedError):
                accepted.append((await world.submit(f"p{second}")).job.id)
        record = await world.machines.active()
        booted = record is not None and world.clock.now() - record.created_at > 4
        await world.beat(MachineState.READY if booted else MachineState.LOADING)
        if booted and record is not None and not record.drain_requested and chance.random() < 0.5:
            await world.answer(0)
        await world.tick()
        spent = await world.spent()
        assert spent <= limit, f"second {second}"
        if locked_at is None and (await world.book.state()).budget.locked_at_ms is not None:
            assert await budget_state(world) is BudgetState.LOCKED
            locked_at = world.clock.now()
        if locked_at is not None and world.clock.now() - locked_at > DRAIN_SECONDS + 12:
            assert world.host.existing == []
            break
    assert locked_at is not None
    assert spent > standing + (limit - standing) // 2, "the lock came far too early"
    await world.ticks(10)
    counts = await world.jobs.counts()
    assert counts.queued == 0


@pytest.mark.requirement("6.2.4")
async def test_a_clock_that_is_set_back_does_not_give_a_locked_machine_more_time() -> None:
    world = MoneyWorld()
    await world.limit(TIGHT)
    await world.submit()
    await world.ready()
    await world.limit("0.01")
    await world.ticks(2)
    world.clock.jump(-3600)
    await world.ticks(int(DRAIN_SECONDS) + 2)
    assert world.host.existing == []


async def test_hours_without_a_server_do_not_lock_a_budget_that_nothing_was_spent_of() -> None:
    """The computer was switched off with a machine on the books; the first tick finds the machine gone."""
    world = MoneyWorld(tariff=None)
    await world.limit("0.5", simulated_aws=True)
    await world.submit()
    await world.ready()
    await world.answer(1)
    world.host.machines[0].exists = False
    world.clock.advance(8 * 3600)
    world.plane = world.another_plane()
    assert (await world.submit()).created
    await world.tick()
    assert await budget_state(world) is BudgetState.OPEN
    await world.ticks(2)
    assert world.host.launches == 2


async def test_answers_that_run_take_their_share_of_the_headroom() -> None:
    world = MoneyWorld()
    await world.machines.set_idle_timeout(6.0)
    needed = await world.money.budget.status()
    total = needed.headroom.spent + needed.start.total + needed.start.answer * 2
    rate = await world.money.pricing.rate()
    await world.limit(str(rate.to_eur(total + 600).quantize(Decimal("0.0001"), rounding="ROUND_CEILING")))
    accepted = []
    for number in range(10):
        with suppress(BudgetLockedError):
            accepted.append((await world.submit(f"p{number}")).job.id)
    assert len(accepted) == 3
    with pytest.raises(BudgetLockedError, match="the 3 prompts that may wait"):
        await world.submit("one more")
    record = await world.ready(1)
    await world.jobs.claim(worker_id=record.id, model=record.model, limit=3, lease_seconds=60, now=world.clock.now())
    with pytest.raises(BudgetLockedError, match="are being answered may use that up"):
        await world.submit("one more")


async def test_two_starts_at_once_fail_no_prompt() -> None:
    """There is headroom for one start only; the router that comes second has nothing to say to those who wait."""
    world = MoneyWorld()
    await world.limit(TIGHT)
    job = (await world.submit()).job
    await world.book.reserve("another", micros=(await world.money.budget.status()).start.total, headroom_micros=None)
    with pytest.raises(MachineError, match="Another start is under way"):
        await world.money.budget.reserve("mine")
    await world.tick()
    assert await status(world, job.id) is JobStatus.QUEUED
    await world.ticks(12)
    assert world.host.launches == 1


async def test_a_thousand_prompts_at_once_over_one_file_reserve_and_start_once(tmp_path: Path) -> None:
    """Three control planes over one SQLite file, all of them accepting and ticking at the same time."""
    async with AsyncExitStack() as stack:
        worlds: list[MoneyWorld] = []
        ids = FakeIds()
        for _ in range(3):
            stores = await open_all_sqlite_stores(
                tmp_path / "tlfif.db", FakeIds(), default_idle_timeout=300.0, since_ms=int(START * 1000)
            )
            stack.push_async_callback(stores.close)
            first = worlds[0] if worlds else None
            world = MoneyWorld(
                jobs=stores.jobs,
                machines=stores.machines,
                ledger=stores.ledger,
                ids=ids,
                **({} if first is None else {"clock": first.clock, "host": first.host}),
            )
            worlds.append(world)
        await worlds[0].limit("0.2")
        before = await worlds[0].money.budget.status()
        assert before.headroom.free is not None
        headroom = (before.headroom.free - before.start.total) // before.start.answer + 1
        assert 1 < headroom < 900
        most_set_aside = 0
        refused = 0

        async def prompt(number: int) -> None:
            nonlocal refused
            try:
                await worlds[number % 3].submit(f"prompt {number}")
            except BudgetLockedError:
                refused += 1

        async def route(world: MoneyWorld) -> None:
            nonlocal most_set_aside
            for _ in range(40):
                await world.tick()
                most_set_aside = max(most_set_aside, sum((await world.book.state()).reserved.values()))
                await asyncio.sleep(0)

        await asyncio.gather(*(prompt(number) for number in range(1000)), *(route(world) for world in worlds))
        counts = await worlds[0].jobs.counts()
        assert counts.queued + refused == 1000
        assert 1 <= counts.queued <= headroom
        assert worlds[0].host.launches == 1
        assert 0 < most_set_aside <= before.headroom.free
        state = await worlds[0].book.state()
        assert len(state.reserved) == 1
