"""Conversations kept on this computer: one private SQLite file, searchable, exportable, deletable."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlfif.history.history_file import INDEX, UnreadableError, is_damage, move_away, moved_away, open_file
from tlfif.kernel.errors import StorageError
from tlfif.wording.scripts import cut_at, folded, place_of

PAGE = 200
"""Conversations that a list shows at most."""
TITLE_LENGTH = 60
OPEN_STATUSES = ("sending", "running")
"""Of exchanges whose answer may still come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """One row of the list. Times are epoch seconds; ``snippet`` is where a search found it, empty in a plain list."""

    id: str
    title: str
    created_at: float
    updated_at: float
    exchanges: int
    snippet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptExchange:
    """A prompt and what is kept of its answer. ``status``: sending, running, succeeded, failed, cancelled, expired.

    ``last_seq`` is the last event of the job that ``answer`` holds: where to continue. ``receipt`` is its line,
    ``cost`` the one below it, as far as it was known when the answer ended; ``note`` why there is no whole answer,
    ``code`` that error's; ``reasoning`` what a thinking model wrote before its answer.
    ``instead_of``: the exchange to which this is another answer. ``superseded``: another answer counts in this one's
    place. ``place`` is where it was asked, "this computer" or "AWS eu-central-1"; empty in exchanges from before there
    was a choice.
    """

    id: str
    conversation_id: str
    job_id: str | None
    key: str
    prompt: str
    answer: str
    last_seq: int
    status: str
    model: str
    receipt: str
    note: str
    superseded: bool
    asked_at: float
    instead_of: str | None = None
    place: str = ""
    cost: str = ""
    code: str = ""
    reasoning: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its answer may still come."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptJob:
    """A server's job behind an exchange, and which server's (see :class:`KeptExchange`)."""

    id: str
    place: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptConversation:
    """A conversation, the oldest exchange first. ``earlier`` more exchanges come before them and were not read."""

    id: str
    title: str
    created_at: float
    updated_at: float
    exchanges: tuple[KeptExchange, ...]
    earlier: int = 0


