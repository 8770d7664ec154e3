"""Time that stands still until a test moves it, and names that a test can foresee."""

import asyncio

from tlfif.adapters.local.steady_clock import HomeClock, Timeline
from tlfif.kernel.clock import Clock, Ids

START = 1_800_000_000.0


class FakeClock(Clock):
    """Sleepers wake when :meth:`advance` passes their hour. ``auto_advance``: a sleep moves the time itself."""

    def __init__(self, now: float = START, *, auto_advance: bool = False) -> None:
        self._now = now
        self._monotonic = 1000.0
        self.slept = 0.0
        self._auto_advance = auto_advance
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if self._auto_advance:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; tasks that slept no longer than that run next."""
        if seconds < 0:
            raise ValueError("a monotonic clock never goes back; use jump")
        self._now += seconds
        self._monotonic += seconds
        due = [f for at, f in self._sleepers if at <= self._monotonic]
        self._sleepers = [(at, f) for at, f in self._sleepers if at > self._monotonic]
        for future in due:
            if not future.done():
                future.set_result(None)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a person or NTP does; no time passes."""
        self._now += seconds

    def doze(self, seconds: float) -> None:
        """The computer sleeps: the wall clock goes on, nothing else does."""
        self._now += seconds
        self.slept += seconds

    @property
    def sleeping(self) -> int:
        """How many tasks sleep."""
        return sum(not f.done() for _, f in self._sleepers)


def a_home_clock(base: FakeClock, kept: list[Timeline] | None = None) -> HomeClock:
    """The home's clock over ``base``, which stores its timeline in ``kept``; the last one there is the one before."""
    timelines = [] if kept is None else kept

    async def keep(timeline: Timeline) -> None:
        timelines.append(timeline)

    before = timelines[-1] if timelines else None
    return HomeClock(base, boot_id="boot 1", kept=before, keep=keep, slept=lambda: base.slept)


class FakeIds(Ids):
    """Counts instead of drawing lots: ``job_00…01``, ``lease_00…02``."""

    def __init__(self) -> None:
        self._made = 0

    def new_id(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_{self._made:032x}"
