"""How a profile's pointer moves; pure. A running machine is never changed under an answer: the next launch follows."""

from dataclasses import replace

from tlfif.images.image import Image, ImageState, Pointer
from tlfif.images.refusals import not_approved, nothing_behind

MOST_REMEMBERED = 10


def promoted(pointer: Pointer, image: Image, *, by: str, now: float) -> Pointer:
    """The pointer after ``image`` was promoted. Raises ConflictError (``image_not_approved``)."""
    if image.state is not ImageState.APPROVED or image.artifact is None:
        raise not_approved(image)
    if image.version == pointer.version:
        return pointer
    before = pointer.before if pointer.version is None else (*pointer.before, pointer.version)
    return replace(
        pointer,
        version=image.version,
        ref=image.artifact.ref,
        before=tuple(one for one in before if one != image.version)[-MOST_REMEMBERED:],
        proven=False,
        note=f"promoted by {by}",
        moved_at=now,
    )


def rolled_back(pointer: Pointer, target: Image | None, *, why: str, now: float) -> Pointer:
    """The pointer after it went back to ``target``, the last version of ``pointer.before``.

    Raises ConflictError (``rollback_impossible``) where there is none, or where it is retired.
    """
    if target is None or target.artifact is None or target.state is not ImageState.APPROVED:
        raise nothing_behind(pointer)
    return replace(
        pointer,
        version=target.version,
        ref=target.artifact.ref,
        before=pointer.before[:-1],
        proven=True,
        note=why,
        moved_at=now,
    )


def given_up(pointer: Pointer, *, why: str, now: float) -> Pointer:
    """The pointer where nothing is promoted any more: machines start from what the home has without images."""
    return replace(pointer, version=None, ref=None, before=(), proven=False, note=why, moved_at=now)


def proven(pointer: Pointer) -> Pointer:
    """The pointer after a machine that was launched from it became ready."""
    return replace(pointer, proven=True)
