"""The images' function on AWS: called by the router while an image is unfinished; it keeps no state between calls."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tlfif.images.run_pipeline import Pipeline
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.redacted_traceback import redacted_traceback

log = logging.getLogger(__name__)

Result = TypeVar("Result")
PAUSE_SECONDS = 5.0
"""Between two ticks; the stages of an image take minutes."""
MARGIN_SECONDS = 25.0
"""A tick begins only with this much time left: asking EC2 for a place for a machine takes up to twenty seconds."""


async def tried(step: Callable[[], Awaitable[Result]]) -> Result | None:
    """What came of ``step``; None where it failed, which is logged."""
    try:
        return await step()
    except TlfifError as error:
        log.warning("images: %s: %s", error.code, error.message)
    except Exception as error:
        log.error("images: unexpected fault: %s", redacted_traceback(error))
    return None


@dataclass(slots=True, kw_only=True)
class ScheduledImages:
    """See :meth:`run`."""

    pipeline: Pipeline

    async def run(self, *, seconds_left: Callable[[], float]) -> None:
        """Tick until there is nothing to do or no time. Last, give up the images that nothing needs any more, and
        remove what no record knows; a fault in one of these is in no other's way."""
        while await self._tick():
            if seconds_left() < MARGIN_SECONDS + PAUSE_SECONDS:
                return
            await self.pipeline.clock.sleep(PAUSE_SECONDS)

    async def _tick(self) -> bool:
        going_on = await tried(self.pipeline.tick)
        if going_on:
            return True
        faultless = going_on is not None  # after a fault the next minute is the repetition
        if await tried(self.pipeline.retire_old) and faultless:
            return True
        return await tried(self.pipeline.sweep) is False and faultless  # what it ends takes its time to be gone
