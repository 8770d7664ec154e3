"""The router's minute on AWS: where the bill comes in it, and that nothing of it stops the rest."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.memory_bill_store import MemoryBillStore
from tests.money_world import MoneyWorld
from tlfif.adapters.aws.calls.clients import BILL_CONFIG, MACHINE_CONFIG, ROUTER_CONFIG
from tlfif.adapters.aws.machines.ec2_machine_host import SEARCH_SECONDS
from tlfif.bootstrap.aws import aws_daily_bill
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.bootstrap.money import build_money
from tlfif.control.container import Container
from tlfif.control.local_machine_control import LocalMachineControl
from tlfif.control.reconcile import Pace
from tlfif.control.scheduled_router import (
    BILL_SECONDS,
    LAUNCH_SECONDS,
    MARGIN_SECONDS,
    PAUSE_SECONDS,
    ScheduledRouter,
)
from tlfif.kernel.errors import MachineError, StorageError
from tlfif.machines.machine_host import LaunchSpec
from tlfif.money.spend.tariff import Tariff


@dataclass(kw_only=True)
class Bill:
    """Stands for the daily question; counts, and fails where a test says so."""

    said: list[str]
    fault: Exception | None = None
    asked: int = 0

    async def query_if_due(self) -> None:
        self.asked += 1
        self.said.append("bill")
        if self.fault is not None:
            raise self.fault


@dataclass(kw_only=True)
class Minute:
    """A round of the router over stores in memory; ``said`` is what it reported and asked, in order."""

    world: MoneyWorld = field(default_factory=MoneyWorld)
    said: list[str] = field(default_factory=list)
    seconds: float = 55.0
    images_fault: Exception | None = None

    def __post_init__(self) -> None:
        self.bill = Bill(said=self.said)
        self.reported: dict[str, Any] = {}
        self.began = self.world.clock.monotonic()

    def _report(self, line: str) -> None:
        self.said.append("report")
        self.reported = json.loads(line)

    async def _wake(self) -> None:
        self.said.append("images")
        if self.images_fault is not None:
            raise self.images_fault

    async def look(self, *, housekeeping: bool = True) -> Pace:
        reconciler = self.world.plane.router
        router = ScheduledRouter(
            reconciler=reconciler,
            control=LocalMachineControl(reconciler=reconciler),
            home="tlfif",
            write_line=self._report,
            wake_images=self._wake,
            bill=self.bill,  # type: ignore[arg-type]  # it has the one method that is called
        )
        end = self.world.clock.monotonic() + self.seconds
        return await router.run(housekeeping=housekeeping, seconds_left=lambda: end - self.world.clock.monotonic())


@pytest.fixture
def minute() -> Minute:
    return Minute()


async def test_the_bill_comes_last(minute: Minute) -> None:
    assert await minute.look() is Pace.REST
    assert minute.said == ["report", "images", "bill"]


async def test_a_tick_that_fails_is_reported_on_as_things_are_now_and_not_as_it_last_saw_them(
    minute: Minute, monkeypatch: pytest.MonkeyPatch
) -> None:
    await minute.look()
    assert minute.reported["PromptsWaiting"] == 0
    await minute.world.submit()

    async def fail(*, now: float) -> list[str]:
        raise StorageError(f"not at {now}")

    monkeypatch.setattr(minute.world.jobs, "reap", fail)
    await minute.look()
    assert minute.reported["PromptsWaiting"] == 1


async def test_a_prompt_s_call_never_asks(minute: Minute) -> None:
    await minute.world.submit()
    await minute.look(housekeeping=False)
    assert minute.bill.asked == 0


async def test_a_machine_on_its_way_goes_before_the_bill_and_does_not_keep_it_off_for_ever(minute: Minute) -> None:
    await minute.world.submit()
    assert await minute.look() is Pace.WORK
    assert minute.said == ["report", "images", "bill"]
    assert minute.world.clock.monotonic() - minute.began >= 55 - MARGIN_SECONDS - PAUSE_SECONDS


async def test_a_launch_is_not_begun_where_the_function_s_end_would_come_first(minute: Minute) -> None:
    """Only the first tick launches in any case: nothing is left to wait for."""
    minute.seconds = LAUNCH_SECONDS + PAUSE_SECONDS
    host, clock = minute.world.host, minute.world.clock

    async def refuse(spec: LaunchSpec) -> str:
        launches.append(clock.monotonic() - minute.began)
        raise MachineError("none free", code="no_capacity", details={"left": ["g5.xlarge a"]})

    launches: list[float] = []
    host.launch = refuse  # type: ignore[method-assign]  # the cloud refuses, and says where it was not asked
    await minute.world.submit()
    await minute.look(housekeeping=False)
    assert launches == [0.0, PAUSE_SECONDS]
    assert minute.world.clock.monotonic() - minute.began > PAUSE_SECONDS * 2, "it goes on looking"


def test_what_a_launch_takes_fits_into_what_is_left_for_it() -> None:
    assert SEARCH_SECONDS + MACHINE_CONFIG.read_timeout < LAUNCH_SECONDS
    assert ROUTER_CONFIG.read_timeout > SEARCH_SECONDS, "a person who pressed start hears what came of it"
    assert ROUTER_CONFIG.connect_timeout + ROUTER_CONFIG.read_timeout < 30, "API Gateway's limit"


async def test_with_little_time_left_it_waits_for_the_next_minute(minute: Minute) -> None:
    minute.seconds = BILL_SECONDS - 1
    await minute.look()
    assert minute.bill.asked == 0


@pytest.mark.parametrize("fault", [StorageError("no"), RuntimeError("a bug")])
async def test_whatever_goes_wrong_with_it_the_round_ends_as_it_would_have(minute: Minute, fault: Exception) -> None:
    minute.bill.fault = fault
    for _ in range(2):
        assert await minute.look() is Pace.REST
    assert minute.said == ["report", "images", "bill"] * 2


@pytest.mark.parametrize("fault", [StorageError("no"), RuntimeError("a bug")])
async def test_images_that_cannot_be_looked_after_keep_nothing_else_off(minute: Minute, fault: Exception) -> None:
    minute.images_fault = fault
    assert await minute.look() is Pace.REST
    assert minute.said == ["report", "images", "bill"]


async def test_an_order_of_a_person_wakes_the_images_at_once(minute: Minute) -> None:
    await minute.look(housekeeping=False)
    assert minute.said == ["images"]


def test_one_try_fits_into_what_is_left_for_it() -> None:
    assert BILL_CONFIG.connect_timeout + BILL_CONFIG.read_timeout < BILL_SECONDS < MARGIN_SECONDS
    assert BILL_CONFIG.retries["total_max_attempts"] == 1


@pytest.mark.parametrize("tariff", [None, Tariff()])
def test_who_has_no_tariff_has_no_bill_and_asks_for_none(tariff: Tariff | None) -> None:
    world = MoneyWorld()
    router = world.plane.router
    money, _ = build_money(
        jobs=world.jobs,
        machines=world.machines,
        ledger=world.book,
        pricing=world.money.pricing,
        clock=world.clock,
        image="image-1",
        job_policy=world.job_policy,
        machine_policy=world.policy,
        tariff=tariff,
        simulated=Tariff(),
        refresh=world.money.refresh,
        bills=MemoryBillStore(),
    )
    assert (money.bills is None) == (tariff is None)

    async def close() -> None:
        """Nothing is open."""

    container = Container(
        jobs=world.jobs,
        machines=world.machines,
        models=router.models,
        host=world.host,
        clock=world.clock,
        ids=world.ids,
        job_policy=world.job_policy,
        machine_policy=world.policy,
        image="image-1",
        place="AWS",
        reconciler=router,
        control=LocalMachineControl(reconciler=router),
        money=money,
        close=close,
    )
    settings = AwsSettings(AWS_REGION="eu-central-1", jobs_table="j", state_table="s", queue_url="q", bucket="b")
    assert (aws_daily_bill(settings, container) is None) == (tariff is None)
