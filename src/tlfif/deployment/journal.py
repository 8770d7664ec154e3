"""What this computer remembers of a deployment, so that a broken-off one goes on where it stopped."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tlfif.deployment.deployment import AccountSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """``done``: steps of the present try. ``code_key``: the package that was uploaded, made from ``release``.

    ``settings_before``: the account's settings before TL-FIF changed them; None where it did not. ``finished``: the
    deployment went through to its end. ``budget_usd`` and ``standby``: as the last try had them; 0 and None: as
    AWS has them.
    """

    home: str
    region: str
    account_id: str
    email: str = ""
    budget_usd: int = 0
    code_key: str = ""
    release: str = ""
    done: tuple[str, ...] = ()
    settings_before: AccountSettings | None = None
    finished: bool = False
    standby: bool | None = None


class DeploymentJournal(ABC):
    """One record, replaced as a whole: a reader sees the old one or the new one. Small: calls do not wait."""

    @abstractmethod
    def load(self) -> Journal | None:
        """The record; None where there is none. Raises InvalidInputError (code ``deployment_damaged``)."""

    @abstractmethod
    def save(self, journal: Journal) -> None:
        """Replace it; safe on disk when this returns. Raises OSError."""

    @abstractmethod
    def clear(self) -> None:
        """Forget it; nothing where there is none. Raises OSError."""
