"""The list of conversations in groups: what is answered now, what is pinned, folders, and the rest by its day."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tlfif.history.listing import ConversationSummary, Folder
from tlfif.wording.figures import how_many

RUNNING, PINNED, FOUND, ARCHIVED = "running", "pinned", "found", "archived"
FOLDER = "folder:"
"""What the key of a folder's group begins with."""
_NAMES = {RUNNING: "Answering now", PINNED: "Pinned", ARCHIVED: "Archived"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conversations under one name. ``closed``: only the name is shown, with how many there are."""

    key: str
    name: str
    conversations: tuple[ConversationSummary, ...]
    closed: bool = False

    @property
    def folder_id(self) -> str:
        """Of a folder's group; empty for the others."""
        return self.key.removeprefix(FOLDER) if self.key.startswith(FOLDER) else ""

    @property
    def is_of_days(self) -> bool:
        """Whether it has what is in no group but that of its day."""
        return not self.folder_id and self.key not in {RUNNING, PINNED, FOUND, ARCHIVED}

    @property
    def folds(self) -> bool:
        """Whether it can be closed: what is put there by hand can."""
        return self.key == ARCHIVED or bool(self.folder_id)


def grouped(
    found: Iterable[ConversationSummary],
    folders: Iterable[Folder] = (),
    *,
    running: Collection[str] = (),
    closed: Collection[str] = (),
    searched: bool = False,
    today: date,
) -> list[Group]:
    """The groups, in the order of the list; each conversation is in one of them. ``found`` the newest first.

    ``running``: conversations with an answer under way that ``found`` does not know of yet. ``searched``: in one group,
    as a search found them.
    """
    found = tuple(found)
    if searched:
        name = how_many(len(found), "conversation") + " found"
        return [Group(key=FOUND, name=name, conversations=found)] if found else []
    members: dict[str, list[ConversationSummary]] = {RUNNING: [], PINNED: []}
    names = dict(_NAMES)
    for folder in folders:
        key = FOLDER + folder.id
        members[key], names[key] = [], folder.name
    put_away: list[ConversationSummary] = []
    for one in found:
        if one.archived and one.id not in running and not one.running:
            put_away.append(one)
            continue
        key = _group_of(one, running, members)
        if not key:
            key = name = day_group(datetime.fromtimestamp(one.updated_at).date(), today)
            names[key] = name
        members.setdefault(key, []).append(one)
    members[ARCHIVED] = put_away
    return [
        Group(key=key, name=names[key], conversations=tuple(rows), closed=key in closed)
        for key, rows in members.items()
        if rows or key.startswith(FOLDER)
    ]


def _group_of(one: ConversationSummary, running: Collection[str], members: Collection[str]) -> str:
    """The group that it is in whatever its day; empty for none."""
    if one.running or one.id in running:
        return RUNNING
    if one.pinned:
        return PINNED
    return FOLDER + one.folder if FOLDER + one.folder in members else ""


def day_group(day: date, today: date) -> str:
    """The group of a day. A week begins on Monday."""
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day >= today - timedelta(days=today.weekday()):
        return "Earlier this week"
    return f"{day:%B}" if day.year == today.year else f"{day:%B %Y}"


def when(at: float, today: date) -> str:
    """A conversation's time in its row: what its group does not say."""
    moment = datetime.fromtimestamp(at)
    group = day_group(moment.date(), today)
    if group in {"Today", "Yesterday"}:
        return f"{moment:%H:%M}"
    if group == "Earlier this week":
        return f"{moment:%A %H:%M}"
    return f"{moment.day} {moment:%b}" if moment.year == today.year else f"{moment.day} {moment:%b %Y}"
