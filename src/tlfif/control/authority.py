"""Who a caller is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person whose token was checked. ``user`` is what their jobs are kept under; it never changes for one person."""

    user: str


class Authority(ABC):
    """Checks access tokens. Proven by ``tests/aws/test_cognito_authority.py``."""

    @abstractmethod
    async def identify(self, token: str) -> Caller:
        """The person behind a token.

        Raises NotAllowedError: ``token_expired`` (sign in again, or refresh), ``token_wrong`` for every other fault,
        without saying which to a stranger. UnavailableError ``keys_unreachable`` where the keys that tokens are
        checked by cannot be read."""
