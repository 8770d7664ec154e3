"""Where a sign-in is kept: the keyring of the operating system, or a private file on a computer without one."""

import base64
import contextlib
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Protocol

from tlfif.client.errors import AccessDeniedError
from tlfif.client.profile import Profile
from tlfif.kernel.data_folder import DataFolder, write_private

PART_CHARACTERS = 1000
"""Windows' credential manager takes 2,560 bytes per entry, two per character (CRED_MAX_CREDENTIAL_BLOB_SIZE)."""
MOST_PARTS = 32
_USER = "tlfif"
_LOOKS = 3
"""Attempts to read: a writer may replace the parts between two reads."""


class Vault(Protocol):
    """The three methods of ``keyring``'s backends that are used here."""

    def get_password(self, service: str, username: str) -> str | None:
        """What was stored."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store it."""

    def delete_password(self, service: str, username: str) -> None:
        """Delete it."""


class Place(StrEnum):
    """Where a sign-in is kept."""

    KEYRING = "keyring"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A sign-in. Its ``repr`` shows no tokens."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    renew_at: float
    """Seconds since 1970 by this computer's clock; from then on the access token is renewed before it is used."""
    who: str = ""
    """The person's name at the provider."""

    @property
    def is_owner(self) -> bool:
        """Whether the token counts its bearer among the owners of the home. Only for what is shown: the home checks it.
        True where that cannot be read."""
        try:
            body = self.access_token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ValueError, LookupError):
            return True
        groups = claims.get("cognito:groups") if isinstance(claims, dict) else None
        return isinstance(groups, list) and "owners" in groups


def system_vault() -> Vault | None:
    """This computer's keyring; None if there is none that protects secrets from other users."""
    import keyring

    try:
        vault = keyring.get_keyring()
        return (
            vault if vault.priority >= 1 else None
        )  # keyring's "recommended"; backends below are plain files or do nothing
    except Exception:  # a misconfigured backend may raise anything
        return None


class TokenStore:
    """One sign-in, for one data folder and one provider. Calls are slow: each may ask the person to unlock the keyring.

    ``find_vault`` is called once, at the first use.
    """

    def __init__(
        self, data_folder: DataFolder, profile: Profile, *, find_vault: Callable[[], Vault | None] = system_vault
    ) -> None:
        self.data_folder = data_folder
        whose = "\n".join((str(data_folder.root), profile.issuer, profile.client_id))
        self._name = hashlib.sha256(whose.encode()).hexdigest()[:16]
        self._find_vault = find_vault
        self._vault: tuple[Vault | None] | None = None

    def load(self) -> Tokens | None:
        """The sign-in; None if there is none, or none that can be read.

        Raises AccessDeniedError (code ``keyring_failed``) if the keyring does not open.
        """
        in_file = self._from_file()
        vault = self._keyring()
        if vault is None:
            return in_file
        try:
            in_vault = self._from_vault(vault)
        except Exception as error:  # backends raise their systems' own errors, too
            if in_file is not None:
                return in_file
            raise AccessDeniedError(
                f"The keyring of this computer did not open ({type(error).__name__}). Unlock it and try again.",
                code="keyring_failed",
            ) from None
        if in_file is not None and (in_vault is None or in_file.renew_at > in_vault.renew_at):
            return in_file  # written when the keyring did not accept it
        return in_vault

    def save(self, tokens: Tokens) -> Place:
        """Store it, in the keyring if that accepts it, else in the file. Raises OSError if neither works."""
        vault = self._keyring()
        if vault is not None:
            try:
                self._to_vault(vault, json.dumps(asdict(tokens)))
            except Exception:  # as above; a sign-in is never lost because a keyring is locked
                vault = None
        if vault is not None:
            self.data_folder.sign_in.unlink(missing_ok=True)
            return Place.KEYRING
        self.data_folder.create()
        write_private(self.data_folder.sign_in, json.dumps({"for": self._name, **asdict(tokens)}) + "\n")
        return Place.FILE

    def delete(self) -> None:
        """Delete it wherever it is. Raises OSError; AccessDeniedError if the keyring does not delete it."""
        self.data_folder.sign_in.unlink(missing_ok=True)
        vault = self._keyring()
        if vault is None:
            return
        try:
            parts = self._parts(vault)
            if parts:
                vault.delete_password(self._service(), _USER)
        except Exception as error:
            raise AccessDeniedError(
                f"The keyring of this computer did not let go of the sign-in ({type(error).__name__}). "
                f"Unlock it and try again, or delete its entries that begin with {self._service()}.",
                code="keyring_failed",
            ) from None
        _drop(vault, parts)

    def _keyring(self) -> Vault | None:
        if self._vault is None:
            self._vault = (self._find_vault(),)
        return self._vault[0]

    def _service(self, part: str = "") -> str:
        return f"tlfif:{self._name}{part}"

    def _from_file(self) -> Tokens | None:
        try:
            found = json.loads(self.data_folder.sign_in.read_text(encoding="utf-8"))
            return _tokens(found) if found.pop("for") == self._name else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _parts(self, vault: Vault) -> list[str]:
        """The entries that the first one names; they were written before it, so they are complete."""
        head = vault.get_password(self._service(), _USER)
        if head is None:
            return []
        generation, _, count = head.partition(":")
        if not count.isdecimal() or int(count) > MOST_PARTS:
            return []
        return [self._service(f":{generation}{number}") for number in range(int(count))]

    def _from_vault(self, vault: Vault) -> Tokens | None:
        for _ in range(_LOOKS):
            parts = [vault.get_password(service, _USER) for service in self._parts(vault)]
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                return _tokens(json.loads("".join(part or "" for part in parts)))
        return None

    def _to_vault(self, vault: Vault, text: str) -> None:
        before = self._parts(vault)
        generation = "b" if before and before[0] == self._service(":a0") else "a"
        cut = [text[start : start + PART_CHARACTERS] for start in range(0, len(text), PART_CHARACTERS)]
        if len(cut) > MOST_PARTS:
            raise ValueError("a sign-in of that size is none")
        for number, part in enumerate(cut):
            vault.set_password(self._service(f":{generation}{number}"), _USER, part)
        vault.set_password(self._service(), _USER, f"{generation}:{len(cut)}")
        _drop(vault, before)


def _drop(vault: Vault, services: list[str]) -> None:
    for service in services:
        with contextlib.suppress(Exception):  # nothing refers to them any more
            vault.delete_password(service, _USER)


def _tokens(found: dict[str, object]) -> Tokens:
    """Raises KeyError, TypeError, ValueError for anything that is not a sign-in."""
    access, refresh, renew_at = found["access_token"], found["refresh_token"], found["renew_at"]
    if not isinstance(access, str) or not isinstance(refresh, str | None) or not isinstance(renew_at, int | float):
        raise TypeError("not a sign-in")
    return Tokens(access_token=access, refresh_token=refresh, renew_at=renew_at, who=str(found.get("who") or ""))


def file_warning(data_folder: DataFolder) -> str:
    """The warning that the sign-in is in a file, and how to get a keyring."""
    cure = {
        "linux": "install and start one (Debian, Ubuntu: sudo apt install gnome-keyring; KDE: KWallet)",
        "darwin": "unlock the login keychain (Keychain Access)",
        "win32": "allow the Credential Manager",
    }.get(sys.platform, "install one")
    return (
        f"No keyring keeps secrets on this computer, so the sign-in is in the file {data_folder.sign_in}. Only your "
        "user can read it, but whoever gets a copy of it, from a backup for instance, can use your machine on AWS "
        f"until you sign out. To use a keyring instead: {cure}, then ./tlfif login again."
    )