class History:
    """The file. Use it from one thread at a time. Every method raises StorageError where the disk does not let it.

    ``set_aside`` is where a file went that could not be read, None where it could; say so to the owner. Damage that is
    found later sets it, too, and a new file is begun.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open, and create if needed. A file that is damaged, or of a newer TL-FIF, is kept under another name."""
        self.path = path
        self.set_aside: Path | None = None
        self._now = now
        with self._storage():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._db = open_file(path)
            except UnreadableError:
                self._begin_anew()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    # Writing

    def add(
        self,
        *,
        conversation_id: str,
        exchange_id: str,
        key: str,
        prompt: str,
        model: str,
        asked_at: float,
        instead_of: str | None = None,
        place: str = "",
    ) -> None:
        """Keep a prompt before it is sent. The conversation begins with its first one.

        ``instead_of``: the exchange to which this is to be another answer; that one counts again if this comes to
        nothing.

        A known exchange is being tried again: what was kept of its answer is deleted.
        """
        with self._write():
            self._db.execute(
                "INSERT INTO conversations (id, title, created_at, updated_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at",
                (conversation_id, title_of(prompt), asked_at, asked_at),
            )
            self._db.execute("DELETE FROM pieces WHERE exchange_id = ?", (exchange_id,))
            self._db.execute(
                "INSERT INTO exchanges (id, conversation_id, key, prompt, model, asked_at, instead_of, place) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET key = excluded.key, job_id = NULL, answer = '', last_seq = 0, "
                "status = 'sending', receipt = '', cost = '', note = '', code = '', reasoning = '', "
                "model = excluded.model, place = excluded.place",
                (exchange_id, conversation_id, key, prompt, model, asked_at, instead_of, place),
            )
            self._db.execute(f"{INDEX} WHERE id = ?", (exchange_id,))

    def accepted(self, exchange_id: str, *, job_id: str, model: str) -> None:
        """The server has accepted the prompt."""
        with self._write():
            self._db.execute(
                "UPDATE exchanges SET job_id = ?, model = ?, status = 'running' WHERE id = ?",
                (job_id, model, exchange_id),
            )

    def append(self, exchange_id: str, *, text: str, after: int, seq: int) -> None:
        """More of the answer: its events beyond ``after`` up to ``seq``. What is kept already is not taken twice, also
        where two windows read the same answer."""
        with self._write():
            moved = self._db.execute(
                "UPDATE exchanges SET last_seq = ? WHERE id = ? AND last_seq <= ? AND status = 'running'",
                (seq, exchange_id, after),
            )
            if moved.rowcount and text:
                self._db.execute(
                    "INSERT INTO pieces (exchange_id, seq, text) VALUES (?, ?, ?)", (exchange_id, seq, _whole(text))
                )

    def start_over(self, exchange_id: str, *, seq: int) -> None:
        """The answer starts over after event ``seq``: delete what was kept of it."""
        with self._write():
            self._db.execute("DELETE FROM pieces WHERE exchange_id = ?", (exchange_id,))
            self._db.execute(
                "UPDATE exchanges SET answer = '', last_seq = max(last_seq, ?) WHERE id = ?", (seq, exchange_id)
            )

    def finish(
        self,
        exchange_id: str,
        *,
        status: str,
        seq: int,
        receipt: str = "",
        cost: str = "",
        note: str = "",
        code: str = "",
        reasoning: str = "",
        answer: str | None = None,
    ) -> None:
        """The end of an answer: ``answer`` whole as the server has it, or the pieces kept so far where that is None."""
        with self._write():
            rows = self._db.execute("SELECT text FROM pieces WHERE exchange_id = ? ORDER BY seq", (exchange_id,))
            whole = "".join(row[0] for row in rows)
            self._db.execute(
                "UPDATE exchanges SET status = ?, last_seq = max(last_seq, ?), receipt = ?, cost = ?, note = ?, "
                "code = ?, reasoning = ?, answer = coalesce(?, answer || ?) WHERE id = ?",
                (
                    *(status, seq, receipt, cost, note, code, _whole(reasoning)),
                    *(None if answer is None else _whole(answer), whole, exchange_id),
                ),
            )
            self._db.execute("DELETE FROM pieces WHERE exchange_id = ?", (exchange_id,))
            self._db.execute(
                "UPDATE conversations SET updated_at = ? "
                "WHERE id = (SELECT conversation_id FROM exchanges WHERE id = ?)",
                (self._now(), exchange_id),
            )
            self._db.execute(f"{INDEX} WHERE id = ?", (exchange_id,))

    def delete(self, conversation_id: str) -> bool:
        """Delete a conversation. False where there is none. Its bytes go with
        :func:`tlfif.kernel.deleted_bytes.remove_deleted_bytes`."""
        with self._write():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('deleted')")
            return self._db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,)).rowcount > 0

    def delete_all(self) -> None:
        """Delete everything, files that were set aside because they could not be read included; see :meth:`delete`."""
        with self._write():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('deleted')")
            for table in ("searched", "pieces", "exchanges", "conversations"):  # each at once and not row by row
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
            for file in moved_away(self.path):
                file.unlink()

    @property
    def has_deleted_bytes(self) -> bool:
        """Whether the file may still hold what was deleted."""
        with self._storage():
            return self._db.execute("SELECT 1 FROM notes WHERE name = 'deleted'").fetchone() is not None

    def deleted_bytes_removed(self) -> None:
        """``remove_deleted_bytes`` has done it."""
        with self._write():
            self._db.execute("DELETE FROM notes WHERE name = 'deleted'")

    # Reading

    def conversations(self, query: str = "") -> list[ConversationSummary]:
        """The newest first, 200 at most; with ``query`` those with an exchange that holds all of its words or parts of
        words, whatever their case, accents and script."""
        words = folded("".join(sign if sign.isprintable() else " " for sign in _whole(query))).split()
        with self._storage():
            if not words:
                return [_summary(row) for row in self._db.execute(LISTED, (PAGE,))]
            rows = self._db.execute(found_by(len(words)), (*words, PAGE))
            return [_summary(row[:5], _around(f"{row['prompt']}\n{row['answer']}", words[0])) for row in rows]

    def conversation(self, conversation_id: str, *, newest: int | None = None) -> KeptConversation | None:
        """One whole, or only its ``newest`` exchanges; None where there is none."""
        with self._storage():
            row = self._db.execute(
                "SELECT id, title, created_at, updated_at FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is None:
                return None
            (count,) = self._db.execute(
                "SELECT count(*) FROM exchanges WHERE conversation_id = ?", (conversation_id,)
            ).fetchone()
            earlier = 0 if newest is None else max(0, count - newest)
            kept = self._db.execute(
                f"{_EXCHANGE} WHERE conversation_id = ? ORDER BY number DESC LIMIT ?",
                (conversation_id, count - earlier),
            )
            exchanges = tuple(_exchange(one) for one in kept.fetchall()[::-1])
        return KeptConversation(**dict(row), exchanges=exchanges, earlier=earlier)

    def unfinished(self) -> list[KeptExchange]:
        """Exchanges whose answer may still come, the oldest first."""
        with self._storage():
            rows = self._db.execute(f"{_EXCHANGE} WHERE status IN ('sending', 'running') ORDER BY number")
            return [_exchange(row) for row in rows]

    def jobs_of(self, conversation_id: str | None) -> list[KeptJob]:
        """The servers' jobs behind a conversation, behind all of them where that is None."""
        which, values = ("", ()) if conversation_id is None else ("AND conversation_id = ?", (conversation_id,))
        with self._storage():
            rows = self._db.execute(
                f"SELECT job_id, place, status FROM exchanges WHERE job_id IS NOT NULL {which} ORDER BY number",  # noqa: S608 - constants
                values,
            )
            return [KeptJob(id=row[0], place=row[1], is_open=row[2] in OPEN_STATUSES) for row in rows]

    # Inside

    @contextlib.contextmanager
    def _write(self) -> Iterator[None]:
        with self._storage():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """Raise disk and database errors as StorageError. Damage in the file sets it aside."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if is_damage(error):
                self._db.close()
                self._begin_anew()
            raise StorageError(
                f"Your conversations could not be kept in {self.path} ({error}). Answers still come. Free disk space "
                "or fix the folder's permissions.",
                code="storage_failed",
            ) from error

    def _begin_anew(self) -> None:
        self.set_aside = move_away(self.path, self._now())
        self._db = open_file(self.path)


_SUMMARY = (
    "SELECT c.id, c.title, c.created_at, c.updated_at, "
    "(SELECT count(*) FROM exchanges WHERE conversation_id = c.id) AS exchanges"
)
LISTED = f"{_SUMMARY} FROM conversations c ORDER BY c.updated_at DESC LIMIT ?"
"""The newest conversations."""
_EXCHANGE = (
    "SELECT id, conversation_id, job_id, key, prompt, answer || coalesce((SELECT group_concat(text, '') FROM "
    "(SELECT text FROM pieces WHERE exchange_id = exchanges.id ORDER BY seq)), '') AS answer, last_seq, status, model, "
    "receipt, note, superseded OR EXISTS (SELECT 1 FROM exchanges AS newer WHERE newer.instead_of = exchanges.id AND "
    "newer.status NOT IN ('failed', 'cancelled', 'expired')) AS superseded, asked_at, instead_of, place, cost, "
    "code, reasoning "
    "FROM exchanges"
)


def found_by(words: int) -> str:
    """The statement for the newest conversations with an exchange in which so many words stand, and that exchange."""
    held = " AND ".join(["instr(s.text, ?)"] * words)
    return (
        f"{_SUMMARY}, e.prompt, e.answer FROM conversations c JOIN exchanges e ON e.number = "  # noqa: S608 - only question marks are put in
        "(SELECT s.number FROM exchanges o JOIN searched s ON s.number = o.number "
        f"WHERE o.conversation_id = c.id AND {held} ORDER BY o.number DESC LIMIT 1) "
        "ORDER BY c.updated_at DESC LIMIT ?"
    )


def title_of(prompt: str) -> str:
    """A conversation's name: the beginning of its first prompt, on one line, 60 characters at most."""
    line = " ".join(prompt[: 20 * TITLE_LENGTH].split())
    return line if len(line) <= TITLE_LENGTH else line[: cut_at(line, TITLE_LENGTH - 1)].rstrip() + "…"


def set_aside_text(history: History) -> str:
    """The message to the owner where the file could not be read; empty where it could."""
    if history.set_aside is None:
        return ""
    return (
        f"The file with your past conversations could not be read, so TL-FIF started a new one. Nothing was deleted: "
        f"the old file is kept as {history.set_aside}."
    )


def _whole(text: str) -> str:
    """Text without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _around(text: str, word: str) -> str:
    """The place of a folded word with some text around it, on one line."""
    at = place_of(text, max(0, folded(text).find(word)))
    start, end = cut_at(text, max(0, at - 30)), cut_at(text, at + 60)
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")


def _summary(row: Sequence[Any], snippet: str = "") -> ConversationSummary:
    return ConversationSummary(
        id=row[0], title=row[1], created_at=row[2], updated_at=row[3], exchanges=row[4], snippet=snippet
    )


def _exchange(row: sqlite3.Row) -> KeptExchange:
    return KeptExchange(**{**dict(row), "superseded": bool(row["superseded"])})
