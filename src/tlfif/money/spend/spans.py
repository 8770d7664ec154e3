"""Spans: when each machine ran, and what that cost. Phases and answers: ``span_costs``.

A machine is charged from the moment the host reports it as running until it reports it as ended, 60 seconds at least.
"""

from dataclasses import dataclass, replace

from tlfif.money.money import MicroUsd, charge, time_cost

MINIMUM_MS = 60_000
"""Every start is billed for at least a minute (EC2 StartInstances: "one-minute minimum")."""
WORK_PREFIX = "image-"
"""How the ids begin of what builds and tests images: it costs money like a machine, and has no record as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpan:
    """One run of one machine, ``[from_ms, to_ms)`` in epoch milliseconds; ``to_ms`` None while it runs.

    ``ready_ms`` is when it could answer, None until then. ``corrected``: ``to_ms`` is the real stop time, which the
    host reported later. Changed by :func:`opened`, :func:`ready`, :func:`closed`, :func:`corrected` only, in any order.
    """

    machine_id: str
    instance_type: str
    region: str
    from_ms: int
    to_ms: int | None = None
    ready_ms: int | None = None
    corrected: bool = False

    def end_ms(self, now_ms: int) -> int:
        """The end, or ``now_ms`` while it is open; never before its start."""
        return max(self.from_ms, now_ms if self.to_ms is None else self.to_ms)


def opened(*, machine_id: str, instance_type: str, region: str, at_ms: int) -> MachineSpan:
    """A new span: the host reports the machine as running."""
    return MachineSpan(machine_id=machine_id, instance_type=instance_type, region=region, from_ms=at_ms)


def ready(span: MachineSpan, at_ms: int) -> MachineSpan:
    """The machine can answer. Of two calls the earlier moment is kept; never before the start."""
    at_ms = max(span.from_ms, at_ms)
    return replace(span, ready_ms=at_ms if span.ready_ms is None else min(span.ready_ms, at_ms))


def closed(span: MachineSpan, at_ms: int) -> MachineSpan:
    """The host reports the end, seen at ``at_ms``. Of two calls the earlier moment is kept; a corrected end stays.

    A moment before the start (the clock jumped) becomes the start.
    """
    if span.corrected:
        return span
    at_ms = max(span.from_ms, at_ms)
    return replace(span, to_ms=at_ms if span.to_ms is None else min(span.to_ms, at_ms))


def corrected(span: MachineSpan, real_stop_ms: int) -> MachineSpan:
    """The host reports the real stop time, which replaces the end; before the start it becomes the start.

    Of two real stop times the later one is kept, so that the meter is never below the bill.
    """
    real_stop_ms = max(span.from_ms, real_stop_ms)
    if span.corrected and span.to_ms is not None:
        real_stop_ms = max(span.to_ms, real_stop_ms)
    return replace(span, to_ms=real_stop_ms, corrected=True)


def clip(span: MachineSpan, from_ms: int, to_ms: int, now_ms: int) -> tuple[int, int] | None:
    """The part of the span's time inside ``[from_ms, to_ms)``, or None where they do not meet."""
    begin, end = max(span.from_ms, from_ms), min(span.end_ms(now_ms), to_ms)
    return (begin, end) if begin < end else None


def cost_between(span: MachineSpan, hourly: MicroUsd, from_ms: int, to_ms: int, now_ms: int) -> MicroUsd:
    """The span's cost that falls into ``[from_ms, to_ms)``.

    Pieces are differences of the cost since the span's start, and what the 60-second minimum adds belongs to the
    piece with the start; so the pieces of all months add up to the whole.
    """
    part = clip(span, from_ms, to_ms, now_ms)
    cost = time_cost(hourly, *part, since_ms=span.from_ms) if part else 0
    return cost + (minimum_of(span, hourly, now_ms) if from_ms <= span.from_ms < to_ms else 0)


def minimum_of(span: MachineSpan, hourly: MicroUsd, now_ms: int) -> MicroUsd:
    """What the 60-second minimum adds to the span's own time; 0 for one whose start is still in the future."""
    if span.to_ms is None and now_ms < span.from_ms:
        return 0
    return max(0, charge(hourly, MINIMUM_MS) - charge(hourly, span.end_ms(now_ms) - span.from_ms))
