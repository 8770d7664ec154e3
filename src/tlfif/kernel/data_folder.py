"""The data folder and its files, and the environment variables that commands read. Light: every command imports
this."""

import contextlib
import errno
import json
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_data_path

from tlfif.kernel.errors import UnavailableError

PRIVATE = 0o600
"""Read and written by their owner only."""
_PLAIN: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""No link is followed, and on Windows no line end changed."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,200}")


_READ_HERE = frozenset({"TLFIF_HOME", "TLFIF_NO_HISTORY", "TLFIF_PROFILE"})


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder, one property per file in it."""

    root: Path

    @property
    def database(self) -> Path:
        """Jobs, events, machines."""
        return self.root / "tlfif.db"

    @property
    def history(self) -> Path:
        """Past conversations, of the window and of commands."""
        return self.root / "history.db"

    @property
    def token(self) -> Path:
        """The bearer token of the local API, readable by its owner only."""
        return self.root / "api-token"

    @property
    def server(self) -> Path:
        """Where the running server listens; absent where none runs."""
        return self.root / "server.json"

    @property
    def lock(self) -> Path:
        """Held by the running server for its whole life."""
        return self.root / "server.lock"

    @property
    def start_error(self) -> Path:
        """Code and sentence of why the last start of the server failed; absent where it did not."""
        return self.root / "server-error.txt"

    @property
    def logs(self) -> Path:
        """Logs of server, machine and engine; never prompt text."""
        return self.root / "logs"

    @property
    def server_log(self) -> Path:
        """What the server did, and why it failed."""
        return self.logs / "server.log"

    @property
    def adapters(self) -> Path:
        """The adapters of personal models."""
        return self.models / "adapters"

    @property
    def models(self) -> Path:
        """Model files."""
        return self.root / "models"

    @property
    def images(self) -> Path:
        """Machine images, what is being built, and which image machines are launched from."""
        return self.root / "images"

    @property
    def profile(self) -> Path:
        """Which home commands talk to. It holds no secret."""
        return self.root / "profile.json"

    @property
    def access(self) -> Path:
        """Where the API is reached and who beside its owner may use it; see ``kernel.access``."""
        return self.root / "access.json"

    @property
    def access_lock(self) -> Path:
        """Held while a program changes that."""
        return self.root / "access.lock"

    @property
    def sign_in(self) -> Path:
        """The sign-in of the home on AWS, on a computer without a keyring; readable by its owner only."""
        return self.root / "sign-in.json"

    @property
    def sign_in_lock(self) -> Path:
        """Held while a program changes the sign-in, because a refresh token may be used only once."""
        return self.root / "sign-in.lock"

    def check(self) -> None:
        """Refuse a folder that is none, and one that is not its user's alone: who may write in it can have every prompt
        sent to himself. A folder that is still to be made passes; on Windows only a file is refused.

        Raises UnavailableError (``home_not_usable``, ``home_not_private``).
        """
        try:
            found = self.root.stat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self.not_usable(error) from error
        if not stat.S_ISDIR(found.st_mode):
            raise self.not_usable(NotADirectoryError(0, "it is a file"))
        fault = who_else(found)
        if fault:
            raise UnavailableError(
                f"TL-FIF's folder {self.root} {fault}, who could read every prompt. Nothing was read or written. "
                f"Make it yours alone (chown, then chmod 700), or set TLFIF_HOME to another folder.",
                code="home_not_private",
            )

    def create(self) -> None:
        """Make the folders, for their owner only. Raises OSError; UnavailableError as :meth:`check`, also for a file
        that another user put there.

        Logs and the lock that an earlier version left readable for others are made private.
        """
        self.check()
        for folder in (self.root, self.logs, self.models):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform == "win32":
            return
        for file in (*self.root.iterdir(), *self.logs.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                found = file.lstat()
                if found.st_uid != os.geteuid():
                    raise UnavailableError(
                        f"{file} belongs to another user (number {found.st_uid}), and TL-FIF's folder must be yours "
                        "alone. Nothing was read or written. Look who put it there, then delete it or make it yours.",
                        code="home_not_private",
                    )
        for file in (self.lock, *self.logs.glob("*.log")):
            with contextlib.suppress(OSError):
                if not file.is_symlink():
                    file.chmod(PRIVATE)

    def not_usable(self, error: OSError) -> UnavailableError:
        """The error for a folder that ``error`` came from."""
        named = Path(error.filename) if isinstance(error.filename, str) else self.root
        what = f"{named.name}: " if named != self.root else ""
        return UnavailableError(
            f"TL-FIF's folder {self.root} cannot be used: {what}{error.strerror or error}. "
            "Free disk space or correct its permissions, or set TLFIF_HOME to another folder.",
            code="home_not_usable",
        )


def who_else(found: os.stat_result) -> str:
    """Who else than this user may change what ``found`` describes, as the end of a sentence; empty: nobody."""
    if sys.platform == "win32":
        return ""
    if found.st_uid != os.geteuid():
        return f"belongs to another user (number {found.st_uid})"
    return "may be changed by other users" if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """The address of a running server, as its file describes it."""

    pid: int
    port: int
    version: str

    @property
    def base_url(self) -> str:
        """Of the API, on loopback."""
        return f"http://127.0.0.1:{self.port}"


def default_data_folder(value: str | None) -> DataFolder:
    """``TLFIF_HOME`` where it is set, the platform's data folder of this user otherwise."""
    if value:
        return DataFolder(Path(value).expanduser().absolute())
    return DataFolder(user_data_path("tlfif", appauthor=False))


