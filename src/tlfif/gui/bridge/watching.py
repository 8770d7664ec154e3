"""Polls machine, cost and images: often while something runs and the window is visible, rarely otherwise."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tlfif.client.errors import AccessDeniedError, ApiError, NotReachableError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.model.commands import Watch
from tlfif.gui.model.messages import (
    ConnectionFailed,
    CostUpdated,
    ImagesMissing,
    ImagesUpdated,
    MachineUpdated,
    Message,
)

log = logging.getLogger(__name__)

LOST_SECONDS = 2.0
"""Between two polls for a server that is gone."""


SIGNED_OUT_SECONDS = 5.0
"""Between two polls while nobody is signed in; somebody may sign in from a terminal."""


MISSING_SECONDS = 60.0
"""Between two polls of images in a home that has none; it may be brought up to date."""


def machine_seconds(watch: Watch) -> float:
    """Seconds between two polls of the machine."""
    if watch.remote:
        return 3.0 if watch.running else 15.0 if watch.visible else 120.0
    if watch.running:
        return 1.0
    return 5.0 if watch.visible else 30.0


def cost_seconds(watch: Watch) -> float:
    """Seconds between two polls of the cost."""
    if watch.remote:
        return 10.0 if watch.running and watch.visible else 60.0 if watch.visible else 300.0
    if watch.running and watch.visible:
        return 2.0
    return 15.0 if watch.visible else 60.0


def images_seconds(watch: Watch) -> float:
    """Seconds between two polls of the images."""
    if watch.images and watch.visible:
        return 5.0 if watch.remote else 1.0
    return (60.0 if watch.visible else 300.0) if watch.remote else (10.0 if watch.visible else 60.0)


class Watcher:
    """Three polling loops over clients that only find the server: they must not start what the owner has stopped.

    Each has its own, so that a slow answer about the cost or the images never delays the one about the machine.
    """

    def __init__(
        self,
        client: TlfifClient,
        cost_client: TlfifClient,
        images_client: TlfifClient,
        emit: Callable[[Message], object],
    ) -> None:
        self._client = client
        self._cost_client = cost_client
        self._images_client = images_client
        self._emit = emit
        self._watch = Watch(running=True, visible=True)
        self._pokes = (asyncio.Event(), asyncio.Event(), asyncio.Event())

    def adjust(self, watch: Watch) -> None:
        """Poll as often as ``watch`` asks for; at once where that is more often than before."""
        before, self._watch = self._watch, watch
        for event, pause in zip(self._pokes, (machine_seconds, cost_seconds, images_seconds), strict=True):
            if pause(watch) < pause(before):
                event.set()

    def poke(self) -> None:
        """Poll now, because something was changed."""
        for event in self._pokes:
            event.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._loop(self._pokes[0], self._look_at_machine))
                group.create_task(self._loop(self._pokes[1], self._look_at_cost))
                group.create_task(self._loop(self._pokes[2], self._look_at_images))
        finally:
            await self._client.close()
            await self._cost_client.close()
            await self._images_client.close()

    async def _loop(self, poke: asyncio.Event, look: Callable[[], Awaitable[float]]) -> None:
        while True:
            poke.clear()
            pause = await look()
            try:
                async with asyncio.timeout(pause):
                    await poke.wait()
            except TimeoutError:
                continue

    async def _look_at_machine(self) -> float:
        try:
            machine = await self._client.machine()
        except ApiError as error:
            self._emit(ConnectionFailed(error=error))
            return SIGNED_OUT_SECONDS if isinstance(error, AccessDeniedError) else LOST_SECONDS
        self._emit(MachineUpdated(machine=machine))
        return machine_seconds(self._watch)

    async def _look_at_cost(self) -> float:
        try:
            self._emit(CostUpdated(cost=await self._cost_client.cost()))
        except NotReachableError:
            return LOST_SECONDS  # the other loop reports it
        except AccessDeniedError:
            return SIGNED_OUT_SECONDS  # the other loop reports this, too
        except ApiError as error:
            log.warning("the cost could not be read: %s", error.code)
        return cost_seconds(self._watch)

    async def _look_at_images(self) -> float:
        try:
            self._emit(ImagesUpdated(images=await self._images_client.images()))
        except NotReachableError:
            return LOST_SECONDS  # the machine's loop reports it
        except AccessDeniedError:
            return SIGNED_OUT_SECONDS  # the machine's loop reports this, too
        except ApiError as error:
            self._emit(ImagesMissing(error=error))
            return MISSING_SECONDS
        return images_seconds(self._watch)
