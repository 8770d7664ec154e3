"""Machines, ledger and prices on a DynamoDB that throttles, loses answers and is written to from two sides at once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.dynamo_faults import FaultyLine, after, answer_lost, meeting, refused, unreachable
from tests.aws.dynamo_state import new_state_table, open_state_table
from tests.aws.emulator import Emulator
from tests.builders import T0, a_beat, a_machine
from tests.fakes.clock import FakeClock
from tlfif.adapters.aws.calls.dynamo_table import PATIENCE_SECONDS, ROUNDS, TRIES, DynamoTable, Put
from tlfif.adapters.aws.calls.storage_errors import reason_of
from tlfif.adapters.aws.machines.dynamo_machine_store import DynamoMachineStore
from tlfif.adapters.aws.money.dynamo_bill_store import DynamoBillStore
from tlfif.adapters.aws.money.dynamo_ledger import DynamoLedger
from tlfif.adapters.aws.money.dynamo_price_store import DynamoPriceStore
from tlfif.kernel.errors import StorageError
from tlfif.machines.machine import MachineState
from tlfif.money.bill.bill import Bill, BillFailure, BillQuery
from tlfif.money.billing_month import Month
from tlfif.money.budget.budget import Budget
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.spend.spans import MachineSpan

BEGUN = 1_800_000_000_000
SPAN = MachineSpan(machine_id="m1", instance_type="g4dn.xlarge", region="eu-central-1", from_ms=BEGUN)
THROTTLED = refused("ThrottlingException")
BILLED = Bill(month=Month(2027, 1), micros=1, credits=0, up_to=None, estimated=True)
CONFLICT = refused("TransactionCanceledException", reasons=["None", "TransactionConflict", "None"])


@pytest.fixture(scope="module")
def lines(emulator: Emulator) -> Iterator[tuple[FaultyLine, FaultyLine]]:
    """Those of two control planes."""
    both = FaultyLine(emulator), FaultyLine(emulator)
    yield both
    for one in both:
        one.client.close()


@pytest.fixture
def line(lines: tuple[FaultyLine, FaultyLine]) -> FaultyLine:
    """The first control plane's, in order."""
    for one in lines:
        one.reset()
    return lines[0]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto_advance=True)


@pytest.fixture
def tables(emulator: Emulator, lines: tuple[FaultyLine, FaultyLine], clock: FakeClock) -> list[DynamoTable]:
    """One table, opened by two control planes."""
    name = new_state_table(emulator)
    return [
        open_state_table(emulator, name, client=one.client, clock=clock, opener=str(n)) for n, one in enumerate(lines)
    ]


@pytest.fixture
def machines(tables: list[DynamoTable], line: FaultyLine) -> list[DynamoMachineStore]:
    """As two control planes have them."""
    return [DynamoMachineStore(table, default_idle_timeout=300.0) for table in tables]


@pytest.fixture
async def ledgers(tables: list[DynamoTable], line: FaultyLine) -> list[DynamoLedger]:
    """As two control planes have them; the ledger is begun."""
    books = [DynamoLedger(table, since_ms=BEGUN) for table in tables]
    await books[0].state()
    return books


async def test_throttling_and_conflicts_pass(machines: list[DynamoMachineStore], line: FaultyLine) -> None:
    store = machines[0]
    line.next("Query", THROTTLED, refused("ProvisionedThroughputExceededException"))
    line.next("TransactWriteItems", CONFLICT, refused("InternalServerError", status=500), unreachable)
    assert await store.create_intent(a_machine())
    assert len(line.tokens) == 4
    assert len(set(line.tokens)) == 1  # by which AWS knows a transaction again
    assert len(line.tokens[0]) <= 36
    line.next("PutItem", refused("TransactionConflictException"), THROTTLED)
    await store.commit_launch("machine_1", handle="i-1")
    assert await store.active() == replace(a_machine(), handle="i-1")
    assert (line.sent.count("TransactWriteItems"), line.sent.count("PutItem")) == (4, 3)


async def test_what_does_not_pass_ends_in_plain_words_and_in_time(
    machines: list[DynamoMachineStore], line: FaultyLine, clock: FakeClock
) -> None:
    begun = clock.monotonic()
    line.next("UpdateItem", *[THROTTLED] * 50)
    with pytest.raises(StorageError, match="no more requests for a moment") as failed:
        await machines[0].set_held(True)
    assert failed.value.details["reason"] == "throttled"
    assert len(line.sent) == TRIES
    assert 0 < clock.monotonic() - begun < PATIENCE_SECONDS + 2
    line.reset()
    assert not await machines[0].held()


