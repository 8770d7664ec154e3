"""Verdicts on the home's machine types: which come first and what they cost, and what bars one of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlfif.doctor import checks
from tlfif.doctor.checks import Check, Finding, State, finding
from tlfif.doctor.leftover_verdicts import Priced
from tlfif.machines.machine_types import GPU_QUOTA, MACHINE_TYPES, STANDARD_QUOTA, EngineKind, VcpuQuota
from tlfif.money.amounts import usd, usd_of
from tlfif.money.prices.type_offer import TypeOffer, offer_instead

CONSOLE = "https://console.aws.amazon.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeTypes:
    """The types of the home, in the order in which they are tried, and what they cost."""

    types: tuple[str, ...]
    priced: Priced
    gpu_engine: EngineKind = EngineKind.VLLM

    def hour(self, name: str) -> str:
        """The price of an hour, in words."""
        return f"{usd_of(self.priced.per_hour(name) or 0)} an hour"

    def of(self, quota: VcpuQuota) -> list[str]:
        """Those that count against ``quota``."""
        return [name for name in self.types if MACHINE_TYPES[name].quota == quota]

    def offer(self, *, on_free_plan: bool = False) -> TypeOffer | None:
        """A type to offer where all of these are barred."""
        where = self.priced
        return offer_instead(
            self.types, book=where.book, region=where.region, at_ms=where.at_ms, on_free_plan=on_free_plan
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRequest:
    """A request for a higher quota that AWS has not answered yet, or has refused. ``status`` as Service Quotas reports
    it."""

    status: str
    wanted: float


def account_plan(plan: str, status: str, chosen: HomeTypes, *, credits_usd: float | None = None) -> Finding:
    """``plan`` is FREE or PAID, ``status`` NOT_STARTED, ACTIVE or EXPIRED (freetier GetAccountPlanState)."""
    left = "" if credits_usd is None else f", {usd(credits_usd)} of credits left"
    found = f"Plan {plan}, {status}{left} (freetier GetAccountPlanState)"
    cure = (
        "In the AWS console open Billing and Cost Management and press “Upgrade plan”. No fee of its own: from then on "
        "you pay for what runs, credits first. Works within minutes."
    )
    if plan == "PAID" and status != "EXPIRED":
        return checks.ACCOUNT_PLAN.ok(f"{found}.")
    if plan != "FREE" or status == "EXPIRED":
        return checks.ACCOUNT_PLAN.fail(f"{found}: AWS starts nothing for it.", cure)
    permitted = [name for name in chosen.types if MACHINE_TYPES[name].on_free_plan]
    if permitted:
        return checks.ACCOUNT_PLAN.warn(
            f"{found}: of your list it starts only {permitted[0]} ({chosen.hour(permitted[0])}).", cure
        )
    offer = chosen.offer(on_free_plan=True)
    offered = f"{offer.sentence} For the others: " if offer is not None else ""
    return checks.ACCOUNT_PLAN.fail(
        f"{found}: it starts none of the types of your list, and no machine with a GPU at all.", f"{offered}{cure}"
    )


def gpu_quota(value: float, chosen: HomeTypes, request: QuotaRequest | None = None, *, standard: float) -> Finding:
    """``value``: vCPUs of machines with a GPU that may run at the same time; ``standard``: of those without.
    ``request``: the newest one for a higher ``value``; None if there is none."""
    with_gpu = chosen.of(GPU_QUOTA)
    if not with_gpu:
        return checks.GPU_QUOTA.ok(f"{_found(GPU_QUOTA, value, chosen)}: not needed, no type of your list has a GPU.")
    meanwhile = next((name for name in chosen.of(STANDARD_QUOTA) if MACHINE_TYPES[name].vcpus <= standard), None)
    offer = chosen.offer()
    barred, cure = "none can start", ""
    if meanwhile is not None:
        hour = chosen.hour(meanwhile)
        barred = f"none with a GPU can start; {meanwhile} of your list answers meanwhile, more slowly, for {hour}"
    elif offer is not None and MACHINE_TYPES[offer.instance_type].vcpus <= standard:
        cure = f"{offer.sentence} For a GPU "
    return _quota(
        checks.GPU_QUOTA,
        GPU_QUOTA,
        value,
        chosen,
        request,
        enough=min(MACHINE_TYPES[name].vcpus for name in with_gpu),
        state=State.FAIL if meanwhile is None else State.WARN,
        barred=barred,
        cure=cure,
    )


def standard_quota(value: float, chosen: HomeTypes, request: QuotaRequest | None = None, *, gpu: float) -> Finding:
    """``value``: vCPUs of machines without a GPU that may run at the same time; ``gpu``: of those with one. AWS gives a
    new account some of the former by itself. ``request`` as above."""
    plain = chosen.of(STANDARD_QUOTA)
    if not plain:
        return checks.STANDARD_QUOTA.ok(
            f"{_found(STANDARD_QUOTA, value, chosen)}: not needed, every type of your list has a GPU."
        )
    others = any(MACHINE_TYPES[name].vcpus <= gpu for name in chosen.of(GPU_QUOTA))
    return _quota(
        checks.STANDARD_QUOTA,
        STANDARD_QUOTA,
        value,
        chosen,
        request,
        enough=min(MACHINE_TYPES[name].vcpus for name in plain),
        state=State.WARN if others else State.FAIL,
        barred="none without a GPU can start",
    )


def offerings(zones_by_type: Mapping[str, Sequence[str]], chosen: HomeTypes) -> Finding:
    """``zones_by_type``: where EC2 offers each of the home's types."""
    offered = {kind: sorted(zones_by_type.get(kind, ())) for kind in chosen.types}
    engines = {kind: MACHINE_TYPES[kind].profile(chosen.gpu_engine).engine.proper_name for kind in offered}
    order = "; then ".join(
        f"{kind} for {chosen.hour(kind)} ({engines[kind]}): {', '.join(some) or 'nowhere'}"
        for kind, some in offered.items()
    )
    zones = {zone for some in offered.values() for zone in some}
    found = f"Tried first: {order} (EC2 DescribeInstanceTypeOfferings; prices without VAT)."
    if not zones:
        return checks.OFFERINGS.fail(
            f"{chosen.priced.region} has none of the types. {found}",
            "Take another region: ./tlfif doctor --region us-east-1. Costs nothing.",
        )
    if len(zones) == 1:
        return checks.OFFERINGS.warn(
            f"Only one zone: where that is full, nothing starts. {found}",
            "Another region has more zones: ./tlfif doctor --region us-east-1. Costs nothing.",
        )
    return checks.OFFERINGS.ok(found)


