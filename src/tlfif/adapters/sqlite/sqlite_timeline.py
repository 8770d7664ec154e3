"""How this home counts its time, in the SQLite file of this computer."""

import json
from dataclasses import asdict

from tlfif.adapters.local.steady_clock import Step, Timeline
from tlfif.adapters.sqlite.file.database import Database

_TIMELINE = "timeline"


class SqliteTimeline:
    """In the file that holds the times counted so. Methods raise StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.share(self)

    async def load(self) -> Timeline | None:
        """What :meth:`keep` stored last; None in a new file."""
        row = await self._database.read(
            lambda c: c.execute("SELECT body FROM documents WHERE name = ?", (_TIMELINE,)).fetchone()
        )
        if row is None:
            return None
        body = json.loads(row[0])
        return Timeline(**{**body, "steps": tuple(Step(**step) for step in body["steps"])})

    async def keep(self, timeline: Timeline) -> None:
        """Store it, so that the next server counts on."""
        row = (_TIMELINE, json.dumps(asdict(timeline)))
        await self._database.write(lambda c, _: c.execute("REPLACE INTO documents VALUES (?, ?)", row), durable=True)

    async def close(self) -> None:
        """Close the file."""
        await self._database.release(self)
