"""What the first start of a promoted image proves or undoes, where the machine's type decides the image."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tlfif.control.launched_image import LaunchedImage, LaunchImage
from tlfif.images.decide_on_image import first_start_failed, first_start_was_good
from tlfif.images.image import Pointer, Profile
from tlfif.kernel.errors import ImageError, MachineError, StorageError
from tlfif.machines.machine import MachineRecord
from tlfif.machines.machine_host import MachineHost

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class LaunchedByType(LaunchedImage):
    """``profiles`` are those of the home's machine types, in their order. The ``host`` itself looks up which image a
    type is launched from, and knows from which one a machine was."""

    profiles: tuple[Profile, ...]
    host: MachineHost
    say: Callable[[Pointer], Awaitable[None]] | None = None
    """Writes to the owner that an image was taken back."""

    async def next(self) -> LaunchImage:
        """What the record says until the machine reports: the image of the first type that has one."""
        for profile in self.profiles:
            pointer = await self.registry.pointer(profile)
            if pointer.version is not None:
                return LaunchImage(version=pointer.version, ref=pointer.ref)
        return LaunchImage(version=self.installed)

    async def ref_of(self, version: str) -> str | None:  # noqa: ARG002  # the host looks it up, by type
        """See :class:`LaunchedImage`."""
        return None

    async def started(self, machine: MachineRecord) -> None:
        """See :class:`LaunchedImage`."""
        if machine.image in (self.installed, self._proven):
            return
        try:
            for profile in self.profiles:
                await first_start_was_good(profile, machine.image, registry=self.registry)
            self._proven = machine.image
        except (ImageError, StorageError) as error:
            log.warning("images: that %s started is not noted yet: %s", machine.image, error.message)

    async def broke(self, machine: MachineRecord, reason: str) -> str:
        """See :class:`LaunchedImage`."""
        version = await self._launched_from(machine)
        try:
            for profile in self.profiles:
                pointer = await first_start_failed(
                    profile, version, reason, store=self.store, registry=self.registry, clock=self.clock
                )
                if pointer is not None:
                    if self.say is not None:
                        await self.say(pointer)
                    return f"; rolled back by itself from {version} to {pointer.version}"
        except (ImageError, StorageError) as error:
            log.warning("images: no rollback: %s", error.message)
        return ""

    async def _launched_from(self, machine: MachineRecord) -> str:
        """The version; the host's word, where the machine has never said it."""
        if machine.boot_id is not None or machine.handle is None:
            return machine.image
        try:
            seen = await self.host.lifetime(machine.handle)
        except MachineError as error:
            log.warning("images: the host does not say what a machine was launched from: %s", error.message)
            return machine.image
        return seen.image if seen is not None and seen.image is not None else machine.image
