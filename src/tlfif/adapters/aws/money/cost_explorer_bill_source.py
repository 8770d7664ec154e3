"""The bill from AWS's Cost Explorer: one request for $0.01, for the whole account.

Cost Explorer user guide and API reference, "GetCostAndUsage". Grouped by record type, so that one answer separates
charges, VAT and credits. Not filtered by the home's tag: until somebody has activated the tag for billing by hand, the
filtered answer is 0.00, and resources without tags would always be missing (docs/decisions/0011).

Codes: botocore's model of GetCostAndUsage. "Cost Explorer is not enabled" has no code of its own: it comes with the
code of a missing right, and different words (public reports of 2018 to 2021). The exact texts can only be seen in a
real account.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, CALLER_UNKNOWN, AwsError, Fault, code_of, fault_of, words_of
from tlfif.kernel.errors import UnavailableError
from tlfif.money.bill.bill import BilledDay, BillPeriod
from tlfif.money.bill.bill_source import BillSource

if TYPE_CHECKING:
    from mypy_boto3_ce import CostExplorerClient

BILL_REGION = "us-east-1"
"""The region that serves Cost Explorer for all regions."""
METRIC = "UnblendedCost"
CURRENCY = "USD"
_TAX = "Tax"
_CREDITS = frozenset({"Credit", "Refund"})
_NO_RIGHT = "not authorized to perform"
_MAY_NOT = (
    "TL-FIF may not read the bill: its router lacks the right ce:GetCostAndUsage, or the account that pays for yours "
    "has closed it. Deploy again (./tlfif deploy), which corrects the rights."
)
_SWITCHED_OFF = (
    "Cost Explorer was never switched on in this AWS account. Open it once: AWS console, Billing and Cost Management, "
    "Cost Explorer, “Launch Cost Explorer”. Free; the first figures take 24 hours."
)
_NOT_READY = frozenset({"BillExpirationException", "BillingViewHealthStatusException", "DataUnavailableException"})


class CostExplorerBillSource(BillSource):
    """``client`` is one of :data:`BILL_REGION`, created with ``clients.BILL_CONFIG``."""

    def __init__(self, client: "CostExplorerClient") -> None:
        self._client = client

    async def read(self, period: BillPeriod) -> Sequence[BilledDay]:
        try:
            answer = await asyncio.to_thread(
                lambda: self._client.get_cost_and_usage(
                    TimePeriod={"Start": period.first.isoformat(), "End": period.end.isoformat()},
                    Granularity="DAILY",
                    Metrics=[METRIC],
                    GroupBy=[{"Type": "DIMENSION", "Key": "RECORD_TYPE"}],
                )
            )
        except AWS_ERRORS as error:
            raise bill_error(error) from error
        if answer.get("NextPageToken"):
            raise bill_malformed("its answer goes on for another cent")
        try:
            return [_day(one) for one in answer["ResultsByTime"]]
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise bill_malformed(f"its answer is not of the form that it documents: {error}") from error


def _day(result: Any) -> BilledDay:
    sums = {"charges": Decimal(0), "credits": Decimal(0), "tax": Decimal(0)}
    for kind, amount in _amounts(result["Groups"]):
        sums[_part(kind)] += amount
    return BilledDay(
        day=date.fromisoformat(result["TimePeriod"]["Start"]),
        recorded=bool(result["Groups"]),
        estimated=bool(result["Estimated"]),
        **sums,
    )


def _amounts(groups: Any) -> Iterator[tuple[str, Decimal]]:
    for group in groups:
        (kind,) = group["Keys"]
        told = group["Metrics"][METRIC]
        if told["Unit"] != CURRENCY:
            raise ValueError(f"an amount in {told['Unit']}")
        amount = Decimal(told["Amount"])
        if not amount.is_finite():
            raise ValueError("an amount that is no number")
        yield kind, amount


def _part(kind: str) -> str:
    if kind == _TAX:
        return "tax"
    return "credits" if kind in _CREDITS else "charges"


def bill_error(error: AwsError) -> UnavailableError:
    """``error`` in the owner's words; ``details`` has AWS's own code."""
    fault, code, words = fault_of(error), code_of(error), words_of(error)
    if fault is Fault.UNREACHABLE:
        return _unavailable(f"Cost Explorer did not answer ({code}).", error, code="bill_unreachable")
    if fault in CALLER_UNKNOWN:
        sentence = f"Cost Explorer does not know who asks, or a clock is wrong ({code})."
        return _unavailable(sentence, error, code="bill_denied")
    if fault is Fault.DENIED and _NO_RIGHT in words:
        return _unavailable(_MAY_NOT, error, code="bill_denied")
    if fault is Fault.DENIED:
        return _unavailable(_SWITCHED_OFF, error, code="bill_not_enabled")
    if code in _NOT_READY:
        sentence = f"Cost Explorer has no figures yet ({code}). That is normal for a day or more after it was opened."
        return _unavailable(sentence, error, code="bill_not_ready")
    if fault is Fault.THROTTLED:
        return _unavailable(f"Cost Explorer takes no more questions now ({code}).", error, code="bill_throttled")
    sentence = f"Cost Explorer gave no figure ({code}: {words or 'no reason given'})."
    return _unavailable(sentence, error, code="bill_failed")


def bill_malformed(why: str) -> UnavailableError:
    """An answer of which nothing was used."""
    return UnavailableError(f"Cost Explorer's answer cannot be used: {why}.", code="bill_malformed")


def _unavailable(sentence: str, error: AwsError, *, code: str) -> UnavailableError:
    return UnavailableError(sentence, code=code, details={"aws_code": code_of(error)})
