"""What AWS has billed, in words for the owner, with the day up to which it holds."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from tlfif.money.amounts import usd_of
from tlfif.money.bill.bill import ANSWER_MS, Bill, BillRecord, next_query_ms
from tlfif.money.billing_month import date_label

TITLE = "Billed by AWS"


class BillState(StrEnum):
    """The state of the newest query. An older bill may exist in every state."""

    NOT_ASKED = "not_asked"
    ASKING = "asking"
    UNANSWERED = "unanswered"
    """The router that asked is gone; no result was stored."""
    FAILED = "failed"
    KNOWN = "known"
    NOTHING_YET = "nothing_yet"
    """AWS answered, and reports nothing in that month yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillReport:
    """``title`` names the figure and its day; ``sentence`` says what it covers, or why there is none."""

    state: BillState
    title: str
    sentence: str


def bill_report(record: BillRecord, now_ms: int) -> BillReport:
    """The record in words."""
    bill = record.bill
    title = TITLE if bill is None or bill.up_to is None else f"{TITLE} up to {date_label(bill.up_to)}"
    state = _state(record, now_ms)
    parts = [_figure(bill)] if bill is not None else []
    parts += [_query(record, state)]
    return BillReport(state=state, title=title, sentence=" ".join(part for part in parts if part))


def _state(record: BillRecord, now_ms: int) -> BillState:
    if record.query is None:
        return BillState.NOT_ASKED
    if not record.settled:
        return BillState.ASKING if now_ms - record.query.asked_ms < ANSWER_MS else BillState.UNANSWERED
    if record.failure is not None:
        return BillState.FAILED
    return BillState.KNOWN if record.bill is not None and record.bill.up_to is not None else BillState.NOTHING_YET


def _figure(bill: Bill) -> str:
    if bill.up_to is None:
        return f"AWS has no figures for {bill.month.label} yet."
    parts = [f"The whole AWS account in {bill.month.label}, also what is not TL-FIF's, without VAT."]
    if bill.credits:
        parts.append(f"Credits of {usd_of(bill.credits)} are taken off already.")
    if bill.estimated:
        parts.append("AWS may still change it, the last day most of all.")
    return " ".join(parts)


def _query(record: BillRecord, state: BillState) -> str:
    query, next_ms = record.query, next_query_ms(record)
    if query is None or next_ms is None:
        return "Not asked yet: AWS is asked once a day, for one US cent, within minutes of the deployment."
    asked, again = _moment(query.asked_ms), f"AWS is asked again after {_moment(next_ms)}."
    if state is BillState.ASKING:
        return "AWS is being asked."
    if state is BillState.UNANSWERED:
        return f"AWS was asked on {asked}, and no answer was kept. {again}"
    if record.failure is not None:
        return f"No new figure on {asked}: {record.failure.message} {again}"
    return f"Asked on {asked}, for one US cent. {again}"


def _moment(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{date_label(at.date())}, {at:%H:%M} UTC"
