"""The pipeline in a server process: ticks while there is something to do, and looks at the followed repository."""

from dataclasses import dataclass

from tlfif.control.container import Images
from tlfif.control.scheduled_images import tried
from tlfif.images.run_pipeline import Pipeline
from tlfif.images.watch_repository import look_at_repository
from tlfif.kernel.clock import Clock

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
        """Sweep what a killed server left, then run until cancelled. What fails is logged and repeated, and is in no
        other's way."""
        swept, sweep_at = False, self.clock.monotonic()
        while True:
            if not swept and self.clock.monotonic() >= sweep_at:
                swept = await tried(self._pipeline.sweep) or False
                sweep_at = self.clock.monotonic() + FAULT_SECONDS
            await tried(self._look)
            working = await tried(self._pipeline.tick)
            pause = FAULT_SECONDS if working is None else BUSY_SECONDS if working else REST_SECONDS
            if not working and await self._retire():
                working, pause = True, min(pause, BUSY_SECONDS)
            if working is not None:
                self.busy = working
            await self.clock.sleep(pause)

    async def _look(self) -> None:
        images = self.images
        if images.repository is not None:
            await look_at_repository(store=images.store, repository=images.repository, clock=self.clock)

    async def _retire(self) -> bool:
        """Every now and then; whether an image was given up, which is deleted next."""
        now = self.clock.monotonic()
        if now < self._next_retirement:
            return False
        self._next_retirement = now + RETIRE_SECONDS
        await tried(self._forget_repositories)
        return bool(await tried(self._pipeline.retire_old))

    async def _forget_repositories(self) -> None:
        """All but the one that is followed, and those that something is built from."""
        images = self.images
        if images.repository is not None:
            watch = await images.store.watch()
            needed = {image.source.repository for image in await images.store.unfinished()}
            await images.repository.keep_only(needed | ({watch.repository} if watch is not None else set()))
