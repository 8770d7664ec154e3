"""Money as the API sends it: the ledger counts whole micro-dollars, the wire has dollars and euros."""

from datetime import UTC, datetime

from tlfif.control.container import Container
from tlfif.jobs.jobs import Job, Receipt
from tlfif.machines.machine_types import MACHINE_TYPES
from tlfif.money.bill.bill import BillRecord, next_query_ms
from tlfif.money.bill.bill_report import bill_report
from tlfif.money.budget.budget import BudgetState
from tlfif.money.budget.budget_gate import BudgetStatus
from tlfif.money.money import MICROS_PER_USD, MS_PER_HOUR, ExchangeRate, MicroUsd
from tlfif.money.prices.prices import USUAL_DISK_GB, Price, PriceBook
from tlfif.money.spend.answer_costs import AnswerCost
from tlfif.money.spend.standing_costs import StandingItem, lean_items, rql1_items, total_per_month
from tlfif.money.spend.tariff import Tariff
from tlfif.money.spend.totals import MonthTotals
from tlfif.wire.money import (
    AnswerCostView,
    BilledView,
    BudgetView,
    CostShareView,
    CostView,
    DayView,
    ExchangeView,
    RateView,
    StandingLineView,
    StandingView,
    SumsView,
    TypeView,
)

VAT = "without VAT"
BILL_CURRENCY = "USD"
RECEIPTS = 5
NOTHING = AnswerCost(start=0, final=True)


async def cost_view(container: Container, simulated: Tariff) -> CostView:
    """All that the cost command and the window show. ``simulated`` is what the simulated AWS cost is priced by."""
    money = container.money
    rate, book = await money.pricing.rate(), await money.pricing.book()
    state = await money.ledger.state()
    sums = await money.totals.month(money.tariff, state=state)
    simulated_sums = None
    if money.tariff is None:
        simulated_sums = sums_view(await money.totals.month(simulated, state=state), simulated, rate)
    priced = simulated if money.tariff is None else money.tariff
    rates = [price for price in book.current() if price.region == priced.region]
    return {
        **sums_view(sums, money.tariff, rate),
        "month": sums.month.label,
        "place": container.place,
        "vat": VAT,
        "since": _iso(state.since_ms),
        "simulated_aws": simulated_sums,
        "as_if_aws": simulated_sums,
        "billed": None
        if money.bills is None
        else billed_view(await money.bills.record(), rate, now_ms=money.totals.now_ms()),
        "budget": budget_view(await money.budget.status()),
        "exchange": exchange_view(rate),
        "types": [] if money.tariff is None else type_views(container, money.tariff, book),
        "rates": [rate_view(price) for price in rates if price.instance_type in (None, priced.instance_type)],
        "receipts": await _receipts(container, simulated),
    }


def type_views(container: Container, tariff: Tariff, book: PriceBook) -> list[TypeView]:
    """The types that are tried, in that order."""
    now_ms = container.money.totals.now_ms()
    return [
        TypeView(
            instance_type=name,
            engine=MACHINE_TYPES[name].profile(container.gpu_engine).engine,
            usd_per_hour=usd(tariff.hourly(book, at_ms=now_ms, instance_type=name)),
        )
        for name in tariff.types
    ]


def billed_view(record: BillRecord, rate: ExchangeRate, *, now_ms: int) -> BilledView:
    """AWS's own figure. A month of which AWS knows nothing yet has none, which is not the same as zero."""
    report, query, bill = bill_report(record, now_ms), record.query, record.bill
    known = bill if bill is not None and bill.up_to is not None else None
    next_ms = next_query_ms(record)
    return BilledView(
        state=report.state,
        month=bill.month.label if bill else None,
        usd=usd(known.micros) if known else None,
        eur=float(rate.to_eur(known.micros)) if known else None,
        credits_usd=usd(known.credits) if known else None,
        currency=BILL_CURRENCY,
        up_to=known.up_to.isoformat() if known and known.up_to else None,
        estimated=known.estimated if known else None,
        billed_at=None if record.billed_ms is None else _iso(record.billed_ms),
        asked_at=_iso(query.asked_ms) if query else None,
        next_at=None if next_ms is None else _iso(next_ms),
        problem=record.failure.code if record.failure else None,
        title=report.title,
        sentence=report.sentence,
    )


def sums_view(sums: MonthTotals, tariff: Tariff | None, rate: ExchangeRate) -> SumsView:
    """One month."""
    forecast = sums.forecast.total if sums.forecast is not None else sums.total
    return SumsView(
        region=tariff.region if tariff else None,
        instance_type=tariff.instance_type if tariff else None,
        month_to_date_usd=usd(sums.total),
        month_to_date_eur=float(rate.to_eur(sums.total)),
        machines_usd=usd(sums.machines),
        standing_usd=usd(sums.standing_accrued),
        running_usd_per_hour=usd(sums.running_per_hour),
        standing_usd_per_month=usd(sums.standing_per_month),
        forecast_usd=usd(forecast),
        forecast_eur=float(rate.to_eur(forecast)),
        days=[
            DayView(date=_iso(day.day_ms)[:10], hours=day.on_ms / MS_PER_HOUR, usd=usd(day.micros)) for day in sums.days
        ],
    )


