"""The meter: what a run costs, in which phase and for whom; nothing is made, lost or counted twice."""

from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlfif.money.money import charge
from tlfif.money.spend import spans as ledger
from tlfif.money.spend.span_costs import JobTime, SpanCost, span_cost, stretches
from tlfif.money.spend.spans import MachineSpan

quick = settings(max_examples=100, deadline=None)
RATE = 3_600_000
"""One micro-dollar a millisecond: costs read like times."""
S = 1000


def span(from_ms: int = 0, to_ms: int | None = None, ready_ms: int | None = None) -> MachineSpan:
    made = ledger.opened(machine_id="m1", instance_type="g4dn.xlarge", region="eu-central-1", at_ms=from_ms)
    made = made if ready_ms is None else ledger.ready(made, ready_ms)
    return made if to_ms is None else ledger.closed(made, to_ms)


def job(job_id: str, queued: int, started: int, ended: int | None) -> JobTime:
    return JobTime(job_id=job_id, queued_ms=queued, started_ms=started, ended_ms=ended)


def check_sums(cost: SpanCost) -> None:
    assert cost.boot + cost.working + cost.idle + cost.minimum == cost.total
    assert sum(part.total for part in cost.by_job.values()) + cost.unassigned == cost.total
    for part in cost.by_job.values():
        assert min(part.boot, part.working, part.idle, part.minimum) >= 0
    assert min(cost.boot, cost.working, cost.idle, cost.minimum, cost.unassigned) >= 0


def test_one_answer_bears_its_machine() -> None:
    cost = span_cost(span(0, 400 * S, ready_ms=100 * S), [job("a", 0, 100 * S, 130 * S)], RATE, 400 * S)
    assert (cost.boot, cost.working, cost.idle, cost.minimum) == (100 * S, 30 * S, 270 * S, 0)
    assert cost.by_job["a"].total == cost.total == 400 * S
    assert cost.unassigned == 0


def test_who_caused_it_bears_it() -> None:
    jobs = [
        job("late", 150 * S, 200 * S, 220 * S),
        job("one", 0, 100 * S, 140 * S),
        job("two", 90 * S, 120 * S, 140 * S),
    ]
    cost = span_cost(span(0, 300 * S, ready_ms=100 * S), jobs, RATE, 300 * S)
    assert {name: (part.boot, part.working, part.idle) for name, part in cost.by_job.items()} == {
        "one": (50 * S, 30 * S, 30 * S),
        "two": (50 * S, 10 * S, 30 * S),
        "late": (0, 20 * S, 80 * S),
    }
    check_sums(cost)


def test_nobody_waited() -> None:
    cost = span_cost(span(0, 200 * S, ready_ms=100 * S), [job("a", 150 * S, 160 * S, 170 * S)], RATE, 200 * S)
    assert cost.unassigned == 160 * S
    assert cost.by_job["a"].total == 40 * S


def test_the_boot_is_borne_by_those_queued_by_ready_and_the_pause_before_the_first_answer_by_nobody() -> None:
    jobs = [job("at", 100 * S, 130 * S, 140 * S), job("after", 100 * S + 1, 130 * S, 140 * S)]
    cost = span_cost(span(0, 200 * S, ready_ms=100 * S), jobs, RATE, 200 * S)
    assert cost.by_job["at"].boot == 100 * S
    assert cost.by_job["after"].boot == 0
    assert cost.unassigned == 30 * S
    assert cost.idle == 90 * S


def test_a_first_answer_before_the_news_of_ready_ends_the_boot() -> None:
    cost = span_cost(span(0, 200 * S), [job("a", 0, 50 * S, 60 * S)], RATE, 200 * S)
    assert (cost.boot, cost.working, cost.idle) == (50 * S, 10 * S, 140 * S)


def test_a_machine_that_was_never_ready_only_boots() -> None:
    cost = span_cost(span(0, 200 * S), [], RATE, 200 * S)
    assert (cost.boot, cost.total, cost.unassigned) == (200 * S, 200 * S, 200 * S)


def test_the_minimum_goes_with_the_last_stretch() -> None:
    cost = span_cost(span(0, 40 * S, ready_ms=10 * S), [job("a", 0, 10 * S, 20 * S)], RATE, 99 * S)
    assert (cost.total, cost.minimum, cost.by_job["a"].minimum) == (60 * S, 20 * S, 20 * S)
    empty = span_cost(span(0, 40 * S, ready_ms=10 * S), [], RATE, 99 * S)
    assert (empty.total, empty.minimum, empty.unassigned) == (60 * S, 20 * S, 60 * S)
    while_running = span_cost(span(0), [], RATE, 5 * S)
    assert (while_running.total, while_running.minimum) == (60 * S, 55 * S)


