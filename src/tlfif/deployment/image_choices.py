"""What an owner decides about images at deployment: which pushes build one, and whether each month does."""

import re
from dataclasses import dataclass

from tlfif.images.image import Profile
from tlfif.kernel.errors import InvalidInputError

DISKS = tuple(profile for profile in Profile if profile is not Profile.BUNDLE)
"""The profiles that are disks of machines on AWS."""
_CONNECTION = re.compile(
    r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}"
)
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoices:
    """None: not said, so it stays as it is. ``connection`` empty: pushes build nothing any more. ``profile``: what a
    push builds. Raises InvalidInputError ``connection_invalid``."""

    connection: str | None = None
    repository: str | None = None
    branch: str | None = None
    profile: Profile | None = None
    monthly: bool | None = None

    def __post_init__(self) -> None:
        for given, pattern, what in (
            (self.connection, _CONNECTION, "a connection's ARN (AWS console, Developer Tools, Settings, Connections)"),
            (self.repository, _REPOSITORY, "OWNER/NAME"),
            (self.branch, _BRANCH, "a branch's name"),
        ):
            if given and not pattern.fullmatch(given):
                raise InvalidInputError(
                    f"{given[:120]!a} is not {what}. Nothing was changed.", code="connection_invalid"
                )
        if self.connection and self.repository is None:
            raise InvalidInputError(
                "Say also which repository the connection is for: --repository OWNER/NAME. Nothing was changed.",
                code="connection_invalid",
            )

    @property
    def parameters(self) -> dict[str, str]:
        """The stack's parameters that were decided."""
        given = {
            "ConnectionArn": self.connection,
            "Repository": self.repository,
            "Branch": self.branch,
            "ImageProfile": None if self.profile is None else self.profile.value,
            "MonthlyRebuild": None if self.monthly is None else ("yes" if self.monthly else "no"),
        }
        return {name: value for name, value in given.items() if value is not None}


UNCHANGED = ImageChoices()
"""Nothing was said."""
