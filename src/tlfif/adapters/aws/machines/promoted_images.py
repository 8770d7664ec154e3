"""Which image a machine of a type is launched from: the promoted one of its profile, looked up at each launch."""

from collections.abc import Iterable
from dataclasses import dataclass

from tlfif.images.image import Profile
from tlfif.images.image_registry import ImageRegistry
from tlfif.kernel.errors import ImageError, MachineError
from tlfif.machines.machine_types import MACHINE_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchImage:
    """``version`` is what records and receipts say. ``image_id`` None: the launch template's image."""

    version: str
    image_id: str | None


async def promoted_images(registry: ImageRegistry, instance_types: Iterable[str]) -> dict[str, LaunchImage]:
    """The image for each type that has one.

    Raises MachineError ``image_missing`` where none of them has; ``image_pointer_invalid``, or ``image_failed`` where
    AWS does not say it.
    """
    found: dict[Profile, LaunchImage] = {}
    types = tuple(instance_types)
    profiles = tuple(dict.fromkeys(MACHINE_TYPES[name].profile for name in types))
    for profile in profiles:
        try:
            pointer = await registry.pointer(profile)
        except ImageError as error:
            raise MachineError(
                f"{error.message} Nothing was started and nothing is charged.", code=error.code, details=error.details
            ) from error
        if pointer.version is not None and pointer.ref is not None:
            found[profile] = LaunchImage(version=pointer.version, image_id=pointer.ref)
    if not found:
        raise _none_promoted(profiles)
    return {name: found[MACHINE_TYPES[name].profile] for name in types if MACHINE_TYPES[name].profile in found}


def _none_promoted(profiles: tuple[Profile, ...]) -> MachineError:
    names = " or ".join(profiles)
    return MachineError(
        f"There is no image to start a machine from: none of the kind {names} was promoted yet. Nothing was started "
        f"and nothing is charged. Build one: ./tlfif deploy --build-image --image-profile {profiles[-1]}; then "
        "approve and promote it. This computer answers meanwhile: ./tlfif profile use computer, or Settings, Where it "
        "runs.",
        code="image_missing",
    )
