"""The background server as a process: starting one, and whether a process is one and still runs."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from tlfif.kernel.data_folder import DataFolder, open_private

if TYPE_CHECKING:
    import psutil

SERVER_MODULE = "tlfif.entrypoints.server"


class Child(Protocol):
    """The part of ``subprocess.Popen`` that is used here."""

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""


Spawn = Callable[[DataFolder, Sequence[str]], Child]


def spawn_server(data_folder: DataFolder, arguments: Sequence[str] = ()) -> Child:
    """Start a server that outlives this process and its terminal. Raises OSError."""
    command = [sys.executable, "-P", "-m", SERVER_MODULE, *arguments]
    with open_private(data_folder.logs / "server-start.log") as log:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, creationflags=flags
            )
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )


def is_alive(pid: int) -> bool:
    """Whether a process of this user has that number."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        # On Windows os.kill would end the process. psutil takes 50 ms to import, so it is imported only here.
        import psutil

        return psutil.pid_exists(pid)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def process_of(pid: int) -> "psutil.Process | None":
    """The process with that id, distinguished from a later one that reuses the id; None where there is none."""
    import psutil

    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def is_server(process: "psutil.Process") -> bool:
    """Whether the process is a background server, of whichever folder."""
    import psutil

    try:
        return SERVER_MODULE in process.cmdline()
    except psutil.Error:
        return False


def is_running(process: "psutil.Process") -> bool:
    """Whether the process runs. A zombie does not."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
