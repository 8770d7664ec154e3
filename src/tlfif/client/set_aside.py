"""Going on without a damaged job file: it is kept, and the next start makes a new one."""

from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from tlfif.client.local_server import LocalServer
from tlfif.kernel.data_folder import PRIVATE, DataFolder
from tlfif.kernel.errors import ConflictError

SIDE_FILES = ("-wal", "-shm")
"""SQLite keeps the last changes there; they belong to their file by its name."""


async def set_aside_database(data_folder: DataFolder) -> Path | None:
    """End the server, rename the job file, and return its new place; None where there is none.

    Raises NotReachableError; ConflictError (``server_running``) where another program starts the server again; OSError.
    """
    await LocalServer(data_folder).stop()
    old = data_folder.database
    try:
        with FileLock(data_folder.lock, timeout=0, mode=PRIVATE):
            if not old.exists():
                return None
            new = next(place for n in count(1) if not (place := old.with_name(f"{old.name}.set-aside-{n}")).exists())
            old.rename(new)
            for end in SIDE_FILES:
                side = old.with_name(old.name + end)
                if side.exists():
                    side.rename(new.with_name(new.name + end))
            return new
    except Timeout:
        raise ConflictError(
            "The server was started again meanwhile. Close TL-FIF's windows, then repeat the command.",
            code="server_running",
        ) from None