def test_two_attempts_of_one_job_are_one_job() -> None:
    jobs = [job("a", 0, 10 * S, 30 * S), job("a", 0, 20 * S, 50 * S), job("b", 0, 20 * S, 50 * S)]
    cost = span_cost(span(0, 100 * S, ready_ms=10 * S), jobs, RATE, 100 * S)
    assert cost.by_job["a"].working == 10 * S + 15 * S
    assert cost.by_job["b"].working == 15 * S
    assert cost.by_job["a"].boot == cost.by_job["b"].boot == 5 * S


# --- events and clocks ---


@quick
@given(
    start=st.integers(0, 1000),
    ready=st.integers(0, 2000),
    closes=st.lists(st.integers(0, 2000), min_size=1, max_size=2),
    stops=st.lists(st.integers(0, 2000), max_size=2),
)
def test_the_order_of_events_does_not_matter(start: int, ready: int, closes: list[int], stops: list[int]) -> None:
    events = [(ledger.ready, ready)]
    events += [(ledger.closed, at) for at in closes] + [(ledger.corrected, at) for at in stops]
    ends = set()
    for order in permutations(events):
        made = span(start)
        for apply, at in order:
            made = apply(apply(made, at), at)
        ends.add(made)
    assert len(ends) == 1
    made = ends.pop()
    assert made.to_ms is not None
    assert made.to_ms >= made.from_ms
    assert made.corrected == bool(stops)
    assert made.to_ms == max(start, max(stops) if stops else min(closes))


def test_a_clock_that_jumps_back() -> None:
    assert span_cost(span(10_000), [], RATE, 9_999).total == 0
    assert ledger.cost_between(span(10_000), RATE, 0, 10**9, 9_999) == 0
    closed = span(10_000, 500)
    assert (closed.from_ms, closed.to_ms) == (10_000, 10_000)
    assert span_cost(closed, [], RATE, 0).total == 60 * S
    assert ledger.ready(span(10_000), 1).ready_ms == 10_000


SPANS = st.builds(
    lambda start, length, boot: MachineSpan(
        machine_id="m1",
        instance_type="g4dn.xlarge",
        region="eu-central-1",
        from_ms=start,
        to_ms=None if length is None else start + length,
        ready_ms=None if boot is None else start + boot,
    ),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**6),
    st.none() | st.integers(0, 10**6),
)
JOBS = st.lists(
    st.builds(
        job,
        st.sampled_from("abcdefg"),
        st.integers(0, 2 * 10**6),
        st.integers(0, 2 * 10**6),
        st.none() | st.integers(0, 2 * 10**6),
    ),
    max_size=12,
)
RATES = st.integers(0, 10**7)
NOW = st.integers(0, 3 * 10**6)


@pytest.mark.requirement("6.1.2")
@quick
@given(span=SPANS, jobs=JOBS, rate=RATES, now=NOW, order=st.randoms())
def test_the_parts_are_the_whole(span: MachineSpan, jobs: list[JobTime], rate: int, now: int, order: object) -> None:
    cost = span_cost(span, jobs, rate, now)
    check_sums(cost)
    if span.to_ms is not None or now >= span.from_ms:
        assert cost.total == max(charge(rate, span.end_ms(now) - span.from_ms), charge(rate, 60 * S))
    shuffled = list(jobs)
    order.shuffle(shuffled)
    assert span_cost(span, shuffled, rate, now) == cost


@quick
@given(span=SPANS, jobs=JOBS, now=NOW)
def test_stretches_leave_no_gap_and_never_overlap(span: MachineSpan, jobs: list[JobTime], now: int) -> None:
    found, _ = stretches(span, jobs, now)
    at = span.from_ms
    for stretch in found:
        assert stretch.from_ms == at < stretch.to_ms
        at = stretch.to_ms
    assert at == span.end_ms(now)


@quick
@given(
    span=SPANS,
    jobs=JOBS,
    rate=RATES,
    now=NOW,
    cuts=st.lists(st.integers(0, 3 * 10**6), max_size=5),
)
def test_months_add_up(span: MachineSpan, jobs: list[JobTime], rate: int, now: int, cuts: list[int]) -> None:
    windows = pairwise(sorted({0, *cuts, 10**7}))
    parts = [ledger.cost_between(span, rate, *window, now) for window in windows]
    assert sum(parts) == span_cost(span, jobs, rate, now).total


@quick
@given(span=SPANS, rate=RATES, earlier=NOW, later=NOW)
def test_the_meter_never_runs_backwards(span: MachineSpan, rate: int, earlier: int, later: int) -> None:
    earlier, later = sorted((earlier, later))
    assert span_cost(span, [], rate, earlier).total <= span_cost(span, [], rate, later).total
