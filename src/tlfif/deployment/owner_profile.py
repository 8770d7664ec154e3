"""What deploying and destroying change on the owner's own computer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping


class OwnerProfile(ABC):
    """The profile that commands and window go by, and the sign-in."""

    @abstractmethod
    def remember(self, outputs: Mapping[str, str], region: str) -> None:
        """Let commands talk to the home with these outputs of the stack from now on.

        Raises InvalidInputError (code ``profile_invalid``), OSError.
        """

    @abstractmethod
    async def sign_out(self) -> None:
        """End the sign-in, here and at the provider as far as it answers; nothing where nobody is signed in."""

    @abstractmethod
    def forget(self) -> bool:
        """Let commands talk to this computer again; whether a home on AWS was known. Raises OSError."""