async def test_a_slow_line_is_not_waited_for_again_and_again(
    machines: list[DynamoMachineStore], line: FaultyLine, clock: FakeClock
) -> None:
    def times_out(request: Any) -> None:
        clock.advance(PATIENCE_SECONDS)
        unreachable(request)

    line.next("Query", *[times_out] * 9)
    with pytest.raises(StorageError, match="could not be reached") as failed:
        await machines[0].situation()
    assert (failed.value.details["reason"], len(line.sent)) == ("unreachable", 2)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("AccessDeniedException", "not_allowed", "Sign in again"),
        ("ExpiredTokenException", "not_allowed", "Sign in again"),
        ("ResourceNotFoundException", "not_deployed", "./tlfif deploy"),
        ("SomethingNew", "other", "./tlfif doctor"),
    ],
)
async def test_what_waiting_does_not_mend_is_said_at_once(
    machines: list[DynamoMachineStore], line: FaultyLine, code: str, reason: str, words: str
) -> None:
    line.next("Query", refused(code))
    with pytest.raises(StorageError, match=words) as failed:
        await machines[0].situation()
    assert (failed.value.details["reason"], line.sent) == (reason, ["Query"])


async def test_a_table_that_is_not_there(emulator: Emulator) -> None:
    store = DynamoMachineStore(open_state_table(emulator, "tlfif-none"), default_idle_timeout=300.0)
    with pytest.raises(StorageError, match=r"\./tlfif deploy"):
        await store.situation()


async def test_what_is_too_large_is_said_and_not_kept(machines: list[DynamoMachineStore]) -> None:
    with pytest.raises(StorageError) as failed:
        await machines[0].create_intent(replace(a_machine(), reason="x" * 450_000))
    assert failed.value.details["reason"] == "too_large"
    assert await machines[0].latest() is None


def test_a_transaction_that_is_cancelled_for_a_size_says_so() -> None:
    reason: Any = {"Code": "ValidationError", "Message": "Item size has exceeded the maximum allowed size"}
    cancelled: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{}, reason]}
    assert reason_of(ClientError(cancelled, "TransactWriteItems")) == "too_large"


