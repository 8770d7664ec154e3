"""What other idle time-outs would have cost, computed by replaying past prompts."""

from collections.abc import Iterable
from dataclasses import dataclass

from tlfif.money.amounts import usd_of
from tlfif.money.money import MicroUsd, charge
from tlfif.money.spend.spans import MINIMUM_MS

CANDIDATE_MINUTES = (1.0, 5.0, 15.0, 30.0, 60.0)
MIN_ANSWERS = 5
WAITING_MICROS_PER_MINUTE = 10_000
"""The assumed value of a minute of waiting: one cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAnswer:
    """One past prompt: when it arrived (epoch milliseconds) and how long the machine worked on it."""

    arrived_ms: int
    busy_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleOption:
    """One idle time-out, replayed: its cost, how often the machine started cold, how long people waited for that.

    ``weighed`` is the cost plus the value of the waiting, in micro-dollars. ``sentence`` is for the owner.
    """

    minutes: float
    cost: MicroUsd
    cold_starts: int
    waited_ms: int
    weighed: MicroUsd
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleAdvice:
    """Every option, shortest first, and the recommended one; none and None where there is too little history."""

    options: tuple[IdleOption, ...]
    recommended: IdleOption | None
    sentence: str


def replay(
    answers: Iterable[PastAnswer], *, idle_ms: int, boot_ms: int, hourly: MicroUsd, once: MicroUsd = 0
) -> tuple[MicroUsd, int, int]:
    """Cost in micro-dollars, cold starts, milliseconds waited for boots, had ``idle_ms`` been the time-out.

    A prompt that finds no machine starts one, which is on from that moment until ``idle_ms`` after its last answer;
    prompts that come meanwhile are answered at once, or when it is ready. Each run costs 60 seconds at least, and
    ``once`` micro-dollars beside its time. The last idle tail is counted whole. Prompts never wait for one another:
    answers are made at the same time.
    """
    cost = cold_starts = waited = 0
    started = ready = last_end = 0
    for answer in sorted(answers, key=lambda answer: answer.arrived_ms):
        if not cold_starts or answer.arrived_ms >= last_end + idle_ms:
            if cold_starts:
                cost += charge(hourly, max(last_end + idle_ms - started, MINIMUM_MS))
            cold_starts += 1
            started = answer.arrived_ms
            ready = last_end = started + boot_ms
        begin = max(answer.arrived_ms, ready)
        waited += begin - answer.arrived_ms
        last_end = max(last_end, begin + max(0, answer.busy_ms))
    if cold_starts:
        cost += charge(hourly, max(last_end + idle_ms - started, MINIMUM_MS))
    return cost + cold_starts * once, cold_starts, waited


def advise(
    answers: Iterable[PastAnswer],
    *,
    boot_seconds: float,
    hourly: MicroUsd,
    present_minutes: float,
    once: MicroUsd = 0,
) -> IdleAdvice:
    """Every candidate and the present time-out replayed, and the one to recommend.

    Recommended is the smallest sum of cost and waiting, a minute of waiting for a machine to start being taken as
    one US cent (:data:`WAITING_MICROS_PER_MINUTE`); of equals the shorter. Fewer than five answers say too little.
    """
    past = list(answers)
    if len(past) < MIN_ANSWERS:
        return IdleAdvice(
            options=(),
            recommended=None,
            sentence=(
                f"There is too little history: {len(past)} of the {MIN_ANSWERS} answers that it takes to compare "
                "other idle time-outs."
            ),
        )
    options = tuple(
        _option(past, minutes, boot_seconds, hourly, once) for minutes in sorted({*CANDIDATE_MINUTES, present_minutes})
    )
    best = min(options, key=lambda option: (option.weighed, option.minutes))
    verdict = "keep it" if best.minutes == present_minutes else f"{_minutes(best.minutes)} would be better"
    return IdleAdvice(
        options=options,
        recommended=best,
        sentence=(
            f"The idle time-out is {_minutes(present_minutes)}: {verdict}. {best.sentence} "
            "A minute of waiting for a start counts as one US cent."
        ),
    )


def _option(
    past: list[PastAnswer], minutes: float, boot_seconds: float, hourly: MicroUsd, once: MicroUsd
) -> IdleOption:
    cost, cold_starts, waited = replay(
        past, idle_ms=round(minutes * 60_000), boot_ms=round(boot_seconds * 1000), hourly=hourly, once=once
    )
    starts = "1 cold start" if cold_starts == 1 else f"{cold_starts} cold starts"
    return IdleOption(
        minutes=minutes,
        cost=cost,
        cold_starts=cold_starts,
        waited_ms=waited,
        weighed=cost + waited * WAITING_MICROS_PER_MINUTE // 60_000,
        sentence=f"{_minutes(minutes)} would have cost {usd_of(cost)} without VAT with {starts}.",
    )


def _minutes(minutes: float) -> str:
    return "1 minute" if minutes == 1 else f"{minutes:g} minutes"
