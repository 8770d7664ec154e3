"""What it costs now, what it would cost, and the limit that holds."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from tlfif.api.cost_views import VAT, budget_view, cost_view, exchange_view, standing_view, usd
from tlfif.api.schemas import BudgetRequest, ReleaseRequest
from tlfif.api.signed_in_gate import OWNER_ONLY
from tlfif.api.strict_route import StrictRoute
from tlfif.control.container import Container
from tlfif.machines.machine_types import INSTANCE_TYPES
from tlfif.money.prices.prices import REGIONS, Price, check_region
from tlfif.money.prices.refresh_prices import RefreshReport
from tlfif.money.spend.idle_adviser import PastAnswer, advise
from tlfif.money.spend.tariff import Tariff
from tlfif.wire.money import (
    AdviceView,
    BudgetView,
    CostView,
    IdleOptionView,
    PriceChangeView,
    RefreshView,
    StandingList,
)

PAST_ANSWERS = 5000
"""What the adviser replays at most."""

Region = Annotated[str | None, Query(json_schema_extra={"enum": list(REGIONS)}, description="An AWS region.")]
InstanceType = Annotated[
    str | None, Query(json_schema_extra={"enum": list(INSTANCE_TYPES)}, description="An AWS machine type.")
]


def cost_routes(container: Container) -> APIRouter:
    """The routes of cost and budget, bound to their ports."""
    router = APIRouter(prefix="/v1", tags=["cost"], route_class=StrictRoute)

    def tariff(region: str | None, instance_type: str | None) -> Tariff:
        chosen = container.money.tariff or container.money.simulated
        return replace(
            chosen,
            region=chosen.region if region is None else region,
            instance_type=chosen.instance_type if instance_type is None else instance_type,
            fallbacks=(),
        )

    @router.get("/cost", operation_id="get_cost")
    async def cost(region: Region = None, instance_type: InstanceType = None) -> CostView:
        """Month to date, what runs now, forecast, budget, last receipts. Asks no cloud and costs nothing.

        ``region`` and ``instance_type`` choose what ``simulated_aws`` is priced by.
        """
        return await cost_view(container, tariff(region, instance_type))

    @router.get("/cost/standing", operation_id="get_standing_cost")
    async def standing(region: Region = None) -> StandingList:
        """An idle month line by line: this design beside RQL 1 as written, for one region or for all."""
        wanted = REGIONS if region is None else (check_region(region),)
        book, now_ms = await container.money.pricing.book(), container.money.totals.now_ms()
        return StandingList(vat=VAT, regions=[standing_view(book, one, now_ms) for one in wanted])

    @router.get("/cost/advice", operation_id="get_idle_advice")
    async def advice(region: Region = None, instance_type: InstanceType = None) -> AdviceView:
        """What other idle time-outs would have cost, by replaying up to 5,000 past prompts."""
        return await advice_view(container, tariff(region, instance_type))

    @router.post("/cost/prices/refresh", operation_id="refresh_prices")
    async def refresh() -> RefreshView:
        """Read AWS's public price list and the European Central Bank's reference rate; takes up to some minutes.

        What cannot be read, or looks like a mistake, stays as it was; the answer says which and why.
        """
        report = await container.money.refresh()
        return await refresh_view(container, report)

    @router.put("/budget", operation_id="set_budget", dependencies=OWNER_ONLY)
    async def set_budget(body: BudgetRequest) -> BudgetView:
        """Set the limit per month. Raising it above what is spent unlocks; null removes it."""
        return budget_view(await container.money.budget.set_limit(body.limit_eur, simulated_aws=body.simulated_aws))

    @router.post("/budget/release", operation_id="release_budget", dependencies=OWNER_ONLY)
    async def release(body: ReleaseRequest | None = None) -> BudgetView:  # noqa: ARG001  # an empty body may come
        """Release the lock for the rest of the month: the next one comes a quarter of the limit later."""
        return budget_view(await container.money.budget.unlock())

    return router


async def advice_view(container: Container, tariff: Tariff) -> AdviceView:
    """Other idle time-outs replayed, as the API sends them."""
    money = container.money
    times = await container.jobs.answer_times(limit=PAST_ANSWERS)
    past = [
        PastAnswer(
            arrived_ms=int(time.created_at * 1000), busy_ms=max(0, int((time.finished_at - time.started_at) * 1000))
        )
        for time in times
        if time.finished_at is not None
    ]
    situation, boot_seconds = await money.budget.expected_start()
    found = advise(
        past,
        boot_seconds=boot_seconds,
        hourly=tariff.hourly(await money.pricing.book(), at_ms=money.totals.now_ms()),
        once=tariff.once(await money.pricing.book(), at_ms=money.totals.now_ms()),
        present_minutes=(situation.idle_timeout_seconds or container.machine_policy.idle_timeout_seconds) / 60,
    )
    return AdviceView(
        region=tariff.region,
        instance_type=tariff.instance_type,
        answers=len(past),
        options=[
            IdleOptionView(
                minutes=option.minutes,
                cost_usd=usd(option.cost),
                cold_starts=option.cold_starts,
                waited_seconds=option.waited_ms / 1000,
                sentence=option.sentence,
            )
            for option in found.options
        ],
        recommended_minutes=found.recommended.minutes if found.recommended else None,
        sentence=found.sentence,
    )


async def refresh_view(container: Container, report: RefreshReport) -> RefreshView:
    """What a refresh did, as the API sends it."""

    def change(old: Price, new: Price | None, reason: str = "") -> PriceChangeView:
        return PriceChangeView(
            item=old.item,
            region=old.region,
            instance_type=old.instance_type,
            old_usd=usd(old.micros),
            new_usd=None if new is None else usd(new.micros),
            reason=reason,
        )

    return RefreshView(
        changed=[change(old, new) for old, new in report.changed],
        kept=[change(price, None, reason) for price, reason in report.kept],
        unchanged=report.unchanged,
        failed=[f"{region}: {reason}" for region, reason in report.failed],
        exchange=exchange_view(await container.money.pricing.rate()),
        exchange_problem=report.exchange.problem,
    )
