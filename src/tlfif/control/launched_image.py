"""Which image the next machine is launched from, and what its first start proves or undoes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from tlfif.images.decide_on_image import first_start_failed, first_start_was_good
from tlfif.images.image import Profile
from tlfif.images.image_registry import ImageRegistry
from tlfif.images.image_store import ImageStore
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError, NotFoundError, StorageError
from tlfif.machines.machine import MachineRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchImage:
    """``version`` stands on the record and on receipts; ``ref`` is the registry's name for it, None for what the host
    has without images. ``note`` says why it is not the promoted one; empty where it is, or where there is none."""

    version: str
    ref: str | None = None
    note: str = ""


@dataclass(slots=True, kw_only=True)
class LaunchedImage:
    """Resolves the pointer of ``profile`` at each launch. ``installed`` is the name of what the host has without
    images. ``unusable`` says why the control plane cannot work with a machine of that ref; empty where it can."""

    store: ImageStore
    registry: ImageRegistry
    profile: Profile
    installed: str
    clock: Clock
    unusable: Callable[[str], str] = lambda _: ""
    _proven: str | None = field(default=None, init=False)

    async def next(self) -> LaunchImage:
        """The image of the next machine. Raises ImageError ``image_pointer_invalid``: nothing may be launched."""
        pointer = await self.registry.pointer(self.profile)
        if pointer.version is None or pointer.ref is None:
            return LaunchImage(version=self.installed)
        why = self.unusable(pointer.ref)
        if why:
            log.warning("images: %s is not launched: %s", pointer.version, why)
            return LaunchImage(version=self.installed, note=f"without the promoted image {pointer.version}: {why}")
        return LaunchImage(version=pointer.version, ref=pointer.ref)

    async def ref_of(self, version: str) -> str | None:
        """The ref of an image that a record names. Raises ImageError ``image_gone`` where there is none."""
        if version == self.installed:
            return None
        try:
            artifact = (await self.store.get(version)).artifact
        except NotFoundError:
            artifact = None
        if artifact is None:
            raise ImageError(f"The image {version} is gone.", code="image_gone")
        return artifact.ref

    async def started(self, machine: MachineRecord) -> None:
        """The machine was ready: no later start of its image that fails rolls back by itself. What cannot be noted now
        is noted by another look: it keeps nobody from ending the machine."""
        if machine.image in (self.installed, self._proven):
            return
        try:
            await first_start_was_good(self.profile, machine.image, registry=self.registry)
            self._proven = machine.image
        except (ImageError, StorageError) as error:
            log.warning("images: that %s started is not noted yet: %s", machine.image, error.message)

    async def broke(self, machine: MachineRecord, reason: str) -> str:
        """The machine broke before it was ready. Where that was the first start of a promoted image the pointer goes
        back; returns what was done about it, as the end of a sentence, or nothing."""
        if machine.image == self.installed:
            return ""
        try:
            pointer = await first_start_failed(
                self.profile,
                machine.image,
                reason,
                store=self.store,
                registry=self.registry,
                clock=self.clock,
                installed=True,
            )
        except (ImageError, StorageError) as error:
            log.warning("images: no rollback: %s", error.message)
            return ""
        if pointer is None:
            return ""
        return f"; rolled back by itself from {machine.image} to {pointer.version or 'the TL-FIF that is installed'}"
