"""The port for what deploying and destroying change on the owner's own computer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping


class OwnerProfile(ABC):
    """The profile that decides what commands and window talk to, and the sign-in."""

    @abstractmethod
    def remember(self, outputs: Mapping[str, str], region: str) -> None:
        """Make commands talk to the home with these outputs of the stack from now on.

        Raises InvalidInputError (code ``profile_invalid``), OSError.
        """

    @abstractmethod
    async def sign_out(self) -> None:
        """End the sign-in here, and at the provider if it answers; nothing if nobody is signed in."""

    @abstractmethod
    def forget(self) -> bool:
        """Make commands talk to this computer again. Returns whether there was a profile for AWS. Raises OSError."""
