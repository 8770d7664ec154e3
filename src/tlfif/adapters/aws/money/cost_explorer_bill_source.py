"""The bill from AWS's Cost Explorer: one request for 0.01 USD, for the whole account.

Cost Explorer user guide and API reference, "GetCostAndUsage". Grouped by record type, so that one answer separates
charges, VAT and credits. Not filtered by the home's tag: until somebody has activated the tag for billing by hand, the
filtered answer is 0.00, and resources without tags would always be missing (docs/decisions/0011).
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tlfif.adapters.aws.calls.errors import AWS_ERRORS
from tlfif.adapters.aws.money.bill_errors import bill_error, bill_malformed
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


class CostExplorerBillSource(BillSource):
    """``client`` is one of :data:`BILL_REGION`, created with ``clients.BILL_CONFIG``."""

    def __init__(self, client: "CostExplorerClient") -> None:
        self._client = client

    async def read(self, period: BillPeriod) -> Sequence[BilledDay]:
        """See :meth:`BillSource.read`."""
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
