"""Builds the parts that meter and limit spending."""

from collections.abc import Awaitable, Callable

from tlfif.control.container import Money
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.clock import Clock
from tlfif.machines.machine_host import MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.money.bill.bill_store import BillStore
from tlfif.money.budget.budget_gate import TICK_SECONDS, BudgetGate
from tlfif.money.budget.budget_ledger import BudgetLedger
from tlfif.money.prices.pricing import Pricing
from tlfif.money.prices.refresh_prices import RefreshReport
from tlfif.money.spend.answer_costs import AnswerCosts
from tlfif.money.spend.last_seen import LastSeen
from tlfif.money.spend.meter import Meter
from tlfif.money.spend.tariff import Tariff
from tlfif.money.spend.totals import Totals


def build_money(
    *,
    jobs: JobStore,
    machines: MachineStore,
    ledger: BudgetLedger,
    pricing: Pricing,
    clock: Clock,
    image: str,
    job_policy: JobPolicy,
    machine_policy: MachinePolicy,
    tariff: Tariff | None,
    simulated: Tariff,
    refresh: Callable[[], Awaitable[RefreshReport]],
    host: MachineHost | None = None,
    tick_seconds: float = TICK_SECONDS,
    bills: BillStore | None = None,
) -> tuple[Money, Meter]:
    """One home's money and the meter of its router. ``tariff`` None: this computer, which costs nothing.

    ``host`` is asked for its own record of a machine's time; ``tick_seconds`` is the longest time between two ticks.
    ``bills`` is ignored without a ``tariff``: where nothing is billed, no query is paid for.
    """
    last_seen = LastSeen(machines=machines, policy=machine_policy, clock=clock)
    totals = Totals(ledger, pricing, last_seen, clock)
    budget = BudgetGate(
        ledger=ledger,
        totals=totals,
        pricing=pricing,
        jobs=jobs,
        machines=machines,
        clock=clock,
        image=image,
        job_policy=job_policy,
        machine_policy=machine_policy,
        tariff=tariff,
        simulated=simulated,
        tick_seconds=tick_seconds,
    )
    money = Money(
        ledger=ledger,
        pricing=pricing,
        totals=totals,
        answers=AnswerCosts(jobs=jobs, ledger=ledger, pricing=pricing, last_seen=last_seen, clock=clock),
        budget=budget,
        tariff=tariff,
        simulated=simulated,
        refresh=refresh,
        bills=None if tariff is None else bills,
    )
    meter = Meter(
        ledger=ledger, machines=machines, last_seen=last_seen, tariff=tariff or simulated, clock=clock, host=host
    )
    return money, meter
