"""What single answers cost: each one's share of its machine."""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import AnswerTime, Job
from tlfif.kernel.clock import Clock
from tlfif.money.money import MS_PER_HOUR, MicroUsd, share
from tlfif.money.prices.prices import PriceBook
from tlfif.money.prices.pricing import Pricing
from tlfif.money.spend.last_seen import LastSeen
from tlfif.money.spend.ledger import Ledger
from tlfif.money.spend.span_costs import JobCost, JobTime, SpanCost, span_cost
from tlfif.money.spend.spans import MachineSpan
from tlfif.money.spend.tariff import Tariff

MOST_ANSWERS = 20_000
"""Answers read for one machine: more than it can make in four hours, its maximum."""
REMEMBERED = 256
"""Machines whose shares are cached."""
FEW_ANSWERS = 200
"""So few are shared out in some milliseconds, even on a slow computer."""
CHEAP_SECONDS = 0.005
"""Shares that took less time than this are computed again for each new answer."""
KEPT_FACTOR = 200
"""Shares of a running machine are valid for this many times the time that they took to compute."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCost(JobCost):
    """One answer's share in micro-dollars, without VAT: ``boot + working + idle + minimum + start == total``.

    ``start`` is its part of what each start costs in addition to its time. ``final`` False: the machine still runs, and
    the idle time after this answer is not over; it will not exceed ``idle_at_most`` more.
    """

    start: MicroUsd
    final: bool
    idle_at_most: MicroUsd = 0

    @property
    def total(self) -> MicroUsd:
        """All of it so far."""
        return self.boot + self.working + self.idle + self.minimum + self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineShares:
    """What one run of a machine cost, in micro-dollars: ``total == unassigned + all of by_job``."""

    total: MicroUsd
    unassigned: MicroUsd
    by_job: Mapping[str, AnswerCost]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Shares of a running machine, valid until ``until`` on the clock that does not jump."""

    book: PriceBook
    until: float
    ended: Mapping[str, float | None]
    shares: MachineShares


class AnswerCosts:
    """Shares out what machines cost. Caches the shares of machines that have ended."""

    def __init__(self, *, jobs: JobStore, ledger: Ledger, pricing: Pricing, last_seen: LastSeen, clock: Clock) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._pricing = pricing
        self._last_seen = last_seen
        self._clock = clock
        self._ended: OrderedDict[tuple[MachineSpan, Tariff], tuple[PriceBook, MachineShares]] = OrderedDict()
        self._running: OrderedDict[tuple[MachineSpan, Tariff, float], _Kept] = OrderedDict()

    async def of_job(self, job: Job, tariff: Tariff, *, idle_timeout_seconds: float) -> AnswerCost | None:
        """The answer's share; None where no machine in the ledger has worked on it, or where the shares of a machine
        with very many answers are a few seconds old and this one is newer. Raises StorageError."""
        if job.worker_id is None or job.started_at is None:
            return None
        span = await self._ledger.span(job.worker_id)
        if span is None:
            return None
        if span.to_ms is not None:
            return (await self.of_machine(span, tariff)).by_job.get(job.id)
        return (await self._of_running(span, tariff, idle_timeout_seconds, job)).by_job.get(job.id)

    async def of_machine(
        self, span: MachineSpan, tariff: Tariff, *, idle_timeout_seconds: float = 0.0
    ) -> MachineShares:
        """What the run cost so far, and for whom. Raises StorageError."""
        key, book = (span, tariff), await self._pricing.book()
        if key in self._ended and self._ended[key][0] is book:
            self._ended.move_to_end(key)
            return self._ended[key][1]
        times = await self._jobs.answer_times(limit=MOST_ANSWERS, machine_id=span.machine_id)
        shares = await self._share_out(span, tariff, book, times, idle_timeout_seconds)
        # An open answer is put back in the queue, or ended, right after its machine's end.
        if span.to_ms is not None and all(time.finished_at is not None for time in times):
            _remember(self._ended, key, (book, shares))
        return shares

    async def _of_running(self, span: MachineSpan, tariff: Tariff, idle_seconds: float, job: Job) -> MachineShares:
        """Compute again where that is cheap; otherwise spend at most a two-hundredth of the time on it."""
        key, book, begun = (span, tariff, idle_seconds), await self._pricing.book(), self._clock.monotonic()
        kept = self._running.get(key)
        if kept is not None and kept.book is book and begun < kept.until:
            cheap = len(kept.ended) <= FEW_ANSWERS or (kept.until - begun) <= CHEAP_SECONDS * KEPT_FACTOR
            if not cheap or (job.id in kept.ended and kept.ended[job.id] == job.finished_at):
                return kept.shares
        times = await self._jobs.answer_times(limit=MOST_ANSWERS, machine_id=span.machine_id)
        shares = await self._share_out(span, tariff, book, times, idle_seconds)
        took = self._clock.monotonic() - begun
        ended = {time.job_id: time.finished_at for time in times}
        _remember(
            self._running, key, _Kept(book=book, until=begun + took * (1 + KEPT_FACTOR), ended=ended, shares=shares)
        )
        return shares

    async def _share_out(
        self, span: MachineSpan, tariff: Tariff, book: PriceBook, times: Sequence[AnswerTime], idle_seconds: float
    ) -> MachineShares:
        running = span.to_ms is None
        now_ms = (await self._last_seen.ends_ms([span]))[span.machine_id] if running else span.end_ms(0)
        rate, once = tariff.of(span).prices(book, at_ms=span.from_ms)
        once = once if now_ms >= span.from_ms else 0
        cost = span_cost(span, [_job_time(time) for time in times], rate, now_ms)
        starts = _starts(cost, once)
        tail = -(-rate * int(idle_seconds * 1000) // MS_PER_HOUR)
        last = max((time.finished_at or math.inf for time in times), default=0.0)
        by_job = {}
        for time in times:
            one = cost.by_job.get(time.job_id, _NOTHING)
            final_idle = not running or (time.finished_at or math.inf) < last
            by_job[time.job_id] = AnswerCost(
                boot=one.boot,
                working=one.working,
                idle=one.idle,
                minimum=one.minimum,
                start=starts.get(time.job_id, 0),
                final=not running,
                idle_at_most=0 if final_idle else max(0, tail - one.idle),
            )
        return MachineShares(
            total=cost.total + once,
            unassigned=cost.unassigned + (0 if starts else once),
            by_job=by_job,
        )


_NOTHING = JobCost()


def _remember(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)


def _starts(cost: SpanCost, once: MicroUsd) -> dict[str, MicroUsd]:
    """What is paid once per start is shared by the jobs that bear the boot."""
    booted = [job_id for job_id, one in cost.by_job.items() if one.boot]
    return dict(zip(booted, share(once, [1] * len(booted)), strict=True)) if booted else {}


def _job_time(time: AnswerTime) -> JobTime:
    return JobTime(
        job_id=time.job_id,
        queued_ms=int(time.created_at * 1000),
        started_ms=int(time.started_at * 1000),
        ended_ms=None if time.finished_at is None else int(time.finished_at * 1000),
    )
