"""What a person or a program may ask of images: each text is checked where it comes in, before anything is stored."""

import re
from collections.abc import Collection
from pathlib import Path

from tlfif.images.build_order import COMMIT
from tlfif.images.image import Profile
from tlfif.images.refusals import no_such_image, repository_invalid
from tlfif.images.source_repository import checked_repository, is_branch
from tlfif.kernel.errors import InvalidInputError

USUAL_BRANCH = "main"

_VERSION = re.compile(r"v[1-9][0-9]{0,8}")
KEEP_MINUTES = range(1, 121)
"""How long a machine on which a build fails may be kept."""

_SECRET = re.compile(r"https://[^/]*@")


def check_version(text: str) -> str:
    """``text`` if it has the form of a version; no store is asked about anything else. Raises NotFoundError."""
    if not _VERSION.fullmatch(text):
        raise no_such_image("".join(char if char.isprintable() else "?" for char in text[:40]))
    return text


def check_repository(text: str, *, folders: bool) -> str:
    """``text`` if it can be a Git repository: an https or ssh address, or, where ``folders`` may be named, a folder by
    its whole path. An https address with a name or a token in it is refused, because it would be stored and shown.

    Raises InvalidInputError ``repository_invalid``.
    """
    name = checked_repository(text, branch=USUAL_BRANCH)
    if Path(name).is_absolute() and not folders:
        raise repository_invalid(name)
    if _SECRET.match(name):
        raise InvalidInputError(
            "The address has a name or a token in it, which would be stored and shown. Give the address without it; "
            "Git's own credential helper, or an ssh key, opens it.",
            code="repository_invalid",
        )
    return name


def check_branch(text: str) -> str:
    """``text`` if Git may have such a branch. Raises InvalidInputError ``branch_invalid``."""
    if not is_branch(text):
        raise InvalidInputError(
            "A branch's name has letters, digits and . _ / + - in it, such as main or release/2.", code="branch_invalid"
        )
    return text


def check_commit(text: str) -> str:
    """``text`` if it is a commit's whole name, in small letters. Raises InvalidInputError ``commit_invalid``."""
    if not COMMIT.fullmatch(text):
        raise InvalidInputError(
            "A commit is named by its 40 hexadecimal digits; `git rev-parse HEAD` prints them.",
            code="commit_invalid",
        )
    return text


def check_keep_minutes(value: int | str) -> int:
    """``value`` if a machine on which a build fails may be kept so many minutes. Raises InvalidInputError
    ``keep_minutes_out_of_range``."""
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) in KEEP_MINUTES):
        raise InvalidInputError(
            f"A machine on which a build fails is kept a whole number of minutes from {KEEP_MINUTES[0]} to "
            f"{KEEP_MINUTES[-1]}. To have it ended at once, leave --keep-broken out.",
            code="keep_minutes_out_of_range",
        )
    return int(text)


def check_profile(text: str, *, known: Collection[Profile]) -> Profile:
    """The profile of that name, if this home can build it. Raises InvalidInputError ``image_profile_unknown``."""
    found = next((profile for profile in known if profile.value == text), None)
    if found is None:
        names = ", ".join(profile.value for profile in known)
        raise InvalidInputError(
            f"This home builds no such kind of image. It builds: {names}.", code="image_profile_unknown"
        )
    return found
