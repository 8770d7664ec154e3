"""What a span cost in each phase, and which answers bear it.

The start is shared by the jobs that waited for it, work by the jobs answered at the same time; idle time is borne by
the answer after which the machine stayed on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from tlfif.money.money import MicroUsd, time_cost
from tlfif.money.spend.spans import MachineSpan, minimum_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTime:
    """When one job waited and was answered on one machine, in epoch milliseconds; ``ended_ms`` None while it runs."""

    job_id: str
    queued_ms: int
    started_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCost:
    """One answer's share of its machine, in micro-dollars."""

    boot: MicroUsd = 0
    working: MicroUsd = 0
    idle: MicroUsd = 0
    minimum: MicroUsd = 0

    @property
    def total(self) -> MicroUsd:
        """All of it."""
        return self.boot + self.working + self.idle + self.minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanCost:
    """What a span cost, in micro-dollars: ``boot + working + idle + minimum == total == by_job + unassigned``.

    ``minimum`` is what the 60-second minimum adds. ``unassigned`` is borne by no answer.
    """

    boot: MicroUsd = 0
    working: MicroUsd = 0
    idle: MicroUsd = 0
    minimum: MicroUsd = 0
    total: MicroUsd = 0
    by_job: Mapping[str, JobCost] = field(default_factory=dict)
    unassigned: MicroUsd = 0


class Phase(StrEnum):
    """What the machine was doing."""

    BOOT = "boot"
    """From its start to ready, or to its first answer where that came first; all of it while not ready."""
    WORKING = "working"
    """At least one answer was being made."""
    IDLE = "idle"
    """Ready, with nothing to do."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the span ``[from_ms, to_ms)`` in one phase; ``jobs`` bear it in equal shares, without jobs nobody
    does."""

    from_ms: int
    to_ms: int
    phase: Phase
    jobs: tuple[str, ...]


def span_cost(span: MachineSpan, jobs: Iterable[JobTime], hourly: MicroUsd, now_ms: int) -> SpanCost:
    """What the span cost up to ``now_ms`` and for whom, at ``hourly`` micro-dollars per hour.

    ``jobs`` are those that this machine worked on, in any order; one with several attempts here stands once for each.
    Boot is shared by the jobs queued by the time of ready (the first answer, where ready is not known); work by the
    jobs answered at that moment; idle time belongs to the job or jobs that ended last before it. Idle time before the
    first answer, and a boot that nobody waited for, are ``unassigned``. The minimum goes with the last stretch.
    """
    found, heirs = stretches(span, jobs, now_ms)
    sums = _Sums()
    for stretch in found:
        piece = time_cost(hourly, stretch.from_ms, stretch.to_ms, since_ms=span.from_ms)
        sums.add(stretch.phase, piece, stretch.jobs)
    sums.add("minimum", minimum_of(span, hourly, now_ms), heirs)
    return sums.total()


def stretches(span: MachineSpan, jobs: Iterable[JobTime], now_ms: int) -> tuple[list[Stretch], tuple[str, ...]]:
    """The span cut at every change, in order and without gaps, and the jobs that bear the last stretch."""
    end = span.end_ms(now_ms)
    times = sorted(_times(jobs, span.from_ms, end), key=lambda time: (time[1], time[2], time[0]))
    starts = [time[1] for time in times]
    known = [*starts[:1], *([span.ready_ms] if span.ready_ms is not None else [])]
    ready = min(max(min(known), span.from_ms), end) if known else end
    found: list[Stretch] = []
    heirs = tuple(sorted({job_id for job_id, _, _, queued in times if queued <= ready}))
    if ready > span.from_ms:
        found.append(Stretch(span.from_ms, ready, Phase.BOOT, heirs))
    cuts = sorted({ready, end, *(at for time in times for at in time[1:3])})
    active: dict[str, int] = {}
    waiting = list(reversed(times))
    ending = sorted(((time[2], time[0]) for time in times), reverse=True)
    if ready < end:
        heirs = ()
    for at, until in pairwise(cuts):
        while waiting and waiting[-1][1] <= at:
            started = waiting.pop()[0]
            active[started] = active.get(started, 0) + 1
        heirs = _end_at(at, ending, active) or heirs
        phase = Phase.WORKING if active else Phase.IDLE
        heirs = tuple(sorted(active)) or heirs
        found.append(Stretch(at, until, phase, heirs))
    return found, heirs


def _times(jobs: Iterable[JobTime], begin: int, end: int) -> list[tuple[str, int, int, int]]:
    """Job, start, end, queued: clipped to the span, never ending before they start."""
    found = []
    for job in jobs:
        started = min(max(job.started_ms, begin), end)
        ended = end if job.ended_ms is None else min(max(job.ended_ms, started), end)
        found.append((job.job_id, started, ended, job.queued_ms))
    return found


def _end_at(at: int, ending: list[tuple[int, str]], active: dict[str, int]) -> tuple[str, ...]:
    """Remove the jobs that ended by ``at`` from ``active``; returns the ones that ended last."""
    last: set[str] = set()
    while ending and ending[-1][0] <= at:
        _, job_id = ending.pop()
        last.add(job_id)
        active[job_id] -= 1
        if not active[job_id]:
            del active[job_id]
    return tuple(sorted(last))


class _Sums:
    """Adds costs by phase and by job."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(("boot", "working", "idle", "minimum"), 0)
        self._jobs: dict[str, dict[str, MicroUsd]] = {}
        self._unassigned = 0

    def add(self, phase: str, piece: MicroUsd, jobs: Sequence[str]) -> None:
        """Add one piece of a phase, borne by ``jobs`` in equal shares."""
        self._sums[phase] += piece
        if not jobs:
            self._unassigned += piece
            return
        each, left = divmod(piece, len(jobs))  # as money.share for equal weights, in a tenth of the time
        for index, job_id in enumerate(jobs):
            part = each + (index < left)
            of_job = self._jobs.setdefault(job_id, {})
            of_job[phase] = of_job.get(phase, 0) + part

    def total(self) -> SpanCost:
        """All sums."""
        return SpanCost(
            **self._sums,
            total=sum(self._sums.values()),
            by_job={job_id: JobCost(**parts) for job_id, parts in sorted(self._jobs.items())},
            unassigned=self._unassigned,
        )
