"""The data folder and its files, and the environment variables that commands read. Light: every command imports
this."""

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_data_path

PRIVATE = 0o600
"""Read and written by their owner only."""


_READ_HERE = frozenset({"TLFIF_HOME", "TLFIF_PROFILE"})


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder, one property per file in it."""

    root: Path

    @property
    def database(self) -> Path:
        """Jobs, events, machines."""
        return self.root / "tlfif.db"

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
    def logs(self) -> Path:
        """Logs of server, machine and engine; never prompt text."""
        return self.root / "logs"

    @property
    def server_log(self) -> Path:
        """What the server did, and why it failed."""
        return self.logs / "server.log"

    @property
    def models(self) -> Path:
        """Model files."""
        return self.root / "models"

    @property
    def profile(self) -> Path:
        """Which home commands talk to. It holds no secret."""
        return self.root / "profile.json"

    @property
    def sign_in(self) -> Path:
        """The sign-in of the home on AWS, on a computer without a keyring; readable by its owner only."""
        return self.root / "sign-in.json"

    @property
    def sign_in_lock(self) -> Path:
        """Held while a program changes the sign-in, because a refresh token may be used only once."""
        return self.root / "sign-in.lock"

    def create(self) -> None:
        """Make the folders, for their owner only. Raises OSError.

        Logs and the lock that an earlier version left readable for others are made private.
        """
        for folder in (self.root, self.logs, self.models):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            for file in (self.lock, *self.logs.glob("*.log")):
                with contextlib.suppress(OSError):
                    file.chmod(PRIVATE)


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


def profile_from_environment() -> str | None:
    """``TLFIF_PROFILE``: the home that this command talks to, whatever the profile file says; None where it is not
    set."""
    return os.environ.get("TLFIF_PROFILE") or None


def other_settings() -> list[str]:
    """The names of all other environment variables that begin like TL-FIF's, in any case."""
    return [name for name in os.environ if name.upper().startswith("TLFIF_") and name not in _READ_HERE]


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


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` in one step by a file that only its owner can read. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if sys.platform != "win32":
        part.chmod(PRIVATE)
    part.replace(path)


def open_private(path: Path) -> BinaryIO:
    """Open a new empty file for writing bytes, which replaces an old one and which only its owner can read. Raises
    OSError."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb")  # noqa: PTH123 - a descriptor, not a path
