"""What a person decides about images: approve, reject, promote, roll back, retire; and the automatic rollback."""

from dataclasses import replace

from tlfif.images import pipeline, promotion
from tlfif.images.image import UNREADABLE, Image, ImageState, Pointer, Profile
from tlfif.images.image_registry import ImageRegistry
from tlfif.images.image_store import ImageStore
from tlfif.images.refusals import changed_meanwhile, in_use, not_approved, not_offered
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ConflictError, ImageError, NotFoundError


async def approve_image(version: str, *, by: str, store: ImageStore, clock: Clock) -> Image:
    """Approve an offered image. Raises NotFoundError, ConflictError (``image_not_offered``)."""
    image = await store.get(version)
    if image.state is ImageState.APPROVED:
        return image
    if image.state is not ImageState.OFFERED:
        raise not_offered(image)
    return await _replace(store, pipeline.approved(image, by=by, now=clock.now()))


async def reject_image(version: str, *, by: str, store: ImageStore, clock: Clock) -> Image:
    """Reject an offered image; it is deleted next. Of one that has failed, the machine that is kept is ended next.
    Raises NotFoundError, ConflictError (``image_not_offered``)."""
    image = await store.get(version)
    if image.state is ImageState.REJECTED:
        return image
    if image.kept_until is not None:
        return await _replace(store, replace(image, source=replace(image.source, keep_minutes=0)))
    if image.state is not ImageState.OFFERED:
        raise not_offered(image)
    return await _replace(store, pipeline.rejected(image, by=by, now=clock.now()))


async def promote_image(version: str, *, by: str, store: ImageStore, registry: ImageRegistry, clock: Clock) -> Pointer:
    """Launch machines from this image from now on, also where the pointer was altered by hand. Raises NotFoundError,
    ConflictError (``image_not_approved``), ImageError (``image_gone``)."""
    image = await store.get(version)
    try:
        pointer = await registry.pointer(image.profile)
    except ImageError as error:
        if error.code != "image_pointer_invalid":
            raise
        pointer = Pointer(profile=image.profile, revision=UNREADABLE)
    moved = promotion.promoted(pointer, image, by=by, now=clock.now())
    if moved is pointer:
        return pointer
    return await _move(registry, moved, version)


async def roll_back(profile: Profile, *, why: str, store: ImageStore, registry: ImageRegistry, clock: Clock) -> Pointer:
    """Launch machines from the image that was promoted before. Raises ConflictError (``rollback_impossible``),
    ImageError (``image_gone``)."""
    pointer = await registry.pointer(profile)
    target = await _found(store, pointer.before[-1]) if pointer.before else None
    return await _move(
        registry, promotion.rolled_back(pointer, target, why=why, now=clock.now()), pointer.version or ""
    )


async def retire_image(version: str, *, store: ImageStore, registry: ImageRegistry, clock: Clock) -> Image:
    """Give an image up; it is deleted next. Raises NotFoundError, ConflictError (``image_in_use``)."""
    image = await store.get(version)
    if image.state is ImageState.RETIRED:
        return image
    if image.state is ImageState.OFFERED:
        raise in_use(image, f"it waits to be approved, so reject it instead (./tlfif image reject {version})")
    if image.state is not ImageState.APPROVED:
        raise not_approved(image)
    pointer = await registry.pointer(image.profile)
    if pointer.version == version:
        raise in_use(image, "machines are launched from it")
    if image.artifact is not None and image.artifact.ref in await registry.referenced():
        raise in_use(image, "a machine or a launch template refers to it")
    return await _replace(store, pipeline.retired(image, now=clock.now()))


async def first_start_was_good(profile: Profile, version: str, *, registry: ImageRegistry) -> None:
    """A machine launched from ``version`` is ready: no failure of a later start rolls back by itself."""
    pointer = await registry.pointer(profile)
    if pointer.version == version and not pointer.proven:
        await registry.move(promotion.proven(pointer))


async def first_start_failed(
    profile: Profile,
    version: str,
    reason: str,
    *,
    store: ImageStore,
    registry: ImageRegistry,
    clock: Clock,
    installed: bool = False,
) -> Pointer | None:
    """A machine launched from ``version`` broke before it was ready. Where that was the first start of a promoted image
    and there is one to go back to, the pointer goes back, and is returned. ``installed``: without one, machines can
    start from what is installed, so the pointer goes back to that."""
    pointer = await registry.pointer(profile)
    if pointer.version != version or pointer.proven:
        return None
    why = f"rolled back by itself: the first machine from {version} did not start ({reason})"
    try:
        return await roll_back(profile, why=why, store=store, registry=registry, clock=clock)
    except ConflictError as error:
        if not installed or error.code != "rollback_impossible":
            return None
        return await _move(registry, promotion.given_up(pointer, why=why, now=clock.now()), version)


async def _found(store: ImageStore, version: str) -> Image | None:
    try:
        return await store.get(version)
    except NotFoundError:
        return None


async def _replace(store: ImageStore, image: Image) -> Image:
    if not await store.replace(image):
        raise changed_meanwhile(image.version)
    return await store.get(image.version)


async def _move(registry: ImageRegistry, pointer: Pointer, version: str) -> Pointer:
    if not await registry.move(pointer):
        raise changed_meanwhile(version)
    return await registry.pointer(pointer.profile)
