"""What single answers cost: each one's share of its machine."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.application.pricing import Pricing
from tlfif.domain.jobs import AnswerTime, Job
from tlfif.domain.ledger import MachineSpan
from tlfif.domain.money import MicroUsd, share
from tlfif.domain.span_costs import JobCost, JobTime, SpanCost, span_cost
from tlfif.domain.tariff import Tariff
from tlfif.ports.clock import Clock
from tlfif.ports.job_store import JobStore
from tlfif.ports.ledger import Ledger

MOST_ANSWERS = 20_000
"""On one machine: more than four hours, its maximum, can hold."""
REMEMBERED = 256
"""Machines whose shares are kept once they have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCost:
    """One answer's share in micro-dollars, without VAT: ``boot + working + idle + minimum + start == total``.

    ``start`` is its part of what each start costs beside its time. ``final`` False: the machine still runs, and the
    idle time after this answer is not over; it will not exceed ``idle_at_most`` more.
    """

    boot: MicroUsd
    working: MicroUsd
    idle: MicroUsd
    minimum: MicroUsd
    start: MicroUsd
    final: bool
    idle_at_most: MicroUsd = 0

    @property
    def total(self) -> MicroUsd:
        """All of it so far."""
        return self.boot + self.working + self.idle + self.minimum + self.start


class AnswerCosts:
    """Shares out what machines cost. Remembers those of machines that have ended."""

    def __init__(self, *, jobs: JobStore, ledger: Ledger, pricing: Pricing, clock: Clock) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._pricing = pricing
        self._clock = clock
        self._ended: OrderedDict[tuple[MachineSpan, Tariff, int], dict[str, AnswerCost]] = OrderedDict()

    async def of_job(self, job: Job, tariff: Tariff, *, idle_timeout_seconds: float) -> AnswerCost | None:
        """The answer's share; None where no machine in the ledger has worked on it. Raises StorageError."""
        if job.worker_id is None or job.started_at is None:
            return None
        span = await self._ledger.span(job.worker_id)
        if span is None:
            return None
        return (await self._shares(span, tariff, idle_timeout_seconds)).get(job.id)

    async def _shares(self, span: MachineSpan, tariff: Tariff, idle_seconds: float) -> dict[str, AnswerCost]:
        book = await self._pricing.book()
        key = (span, tariff, id(book))
        if key in self._ended:
            self._ended.move_to_end(key)
            return self._ended[key]
        now_ms = int(self._clock.now() * 1000)
        times = await self._jobs.answer_times(limit=MOST_ANSWERS, machine_id=span.machine_id)
        rate = tariff.hourly(book, at_ms=span.from_ms)
        cost = span_cost(span, [_job_time(time) for time in times], rate, now_ms)
        running = span.to_ms is None
        last = max((time.finished_at or now_ms / 1000 for time in times), default=0.0)
        tail = -(-rate * int(idle_seconds * 1000) // 3_600_000)
        found = {
            time.job_id: AnswerCost(
                boot=one.boot,
                working=one.working,
                idle=one.idle,
                minimum=one.minimum,
                start=start,
                final=not running,
                idle_at_most=max(0, tail - one.idle) if running and (time.finished_at or last) >= last else 0,
            )
            for time, one, start in _with_start(times, cost, tariff.once(book, at_ms=span.from_ms))
        }
        if not running:
            self._ended[key] = found
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        return found


def _with_start(
    times: Sequence[AnswerTime], cost: SpanCost, once: MicroUsd
) -> list[tuple[AnswerTime, JobCost, MicroUsd]]:
    """Each answer with its share; what is paid once per start goes with the boot, to whom it goes."""
    unique = {time.job_id: time for time in times}
    booted = [job_id for job_id, one in cost.by_job.items() if one.boot and job_id in unique]
    starts = dict(zip(booted, share(once, [1] * len(booted)), strict=True)) if booted else {}
    return [(time, cost.by_job.get(job_id, JobCost()), starts.get(job_id, 0)) for job_id, time in unique.items()]


def _job_time(time: AnswerTime) -> JobTime:
    return JobTime(
        job_id=time.job_id,
        queued_ms=int(time.created_at * 1000),
        started_ms=int(time.started_at * 1000),
        ended_ms=None if time.finished_at is None else int(time.finished_at * 1000),
    )