def _quota(
    check: Check,
    quota: VcpuQuota,
    value: float,
    chosen: HomeTypes,
    request: QuotaRequest | None,
    *,
    enough: int,
    state: State,
    barred: str,
    cure: str = "",
) -> Finding:
    """``enough``: for one machine. Where ``value`` is less, ``barred`` says what that means, ``state`` how grave it is,
    and ``cure`` what to do before a higher quota is asked for."""
    found = _found(quota, value, chosen)
    if value >= quota.wanted_vcpus:
        return check.ok(f"{found}.")
    meaning = barred
    if value >= enough:
        meaning, state, cure = "one machine runs, a new image cannot be tested beside it", State.WARN, ""
    if request is not None and request.status in {"PENDING", "CASE_OPENED"}:
        return finding(
            check,
            state,
            f"{found}: {meaning}. {request.wanted:g} are asked for, AWS has not answered ({request.status}).",
            f"{cure}{'wait' if cure else 'Wait'}: hours to days, AWS promises no time. Costs nothing. If it asks back, "
            "it does so by e-mail and under Support, Your cases.",
        )
    refused = f" AWS turned down {request.wanted:g} ({request.status})." if request is not None else ""
    return finding(
        check,
        state,
        f"{found}: {meaning}.{refused}",
        f"{cure}{'open' if cure else 'Open'} {CONSOLE}/servicequotas , choose {chosen.priced.region} at the top right, "
        f"AWS services, Amazon EC2, “{quota.name} ({quota.quota_id})”, “Request increase at account level”, "
        f"{quota.wanted_vcpus}. Free; hours to days, AWS promises no time.",
    )


def _found(quota: VcpuQuota, value: float, chosen: HomeTypes) -> str:
    region = chosen.priced.region
    return f"{value:g} vCPU in {region}, {quota.wanted_vcpus} wanted (Service Quotas, {quota.quota_id})"
