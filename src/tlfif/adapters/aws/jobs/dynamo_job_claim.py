"""Claiming the oldest waiting jobs while other workers do the same."""

import logging
from contextlib import aclosing

from tlfif.adapters.aws.calls.dynamo_table import ConditionFailedError
from tlfif.adapters.aws.jobs.dynamo_job_items import QUEUE
from tlfif.adapters.aws.jobs.dynamo_job_table import JobTable, side_by_side
from tlfif.jobs import transitions
from tlfif.jobs.jobs import ClaimedJob
from tlfif.kernel.clock import Ids
from tlfif.kernel.errors import StorageError

log = logging.getLogger(__name__)

_PAGE = 50
_LOOKS = 2
"""The second read tells whether a failed write was made after all, or another worker was faster."""


class Claiming:
    """One call of ``claim``. ``claimed`` are the jobs taken, in order of acceptance."""

    def __init__(
        self, table: JobTable, ids: Ids, *, worker_id: str, model: str, lease_seconds: float, now: float
    ) -> None:
        self._table = table
        self._ids = ids
        self._worker_id = worker_id
        self._model = model
        self._lease_seconds = lease_seconds
        self._now = now
        self._taken: dict[str, ClaimedJob | None] = {}

    @property
    def claimed(self) -> list[ClaimedJob]:
        """What was taken so far."""
        return [one for one in self._taken.values() if one is not None]

    async def run(self, limit: int) -> None:
        """Take ``limit`` jobs at most. Raises StorageError only if AWS fails before the first is taken: jobs that were
        taken must be worked on, and the next call will see whether AWS still fails."""
        try:
            await self._search(limit)
        except StorageError as error:
            if not self.claimed:
                raise
            log.warning("claimed only some jobs (%s)", error.details.get("reason"))

    async def _search(self, limit: int) -> None:
        async with aclosing(self._table.pages(QUEUE, size=_PAGE)) as pages:
            async for page in pages:
                fit = [item["job"] for item in page if item["model"] == self._model and item["expires_at"] >= self._now]
                while fit and (free := limit - len(self.claimed)) > 0:
                    self._taken |= dict.fromkeys(fit[:free])  # in this order, whichever is done first
                    await side_by_side(self._try, fit[:free])
                    fit = fit[free:]
                if len(self.claimed) >= limit:
                    return

    async def _try(self, job_id: str) -> None:
        self._taken[job_id] = await self._take(job_id)

    async def _take(self, job_id: str) -> ClaimedJob | None:
        token = self._ids.new_id("lease")
        mine: set[str] = set()
        for _ in range(_LOOKS):
            found = await self._table.load(job_id)
            if found is None:
                return None
            record, request = found
            if record.step not in mine:
                change = transitions.start(
                    record,
                    worker_id=self._worker_id,
                    token=token,
                    lease_seconds=self._lease_seconds,
                    now=self._now,
                )
                if change is None:
                    return None
                step = self._table.new_token()
                mine.add(step)
                try:
                    await self._table.write(*await self._table.writes(change, step))
                except ConditionFailedError:
                    continue
                record = change.after
            return record.claimed(request)
        return None
