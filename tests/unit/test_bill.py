"""The bill's rules: once a day, for which days, and what the days come to. And its words."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.money.bill.bill import (
    ANSWER_MS,
    CLOCK_WAS_WRONG,
    WAIT_MS,
    Bill,
    BilledDay,
    BillFailure,
    BillQuery,
    BillRecord,
    Step,
    begun,
    bill_of,
    next_step,
    period_at,
    settled,
)
from tlfif.money.bill.bill_report import BillState, bill_report
from tlfif.money.billing_month import MS_PER_DAY, Month


def at(text: str) -> int:
    """Epoch milliseconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = at("2026-11-28 10:12")
QUESTION = BillQuery(id="bill_1", asked_ms=NOW)
BILL = Bill(month=Month(2026, 11), micros=12_340_000, credits=0, up_to=date(2026, 11, 26), estimated=True)
DENIED = BillFailure(code="bill_denied", message="TL-FIF may not read the bill.")


def asked(result: Bill | BillFailure | None = None) -> BillRecord:
    """A record with a query of NOW."""
    record = begun(BillRecord(), QUESTION)
    return record if result is None else settled(record, result)


# When


def test_the_first_question_waits_for_nothing() -> None:
    assert next_step(BillRecord(), NOW) is Step.ASK


@pytest.mark.parametrize("record", [asked(), asked(BILL), asked(DENIED)], ids=["no answer kept", "answered", "refused"])
def test_the_next_one_waits_a_day_whatever_became_of_this_one(record: BillRecord) -> None:
    for later in (0, 60_000, WAIT_MS - 1):
        assert next_step(record, NOW + later) is Step.WAIT
    assert next_step(record, NOW + WAIT_MS) is Step.ASK


@given(later=st.integers(-400 * MS_PER_DAY, 400 * MS_PER_DAY))
def test_a_clock_that_is_off_costs_waiting_and_no_question(later: int) -> None:
    step = next_step(asked(), NOW + later)
    assert (step is Step.ASK) == (later >= MS_PER_DAY)
    assert (step is Step.RESTART_WAIT) == (later < -MS_PER_DAY)


def test_a_month_of_questions_stays_within_what_standing_items_say() -> None:
    """Thirty in a month of 730 hours; a calendar month of 31 days may have one more."""
    record, count = BillRecord(), 0
    for minute in range(0, Month(2026, 12).length_ms, 60_000):
        now = Month(2026, 12).start_ms + minute
        if next_step(record, now) is Step.ASK:
            record, count = begun(record, BillQuery(id=str(minute), asked_ms=now)), count + 1
    assert count <= 31


# For which days


@pytest.mark.parametrize(
    ("now", "month", "first", "end"),
    [
        ("2026-11-28 00:00", (2026, 11), "2026-11-01", "2026-11-28"),
        ("2026-11-02 23:59", (2026, 11), "2026-11-01", "2026-11-02"),
        ("2026-12-01 00:00", (2026, 11), "2026-11-01", "2026-12-01"),
        ("2027-01-01 12:00", (2026, 12), "2026-12-01", "2027-01-01"),
        ("2028-03-01 12:00", (2028, 2), "2028-02-01", "2028-03-01"),
    ],
)
def test_the_days_asked_for_are_those_up_to_yesterday(now: str, month: tuple[int, int], first: str, end: str) -> None:
    period = period_at(at(now))
    assert (period.month, period.first.isoformat(), period.end.isoformat()) == (Month(*month), first, end)


@given(ms=st.integers(at("2020-01-01"), at("2090-01-01")))
def test_there_is_always_a_day_to_ask_for_and_never_one_to_come(ms: int) -> None:
    period = period_at(ms)
    assert period.first < period.end <= datetime.fromtimestamp(ms / 1000, UTC).date()
    assert (period.end - period.first).days <= period.month.days


# What they come to


def days(count: int, **changes: object) -> list[BilledDay]:
    """The first days of November, a dollar and a half each."""
    each = BilledDay(day=date(2026, 11, 1), charges=Decimal("1.5"))
    return [replace(each, day=each.day + timedelta(days=n), **changes) for n in range(count)]  # type: ignore[arg-type]  # each field's type is its own


PERIOD = period_at(at("2026-11-04 08:00"))


@pytest.mark.requirement("6.3.1")
def test_days_make_a_bill_without_vat_and_less_the_credits() -> None:
    told = [replace(one, credits=Decimal("-0.5"), tax=Decimal("0.29")) for one in days(3)]
    bill = bill_of(PERIOD, told)
    assert (bill.micros, bill.credits, bill.up_to) == (3_000_000, 1_500_000, date(2026, 11, 3))
    assert bill.estimated


