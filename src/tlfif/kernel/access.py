"""Who may use the API of this computer, and where it is reached: one file in the data folder.

The server looks at it with each request that is not the owner's, so a key that is revoked stops at once.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from filelock import FileLock

from tlfif.kernel.data_folder import PRIVATE, DataFolder, read_private, read_token, write_private
from tlfif.kernel.errors import InvalidInputError, NotFoundError, StorageError

KEY_PREFIX = "sk-tlfif-"
MOST_KEYS = 100
MOST_NAMES = 50
"""Hosts, and origins, that may be allowed."""
_KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{1,30}://([a-z0-9._-]{1,200}|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_ANY_OF_SCHEME = re.compile(r"(?!https?:|file:|data:)[a-z][a-z0-9+.-]{1,30}://\*")
_LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key for programs, which may ask and read answers. ``digest`` is the SHA-256 of the key, in hexadecimal;
    ``salt`` tells it from an earlier one of that name; ``made_at`` is epoch seconds."""

    name: str
    digest: str
    salt: str
    made_at: float

    @property
    def owner(self) -> str:
        """The owner of the jobs that were asked with it: other keys see none of them, nor does a later one of that
        name."""
        return f"key:{self.name}:{self.salt[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The contents of the file. ``port`` None: none was ever taken. ``keep``: the server stays when nobody needs it.
    ``hosts`` and ``origins`` are allowed beside the server's own, which are loopback's alone."""

    port: int | None = None
    keep: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()

    def key(self, name: str) -> Key | None:
        """The key of that name."""
        return next((key for key in self.keys if key.name == name), None)


CLOSED = Access()
"""Nobody but the owner."""


def load_token(data_folder: DataFolder) -> str:
    """The owner's token, made anew where there is none that can be trusted; its file is made private.

    Raises StorageError.
    """
    try:
        data_folder.create()
        with _changing(data_folder):
            token = read_token(data_folder)
            if token is None:
                token = secrets.token_urlsafe(32)
                write_private(data_folder.token, token)
            elif sys.platform != "win32":
                data_folder.token.chmod(PRIVATE)
    except OSError as error:
        raise StorageError(f"The file {data_folder.token.name} cannot be written: {error.strerror or error}") from error
    return token


def load_access(data_folder: DataFolder) -> Access:
    """The contents of the file; :data:`CLOSED` where there is none. Raises InvalidInputError (``access_damaged``), also
    for a file that others may change."""
    try:
        found = json.loads(read_private(data_folder.access, most=1 << 20))
        keys = tuple(Key(**{name: one[name] for name in Key.__dataclass_fields__}) for one in found["keys"])
        for key in keys:
            check_key_name(key.name)
        hosts = tuple(check_host(one) for one in found["hosts"])
        origins = tuple(check_origin(one) for one in found["origins"])
        port = found["port"]
        if not (port is None or (type(port) is int and 1 <= port <= 65535)):
            raise ValueError(port)
        return Access(port=port, keep=found["keep"] is True, hosts=hosts, origins=origins, keys=keys)
    except FileNotFoundError:
        return CLOSED
    except (OSError, ValueError, KeyError, TypeError, InvalidInputError) as error:
        raise InvalidInputError(
            f"The file {data_folder.access} is damaged, or other users may change it, so no key is good. Delete it, "
            "then make your programs' keys anew: ./tlfif connect",
            code="access_damaged",
        ) from error


def change_access(data_folder: DataFolder, change: Callable[[Access], Access]) -> Access:
    """Replace the contents by what ``change`` makes of them; of two programs one after the other. Returns the new ones.

    Raises InvalidInputError as :func:`load_access`, StorageError, and what ``change`` raises.
    """
    try:
        data_folder.create()
        with _changing(data_folder):
            before = load_access(data_folder)
            after = change(before)
            if after != before:
                write_private(data_folder.access, json.dumps(asdict(after), indent=1) + "\n")
            return after
    except OSError as error:
        why = error.strerror or error
        raise StorageError(f"The file {data_folder.access.name} cannot be written: {why}.") from error


def _changing(data_folder: DataFolder) -> FileLock:
    """Held by one program at a time. Raises filelock's Timeout, which is an OSError."""
    return FileLock(data_folder.access_lock, timeout=_LOCK_SECONDS, mode=PRIVATE)


def check_key_name(name: object) -> str:
    """Raises InvalidInputError (``key_name_invalid``)."""
    if not (isinstance(name, str) and _KEY_NAME.fullmatch(name)):
        raise InvalidInputError(
            "A key's name is 1 to 40 letters, digits, dots, hyphens and underscores, such as open-webui.",
            code="key_name_invalid",
        )
    return name


