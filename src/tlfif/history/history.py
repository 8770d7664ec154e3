"""Conversations kept on this computer: one private SQLite file, searchable, exportable, deletable."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from tlfif.history.arranging import Arrangement, statement_of
from tlfif.history.history_file import INDEX, NewerError, UnreadableError, is_damage, move_away, moved_away, open_file
from tlfif.history.kept import OPEN_STATUSES, KeptConversation, KeptExchange, KeptJob
from tlfif.history.listing import (
    COMMAND_LINE,
    DELETED,
    FOLDERS,
    LISTED,
    PAGE,
    RUNNING,
    ConversationSummary,
    DeletedConversation,
    Folder,
    Listing,
    around,
    found_by,
    searched_words,
    summary_of,
)
from tlfif.history.titles import distinct_title
from tlfif.kernel.errors import StorageError
from tlfif.wording.scripts import folded

SHOWN = ""
"""In place of an exchange to go on from: the end of the branch that is shown."""


class Changes(StrEnum):
    """What has happened to the list since somebody looked: nothing, something here, something in another program."""

    NONE = "none"
    OWN = "own"
    FOREIGN = "foreign"


class History:
    """The file. Use it from one thread at a time. Every method raises StorageError where the disk does not let it.

    ``set_aside`` is where a file went that could not be read, None where it could; say so to the owner. Damage that is
    found later sets it, too, and a new file is begun.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time, quick: bool = False) -> None:
        """Open, and create if needed. A file that is damaged, or of a newer TL-FIF, is kept under another name.
        ``quick``: for a command, which waits for nothing; damage is found only where it is met."""
        self.path = path
        self.set_aside: Path | None = None
        self.set_aside_is_newer = False
        self._now = now
        self._own = self._foreign = False
        with self._storage():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._db = open_file(path, quick=quick)
            except UnreadableError as error:
                self.set_aside_is_newer = isinstance(error, NewerError)
                self._begin_anew()
            self._revision = self._read_revision()

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
        follows: str | None = SHOWN,
        instead_of: str | None = None,
        place: str = "",
        setting: str = "",
        origin: str = "",
    ) -> None:
        """Keep a prompt before it is sent. The conversation begins with its first one, and its title is made of that.

        ``follows``: the exchange that it goes on from, None for a first one. ``instead_of``: the exchange to which this
        is to be another answer. ``setting``: what it is asked with, in words, where that is not as usual. ``origin``:
        what its conversation is asked with, empty for the window.

        A known exchange is being tried again, perhaps with another prompt: what was kept of its answer is deleted.
        """
        with self._write():
            self._begin_or_go_on(conversation_id, prompt, asked_at, origin)
            if follows == SHOWN:
                follows = self._shown_end(conversation_id, exchange_id)
            self._db.execute("DELETE FROM pieces WHERE exchange_id = ?", (exchange_id,))
            self._db.execute(
                "INSERT INTO exchanges "
                "(id, conversation_id, key, prompt, model, asked_at, follows, instead_of, place, setting) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET key = excluded.key, prompt = excluded.prompt, job_id = NULL, "
                "answer = '', last_seq = 0, status = 'sending', receipt = '', cost = '', brief = '', note = '', "
                "code = '', reasoning = '', model = excluded.model, follows = excluded.follows, "
                "place = excluded.place, setting = excluded.setting",
                (exchange_id, conversation_id, key, prompt, model, asked_at, follows, instead_of, place, setting),
            )
            self._db.execute("UPDATE conversations SET tip = ? WHERE id = ?", (exchange_id, conversation_id))
            self._db.execute(f"{INDEX} WHERE id = ?", (exchange_id,))

    def _begin_or_go_on(self, conversation_id: str, prompt: str, asked_at: float, origin: str) -> None:
        known = self._db.execute(
            "UPDATE conversations SET updated_at = ? WHERE id = ?", (asked_at, conversation_id)
        ).rowcount
        if not known:
            self._db.execute(
                "INSERT INTO conversations (id, title, created_at, updated_at, origin) VALUES (?, ?, ?, ?, ?)",
                (conversation_id, distinct_title(prompt, self._is_taken), asked_at, asked_at, origin),
            )

    def _shown_end(self, conversation_id: str, exchange_id: str) -> str | None:
        """What an exchange goes on from where nobody says it: what it did before, or the end of the branch shown."""
        for statement, value in (
            ("SELECT follows FROM exchanges WHERE id = ?", exchange_id),
            ("SELECT tip FROM conversations WHERE id = ? AND tip IS NOT NULL", conversation_id),
            ("SELECT id FROM exchanges WHERE conversation_id = ? ORDER BY number DESC LIMIT 1", conversation_id),
        ):
            found = self._db.execute(statement, (value,)).fetchone()
            if found is not None:
                return None if found[0] is None else str(found[0])
        return None

    def _is_taken(self, title: str) -> bool:
        return self._db.execute("SELECT 1 FROM conversations WHERE title = ?", (title,)).fetchone() is not None

    def show_branch(self, conversation_id: str, tip: str) -> None:
        """Remember which branch is shown: the one that ends with exchange ``tip``."""
        with self._write(listed=False):
            self._db.execute("UPDATE conversations SET tip = ? WHERE id = ?", (tip, conversation_id))

    def accepted(self, exchange_id: str, *, job_id: str, model: str) -> None:
        """The server has accepted the prompt. Another program may have read its answer to the end already."""
        with self._write():
            self._db.execute(
                "UPDATE exchanges SET job_id = ?, model = ?, status = 'running' "
                "WHERE id = ? AND status IN ('sending', 'running')",
                (job_id, model, exchange_id),
            )

    def append(self, exchange_id: str, *, text: str, after: int, seq: int) -> None:
        """More of the answer: its events beyond ``after`` up to ``seq``. What is kept already is not taken twice, also
        where two windows read the same answer."""
        with self._write(listed=False):
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
        with self._write(listed=False):
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
        brief: str = "",
        note: str = "",
        code: str = "",
        reasoning: str = "",
        answer: str | None = None,
    ) -> None:
        """The end of an answer: ``answer`` whole as the server has it, or the pieces kept so far where that is None.
        Where several programs read it, the first one's word stands."""
        with self._write():
            rows = self._db.execute("SELECT text FROM pieces WHERE exchange_id = ? ORDER BY seq", (exchange_id,))
            whole = "".join(row[0] for row in rows)
            self._db.execute(
                "UPDATE exchanges SET status = ?, last_seq = max(last_seq, ?), receipt = ?, cost = ?, brief = ?, "
                "note = ?, code = ?, reasoning = ?, answer = coalesce(?, answer || ?) "
                "WHERE id = ? AND status IN ('sending', 'running')",
                (
                    *(status, seq, receipt, cost, brief, note, code, _whole(reasoning)),
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

    def is_marked_deleted(self, conversation_id: str) -> bool:
        """Whether it is taken out of the list and the deletion was not taken back since."""
        with self._storage():
            found = self._db.execute("SELECT deleted_at FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
        return found is not None and found[0] is not None

    def delete_of_commands(self, job_id: str | None) -> int:
        """Delete what commands have kept of a job, of all that have ended where that is None; returns how many prompts
        that were. Their bytes go as in :meth:`delete`."""
        which, values = ("e.job_id = ?", (job_id,)) if job_id else ("e.status NOT IN ('sending', 'running')", ())
        with self._write():
            doomed = self._db.execute(
                f"SELECT e.id, e.conversation_id FROM exchanges e JOIN conversations c ON c.id = e.conversation_id "  # noqa: S608 - constants
                f"WHERE c.origin = ? AND {which}",
                (COMMAND_LINE, *values),
            ).fetchall()
            if doomed:
                self._db.execute("INSERT OR REPLACE INTO notes VALUES ('deleted')")
            for exchange_id, _ in doomed:  # what goes on from it goes on from what that went on from
                self._db.execute(
                    "UPDATE exchanges SET follows = (SELECT follows FROM exchanges WHERE id = ?) WHERE follows = ?",
                    (exchange_id, exchange_id),
                )
                self._db.execute("UPDATE conversations SET tip = NULL WHERE tip = ?", (exchange_id,))
                self._db.execute("DELETE FROM exchanges WHERE id = ?", (exchange_id,))
            for conversation_id in {row[1] for row in doomed}:
                self._name_anew(conversation_id)
        return len(doomed)

    def _name_anew(self, conversation_id: str) -> None:
        """By the first prompt that is left; a conversation without any goes."""
        first = self._db.execute(
            "SELECT prompt FROM exchanges WHERE conversation_id = ? ORDER BY number LIMIT 1", (conversation_id,)
        ).fetchone()
        self._db.execute("UPDATE conversations SET title = '' WHERE id = ?", (conversation_id,))
        if first is None:
            self._db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
        else:
            title = distinct_title(first[0], self._is_taken)
            self._db.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, conversation_id))

    def delete_all(self) -> None:
        """Delete everything, files that were set aside because they could not be read included; see :meth:`delete`."""
        with self._write():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('deleted')")
            for table in (
                "searched",
                "pieces",
                "exchanges",
                "conversations",
                "folders",
            ):  # each at once and not row by row
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
            for file in moved_away(self.path):
                file.unlink()

    def arrange(self, change: Arrangement) -> None:
        """Name, pin, move, archive, or delete in such a way that it can be taken back."""
        with self._write():
            self._db.execute(*statement_of(change))

    @property
    def has_deleted_bytes(self) -> bool:
        """Whether the file may still hold what was deleted."""
        with self._storage():
            return self._db.execute("SELECT 1 FROM notes WHERE name = 'deleted'").fetchone() is not None

    def deleted_bytes_removed(self) -> None:
        """``remove_deleted_bytes`` has done it."""
        with self._write(listed=False):
            self._db.execute("DELETE FROM notes WHERE name = 'deleted'")

    # Reading

    def changes(self) -> Changes:
        """What has happened to the list since this was asked last."""
        with self._storage():
            self._notice(self._read_revision())
        found = Changes.FOREIGN if self._foreign else Changes.OWN if self._own else Changes.NONE
        self._own = self._foreign = False
        return found

    def listing(self, query: str = "") -> Listing:
        """What the list shows; with ``query`` only the conversations that it finds (:meth:`conversations`)."""
        found = tuple(self.conversations(query))
        with self._storage():
            folders = [Folder(**dict(row)) for row in self._db.execute(FOLDERS)]
            deleted = tuple(DeletedConversation(**dict(row)) for row in self._db.execute(DELETED))
        return Listing(found=found, folders=tuple(sorted(folders, key=lambda one: folded(one.name))), deleted=deleted)

    def conversations(self, query: str = "") -> list[ConversationSummary]:
        """The newest first, 5,000 at most; with ``query`` those with a title or an exchange that holds all of its words
        or parts of words, whatever their case, accents and script."""
        words = searched_words(_whole(query))
        with self._storage():
            running = {row[0] for row in self._db.execute(RUNNING)}
            if not words:
                rows = self._db.execute(LISTED, (PAGE,))
                return [summary_of(row, running=row["id"] in running) for row in rows]
            rows = self._db.execute(found_by(len(words)), (*words, *words, PAGE))
            return [_found(row, words[0], running=row["id"] in running) for row in rows]

    def conversation(self, conversation_id: str, *, newest: int | None = None) -> KeptConversation | None:
        """One whole, or only its ``newest`` exchanges; None where there is none, or it was deleted."""
        with self._storage():
            row = self._db.execute(
                "SELECT id, title, created_at, updated_at, tip FROM conversations WHERE id = ? AND deleted_at IS NULL",
                (conversation_id,),
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
            rows = self._db.execute(
                f"{_EXCHANGE} WHERE status IN ('sending', 'running') AND conversation_id NOT IN "  # noqa: S608 - constants
                "(SELECT id FROM conversations WHERE deleted_at IS NOT NULL) ORDER BY number"
            )
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
    def _write(self, *, listed: bool = True) -> Iterator[None]:
        """A transaction; ``listed``: it changes what a list shows."""
        with self._storage():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if listed:
                    self._notice(self._read_revision())
                    self._revision += 1
                    self._own = True
                    self._db.execute("UPDATE revision SET number = ?", (self._revision,))
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
                self.set_aside_is_newer = False
                self._begin_anew()
            raise StorageError(
                f"Your conversations could not be kept in {self.path} ({error}). Answers still come. Free disk space "
                "or fix the folder's permissions.",
                code="storage_failed",
            ) from error

    def _begin_anew(self) -> None:
        self.set_aside = move_away(self.path, self._now())
        self._db = open_file(self.path)
        self._revision = self._read_revision()

    def _read_revision(self) -> int:
        return int(self._db.execute("SELECT number FROM revision").fetchone()[0])

    def _notice(self, revision: int) -> None:
        self._foreign = self._foreign or revision != self._revision
        self._revision = revision


_EXCHANGE = (
    "SELECT id, conversation_id, job_id, key, prompt, answer || coalesce((SELECT group_concat(text, '') FROM "
    "(SELECT text FROM pieces WHERE exchange_id = exchanges.id ORDER BY seq)), '') AS answer, last_seq, status, model, "
    "receipt, note, asked_at, follows, instead_of, place, cost, brief, code, reasoning, setting "
    "FROM exchanges"
)


def set_aside_text(history: History) -> str:
    """The message to the owner where the file could not be read; empty where it could."""
    if history.set_aside is None:
        return ""
    if history.set_aside_is_newer:
        return (
            "The file with your past conversations was written by a newer TL-FIF, which this one cannot read, so it "
            f"started a new one. Nothing was deleted: the old file is kept as {history.set_aside}. With the newer "
            f"TL-FIF, give it the name {history.path.name} again while no window is open."
        )
    return (
        f"The file with your past conversations could not be read, so TL-FIF started a new one. Nothing was deleted: "
        f"the old file is kept as {history.set_aside}."
    )


def _whole(text: str) -> str:
    """Text without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _found(row: sqlite3.Row, word: str, *, running: bool) -> ConversationSummary:
    """A row of a search, with the place where it found the word; without one where only the title has it."""
    text = "" if row["prompt"] is None else around(f"{row['prompt']}\n{row['answer']}", word)
    return summary_of(row, running=running, snippet=text)


def _exchange(row: sqlite3.Row) -> KeptExchange:
    return KeptExchange(**dict(row))
