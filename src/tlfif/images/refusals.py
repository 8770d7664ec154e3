"""The errors of images, so that every store and use case has the same words."""

from tlfif.images.image import Image, Pointer
from tlfif.kernel.errors import ConflictError, InvalidInputError, NotFoundError


def no_such_image(version: str) -> NotFoundError:
    """No image has the version."""
    return NotFoundError(f"There is no image {version} (./tlfif image list).", code="image_not_found")


def not_approved(image: Image) -> ConflictError:
    """Only an approved image is promoted or retired."""
    state = image.state.replace("_", " ")
    return ConflictError(
        f"Image {image.version} is {state}, and only an approved one can be promoted or retired "
        f"(./tlfif image approve {image.version}). Nothing was changed.",
        code="image_not_approved",
    )


def not_offered(image: Image) -> ConflictError:
    """Only an image that passed its tests is approved or rejected."""
    state = image.state.replace("_", " ")
    return ConflictError(
        f"Image {image.version} is {state}; only an image that is offered can be approved or rejected. "
        "Nothing was changed.",
        code="image_not_offered",
    )


def nothing_kept() -> ConflictError:
    """This home's builds run on no machine that could be kept."""
    return ConflictError(
        "A build on this computer leaves its log and no machine, so there is nothing to keep: leave --keep-broken out. "
        "Nothing was changed.",
        code="keep_not_here",
    )


def in_use(image: Image, why: str) -> ConflictError:
    """Something needs the image."""
    return ConflictError(f"Image {image.version} is kept: {why}. Nothing was changed.", code="image_in_use")


def nothing_behind(pointer: Pointer) -> ConflictError:
    """There is no version to go back to."""
    now = "none was promoted yet" if pointer.version is None else f"{pointer.version} is the only one that was promoted"
    return ConflictError(
        f"There is no image to go back to: {now}, or the one before is retired. Nothing was changed.",
        code="rollback_impossible",
    )


def changed_meanwhile(version: str) -> ConflictError:
    """Somebody else acted at the same time."""
    return ConflictError(
        f"Image {version} was changed at the same time. Look at it and try again.", code="image_changed"
    )


def repository_invalid(repository: str) -> InvalidInputError:
    """What was given as a repository cannot be one."""
    return InvalidInputError(
        f"This is no repository that can be followed: “{repository}”. Give a folder with a Git repository by its whole "
        "path, or an https or ssh address without a password, and the plain name of a branch.",
        code="repository_invalid",
    )