def check_host(name: object) -> str:
    """A name that requests may be sent to, in lower case; with a port only where that is meant. Raises
    InvalidInputError (``host_invalid``)."""
    if not (isinstance(name, str) and _HOST.fullmatch(name.lower())):
        raise InvalidInputError(
            "A host is a name such as host.docker.internal, without http:// and without a path. There is none for all.",
            code="host_invalid",
        )
    return name.lower()


def check_origin(origin: object) -> str:
    """The origin of web pages, in lower case. Raises InvalidInputError (``origin_invalid``)."""
    text = origin.lower().rstrip("/") if isinstance(origin, str) and origin.lower() != "null" else ""
    if not (_ORIGIN.fullmatch(text) or _ANY_OF_SCHEME.fullmatch(text)):
        raise InvalidInputError(
            "An origin is a scheme and a host, such as http://localhost:3000 or app://obsidian.md; for desktop "
            "programs that change the host with each start, such as vscode-webview://*. There is none for all pages.",
            code="origin_invalid",
        )
    return text


def digest_of(key: str | bytes) -> str:
    """What is kept of a key. It is 256 random bits, so one hash is enough."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).hexdigest()


def key_text(token: str, name: str, salt: str) -> str:
    """The key itself, which is kept nowhere: it follows from the owner's ``token``, so who has that (and may do more)
    can be shown it again."""
    mac = hmac.new(token.encode(), f"key:{name}:{salt}".encode(), hashlib.sha256)
    return KEY_PREFIX + base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def with_key(access: Access, name: str, *, token: str, now: float) -> Access:
    """``access`` with a new key. Raises InvalidInputError (``key_name_invalid``, ``key_exists``, ``keys_too_many``)."""
    check_key_name(name)
    if access.key(name) is not None:
        raise InvalidInputError(
            f"There is a key named {name} already. To replace it: ./tlfif key revoke {name}, then add it again.",
            code="key_exists",
        )
    if len(access.keys) >= MOST_KEYS:
        raise InvalidInputError(
            f"There are {MOST_KEYS} keys, and that is as many as may be. Revoke one first.", code="keys_too_many"
        )
    salt = secrets.token_hex(8)
    made = Key(name=name, digest=digest_of(key_text(token, name, salt)), salt=salt, made_at=now)
    return replace(access, keys=(*access.keys, made))


def without_key(access: Access, name: str) -> Access:
    """``access`` without that key. Raises NotFoundError (``key_not_found``)."""
    if access.key(name) is None:
        known = ", ".join(key.name for key in access.keys) or "none"
        raise NotFoundError(f"There is no key named {name[:40]!r}. There are: {known}.", code="key_not_found")
    return replace(access, keys=tuple(key for key in access.keys if key.name != name))


def shown_again(key: Key, *, token: str) -> str | None:
    """The text of ``key``; None where it was made under another token of the owner."""
    text = key_text(token, key.name, key.salt)
    return text if digest_of(text) == key.digest else None


def allowing(access: Access, *, hosts: list[str], origins: list[str]) -> Access:
    """``access`` with more hosts and origins. Raises InvalidInputError (``host_invalid``, ``origin_invalid``)."""
    return replace(
        access,
        hosts=_joined(access.hosts, [check_host(one) for one in hosts], "host_invalid"),
        origins=_joined(access.origins, [check_origin(one) for one in origins], "origin_invalid"),
    )


def _joined(known: tuple[str, ...], more: list[str], code: str) -> tuple[str, ...]:
    joined = tuple(dict.fromkeys([*known, *more]))
    if len(joined) > MOST_NAMES:
        raise InvalidInputError(
            f"More than {MOST_NAMES} are allowed. Take them back first: ./tlfif serve --allow-none", code=code
        )
    return joined


class AccessWatch:
    """The file's contents for a server: read again only where the file has changed. A damaged file lets nobody in.
    ``hosts`` and ``origins``, from the settings, are allowed beside those of the file."""

    def __init__(self, data_folder: DataFolder, *, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()) -> None:
        self._data_folder = data_folder
        self._hosts, self._origins = hosts, origins
        self._path = str(data_folder.access)
        self._stamp: tuple[int, ...] | None = None
        self._access = CLOSED

    def now(self) -> Access:
        """What holds now. Costs one look at the file's stamp."""
        stamp: tuple[int, ...] = ()
        with contextlib.suppress(OSError):
            file = os.stat(self._path)  # noqa: PTH116 - twice as quick, in each request
            stamp = (file.st_ino, file.st_mtime_ns, file.st_size)
        if stamp != self._stamp:
            try:
                found = load_access(self._data_folder)
            except InvalidInputError:
                found = CLOSED
            self._access = replace(found, hosts=found.hosts + self._hosts, origins=found.origins + self._origins)
            self._stamp = stamp
        return self._access
