"""Image records and logs in the SQLite file of this computer."""

import sqlite3
from collections.abc import Sequence
from functools import partial

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.images.image import ENDED, Image, ImageState, Profile, Source
from tlfif.images.image_record import image_from, image_text, report_from, report_text, watch_from, watch_text
from tlfif.images.image_store import MOST_LOG_LINES, ImageStore, LogLine, Watch, new_image
from tlfif.images.pipeline import superseded
from tlfif.images.refusals import no_such_image
from tlfif.images.smoke_report import SmokeReport

_WATCH = "image_watch"
_OPEN = ", ".join(f"'{state}'" for state in ImageState if state not in ENDED and state is not ImageState.APPROVED)


class SqliteImageStore(ImageStore):
    """All writes survive a power failure but those to the log."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.share(self)

    async def create(self, *, profile: Profile, source: Source, now: float) -> Image:
        return await self._database.write(lambda c, _: _create(c, profile, source, now), durable=True)

    async def get(self, version: str) -> Image:
        return await self._database.read(lambda c: _get(c, version))

    async def newest(self, *, limit: int) -> list[Image]:
        return await self._database.read(lambda c: _images(c, "ORDER BY number DESC LIMIT ?", max(0, limit)))

    async def unfinished(self) -> list[Image]:
        where = f"WHERE state IN ({_OPEN}) OR NOT cleaned AND state != ? ORDER BY number"
        return await self._database.read(lambda c: _images(c, where, ImageState.APPROVED))

    async def replace(self, image: Image) -> bool:
        return await self._database.write(lambda c, _: _replace(c, image), durable=True)

    async def log(self, version: str, *, stage: str, lines: Sequence[str], now: float) -> None:
        await self._database.write(lambda c, _: _log(c, version, stage, lines, now), durable=False)

    async def log_lines(self, version: str, *, after: int, limit: int) -> list[LogLine]:
        return await self._database.read(lambda c: _log_lines(c, version, after, limit))

    async def report(self, version: str, report: SmokeReport) -> None:
        await self._database.write(lambda c, _: _report(c, version, report_text(report)), durable=True)

    async def reported(self, version: str) -> SmokeReport | None:
        return await self._database.read(lambda c: _reported(c, version))

    async def watch(self) -> Watch | None:
        row = await self._database.read(
            lambda c: c.execute("SELECT body FROM documents WHERE name = ?", (_WATCH,)).fetchone()
        )
        return None if row is None else as_written(watch_from)(row[0])

    async def set_watch(self, watch: Watch | None) -> None:
        if watch is None:
            await self._database.write(
                lambda c, _: c.execute("DELETE FROM documents WHERE name = ?", (_WATCH,)), durable=True
            )
        else:
            row = (_WATCH, watch_text(watch))
            await self._database.write(
                lambda c, _: c.execute("REPLACE INTO documents VALUES (?, ?)", row), durable=True
            )

    async def close(self) -> None:
        """Close the file."""
        await self._database.release(self)


def _create(connection: sqlite3.Connection, profile: Profile, source: Source, now: float) -> Image:
    for waiting in _images(connection, "WHERE state = ?", ImageState.WAITING):
        if waiting.profile is profile:
            _replace(connection, superseded(waiting, now=now))
    (number,) = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM images").fetchone()
    image = new_image(number, profile=profile, source=source, now=now)
    row = (image.number, image.state, image.cleaned, image.revision, image_text(image))
    connection.execute("INSERT INTO images (number, state, cleaned, revision, body) VALUES (?, ?, ?, ?, ?)", row)
    return image


def _images(connection: sqlite3.Connection, clause: str, value: object) -> list[Image]:
    rows = connection.execute(f"SELECT body, revision FROM images {clause}", (value,))  # noqa: S608  # constants
    return [_image(*row) for row in rows]


def _image(body: str, revision: int) -> Image:
    return as_written(partial(image_from, revision=revision))(body)


def _get(connection: sqlite3.Connection, version: str) -> Image:
    found = connection.execute("SELECT body, revision FROM images WHERE 'v' || number = ?", (version,)).fetchone()
    if found is None:
        raise no_such_image(version)
    return _image(*found)


def _replace(connection: sqlite3.Connection, image: Image) -> bool:
    values = (image.state, image.cleaned, image_text(image), image.number, image.revision)
    changed = connection.execute(
        "UPDATE images SET state = ?, cleaned = ?, body = ?, revision = revision + 1 WHERE number = ? AND revision = ?",
        values,
    )
    if changed.rowcount == 0:
        _get(connection, image.version)
    return changed.rowcount == 1


def _log(connection: sqlite3.Connection, version: str, stage: str, lines: Sequence[str], now: float) -> None:
    image = _get(connection, version).number
    (last,) = connection.execute("SELECT coalesce(max(line), 0) FROM image_logs WHERE image = ?", (image,)).fetchone()
    rows = [(image, last + place, now, stage, text) for place, text in enumerate(lines, 1)]
    connection.executemany("INSERT INTO image_logs VALUES (?, ?, ?, ?, ?)", rows)
    oldest = last + len(rows) - MOST_LOG_LINES
    connection.execute("DELETE FROM image_logs WHERE image = ? AND line <= ?", (image, oldest))


def _log_lines(connection: sqlite3.Connection, version: str, after: int, limit: int) -> list[LogLine]:
    rows = connection.execute(
        "SELECT line, at, stage, text FROM image_logs WHERE image = ? AND line > ? ORDER BY line LIMIT ?",
        (_get(connection, version).number, after, max(0, limit)),
    )
    return [LogLine(number=line, at=at, stage=stage, text=text) for line, at, stage, text in rows]


def _report(connection: sqlite3.Connection, version: str, text: str) -> None:
    number = _get(connection, version).number
    connection.execute("UPDATE images SET report = ? WHERE number = ?", (text, number))


def _reported(connection: sqlite3.Connection, version: str) -> SmokeReport | None:
    number = _get(connection, version).number
    (text,) = connection.execute("SELECT report FROM images WHERE number = ?", (number,)).fetchone()
    return None if text is None else as_written(report_from)(text)
