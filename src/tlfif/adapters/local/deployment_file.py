"""The record of a deployment as a private file in the data folder."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tlfif.deployment.deployment import AccountSettings
from tlfif.deployment.journal import DeploymentJournal, Journal
from tlfif.kernel.errors import InvalidInputError

FILE = "deployment.json"
Write = Callable[[Path, str], None]


class DeploymentFile(DeploymentJournal):
    """``deployment.json`` in ``folder``. It holds no secret; ``write`` replaces a file in one step."""

    def __init__(self, folder: Path, *, write: Write) -> None:
        self._path = folder / FILE
        self._write = write

    def load(self) -> Journal | None:
        """The record. Members that this version does not know are ignored."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._damaged(str(error)) from None
        try:
            return _parsed(found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from None

    def save(self, journal: Journal) -> None:
        """Replace it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(self._path, json.dumps(asdict(journal), indent=2) + "\n")

    def clear(self) -> None:
        """Delete it."""
        self._path.unlink(missing_ok=True)

    def _damaged(self, why: str) -> InvalidInputError:
        return InvalidInputError(
            f"The file {self._path} is damaged ({why}). Delete it, then run the command again: AWS itself says what is "
            "there. Only how your account's two safety settings were before is then forgotten.",
            code="deployment_damaged",
        )


def _parsed(found: dict[str, Any]) -> Journal:
    before = found.get("settings_before")
    return Journal(
        home=str(found["home"]),
        region=str(found["region"]),
        account_id=str(found["account_id"]),
        email=str(found.get("email", "")),
        budget_usd=int(found.get("budget_usd", 0)),
        code_key=str(found.get("code_key", "")),
        release=str(found.get("release", "")),
        done=tuple(str(step) for step in found.get("done", ())),
        settings_before=None if before is None else _settings(before),
        finished=bool(found.get("finished", False)),
        standby=None if found.get("standby") is None else bool(found["standby"]),
        types=tuple(str(name) for name in found.get("types", ())),
    )


def _settings(found: dict[str, Any]) -> AccountSettings:
    block = found["block_public"]
    return AccountSettings(
        encrypt_disks=bool(found["encrypt_disks"]),
        block_public=None if block is None else {str(name): bool(value) for name, value in block.items()},
    )
