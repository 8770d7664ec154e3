"""Machines, ledger and prices in DynamoDB: what the contract suites do not see. How many requests each question costs,
what two openers share, pages of a megabyte, numbers to the last digit."""

import asyncio
import math
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aws.dynamo_faults import FaultyLine, left_unprocessed
from tests.aws.dynamo_state import new_state_table, open_state_table
from tests.aws.emulator import Emulator
from tests.builders import T0, a_beat, a_machine
from tests.fakes.clock import FakeClock
from tests.money_world import MoneyWorld
from tlfif.adapters.aws.calls.dynamo_items import from_wire, to_wire
from tlfif.adapters.aws.calls.dynamo_table import TRIES, DynamoTable, Update
from tlfif.adapters.aws.machines.dynamo_machine_store import DynamoMachineStore
from tlfif.adapters.aws.money.dynamo_bill_store import DynamoBillStore
from tlfif.adapters.aws.money.dynamo_ledger import DynamoLedger
from tlfif.control.reconcile import Pace
from tlfif.kernel.errors import StorageError
from tlfif.machines.machine import MachineState
from tlfif.money.bill.bill import BillFailure, BillQuery
from tlfif.money.spend.spans import MachineSpan

BEGUN = 1_800_000_000_000
SPAN = MachineSpan(machine_id="m1", instance_type="g4dn.xlarge", region="eu-central-1", from_ms=BEGUN)


@pytest.fixture(scope="module")
def shared_line(emulator: Emulator) -> Iterator[FaultyLine]:
    one = FaultyLine(emulator)
    yield one
    one.client.close()


@pytest.fixture
def line(shared_line: FaultyLine) -> FaultyLine:
    shared_line.reset()
    return shared_line


@pytest.fixture
def table(emulator: Emulator, line: FaultyLine) -> DynamoTable:
    return open_state_table(emulator, client=line.client)


@pytest.fixture
def machines(table: DynamoTable) -> DynamoMachineStore:
    return DynamoMachineStore(table, default_idle_timeout=300.0)


@pytest.fixture
async def ledger(table: DynamoTable, line: FaultyLine) -> DynamoLedger:
    book = DynamoLedger(table, since_ms=BEGUN)
    await book.state()
    line.reset()
    return book


async def requests(line: FaultyLine, work: Awaitable[Any]) -> list[str]:
    """What ``work`` sends."""
    line.reset()
    await work
    return line.sent


async def test_what_each_question_about_machines_costs(machines: DynamoMachineStore, line: FaultyLine) -> None:
    assert await requests(line, machines.create_intent(a_machine())) == ["Query", "TransactWriteItems"]
    assert await requests(line, machines.create_intent(a_machine("machine_2"))) == ["Query"]
    assert await requests(line, machines.commit_launch("machine_1", handle="i-1")) == ["Query", "PutItem"]
    assert await requests(line, machines.heartbeat(a_beat(), now=T0 + 1)) == ["Query", "TransactWriteItems"]
    assert await requests(line, machines.heartbeat(a_beat(), now=T0 + 2)) == ["Query", "PutItem"]
    assert await requests(line, machines.heartbeat(a_beat("machine_none"), now=T0 + 2)) == ["Query"]
    assert await requests(line, machines.situation()) == ["Query"]
    assert await requests(line, machines.control_alive(now=T0)) == ["UpdateItem"]
    assert await requests(line, machines.failed_starts()) == ["Query"]
    assert await requests(line, machines.history(limit=100)) == ["Query"]
    assert await requests(line, machines.phase_timings(model="m", image="i", limit=20)) == ["Query"]
    assert await requests(line, machines.phases_of(["machine_1", "machine_2"])) == ["BatchGetItem", "BatchGetItem"]


async def test_what_each_question_about_money_costs(ledger: DynamoLedger, line: FaultyLine) -> None:
    assert await requests(line, ledger.state()) == ["GetItem"]
    assert await requests(line, ledger.reserve("m1", micros=5, headroom_micros=9)) == ["GetItem", "UpdateItem"]
    assert await requests(line, ledger.open_span(SPAN)) == ["BatchGetItem", "TransactWriteItems"]
    assert await requests(line, ledger.open_span(SPAN)) == ["BatchGetItem"]
    assert await requests(line, ledger.open_spans()) == ["GetItem"]
    assert await requests(line, ledger.spans_after(0, from_ms=0)) == ["Query"]
    assert await requests(line, ledger.close_span("m1", at_ms=BEGUN + 1)) == ["BatchGetItem", "TransactWriteItems"]
    assert await requests(line, ledger.release("m1")) == ["BatchGetItem"]


async def test_what_the_bill_costs_beside_its_cent(table: DynamoTable, line: FaultyLine) -> None:
    bills, question = DynamoBillStore(table), BillQuery(id="bill_1", asked_ms=BEGUN)
    assert await requests(line, bills.record()) == ["GetItem"]
    assert await requests(line, bills.begin(question, after=None)) == ["UpdateItem"]
    assert await requests(line, bills.settle(question, BillFailure(code="c", message="m"))) == ["UpdateItem"]


