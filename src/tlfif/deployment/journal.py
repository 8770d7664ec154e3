"""What this computer remembers of a deployment, so that an interrupted one continues where it stopped."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tlfif.deployment.deployment import AccountSettings
from tlfif.kernel.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """``done``: steps of the present attempt. ``code_key``: the package that was uploaded, built from ``release``.

    ``settings_before``: what ``destroy`` puts back (``AccountSettings.noting``); None if TL-FIF changed nothing.
    ``finished``: all steps succeeded. ``budget_usd``, ``standby`` and ``types``: as requested by the last attempt; 0,
    None and none: as AWS has them.
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
    types: tuple[str, ...] = ()

    def check_place(self, *, home: str, account_id: str, region: str) -> None:
        """Refuse another place than this record's: it is needed for its own home.

        Raises InvalidInputError (code ``deployed_elsewhere``).
        """
        if (self.home, self.account_id, self.region) != (home, account_id, region):
            raise InvalidInputError(
                f"This computer's home on AWS is {self.home} in account {self.account_id}, region {self.region}; now "
                f"you ask for {home} in account {account_id}, region {region}. One folder of TL-FIF keeps one home, "
                "and nothing was changed. For that one, use its account's key (--profile) and --name "
                f"{self.home} --region {self.region}. For another one, set TLFIF_HOME to another folder.",
                code="deployed_elsewhere",
            )


class DeploymentJournal(ABC):
    """One small record, replaced atomically: a reader sees the old one or the new one. Calls do not wait."""

    @abstractmethod
    def load(self) -> Journal | None:
        """The record; None if there is none. Raises InvalidInputError (code ``deployment_damaged``)."""

    @abstractmethod
    def save(self, journal: Journal) -> None:
        """Replace it; it is on disk when this returns. Raises OSError."""

    @abstractmethod
    def clear(self) -> None:
        """Delete it; nothing if there is none. Raises OSError."""