def data_folder_from_environment() -> DataFolder:
    """The data folder, for commands that need no other setting."""
    return default_data_folder(os.environ.get("TLFIF_HOME"))


def settle_in(data_folder: DataFolder) -> None:
    """Make it the working folder of this process and of those that it starts, and keep its name right for them: the
    folder that the first command was typed in can then be removed, and its disk taken out. Raises OSError."""
    os.environ["TLFIF_HOME"] = str(data_folder.root)  # a relative name would mean another folder from here
    os.chdir(data_folder.root)


def profile_from_environment() -> str | None:
    """``TLFIF_PROFILE``: the home that this command talks to, whatever the profile file says; None where it is not
    set."""
    return os.environ.get("TLFIF_PROFILE") or None


def history_from_environment() -> Path | None:
    """Where commands keep what was asked with them; None where ``TLFIF_NO_HISTORY`` is set."""
    return None if os.environ.get("TLFIF_NO_HISTORY") else data_folder_from_environment().history


def other_settings() -> list[str]:
    """The names of all other environment variables that begin like TL-FIF's, in any case."""
    return [name for name in os.environ if name.upper().startswith("TLFIF_") and name not in _READ_HERE]


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a program that is started: this one's, and ``more``."""
    return {**os.environ, **more}


def display_name() -> str:
    """The X display that a window would open on; empty where none is named, as on systems without X."""
    return os.environ.get("DISPLAY", "")


def aws_key_places() -> list[str]:
    """Environment variables and files that may hold an AWS key, as AWS's own programs search them; empty if there are
    none.

    Checked without AWS's library, which is slow to load and not needed without a key.
    """
    names = (
        "AWS_ACCESS_KEY_ID",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    )
    files = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
    found = [name for name in names if os.environ.get(name)]
    paths = [Path(os.environ.get(name) or usual).expanduser() for name, usual in files.items()]
    return [*found, *(str(path) for path in paths if path.is_file())]


def aws_endpoint(region: str) -> str:
    """An address of AWS that answers without credentials; the emulator's where ``AWS_ENDPOINT_URL`` names one, as for
    AWS's library."""
    return os.environ.get("AWS_ENDPOINT_URL") or f"https://sts.{region}.amazonaws.com"


def read_server(data_folder: DataFolder) -> ServerAddress | None:
    """The address of a server that may still run; None where its file is missing or damaged."""
    try:
        found = json.loads(data_folder.server.read_text(encoding="utf-8"))
        return ServerAddress(pid=int(found["pid"]), port=int(found["port"]), version=str(found["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_token(data_folder: DataFolder) -> str | None:
    """The API's token; None where there is none that can be trusted: a link, another user's file, one that others may
    change, or what is no token."""
    try:
        found = read_private(data_folder.token, most=1000).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    return found if _TOKEN.fullmatch(found) else None


def read_private(path: Path, *, most: int) -> bytes:
    """Up to ``most`` bytes of a file that can be trusted. Raises OSError, also for a link, another user's file and one
    that others may change."""
    with open(os.open(path, os.O_RDONLY | _PLAIN), "rb") as file:  # noqa: PTH123 - a descriptor
        fault = who_else(os.fstat(file.fileno()))
        if fault:
            raise PermissionError(errno.EPERM, f"it {fault}", str(path))
        return file.read(most)


def read_holder(data_folder: DataFolder) -> int | None:
    """The process that holds the lock, or held it last; None where it is not known (on Windows nobody may read it)."""
    try:
        return int(data_folder.lock.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` in one step by a file that only its owner can read, or leave everything as it was. Raises
    OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open_private(part) as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def open_private(path: Path, *, append: bool = False) -> BinaryIO:
    """Open a file for writing bytes, which only its owner can read: a new empty one, or with ``append`` at its end. A
    link is refused. Raises OSError."""
    how = os.O_APPEND if append else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _PLAIN | how, PRIVATE)
    if sys.platform != "win32":
        os.fchmod(descriptor, PRIVATE)
    return open(descriptor, "ab" if append else "wb")  # noqa: PTH123 - a descriptor, not a path
