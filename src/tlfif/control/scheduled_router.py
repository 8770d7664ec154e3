"""The router on AWS: called once a minute, and at once when there is something to do; it keeps no state between calls.

Each part of a run is independent: one that fails is logged and the others still run, because only this program stops
machines.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tlfif.control.machine_control import MachineControl
from tlfif.control.reconcile import Pace, Reconciler
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.redacted_traceback import redacted_traceback
from tlfif.money.bill.query_bill import DailyBill

log = logging.getLogger(__name__)

PAUSE_SECONDS = 4.0
"""Between two ticks while a machine starts or ends."""
LAUNCH_SECONDS = 40.0
"""A tick after the first launches only with this much time left: a search for capacity, its last request, and the
schedule. Otherwise the function's end would come before what was found is recorded."""
MARGIN_SECONDS = 20.0
"""Any other tick begins only with this much time left."""
BILL_SECONDS = 15.0
"""How long querying the bill may take; with less time left it waits for the next minute."""
NAMESPACE, DIMENSION = "TLFIF", "Home"
"""Of the custom metrics that the stack's alarms use; both names are also in infra/constructs/watch.py."""


@dataclass(slots=True, kw_only=True)
class ScheduledRouter:
    """``write_line`` writes one line to the log unchanged: CloudWatch makes metrics out of it. ``bill`` None: nothing
    is billed. ``wake_images`` calls the function that builds images, if one needs it; None: none are built."""

    reconciler: Reconciler
    control: MachineControl
    home: str
    write_line: Callable[[str], None]
    bill: DailyBill | None = None
    wake_images: Callable[[], Awaitable[object]] | None = None

    async def run(self, *, housekeeping: bool, seconds_left: Callable[[], float]) -> Pace:
        """Tick, and repeat while a machine starts or ends and there is time. With ``housekeeping`` also end orphans,
        purge expired jobs and report metrics; last, when nothing else waits for it, look after the images, and query
        the bill if that is due."""
        found = await self._ticks(housekeeping=housekeeping, seconds_left=seconds_left)
        if self.wake_images is not None:
            await self._part("images", self.wake_images)
        if housekeeping and self.bill is not None and seconds_left() >= BILL_SECONDS:
            await self._part("bill", self.bill.query_if_due)
        return found

    async def _ticks(self, *, housekeeping: bool, seconds_left: Callable[[], float]) -> Pace:
        launch = True
        while True:
            found = await self._part("tick", partial(self.reconciler.tick, launch=launch))
            pace = found if found is not None else Pace.WORK
            if housekeeping:
                await self._part("sweep", self.reconciler.sweep_orphans)
                await self._part("purge", self.reconciler.purge_expired)
                await self._part("report", self._report)
                housekeeping = False
            if pace is not Pace.WORK or seconds_left() < MARGIN_SECONDS + PAUSE_SECONDS:
                return pace
            await self.reconciler.clock.sleep(PAUSE_SECONDS)
            launch = seconds_left() >= LAUNCH_SECONDS

    async def _part(self, name: str, work: Callable[[], Awaitable[object]]) -> Pace | None:
        try:
            found = await work()
        except TlfifError as error:
            log.warning("router: %s: %s: %s", name, error.code, error.message)
            return None
        except Exception as error:
            log.error("router: %s: unexpected fault: %s", name, redacted_traceback(error))
            return None
        return found if isinstance(found, Pace) else None

    async def _report(self) -> None:
        """Write metrics in CloudWatch's embedded metric format: log lines that cost nothing beyond the log. They show
        what the tick before has observed, or a new observation if it could not observe."""
        router = self.reconciler
        seen = router.seen or await router.observe()
        record, policy = seen.machine, router.machine_policy
        longest = policy.max_run_seconds + policy.drain_limit_seconds
        over = record is not None and router.clock.now() - record.created_at > longest + policy.stop_patience_seconds
        self.write_line(
            metrics(
                self.home,
                now=router.clock.now(),
                values={
                    "MachinesOverAge": int(over),
                    "BudgetLocked": int(seen.budget_lock is not None),
                    "MachinesRunning": int(record is not None),
                    "PromptsWaiting": seen.counts.queued,
                },
            )
        )


def metrics(home: str, *, now: float, values: Mapping[str, int]) -> str:
    """One line in the embedded metric format (CloudWatch user guide, "Specification: Embedded metric format")."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": int(now * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [[DIMENSION]],
                        "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
                    }
                ],
            },
            DIMENSION: home,
            **values,
        }
    )