def test_parts_of_a_micro_dollar_are_added_before_they_are_rounded() -> None:
    assert bill_of(PERIOD, days(3, charges=Decimal("0.0000004"))).micros == 1


def test_it_holds_up_to_the_last_day_that_aws_knows_anything_of() -> None:
    first, second, third = days(3)
    late = replace(third, charges=Decimal(0), recorded=False)
    assert bill_of(PERIOD, [first, second, late]).up_to == date(2026, 11, 2)
    assert bill_of(PERIOD, [replace(one, recorded=False) for one in days(3)]).up_to is None


def test_a_closed_month_is_no_estimate() -> None:
    assert not bill_of(PERIOD, days(3, estimated=False)).estimated


@pytest.mark.parametrize("told", [[], days(2), days(4), days(3)[::-1], [*days(2), days(2)[1]]])
def test_other_days_than_those_asked_for_are_no_bill(told: list[BilledDay]) -> None:
    with pytest.raises(ValueError, match="days"):
        bill_of(PERIOD, told)


# What is kept


def test_a_failure_leaves_the_newest_figure_and_an_answer_ends_the_failure() -> None:
    known = asked(BILL)
    failed = settled(begun(known, BillQuery(id="bill_2", asked_ms=NOW + WAIT_MS)), DENIED)
    assert (failed.bill, failed.billed_ms, failed.failure) == (BILL, NOW, DENIED)
    newer = settled(begun(failed, BillQuery(id="bill_3", asked_ms=NOW + 2 * WAIT_MS)), replace(BILL, micros=1))
    assert (newer.failure, newer.billed_ms) == (None, NOW + 2 * WAIT_MS)
    with pytest.raises(ValueError, match="no query"):
        settled(BillRecord(), BILL)


# Its words


def test_a_figure_says_its_day_what_it_covers_and_when_the_next_one_comes() -> None:
    report = bill_report(asked(BILL), NOW + 60_000)
    assert (report.state, report.title) == (BillState.KNOWN, "Billed by AWS up to 26 November 2026")
    assert report.sentence == (
        "The whole AWS account in November 2026, also what is not TL-FIF's, without VAT. AWS may still change it, the "
        "last day most of all. Asked on 28 November 2026, 10:12 UTC, for one US cent. AWS is asked again after "
        "29 November 2026, 10:12 UTC."
    )


def test_credits_are_named_and_a_final_figure_is_called_none_that_may_change() -> None:
    final = replace(BILL, credits=5_000_000, estimated=False)
    said = bill_report(asked(final), NOW).sentence
    assert "Credits of $5.00 are taken off already." in said
    assert "may still change" not in said


def test_before_the_first_question() -> None:
    report = bill_report(BillRecord(), NOW)
    assert (report.state, report.title) == (BillState.NOT_ASKED, "Billed by AWS")
    assert "Not asked yet" in report.sentence


def test_while_it_is_asked_and_when_nobody_waits_for_the_answer_any_more() -> None:
    assert bill_report(asked(), NOW + 5_000).state is BillState.ASKING
    gone = bill_report(asked(), NOW + ANSWER_MS)
    assert gone.state is BillState.UNANSWERED
    assert "no answer was kept. AWS is asked again after 29 November 2026, 10:12 UTC." in gone.sentence


def test_a_refusal_says_why_and_when_the_next_try_is_and_an_older_figure_stays() -> None:
    report = bill_report(asked(DENIED), NOW)
    assert report.state is BillState.FAILED
    assert report.sentence == (
        "No new figure on 28 November 2026, 10:12 UTC: TL-FIF may not read the bill. "
        "AWS is asked again after 29 November 2026, 10:12 UTC."
    )
    older = settled(begun(asked(BILL), BillQuery(id="bill_2", asked_ms=NOW + WAIT_MS)), DENIED)
    report = bill_report(older, NOW + WAIT_MS)
    assert (report.state, report.title) == (BillState.FAILED, "Billed by AWS up to 26 November 2026")
    assert "in November 2026" in report.sentence
    assert "may not read the bill" in report.sentence


def test_a_month_of_which_aws_knows_nothing_is_not_called_free() -> None:
    report = bill_report(asked(replace(BILL, micros=0, up_to=None)), NOW)
    assert (report.state, report.title) == (BillState.NOTHING_YET, "Billed by AWS")
    assert report.sentence.startswith("AWS has no figures for November 2026 yet.")


def test_a_wrong_clock_is_named() -> None:
    assert "a clock was wrong" in bill_report(asked(CLOCK_WAS_WRONG), NOW).sentence
