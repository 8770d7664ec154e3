"""Identifies the caller of the API."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

OWNERS = "owners"
"""The group of those who own the home. ``tlfif deploy`` makes the person whose address it is given one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person whose token was checked. ``user`` owns their jobs; it never changes for one person.

    ``is_owner``: of the home, who may do what concerns everybody's machine and money.
    """

    user: str
    is_owner: bool = False


class Authority(ABC):
    """Checks access tokens. Tested by ``tests/aws/test_cognito_authority.py``."""

    @abstractmethod
    async def identify(self, token: str) -> Caller:
        """The person whose token this is.

        Raises NotAllowedError: ``token_expired`` (sign in again, or refresh), ``token_wrong`` for every other fault,
        which is not named, so that a stranger learns nothing. UnavailableError ``keys_unreachable`` where the keys to
        check tokens with cannot be read."""
