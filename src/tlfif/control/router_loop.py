"""The router in a server process: ticks in a loop. On AWS the same tick runs in a Lambda (``scheduled_router``)."""

import contextlib
import logging
from dataclasses import dataclass

from tlfif.control.reconcile import Pace, Reconciler
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.redacted_traceback import redacted_traceback

log = logging.getLogger(__name__)

MIN_PAUSE_SECONDS = 0.1
"""Between ticks, however many prompts arrive: a start needs one tick, not one per prompt."""
IDLE_FACTOR = 5
SWEEP_SECONDS = 60.0
FIRST_SWEEPS_SECONDS = 2.0
"""The two passes of the orphan sweep run soon after the start: a server that died may have left a machine."""
PURGE_SECONDS = 60.0
FAULT_TEXT = "TL-FIF made a mistake. Where is written in the server's log (./tlfif logs)."


@dataclass(slots=True, kw_only=True)
class RouterLoop:
    """Ticks when a job arrives and at least every ``tick_seconds`` while there is work; five times less often
    without."""

    reconciler: Reconciler
    tick_seconds: float
    pace: Pace = Pace.WORK
    _failures: int = 0
    _ticks: int = 0
    _next_sweep: float = 0.0
    _next_purge: float = 0.0

    async def run(self) -> None:
        """Run until cancelled. A tick that fails is logged and repeated: no fault of a store ends the router. What
        makes two in a row fail is the reconciler's ``fault`` until one succeeds."""
        clock = self.reconciler.clock
        while True:
            pause = self.tick_seconds
            try:
                self.pace = await self.reconciler.tick()
                await self._housekeeping(clock.monotonic())
                self._failures, self.reconciler.fault = 0, None
                if self.pace is Pace.WATCH:
                    await clock.sleep(pause)
                    continue
                await clock.sleep(MIN_PAUSE_SECONDS)
                rest = IDLE_FACTOR if self.pace is Pace.REST else 1
                await self.reconciler.jobs.wait_work(timeout=pause * rest)
            except TlfifError as error:
                log.warning("router: %s: %s", error.code, error.message)
                self._failed(error)
                await clock.sleep(pause)
            except Exception as error:
                # A fault in one tick must not end the only program that stops machines.
                log.error("router: unexpected fault: %s", redacted_traceback(error))
                self._failed(TlfifError(FAULT_TEXT, code="internal_error"))
                await clock.sleep(pause)

    def _failed(self, error: TlfifError) -> None:
        self._failures += 1
        if self._failures > 1:
            self.reconciler.fault = error

    async def _housekeeping(self, now: float) -> None:
        if now >= self._next_sweep:
            with contextlib.suppress(OSError):
                await self.reconciler.sweep_orphans()
            self._ticks += 1
            self._next_sweep = now + (FIRST_SWEEPS_SECONDS if self._ticks < 2 else SWEEP_SECONDS)
        if now >= self._next_purge:
            self._next_purge = now + PURGE_SECONDS
            await self.reconciler.purge_expired()
