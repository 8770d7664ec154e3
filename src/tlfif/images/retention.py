"""Which images are kept: the newest five of a profile, and whatever anything refers to."""

from collections.abc import Collection, Sequence

from tlfif.images.image import Image, ImageState, Pointer

KEPT = 5
_LASTING = frozenset({ImageState.OFFERED, ImageState.APPROVED})


def to_retire(
    images: Sequence[Image], pointer: Pointer, *, referenced: Collection[str] = (), kept: int = KEPT
) -> list[Image]:
    """The images of ``pointer``'s profile that may go, oldest first.

    ``referenced`` are refs that something outside of the pipeline needs: an instance in any state, a version of a
    launch template. What is promoted, what a rollback would go to, and what waits for approval is kept as well.
    """
    lasting = sorted(
        (one for one in images if one.profile is pointer.profile and one.state in _LASTING), key=lambda one: one.number
    )
    needed = {pointer.version, *pointer.before[-1:]}
    needed |= {one.version for one in lasting[-kept:]}
    needed |= {one.version for one in lasting if one.state is ImageState.OFFERED}
    return [
        one
        for one in lasting
        if one.version not in needed and (one.artifact is None or one.artifact.ref not in referenced)
    ]
