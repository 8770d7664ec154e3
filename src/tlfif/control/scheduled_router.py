"""The router on AWS: called once a minute, and at once when there is something to do; it keeps nothing between calls.

Each part of a round stands alone: one that fails is logged, and the others are done all the same. Of all programs this
is the one that stops machines.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tlfif.control.machine_control import MachineControl
from tlfif.control.reconcile import Pace, Reconciler
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.redacted_traceback import redacted_traceback
from tlfif.money.bill.query_bill import DailyBill

log = logging.getLogger(__name__)

PAUSE_SECONDS = 4.0
"""Between two looks while a machine is on its way in or out."""
MARGIN_SECONDS = 20.0
"""A round begins only with this much time left: the slowest launch tries a dozen zones and types."""
BILL_SECONDS = 15.0
"""What asking for the bill may take; with less left it waits for the next minute."""
PURGE_LIMIT = 100
NAMESPACE, DIMENSION = "TLFIF", "Home"
"""The custom metrics that the stack's alarms listen to; both names stand in infra/constructs/watch.py, too."""


@dataclass(slots=True, kw_only=True)
class ScheduledRouter:
    """``say`` writes one line to the log as it is: CloudWatch makes metrics out of it. ``bill`` None: nobody bills."""

    reconciler: Reconciler
    control: MachineControl
    home: str
    say: Callable[[str], None]
    bill: DailyBill | None = None

    async def look(self, *, housekeeping: bool, seconds_left: Callable[[], float]) -> Pace:
        """Tick, and go on while something moves and there is time. With ``housekeeping`` also end what nobody owns,
        forget what has expired, and report; last of all, when nothing else waits for it, ask for the bill if it is due.
        """
        found = await self._looks(housekeeping=housekeeping, seconds_left=seconds_left)
        if housekeeping and self.bill is not None and seconds_left() >= BILL_SECONDS:
            await self._part("bill", self.bill.query_if_due)
        return found

    async def _looks(self, *, housekeeping: bool, seconds_left: Callable[[], float]) -> Pace:
        while True:
            found = await self._part("tick", self.reconciler.tick)
            pace = found if found is not None else Pace.WORK
            if housekeeping:
                await self._part("sweep", self.reconciler.sweep_orphans)
                await self._part("purge", self._purge)
                await self._part("report", self._report)
                housekeeping = False
            if pace is not Pace.WORK or seconds_left() < MARGIN_SECONDS + PAUSE_SECONDS:
                return pace
            await self.reconciler.clock.sleep(PAUSE_SECONDS)

    async def start(self, model: str | None) -> bool:
        """A person's order. Raises what :meth:`MachineControl.start` raises."""
        return await self.control.start(model)

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

    async def _purge(self) -> None:
        hands = self.reconciler
        keep = hands.job_policy.retention_seconds
        await hands.jobs.purge(finished_before=hands.clock.now() - keep, limit=PURGE_LIMIT)

    async def _report(self) -> None:
        """Metrics in CloudWatch's embedded metric format: lines of the log that cost nothing beyond the log. They say
        what the tick before has seen, and look for themselves where it could not."""
        hands = self.reconciler
        seen = hands.seen or await hands.observe()
        record, policy = seen.machine, hands.machine_policy
        longest = policy.max_run_seconds + policy.drain_limit_seconds
        over = record is not None and hands.clock.now() - record.created_at > longest + policy.stop_patience_seconds
        self.say(
            metrics(
                self.home,
                now=hands.clock.now(),
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
