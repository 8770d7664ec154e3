"""Where the server is that keeps jobs, checked before anything connects. Without the package redis, which only a home
that uses it loads."""

import errno
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tlfif.kernel.data_folder import read_private
from tlfif.kernel.errors import InvalidInputError, StorageError
from tlfif.kernel.outbound import LOOPBACK_HOSTS, shown_address

_MOST_LETTERS = 500
_MOST_BYTES = 1000
"""Of a password, with the end of its line."""
_DATABASE = re.compile(r"/?|/[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """``url`` has passed :func:`check_store_url`, so it holds no secret. ``password_file``: an absolute path; None for
    a server that asks for none."""

    url: str
    password_file: Path | None = None

    def __str__(self) -> str:
        """As people may see it."""
        return shown_address(self.url)

    def to_json(self) -> dict[str, str]:
        """For the command line of a machine."""
        return {"url": self.url} | ({"password_file": str(self.password_file)} if self.password_file else {})

    @classmethod
    def from_json(cls, found: Mapping[str, str]) -> "StoreAddress":
        """The inverse of :meth:`to_json`."""
        file = found.get("password_file")
        return cls(url=found["url"], password_file=Path(file) if file else None)

    def password(self) -> str | None:
        """What the file holds, without the end of its line. Raises StorageError (code ``store_password``)."""
        if self.password_file is None:
            return None
        try:
            found = _secret(self.password_file).decode().strip("\r\n")
        except OSError as error:
            raise _no_password(self.password_file, error.strerror or "it cannot be read") from None
        except UnicodeDecodeError:
            raise _no_password(self.password_file, "it is no text") from None
        if not found or "\n" in found or len(found) >= _MOST_BYTES:
            raise _no_password(self.password_file, "it must be one line with the password")
        return found


def check_store_url(value: str) -> str:
    """``value``, where it is the address of a server that may keep jobs: ``redis://HOST:PORT/NUMBER`` on this computer,
    ``rediss://…`` (TLS) anywhere, ``unix:///PATH``. Raises InvalidInputError (code ``settings_invalid``)."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise _fault("It is no address. One is redis://127.0.0.1:6379/0.") from None
    fault = _why_not(value, parts)
    if fault:
        raise _fault(fault)
    return value


def _why_not(value: str, parts: SplitResult) -> str:
    if parts.scheme not in ("redis", "rediss", "unix"):
        return "It must begin with redis://, rediss:// (with TLS) or unix://; unset, jobs are kept in a file here."
    if parts.password is not None:
        return (
            "It must hold no password, which others could read in lists of programs and in logs. Put the password into "
            "a file of your own and name that in TLFIF_STORE_PASSWORD_FILE."
        )
    if len(value) > _MOST_LETTERS or not value.isprintable() or " " in value or parts.fragment or "#" in value:
        return "It is no address. One is redis://127.0.0.1:6379/0."
    if parts.query or "?" in value:
        return "It must end with the host or the number of the database; nothing after a ? is taken."
    if parts.scheme == "unix":
        return "" if len(parts.path) > 1 else "It must name the server's socket: unix:///run/redis/redis.sock."
    if not parts.hostname or parts.port == 0 or not _DATABASE.fullmatch(parts.path):
        return "It must be HOST:PORT and perhaps the number of a database: redis://127.0.0.1:6379/0."
    if parts.scheme == "redis" and not _is_loopback(parts.hostname):
        return "Prompts and answers would cross the network readable: use rediss:// (TLS) for another computer."
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return host in LOOPBACK_HOSTS or ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(path: Path) -> bytes:
    if sys.platform != "win32" and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise PermissionError(errno.EPERM, "other users may read it; chmod 600 makes it yours alone", os.fspath(path))
    return read_private(path, most=_MOST_BYTES)


def _no_password(path: Path, why: str) -> StorageError:
    return StorageError(
        f"The password of the Redis server could not be taken from {path} (TLFIF_STORE_PASSWORD_FILE): {why}. "
        "Nothing was started.",
        code="store_password",
        details={"reason": "store_password"},
    )


def _fault(sentence: str) -> InvalidInputError:
    return InvalidInputError(sentence, code="settings_invalid")
