"""The time of the home on this computer: the wall clock's, but it does not jump while something is open."""

import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tlfif.kernel.clock import Clock

STEP_SECONDS = 1.0
"""People are shown whole seconds; what the clocks differ by less is nothing to them."""
KEPT_STEPS = 100
CORRECTED_WITHIN_SECONDS = 86400.0
"""A clock that was set wrong is set right sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From ``at`` on (home's time) the wall clock was ``ahead`` of the home's time, in seconds. ``set_by``: how far it
    was set at that moment (negative: back); the rest of the change is time that the computer slept."""

    at: float
    ahead: float
    set_by: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """How a home counts its time: ``offset`` seconds after the monotonic clock of the boot named ``boot_id`` (empty:
    not known, so of no use to another process). ``steps``: oldest first. ``slept``: seconds since the computer was
    switched on, as of the last step; None where the system does not tell."""

    boot_id: str
    offset: float
    slept: float | None = None
    steps: tuple[Step, ...] = ()


class SteadyClock(Clock):
    """``offset`` seconds ahead of the monotonic clock, which all processes of one boot share and which stands still
    while the computer sleeps (Linux, macOS). ``base`` has the computer's clocks."""

    def __init__(self, base: Clock, *, offset: float | None = None) -> None:
        self._base = base
        self.offset = base.now() - base.monotonic() if offset is None else offset

    def now(self) -> float:
        """See the port."""
        return self._base.monotonic() + self.offset

    def monotonic(self) -> float:
        """See the port."""
        return self._base.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See the port."""
        await self._base.sleep(seconds)


class HomeClock(SteadyClock):
    """The clock of the process that accepts prompts and starts machines; only it moves the home's time. ``kept``: the
    timeline of the server before, whose machine may still run; ``keep`` stores the present one."""

    def __init__(
        self,
        base: Clock,
        *,
        boot_id: str,
        kept: Timeline | None,
        keep: Callable[[Timeline], Awaitable[None]],
        slept: Callable[[], float | None],
    ) -> None:
        goes_on = kept if kept is not None and boot_id and kept.boot_id == boot_id else None
        super().__init__(base, offset=goes_on.offset if goes_on is not None else None)
        self._boot_id = boot_id
        self._keep = keep
        self._slept = slept
        self._slept_before = goes_on.slept if goes_on is not None else slept()
        self._steps = list(kept.steps) if kept is not None else []
        if goes_on is None:
            self._begin_anew()
        self._stored = kept
        self._begun = self._open = 0

    def now(self) -> float:
        """See the port. A step of the wall clock is noticed here, before anything is stored after it."""
        at = super().now()
        ahead = self._base.now() - at
        change = ahead - (self._steps[-1].ahead if self._steps else 0.0)
        if abs(change) >= STEP_SECONDS:
            self._steps.append(Step(at=at, ahead=ahead, set_by=self._set_by(change)))
            del self._steps[:-KEPT_STEPS]
        return at

    def shown(self, at: float) -> float:
        """See the port."""
        before = bisect_right(self._steps, at, key=lambda step: step.at)
        return at + self._steps[before - 1].ahead if before else at

    def certain(self) -> float:
        """See the port. What the clock was set ahead by counts after a day without correction."""
        at = self.now()
        fresh = (step for step in self._steps if 0 <= at - step.at - step.ahead < CORRECTED_WITHIN_SECONDS)
        return at - sum(max(0.0, step.set_by) for step in fresh)

    @contextmanager
    def held(self) -> Iterator[float]:
        """See the port."""
        self._begun += 1
        self._open += 1
        try:
            yield self.now()
        finally:
            self._open -= 1

    async def follow_wall(self, at_rest: Callable[[], Awaitable[bool]]) -> None:
        """See the port."""
        begun = self._begun
        self.now()
        # What was begun before the question is seen by it; what begins after it keeps the time as it is.
        if self._ahead and not self._open and await at_rest() and self._begun == begun:
            self.offset = self._base.now() - self._base.monotonic()
            self._begin_anew()
        present = Timeline(
            boot_id=self._boot_id, offset=self.offset, slept=self._slept_before, steps=tuple(self._steps)
        )
        if present != self._stored:
            await self._keep(present)
            self._stored = present

    @property
    def _ahead(self) -> float:
        return self._steps[-1].ahead if self._steps else 0.0

    def _begin_anew(self) -> None:
        """The home's time is the wall clock's again. Steps of a time that is still to come were a wrong clock's."""
        at = super().now()
        kept = bisect_right(self._steps, at, key=lambda step: step.at)
        wrong = self._steps[kept:]
        del self._steps[kept:]
        if self._ahead or wrong:
            self._steps.append(Step(at=at, ahead=0.0, set_by=sum(step.set_by for step in wrong)))

    def _set_by(self, change: float) -> float:
        """How much of a change was no sleep. Where the system does not tell, a jump ahead counts as sleep."""
        slept = self._slept()
        if slept is None or self._slept_before is None:
            return min(change, 0.0)
        fell_asleep, self._slept_before = slept - self._slept_before, slept
        return 0.0 if abs(change - fell_asleep) < STEP_SECONDS else change - fell_asleep


def boot_id(path: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """Names the time since the computer was switched on; empty where the system gives no such name."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def seconds_slept() -> float | None:
    """Since the computer was switched on; None where the system does not tell."""
    since_boot = getattr(time, "CLOCK_BOOTTIME", None)
    return None if since_boot is None else time.clock_gettime(since_boot) - time.monotonic()
