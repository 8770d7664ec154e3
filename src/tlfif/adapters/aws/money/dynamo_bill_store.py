"""The bill in DynamoDB: one item, ``BILL`` | ``STATE``, with the last query, its result, and the last figure. A
query is stored on the condition that the one before it is still the last."""

from dataclasses import fields
from datetime import date
from typing import Any

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import ABSENT, ConditionFailedError, DynamoTable, Key, Update
from tlfif.money.bill.bill import Bill, BillFailure, BillQuery, BillRecord
from tlfif.money.bill.bill_store import BillStore
from tlfif.money.billing_month import Month

_STATE: Key = ("BILL", "STATE")
_NEWEST = "question_id = :question"


class DynamoBillStore(BillStore):
    """The bill store of the home on AWS. Each method is one request."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    async def record(self) -> BillRecord:
        found = await self._table.get(_STATE)
        return BillRecord() if found is None else _record(found)

    async def begin(self, query: BillQuery, *, after: BillQuery | None) -> bool:
        values: dict[str, Any] = {":question": query.id, ":asked": query.asked_ms, ":no": False}
        condition = ABSENT
        if after is not None:
            condition, values[":after"] = "question_id = :after", after.id
        change = "SET question_id = :question, asked_ms = :asked, settled = :no REMOVE failure"
        try:
            await self._table.write(Update(key=_STATE, change=change, condition=condition, values=values))
        except ConditionFailedError as refused:
            there = refused.found[0]
            # True if it is our own: the write succeeded and only the answer was lost.
            return there is not None and there.get("question_id") == query.id
        return True

    async def settle(self, query: BillQuery, result: Bill | BillFailure) -> None:
        values: dict[str, Any] = {":question": query.id, ":yes": True}
        change = "SET settled = :yes, "
        if isinstance(result, BillFailure):
            change += "failure = :failure"
            values[":failure"] = {"code": result.code, "message": result.message}
        else:
            change += "bill = :bill, billed_ms = :asked REMOVE failure"
            values |= {":bill": _bill_values(result), ":asked": query.asked_ms}
        try:
            await self._table.write(Update(key=_STATE, change=change, condition=_NEWEST, values=values))
        except ConditionFailedError:
            return  # a newer question was asked in the meantime; its answer counts

    async def close(self) -> None:
        """See :meth:`BillStore.close`. The creator of the client closes it."""


def _record(item: Item) -> BillRecord:
    failure, bill = item.get("failure"), item.get("bill")
    return BillRecord(
        query=BillQuery(id=item["question_id"], asked_ms=item["asked_ms"]),
        settled=item["settled"],
        failure=None if failure is None else BillFailure(code=failure["code"], message=failure["message"]),
        bill=None if bill is None else _bill(bill),
        billed_ms=item.get("billed_ms"),
    )


def _bill_values(bill: Bill) -> Item:
    values = {f.name: getattr(bill, f.name) for f in fields(Bill)}
    return values | {"month": bill.month.iso, "up_to": None if bill.up_to is None else bill.up_to.isoformat()}


def _bill(values: Item) -> Bill:
    up_to = values["up_to"]
    known = {f.name: values[f.name] for f in fields(Bill)}
    return Bill(
        **{
            **known,
            "month": Month.from_iso(values["month"]),
            "up_to": None if up_to is None else date.fromisoformat(up_to),
        }
    )