def budget_view(status: BudgetStatus) -> BudgetView:
    """The budget."""
    budget, headroom = status.budget, status.headroom
    extra = budget.extra_eur if budget.extra_month == headroom.month else 0
    return BudgetView(
        limit_eur=None if budget.limit_eur is None else float(budget.limit_eur),
        extra_eur=float(extra),
        simulated_aws=budget.simulated_aws,
        as_if_aws=budget.simulated_aws,
        state=headroom.state,
        spent_eur=float(headroom.rate.to_eur(headroom.spent)),
        committed_eur=float(headroom.rate.to_eur(headroom.committed)),
        free_eur=None if headroom.free is None else float(headroom.rate.to_eur(headroom.free)),
        start_eur=float(headroom.rate.to_eur(status.start.total)),
        locked_until=_iso(headroom.month.end_ms) if headroom.state is BudgetState.LOCKED else None,
        sentence=headroom.sentence,
    )


def exchange_view(rate: ExchangeRate) -> ExchangeView:
    """The exchange rate."""
    return ExchangeView(usd_per_eur=float(rate.usd_per_eur), date=rate.date, source=rate.source, verified=rate.verified)


def rate_view(price: Price) -> RateView:
    """One price."""
    return RateView(
        item=price.item,
        region=price.region,
        instance_type=price.instance_type,
        usd=usd(price.micros),
        unit=price.unit,
        source=price.source,
        date=price.date,
        verified=price.verified,
    )


async def shares(container: Container, job: Job, simulated: Tariff) -> tuple[CostShareView, CostShareView | None]:
    """What an answer cost, and on the owner's own computer what it would have cost on AWS."""
    money = container.money
    rate = await money.pricing.rate()
    seconds = await container.machines.idle_timeout() or container.machine_policy.idle_timeout_seconds
    found = await money.answers.of_job(job, money.tariff or simulated, idle_timeout_seconds=seconds)
    if money.tariff is not None:
        worked_on = job.worker_id is not None and job.started_at is not None
        return _share_view(found or AnswerCost(start=0, final=not worked_on), rate), None
    return _share_view(NOTHING, rate), _share_view(found, rate) if found is not None else None


def standing_view(book: PriceBook, region: str, now_ms: int) -> StandingView:
    """One region's idle month, line by line."""
    lean = lean_items(book, region, now_ms)
    kept = lean_items(book, region, now_ms, kept_disk_gb=USUAL_DISK_GB)
    rql1 = rql1_items(book, region, now_ms)
    return StandingView(
        region=region,
        terminate=[_line(item) for item in lean],
        terminate_usd=usd(total_per_month(lean)),
        standby=[_line(item) for item in kept],
        standby_usd=usd(total_per_month(kept)),
        rql1=[_line(item) for item in rql1.items],
        rql1_usd=usd(total_per_month(rql1.items)),
        rql1_extras=[_line(item) for item in rql1.extras],
        rql1_worst_usd=usd(total_per_month((*rql1.items, *rql1.extras))),
    )


def usd(micros: MicroUsd) -> float:
    """Micro-dollars in dollars."""
    return micros / MICROS_PER_USD


async def _receipts(container: Container, simulated: Tariff) -> list[AnswerCostView]:
    page = await container.jobs.list_jobs(limit=RECEIPTS)
    found = []
    for job in page.jobs:
        if not job.status.is_terminal:
            continue
        cost, simulated_cost = await shares(container, job, simulated)
        took = job.receipt or Receipt(model=job.request.model)
        found.append(
            AnswerCostView(
                job_id=job.id,
                created_at=container.clock.shown(job.created_at),
                status=job.status,
                model=job.request.model,
                image=took.image,
                instance_type=took.instance_type,
                engine=took.engine,
                attempt=job.attempt,
                queue_seconds=took.queue_seconds,
                first_token_seconds=took.first_token_seconds,
                total_seconds=took.total_seconds,
                prompt_tokens=took.prompt_tokens,
                completion_tokens=took.completion_tokens,
                cost=cost,
                simulated_aws=simulated_cost,
                as_if_aws=simulated_cost,
            )
        )
    return found


def _share_view(cost: AnswerCost, rate: ExchangeRate) -> CostShareView:
    return CostShareView(
        usd=usd(cost.total),
        eur=float(rate.to_eur(cost.total)),
        boot_usd=usd(cost.boot),
        working_usd=usd(cost.working),
        idle_usd=usd(cost.idle),
        minimum_usd=usd(cost.minimum),
        start_usd=usd(cost.start),
        final=cost.final,
        idle_at_most_usd=usd(cost.idle_at_most),
    )


def _line(item: StandingItem) -> StandingLineView:
    return StandingLineView(
        label=item.label,
        section=item.section,
        quantity=float(item.quantity),
        unit=item.unit,
        usd_per_month=usd(item.micros_per_month),
        estimated=item.estimated,
        source=item.price.source,
        date=item.price.date,
        verified=item.price.verified,
    )


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
