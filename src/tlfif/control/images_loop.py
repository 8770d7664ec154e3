"""The pipeline in a server process: ticks while there is something to do, and looks at the followed repository."""

import logging
from dataclasses import dataclass

from tlfif.control.container import Images
from tlfif.images.run_pipeline import Pipeline
from tlfif.images.watch_repository import look_at_repository
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.redacted_traceback import redacted_traceback

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.25
REST_SECONDS = 1.0
"""So soon is an image begun that somebody asks for."""
FAULT_SECONDS = 5.0
RETIRE_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class ImagesLoop:
    """``busy``: an image is under way or is being cleaned up, so the server is needed. A repository that is followed
    does not need it: what was pushed meanwhile is seen when the server runs again."""

    images: Images
    clock: Clock
    busy: bool = False
    _next_retirement: float = 0.0

    @property
    def _pipeline(self) -> Pipeline:
        images = self.images
        return Pipeline(store=images.store, registry=images.registry, builder=images.builder, clock=self.clock)

    async def run(self) -> None:
        """Sweep what a killed server left, then run until cancelled. A tick that fails is logged and repeated."""
        swept = False
        while True:
            pause = FAULT_SECONDS
            try:
                if not swept:
                    await self._pipeline.sweep()
                    swept = True
                pause = await self._tick()
            except TlfifError as error:
                log.warning("images: %s: %s", error.code, error.message)
            except Exception as error:
                # A fault in one tick must not end what cleans up after builds.
                log.error("images: unexpected fault: %s", redacted_traceback(error))
            await self.clock.sleep(pause)

    async def _tick(self) -> float:
        """One round; how long to wait for the next."""
        images = self.images
        if images.repository is not None:
            await look_at_repository(store=images.store, repository=images.repository, clock=self.clock)
        working = await self._pipeline.tick()
        now = self.clock.monotonic()
        if not working and now >= self._next_retirement:
            self._next_retirement = now + RETIRE_SECONDS
            working = bool(await self._pipeline.retire_old())
        self.busy = working
        return BUSY_SECONDS if working else REST_SECONDS