async def test_a_mistake_of_the_program_is_not_called_a_failing_store(tables: list[DynamoTable]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        await tables[0].write(Put(item={"pk": "p", "sk": "s"}, condition="no condition", names={"#unused": "x"}))


async def test_an_intent_whose_answer_was_lost_is_known_as_our_own(
    machines: list[DynamoMachineStore], line: FaultyLine
) -> None:
    line.next("TransactWriteItems", answer_lost)
    assert await machines[0].create_intent(a_machine())
    assert line.sent.count("TransactWriteItems") == 2
    assert [record.id for record in await machines[1].history(limit=5)] == ["machine_1"]


async def test_an_intent_is_our_own_also_if_it_was_ended_before_we_heard_of_it(
    machines: list[DynamoMachineStore], line: FaultyLine
) -> None:
    ours, theirs = machines
    loop = asyncio.get_running_loop()
    end = theirs.mark_ended("machine_1", state=MachineState.OFF, reason="stopped by you", now=T0)
    line.next(
        "TransactWriteItems",
        answer_lost,
        after(lambda: asyncio.run_coroutine_threadsafe(end, loop).result(timeout=20)),
    )
    assert await ours.create_intent(a_machine())
    assert len(await ours.history(limit=5)) == 1


async def test_the_mark_of_an_open_machine_alone_keeps_others_out(
    machines: list[DynamoMachineStore], tables: list[DynamoTable]
) -> None:
    await tables[1].write(Put(item={"pk": "MACHINE#OPEN", "sk": "OPEN", "id": "machine_9"}))
    assert not await machines[0].create_intent(a_machine())
    assert await machines[0].history(limit=5) == []


async def test_the_other_planes_intent_is_not_taken_for_our_own(machines: list[DynamoMachineStore]) -> None:
    assert await machines[0].create_intent(a_machine())
    assert not await machines[1].create_intent(a_machine())


async def test_an_id_is_given_once(machines: list[DynamoMachineStore]) -> None:
    await machines[0].create_intent(a_machine())
    await machines[0].mark_ended("machine_1", state=MachineState.OFF, reason="done", now=T0)
    with pytest.raises(ValueError, match="taken"):
        await machines[0].create_intent(a_machine())
    assert len(await machines[0].history(limit=5)) == 1


async def test_of_two_planes_that_saw_nothing_one_launches(
    machines: list[DynamoMachineStore], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    both = Barrier(2)  # both have looked before either writes
    for one in lines:
        one.next("TransactWriteItems", meeting(both))
    taken = await asyncio.gather(*(s.create_intent(a_machine(f"machine_{n}")) for n, s in enumerate(machines)))
    assert sorted(taken) == [False, True]
    (record,) = await machines[0].history(limit=5)
    assert record.id == f"machine_{taken.index(True)}"
    assert await machines[1].active() == record


async def test_a_machine_may_come_and_go_while_another_plane_is_about_to_launch(
    machines: list[DynamoMachineStore], line: FaultyLine
) -> None:
    ours, theirs = machines
    loop = asyncio.get_running_loop()

    async def come_and_go() -> None:
        assert await theirs.create_intent(a_machine("machine_1"))
        await theirs.mark_ended("machine_1", state=MachineState.OFF, reason="done", now=T0)

    line.next(
        "TransactWriteItems", after(lambda: asyncio.run_coroutine_threadsafe(come_and_go(), loop).result(timeout=20))
    )
    assert await ours.create_intent(a_machine("machine_2"))
    assert [record.id for record in await ours.history(limit=5)] == ["machine_2", "machine_1"]


async def test_a_stop_between_a_beats_look_and_its_write_is_not_lost(
    machines: list[DynamoMachineStore], line: FaultyLine
) -> None:
    ours, theirs = machines
    await ours.create_intent(a_machine())
    await ours.heartbeat(a_beat(), now=T0 + 1)
    loop = asyncio.get_running_loop()
    stop = theirs.mark_stopping("machine_1", reason="stopped by you", now=T0 + 2)
    line.next("PutItem", after(lambda: asyncio.run_coroutine_threadsafe(stop, loop).result(timeout=20)))
    answer = await ours.heartbeat(a_beat(), now=T0 + 3)
    assert (answer.owned, answer.drain) == (True, True)
    record = await ours.active()
    assert record is not None
    assert (record.state, record.reason) == (MachineState.STOPPING, "stopped by you")
    assert (record.stop_requested_at, record.heartbeat_at) == (T0 + 2, T0 + 3)


async def test_of_two_boots_at_once_one_is_bound(
    machines: list[DynamoMachineStore], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    await machines[0].create_intent(a_machine())
    both = Barrier(2)
    for one in lines:
        one.next("TransactWriteItems", meeting(both))
    answers = await asyncio.gather(
        *(s.heartbeat(a_beat(boot_id=f"boot_{n}"), now=T0 + 2) for n, s in enumerate(machines))
    )
    owned = [answer.owned for answer in answers]
    assert sorted(owned) == [False, True]
    record = await machines[0].active()
    assert record is not None
    assert record.boot_id == f"boot_{owned.index(True)}"


async def test_a_beat_whose_answer_was_lost_closes_its_phase_once(
    machines: list[DynamoMachineStore], line: FaultyLine
) -> None:
    store = machines[0]
    await store.create_intent(a_machine())
    line.next("TransactWriteItems", answer_lost)
    assert (await store.heartbeat(a_beat(), now=T0 + 2)).owned
    (timing,) = (await store.phases_of(["machine_1"]))["machine_1"]
    assert timing.seconds == 2.0
    line.next("TransactWriteItems", answer_lost)
    await store.mark_ended("machine_1", state=MachineState.OFF, reason="done", now=T0 + 3)
    record = await store.latest()
    assert record is not None
    assert (record.ended_at, record.reason) == (T0 + 3, "done")
    assert await store.create_intent(a_machine("machine_2"))


async def test_one_who_is_overtaken_every_time_says_so(machines: list[DynamoMachineStore], line: FaultyLine) -> None:
    await machines[0].create_intent(a_machine())
    line.next("PutItem", *[refused("ConditionalCheckFailedException")] * ROUNDS)
    with pytest.raises(StorageError, match="did not get its turn") as failed:
        await machines[0].commit_launch("machine_1", handle="i-1")
    assert failed.value.details["reason"] == "busy"


@pytest.mark.requirement("6.2.2")
async def test_twenty_at_once_never_set_aside_more_than_is_left(ledgers: list[DynamoLedger]) -> None:
    taken = await asyncio.gather(
        *(ledgers[n % 2].reserve(f"m{n}", micros=10 + n % 3, headroom_micros=100) for n in range(20))
    )
    reserved = (await ledgers[0].state()).reserved
    assert sorted(reserved) == sorted(f"m{n}" for n in range(20) if taken[n])
    assert 90 <= sum(reserved.values()) <= 100  # and as much as fits
    for machine_id in reserved:
        await ledgers[1].release(machine_id)
    assert await ledgers[0].reserve("m1", micros=100, headroom_micros=100)


async def test_of_two_that_saw_the_same_room_one_gets_it(
    ledgers: list[DynamoLedger], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    both = Barrier(2)
    for one in lines:
        one.next("UpdateItem", meeting(both))
    taken = await asyncio.gather(*(b.reserve(f"m{n}", micros=60, headroom_micros=100) for n, b in enumerate(ledgers)))
    assert sorted(taken) == [False, True]


async def test_what_a_machine_had_is_replaced_also_by_two_at_once(
    ledgers: list[DynamoLedger], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    await ledgers[0].reserve("m1", micros=90, headroom_micros=100)
    both = Barrier(2)
    for one in lines:
        one.next("UpdateItem", meeting(both))
    await asyncio.gather(*(b.reserve("m1", micros=40 + n, headroom_micros=100) for n, b in enumerate(ledgers)))
    kept = (await ledgers[0].state()).reserved["m1"]
    assert kept in (40, 41)
    assert not await ledgers[0].reserve("m2", micros=101 - kept, headroom_micros=100)
    assert await ledgers[0].reserve("m2", micros=100 - kept, headroom_micros=100)


async def test_a_reservation_whose_answer_was_lost_counts_once(ledgers: list[DynamoLedger], line: FaultyLine) -> None:
    book = ledgers[0]
    line.next("UpdateItem", answer_lost, answer_lost)
    assert await book.reserve("m1", micros=60, headroom_micros=100)
    line.next("UpdateItem", answer_lost)
    await book.release("m1")
    assert await book.reserve("m2", micros=100, headroom_micros=100)
    assert (await book.state()).reserved == {"m2": 100}


async def test_every_change_of_a_span_has_a_revision_of_its_own(
    ledgers: list[DynamoLedger], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    both = Barrier(2)
    for one in lines:
        one.next("TransactWriteItems", meeting(both))
    spans = [SPAN, replace(SPAN, machine_id="m2")]
    await asyncio.gather(*(b.open_span(s) for b, s in zip(ledgers, spans, strict=True)))
    told = await ledgers[0].spans_after(0, from_ms=0)
    assert [revision for revision, _ in told] == [1, 2]
    assert {span.machine_id for _, span in told} == {"m1", "m2"}
    assert (await ledgers[1].state()).revision == 2


async def test_the_revision_never_goes_back(ledgers: list[DynamoLedger], line: FaultyLine) -> None:
    ours, theirs = ledgers
    loop = asyncio.get_running_loop()

    async def come_and_go() -> None:
        await theirs.open_span(replace(SPAN, machine_id="m2"))
        await theirs.close_span("m2", at_ms=BEGUN + 5)

    line.next(
        "TransactWriteItems", after(lambda: asyncio.run_coroutine_threadsafe(come_and_go(), loop).result(timeout=20))
    )
    await ours.open_span(SPAN)
    assert [revision for revision, _ in await ours.spans_after(0, from_ms=0)] == [2, 3]
    assert (await ours.state()).revision == 3


async def test_a_span_told_twice_because_the_answer_was_lost_is_told_once(
    ledgers: list[DynamoLedger], line: FaultyLine
) -> None:
    book = ledgers[0]
    await book.reserve("m1", micros=5, headroom_micros=None)
    line.next("TransactWriteItems", answer_lost, answer_lost)
    await book.open_span(SPAN)
    await book.close_span("m1", at_ms=BEGUN + 5)
    line.next("TransactWriteItems", answer_lost)
    await book.correct_span("m1", real_stop_ms=BEGUN + 4)
    state = await book.state()
    assert (state.revision, state.reserved) == (3, {})
    assert await book.spans_after(0, from_ms=0) == [(3, replace(SPAN, to_ms=BEGUN + 4, corrected=True))]


async def test_the_first_look_of_two_planes_begins_one_ledger(
    tables: list[DynamoTable], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    both = Barrier(2)
    for one in lines:
        one.next("PutItem", meeting(both))
    books = [DynamoLedger(table, since_ms=BEGUN + n) for n, table in enumerate(tables)]
    first, second = await asyncio.gather(*(book.state() for book in books))
    assert first == second == await books[0].state()


async def test_a_budget_whose_answer_was_lost_is_kept_and_said_to_be(
    ledgers: list[DynamoLedger], line: FaultyLine
) -> None:
    line.next("UpdateItem", answer_lost)
    assert await ledgers[0].set_budget(Budget(limit_eur=None), instead_of=Budget())
    assert (await ledgers[1].state()).budget == Budget(limit_eur=None)


async def test_of_two_who_change_the_same_budget_one_is_told_no(
    ledgers: list[DynamoLedger], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    both = Barrier(2)
    for one in lines:
        one.next("UpdateItem", meeting(both))
    wanted = [Budget(limit_eur=None), Budget(simulated_aws=True)]
    kept = await asyncio.gather(
        *(book.set_budget(budget, instead_of=Budget()) for book, budget in zip(ledgers, wanted, strict=True))
    )
    assert sorted(kept) == [False, True]
    assert (await ledgers[0].state()).budget == wanted[kept.index(True)]


async def test_prices_whose_answer_was_lost_are_kept_once_and_do_not_cover_newer_ones(
    tables: list[DynamoTable], line: FaultyLine
) -> None:
    ours, theirs = (DynamoPriceStore(table) for table in tables)
    price = replace(BUILT_IN_PRICES.all()[0], micros=1)
    loop = asyncio.get_running_loop()
    newer = theirs.add([replace(price, micros=2)])
    line.next(
        "PutItem",
        answer_lost,
        after(lambda: asyncio.run_coroutine_threadsafe(newer, loop).result(timeout=20)),
    )
    await ours.add([price])
    assert [kept.micros for kept in await ours.prices()] == [2]


async def test_two_refreshes_at_once_lose_no_price(
    tables: list[DynamoTable], line: FaultyLine, lines: tuple[FaultyLine, FaultyLine]
) -> None:
    both = Barrier(2)
    for one in lines:
        one.next("PutItem", meeting(both))
    some = [replace(price, micros=price.micros + 1) for price in BUILT_IN_PRICES.all()]
    stores = [DynamoPriceStore(table) for table in tables]
    await asyncio.gather(*(store.add(some[n::2]) for n, store in enumerate(stores)))
    assert await stores[0].prices() == some


async def test_a_question_whose_writing_down_was_not_confirmed_is_ours_and_no_other_s(
    tables: list[DynamoTable], line: FaultyLine
) -> None:
    ours, theirs = (DynamoBillStore(table) for table in tables)
    newest: BillQuery | None = None
    for number in range(2):
        question = BillQuery(id=f"bill_{number}", asked_ms=BEGUN + number)
        line.next("UpdateItem", answer_lost)
        assert await ours.begin(question, after=newest)
        assert not await theirs.begin(BillQuery(id=f"bill_x{number}", asked_ms=BEGUN), after=newest)
        newest = question
    line.next("UpdateItem", answer_lost, THROTTLED)
    await ours.settle(BillQuery(id="bill_1", asked_ms=BEGUN + 1), BILLED)
    assert (await theirs.record()).bill == BILLED


async def test_of_two_routers_at_the_same_moment_one_begins(
    tables: list[DynamoTable], lines: tuple[FaultyLine, FaultyLine], line: FaultyLine
) -> None:
    stores = [DynamoBillStore(table) for table in tables]
    both = Barrier(2)
    for one in lines:
        one.next("UpdateItem", meeting(both))
    begun = await asyncio.gather(
        *(store.begin(BillQuery(id=f"bill_{n}", asked_ms=BEGUN), after=None) for n, store in enumerate(stores))
    )
    assert sorted(begun) == [False, True]


async def test_a_question_that_the_store_refuses_is_none(tables: list[DynamoTable], line: FaultyLine) -> None:
    store, question = DynamoBillStore(tables[0]), BillQuery(id="bill_1", asked_ms=BEGUN)
    line.next("UpdateItem", refused("AccessDeniedException"))
    with pytest.raises(StorageError):
        await store.begin(question, after=None)
    assert (await store.record()).query is None
    await store.begin(question, after=None)
    line.next("UpdateItem", refused("AccessDeniedException"))
    with pytest.raises(StorageError):
        await store.settle(question, BillFailure(code="c", message="m"))
    assert not (await store.record()).settled
