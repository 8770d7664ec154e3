"""Removes the bytes of deleted jobs from the file, in a thread, soon after they were deleted."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tlfif.adapters.sqlite.file.database import Database
from tlfif.kernel.deleted_bytes import remove_deleted_bytes
from tlfif.kernel.errors import StorageError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""Between a deletion and the first attempt: many deletions in a row are one piece of work."""
LONGEST_PAUSE_SECONDS = 15.0
"""Between attempts while another program holds the file."""
SMALL_BYTES = 16 * 1024 * 1024
"""A file that is rewritten at once: for a quarter of a second nobody writes to it."""
LARGE_BYTES = 160 * 1024 * 1024
"""A file is rewritten up to this size when no prompt waits or is answered. A larger one, for seconds, when no machine
runs either: then only this process writes, and its writes wait in their queue and not for a lock that is given up."""

_MARK = "deleted_bytes"


def mark_deleted(connection: sqlite3.Connection) -> None:
    """Note in the transaction of a deletion that the file is to be rewritten, for a process that dies before that."""
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, 1.0)", (_MARK,))


class Wiper:
    """Call :meth:`soon` after a deletion. ``remove`` does the work; it is called in a thread."""

    def __init__(
        self,
        database: Database,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        remove: Callable[..., bool] = remove_deleted_bytes,
    ) -> None:
        self._database = database
        self._pause = pause_seconds
        self._remove = remove
        self._task: asyncio.Task[None] | None = None
        self._asked = False

    def soon(self) -> None:
        """Cut the log in a moment, and rewrite the file as soon as that disturbs nobody."""
        self._asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def resume(self) -> None:
        """Go on with what an earlier process did not finish. Raises StorageError."""
        if await self._database.read(_is_marked):
            self.soon()

    async def close(self) -> None:
        """Stop. What is left to do is done by the next process."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        pause = self._pause
        cut = complained = False
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            if self._asked:
                self._asked, cut = False, False
            try:
                path, most = await self._database.read(_state)
                size = path.stat().st_size
                rewrite = most is None or size <= most
                if cut and not rewrite:
                    continue  # answers come: there is time for that later
                work = partial(self._remove, path, rewrite=rewrite)
                alone = rewrite and size > LARGE_BYTES
                cut = await (self._database.between_writes(work) if alone else asyncio.to_thread(work))
                if cut and rewrite and not self._asked:
                    await self._database.write(lambda connection, _: _unmark(connection), durable=False)
                    if not self._asked:
                        return
            except (StorageError, sqlite3.Error, OSError) as error:
                if not complained:
                    log.warning("store: deleted text is not yet removed from the file: %s", error)
                complained = True


def _is_marked(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM settings WHERE name = ?", (_MARK,)).fetchone() is not None


def _unmark(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM settings WHERE name = ?", (_MARK,))


def _state(connection: sqlite3.Connection) -> tuple[Path, int | None]:
    """Where the file is, and up to which size it may be rewritten now; None: any."""
    path = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    if connection.execute("SELECT 1 FROM jobs WHERE status IN ('queued', 'running') LIMIT 1").fetchone():
        return path, SMALL_BYTES
    machine = connection.execute("SELECT 1 FROM machines WHERE ended_at IS NULL").fetchone()
    return path, LARGE_BYTES if machine else None
