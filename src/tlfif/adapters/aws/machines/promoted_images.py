"""Which image a machine of a type is launched from: the promoted one of its profile, looked up at each launch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tlfif.images.image import Profile
from tlfif.images.image_registry import ImageRegistry
from tlfif.kernel.errors import ImageError, MachineError
from tlfif.machines.machine_types import MACHINE_TYPES, EngineKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchImage:
    """``version`` is what records and receipts say. ``disk_gb``: of its own disk; no machine's can be smaller."""

    version: str
    image_id: str
    profile: Profile
    disk_gb: int


async def promoted_images(
    registry: ImageRegistry, instance_types: Iterable[str], *, gpu_engine: EngineKind, model: str
) -> dict[str, LaunchImage]:
    """The image for each type that has one with ``model``; ``gpu_engine`` is what the home has chosen for types with a
    GPU.

    Raises MachineError ``image_missing`` where none of them has; ``image_pointer_invalid``, or ``image_failed`` where
    AWS does not say it.
    """
    found: dict[Profile, LaunchImage] = {}
    others: list[str] = []
    wanted = {name: MACHINE_TYPES[name].profile(gpu_engine) for name in instance_types}
    profiles = tuple(dict.fromkeys(wanted.values()))
    for profile in profiles:
        try:
            pointer = await registry.pointer(profile)
        except ImageError as error:
            raise MachineError(
                f"{error.message} Nothing was started and nothing is charged.", code=error.code, details=error.details
            ) from error
        if pointer.model not in ("", model):
            others.append(f"{pointer.version} ({profile}) holds {pointer.model}")
        elif pointer.version is not None and pointer.ref is not None:
            found[profile] = LaunchImage(
                version=pointer.version, image_id=pointer.ref, profile=profile, disk_gb=pointer.disk_gb
            )
    if not found:
        raise _none_promoted(profiles, model, others)
    return {name: found[profile] for name, profile in wanted.items() if profile in found}


def _none_promoted(profiles: tuple[Profile, ...], model: str, others: Sequence[str]) -> MachineError:
    names = " or ".join(profiles)
    held = f" with the model {model} was promoted yet: {', '.join(others)}" if others else " was promoted yet"
    return MachineError(
        f"There is no image to start a machine from: none of the kind {names}{held}. Nothing was started "
        f"and nothing is charged. Build one: ./tlfif deploy --build-image --image-profile {profiles[-1]}; then "
        "approve and promote it. This computer answers meanwhile: ./tlfif profile use computer, or Settings, Where it "
        "runs.",
        code="image_missing",
    )
