"""What an owner does with a conversation as a whole: name, pin, folder, archive, delete and take that back."""

from dataclasses import dataclass

UNDO_SECONDS = 60.0
"""How long a deletion can be taken back."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a conversation a name."""

    conversation_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Pin:
    """Keep it on top of the list, or no longer."""

    conversation_id: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class PutAway:
    """Archive it, or bring it back."""

    conversation_id: str
    archived: bool


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Put it into a folder; into none where ``folder_id`` is empty."""

    conversation_id: str
    folder_id: str


@dataclass(frozen=True, slots=True)
class MarkDeleted:
    """Take it out of the list, at epoch seconds ``at``; None brings it back."""

    conversation_id: str
    at: float | None


@dataclass(frozen=True, slots=True)
class NameFolder:
    """Make a folder, or give one another name."""

    folder_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Its conversations stay, in no folder."""

    folder_id: str


Arrangement = Rename | Pin | PutAway | MoveTo | MarkDeleted | NameFolder | RemoveFolder


def statement_of(change: Arrangement) -> tuple[str, tuple[object, ...]]:
    """The statement that does it, and its values."""
    match change:
        case Rename(name, title):
            return "UPDATE conversations SET title = ? WHERE id = ?", (title, name)
        case Pin(name, pinned):
            return "UPDATE conversations SET pinned = ? WHERE id = ?", (int(pinned), name)
        case PutAway(name, archived):
            return "UPDATE conversations SET archived = ? WHERE id = ?", (int(archived), name)
        case MoveTo(name, folder):
            return "UPDATE conversations SET folder = ? WHERE id = ?", (folder or None, name)
        case MarkDeleted(name, at):
            return "UPDATE conversations SET deleted_at = ? WHERE id = ?", (at, name)
        case NameFolder(folder, title):
            return "INSERT INTO folders VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name", (
                folder,
                title,
            )
        case RemoveFolder(folder):
            return "DELETE FROM folders WHERE id = ?", (folder,)