async def test_a_day_on_dynamodb_costs_what_it_costs_in_memory(emulator: Emulator, line: FaultyLine) -> None:
    """A start, an answer, an end and a second start under one meter; and a tick while all is off, counted."""
    clock = FakeClock(auto_advance=True)
    table = open_state_table(emulator, client=line.client)
    begun = int(clock.now() * 1000)
    on_aws = MoneyWorld(
        clock=clock,
        machines=DynamoMachineStore(table, default_idle_timeout=300.0),
        ledger=DynamoLedger(table, since_ms=begun),
    )
    spent = []
    for world in (on_aws, MoneyWorld()):
        for number in range(2):
            await world.submit(key=f"key-{number}")
            record = await world.ready()
            await world.answer(4.0)
            await world.machines.mark_stopping(record.id, reason="idle", now=world.clock.now())
            world.host.existing[0].exists = False
            await world.tick()
            await world.tick()
        spent.append(await world.spent())
        assert await world.book.open_spans() == []
        assert (await world.book.state()).reserved == {}
    assert spent[0] == spent[1] > 0
    assert await requests(line, on_aws.plane.router.tick()) == ["Query", "GetItem", "GetItem", "Query"]
    assert await on_aws.plane.router.tick() is Pace.REST


async def test_two_openers_share_all_and_open_one_machine(emulator: Emulator) -> None:
    name = new_state_table(emulator)
    one, two = (
        DynamoMachineStore(open_state_table(emulator, name, opener=opener), default_idle_timeout=300.0)
        for opener in "12"
    )
    taken = await asyncio.gather(
        *(store.create_intent(a_machine(f"machine_{n}{m}")) for n in range(3) for m, store in enumerate((one, two)))
    )
    assert taken.count(True) == 1
    await one.set_held(True)
    await one.set_idle_timeout(60.0)
    assert (await two.held(), await two.idle_timeout()) == (True, 60.0)
    assert await one.active() == await two.active()


async def test_more_than_a_page_is_read_to_the_end(machines: DynamoMachineStore, line: FaultyLine) -> None:
    for number in range(4):  # a page ends at a megabyte
        await machines.create_intent(replace(a_machine(f"machine_{number}"), reason="x" * 350_000))
        await machines.mark_ended(f"machine_{number}", state=MachineState.BROKEN, reason="", now=T0)
    found = await requests(line, machines.history(limit=9))
    assert len(found) > 1
    assert [record.id for record in await machines.history(limit=9)] == [f"machine_{n}" for n in (3, 2, 1, 0)]
    assert await machines.failed_starts() == 4


async def test_what_a_batch_left_out_is_asked_for_again(machines: DynamoMachineStore, line: FaultyLine) -> None:
    await machines.create_intent(a_machine())
    await machines.heartbeat(a_beat(), now=T0 + 2)
    line.next("BatchGetItem", left_unprocessed, left_unprocessed)
    asked = [f"machine_{number}" for number in range(150)]
    assert len((await machines.phases_of(asked))["machine_1"]) == 1
    line.next("BatchGetItem", *[left_unprocessed] * TRIES)
    with pytest.raises(StorageError):
        await machines.phases_of(asked)


async def test_what_a_newer_program_wrote_into_a_record_stays(machines: DynamoMachineStore, table: DynamoTable) -> None:
    await machines.create_intent(a_machine())
    key = ("MACHINES", "MACHINE#0000000001")
    await table.write(Update(key=key, change="SET novelty = :new", values={":new": "kept"}))
    await machines.commit_launch("machine_1", handle="i-1")
    item = await table.get(key)
    assert item is not None
    assert (item["novelty"], item["handle"]) == ("kept", "i-1")


async def test_names_do_not_reach_into_each_other(machines: DynamoMachineStore) -> None:
    await machines.create_intent(a_machine(model="a#b", image="c"))
    await machines.heartbeat(a_beat(), now=T0 + 2)
    assert await machines.phase_timings(model="a", image="b#c", limit=5) == []
    assert len(await machines.phase_timings(model="a#b", image="c", limit=5)) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(value=values)
def test_every_value_comes_back(value: Any) -> None:
    assert from_wire(to_wire({"a": value})) == ({} if value is None else {"a": value})


@settings(max_examples=50, deadline=None)
@given(value=st.floats(-1e120, 1e120).filter(lambda x: x == 0 or abs(x) > 1e-120))
def test_every_float_comes_back_as_the_same_number(value: float) -> None:
    assert float(from_wire(to_wire({"a": [value]}))["a"][0]) == value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_not_kept(value: float) -> None:
    with pytest.raises(TypeError):
        to_wire({"a": value})
