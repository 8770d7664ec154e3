"""What ``tlfif doctor`` asks the SQLite file of this computer."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tlfif.adapters.sqlite.schema import refuse_foreign
from tlfif.doctor import checks
from tlfif.doctor import computer_verdicts as verdicts
from tlfif.doctor.checks import Check, Finding, not_asked
from tlfif.doctor.probe import Probe
from tlfif.kernel.errors import StorageError

LIMIT_SECONDS = 5.0
_INSTRUCTIONS = 10_000
"""Between two looks at the clock."""


class DatabaseProbe(Probe):
    """Whether the file's pages and indexes are as SQLite wrote them. A server may use the file meanwhile."""

    checks: Sequence[Check] = (checks.DATABASE,)

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self) -> Sequence[Finding]:
        """See :meth:`Probe.ask`."""
        if not self._path.exists():
            return [verdicts.database(exists=False, damage="")]
        try:
            damage = await asyncio.to_thread(damage_in, self._path, LIMIT_SECONDS)
        except TimeoutError:
            return [not_asked(checks.DATABASE, f"It is too large to be checked in {LIMIT_SECONDS:g} s.")]
        except StorageError as error:
            return [verdicts.database(exists=True, damage="", refused=error.message)]
        return [verdicts.database(exists=True, damage=damage)]


def damage_in(path: Path, limit_seconds: float) -> str:
    """The first damage that SQLite finds, in its words; empty where it finds none. Raises TimeoutError; StorageError
    where the file is whole and not this version's."""
    deadline = time.monotonic() + limit_seconds
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            if found == "ok":
                refuse_foreign(connection)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise TimeoutError from None
        return str(error)
    except UnicodeDecodeError:  # SQLite quotes what it finds
        return "its schema is no text"
    return "" if found == "ok" else " ".join(found.split())
