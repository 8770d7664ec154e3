"""What lists and searches show of conversations, and the statements that read it."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tlfif.wording.scripts import cut_at, folded, place_of

PAGE = 5000
"""Conversations that a list shows at most."""
COMMAND_LINE = "command line"
"""The origin of what was asked with ``ask`` and ``chat``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """One row of the list. Times are epoch seconds; ``snippet`` is where a search found it, empty in a plain list.

    ``folder`` is that one's id, empty for none; ``origin`` what it was asked with, empty for the window; ``running``
    whether an answer of it is under way.
    """

    id: str
    title: str
    created_at: float
    updated_at: float
    exchanges: int
    pinned: bool = False
    archived: bool = False
    folder: str = ""
    origin: str = ""
    running: bool = False
    snippet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What conversations are put into by hand."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedConversation:
    """One whose deletion can still be taken back. ``deleted_at`` in epoch seconds."""

    id: str
    title: str
    deleted_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that the list shows: conversations, the newest first; folders by name; what was deleted just now, the oldest
    first."""

    found: tuple[ConversationSummary, ...]
    folders: tuple[Folder, ...] = ()
    deleted: tuple[DeletedConversation, ...] = ()


_SUMMARY = (
    "SELECT c.id, c.title, c.created_at, c.updated_at, "
    "(SELECT count(*) FROM exchanges WHERE conversation_id = c.id) AS exchanges, "
    "c.pinned, c.archived, coalesce(c.folder, '') AS folder, c.origin"
)
LISTED = f"{_SUMMARY} FROM conversations c WHERE c.deleted_at IS NULL ORDER BY c.updated_at DESC LIMIT ?"
"""The newest conversations."""
RUNNING = "SELECT conversation_id FROM exchanges WHERE status IN ('sending', 'running') AND job_id IS NOT NULL"
"""Conversations with an answer under way."""
FOLDERS = "SELECT id, name FROM folders"
DELETED = "SELECT id, title, deleted_at FROM conversations WHERE deleted_at IS NOT NULL ORDER BY deleted_at"


def found_by(words: int) -> str:
    """The statement for the newest conversations that hold so many words in their title or in one exchange, and the
    newest such exchange."""
    held = " AND ".join(["instr(s.text, ?)"] * words)
    titled = " AND ".join(["instr(folded(c.title), ?)"] * words)
    return (
        f"{_SUMMARY}, e.prompt, e.answer FROM conversations c LEFT JOIN exchanges e ON e.number = "  # noqa: S608 - only question marks are put in
        "(SELECT s.number FROM exchanges o JOIN searched s ON s.number = o.number "
        f"WHERE o.conversation_id = c.id AND {held} ORDER BY o.number DESC LIMIT 1) "
        f"WHERE c.deleted_at IS NULL AND (e.number IS NOT NULL OR ({titled})) ORDER BY c.updated_at DESC LIMIT ?"
    )


def searched_words(query: str) -> tuple[str, ...]:
    """The words or parts of words of a search, folded; none where it is blank."""
    return tuple(folded("".join(sign if sign.isprintable() else " " for sign in query)).split())


def holds(text: str, words: Iterable[str]) -> bool:
    """Whether a text holds all of these folded words."""
    whole = folded(text)
    return all(word in whole for word in words)


def summary_of(row: sqlite3.Row, *, running: bool, snippet: str = "") -> ConversationSummary:
    """A row of the list."""
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    values |= {"pinned": bool(row["pinned"]), "archived": bool(row["archived"])}
    return ConversationSummary(**values, running=running, snippet=snippet)


_COLUMNS = ("id", "title", "created_at", "updated_at", "exchanges", "pinned", "archived", "folder", "origin")


BEFORE = 16
"""Characters before a place that was found: so few that the place itself is seen in a narrow list."""


def around(text: str, word: str) -> str:
    """The place of a folded word with some text around it, on one line."""
    at = place_of(text, max(0, folded(text).find(word)))
    start, end = cut_at(text, max(0, at - BEFORE)), cut_at(text, at + 60)
    if start and " " in text[start:at]:  # from a whole word on
        start = text.index(" ", start, at) + 1
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")
