"""Conversations kept on this computer: one private SQLite file, searchable, exportable, deletable."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tlfif.history.history_file import UnreadableError, has_index, move_away, open_file
from tlfif.kernel.errors import StorageError

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
    ``cost`` the one below it, as far as it was known when the answer ended; ``note`` why there is no whole answer.
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
    """A conversation, the oldest exchange first."""

    id: str
    title: str
    created_at: float
    updated_at: float
    exchanges: tuple[KeptExchange, ...]


class History:
    """The file. Use it from one thread at a time. Every method raises StorageError where the disk does not let it.

    ``set_aside`` is where a file went that could not be read, None where it could; say so to the owner.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open, and create if needed. A file that is damaged, or of a newer TL-FIF, is kept under another name."""
        self.path = path
        self.set_aside: Path | None = None
        self._now = now
        with _storage(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._db = open_file(path)
            except UnreadableError:
                self.set_aside = move_away(path, now())
                self._db = open_file(path)
        self._db.row_factory = sqlite3.Row
        self.has_index = has_index(self._db)

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
                "status = 'sending', receipt = '', cost = '', note = '', model = excluded.model, "
                "place = excluded.place",
                (exchange_id, conversation_id, key, prompt, model, asked_at, instead_of, place),
            )
            self._reindex(exchange_id)

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
        answer: str | None = None,
    ) -> None:
        """The end of an answer: ``answer`` whole as the server has it, or the pieces kept so far where that is None."""
        with self._write():
            rows = self._db.execute("SELECT text FROM pieces WHERE exchange_id = ? ORDER BY seq", (exchange_id,))
            whole = "".join(row[0] for row in rows)
            self._db.execute(
                "UPDATE exchanges SET status = ?, last_seq = max(last_seq, ?), receipt = ?, cost = ?, note = ?, "
                "answer = coalesce(?, answer || ?) WHERE id = ?",
                (status, seq, receipt, cost, note, None if answer is None else _whole(answer), whole, exchange_id),
            )
            self._db.execute("DELETE FROM pieces WHERE exchange_id = ?", (exchange_id,))
            self._db.execute(
                "UPDATE conversations SET updated_at = ? "
                "WHERE id = (SELECT conversation_id FROM exchanges WHERE id = ?)",
                (self._now(), exchange_id),
            )
            self._reindex(exchange_id)

    def delete(self, conversation_id: str) -> bool:
        """Delete a conversation for good, also from the file's bytes. False where there is none."""
        with self._write():
            if self.has_index:
                self._db.execute(
                    "DELETE FROM words WHERE rowid IN (SELECT number FROM exchanges WHERE conversation_id = ?)",
                    (conversation_id,),
                )
            gone = self._db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,)).rowcount > 0
        self._forget_bytes()
        return gone

    def delete_all(self) -> None:
        """Delete everything for good."""
        with self._write():
            if self.has_index:
                self._db.execute("DELETE FROM words")
            self._db.execute("DELETE FROM conversations")
        self._forget_bytes()

    # Reading

    def conversations(self, query: str = "") -> list[ConversationSummary]:
        """The newest first, 200 at most; with ``query`` those that hold all of its words, in prompt or answer."""
        words = "".join(sign if sign.isprintable() else " " for sign in query).split()
        with _storage(self.path):
            if not words:
                rows = self._db.execute(f"{_SUMMARY} GROUP BY c.id ORDER BY c.updated_at DESC LIMIT ?", (PAGE,))
                return [_summary(row) for row in rows]
            found = self._search(words)
            rows = self._db.execute(f"{_SUMMARY} GROUP BY c.id ORDER BY c.updated_at DESC")
            return [_summary(row, found[row[0]]) for row in rows if row[0] in found][:PAGE]

    def conversation(self, conversation_id: str) -> KeptConversation | None:
        """One whole, None where there is none."""
        with _storage(self.path):
            row = self._db.execute(
                "SELECT id, title, created_at, updated_at FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is None:
                return None
            kept = self._db.execute(f"{_EXCHANGE} WHERE conversation_id = ? ORDER BY number", (conversation_id,))
            exchanges = tuple(_exchange(one) for one in kept)
        return KeptConversation(**dict(row), exchanges=exchanges)

    def unfinished(self) -> list[KeptExchange]:
        """Exchanges whose answer may still come, the oldest first."""
        with _storage(self.path):
            rows = self._db.execute(f"{_EXCHANGE} WHERE status IN ('sending', 'running') ORDER BY number")
            return [_exchange(row) for row in rows]

    def jobs_of(self, conversation_id: str | None) -> list[KeptJob]:
        """The servers' jobs behind a conversation, behind all of them where that is None."""
        with _storage(self.path):
            rows = self._db.execute(
                "SELECT job_id, place, status FROM exchanges WHERE job_id IS NOT NULL "
                "AND coalesce(?1, conversation_id) = conversation_id ORDER BY number",
                (conversation_id,),
            )
            return [KeptJob(id=row[0], place=row[1], is_open=row[2] in OPEN_STATUSES) for row in rows]

    # Inside

    @contextlib.contextmanager
    def _write(self) -> Iterator[None]:
        with _storage(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _reindex(self, exchange_id: str) -> None:
        """Bring the index of words up to date with one exchange, where there is an index."""
        if not self.has_index:
            return
        self._db.execute("DELETE FROM words WHERE rowid = (SELECT number FROM exchanges WHERE id = ?)", (exchange_id,))
        self._db.execute(
            "INSERT INTO words (rowid, prompt, answer) SELECT number, prompt, answer FROM exchanges WHERE id = ?",
            (exchange_id,),
        )

    def _search(self, words: list[str]) -> dict[str, str]:
        """Conversation ids with a snippet. The index finds beginnings of words; without one, any part is found."""
        found: dict[str, str] = {}
        if self.has_index:
            match = " ".join(f'"{word}"*' for word in words)
            # The index knows letters and digits only; where other signs are asked for, the slow way answers.
            if all(word.isalnum() for word in words):
                rows = self._db.execute(
                    "SELECT e.conversation_id, snippet(words, -1, '', '', '…', 5) FROM words "
                    "JOIN exchanges e ON e.number = words.rowid WHERE words MATCH ? ORDER BY e.number",
                    (match,),
                )
                found = {str(row[0]): str(row[1]) for row in rows}
        if not found:
            where = " AND ".join(["(prompt || char(10) || answer) LIKE ? ESCAPE '\\'"] * len(words))
            rows = self._db.execute(
                f"SELECT conversation_id, prompt, answer FROM exchanges WHERE {where} ORDER BY number",  # noqa: S608 - only question marks are put in
                [f"%{_escaped(word)}%" for word in words],
            )
            found = {str(row[0]): _around(f"{row[1]}\n{row[2]}", words[0]) for row in rows}
        return found

    def _forget_bytes(self) -> None:
        """Remove deleted text from log and index. In the tables secure_delete has overwritten it."""
        with _storage(self.path):
            if self.has_index:
                self._db.execute("INSERT INTO words (words) VALUES ('optimize')")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_SUMMARY = (
    "SELECT c.id, c.title, c.created_at, c.updated_at, count(e.id) AS exchanges FROM conversations c "
    "LEFT JOIN exchanges e ON e.conversation_id = c.id"
)
_EXCHANGE = (
    "SELECT id, conversation_id, job_id, key, prompt, answer || coalesce((SELECT group_concat(text, '') FROM "
    "(SELECT text FROM pieces WHERE exchange_id = exchanges.id ORDER BY seq)), '') AS answer, last_seq, status, model, "
    "receipt, note, superseded OR EXISTS (SELECT 1 FROM exchanges AS newer WHERE newer.instead_of = exchanges.id AND "
    "newer.status NOT IN ('failed', 'cancelled', 'expired')) AS superseded, asked_at, instead_of, place, cost "
    "FROM exchanges"
)


def title_of(prompt: str) -> str:
    """A conversation's name: the beginning of its first prompt, on one line, 60 characters at most."""
    line = " ".join(prompt.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def set_aside_text(history: History) -> str:
    """The message to the owner where the file could not be read; empty where it could."""
    if history.set_aside is None:
        return ""
    return (
        f"The file with your past conversations could not be read, so TL-FIF started a new one. Nothing was deleted: "
        f"the old file is kept as {history.set_aside}."
    )


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    """Raise disk and database errors as StorageError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"Your conversations could not be kept in {path} ({error}). Answers still come. Free disk space or fix "
            "the folder's permissions.",
            code="storage_failed",
        ) from error


def _whole(text: str) -> str:
    """Text without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _around(text: str, word: str) -> str:
    """The place of a word with some text around it, on one line."""
    at = max(0, text.casefold().find(word.casefold()))
    start, end = max(0, at - 30), at + 60
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")


def _summary(row: sqlite3.Row, snippet: str = "") -> ConversationSummary:
    return ConversationSummary(**dict(row), snippet=" ".join(snippet.split()))


def _exchange(row: sqlite3.Row) -> KeptExchange:
    return KeptExchange(**{**dict(row), "superseded": bool(row["superseded"])})
