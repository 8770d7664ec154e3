"""The list of past conversations, as the window shows it."""

from dataclasses import dataclass
from datetime import date

from tlfif.history.groups import ARCHIVED
from tlfif.history.listing import ConversationSummary, Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A conversation whose deletion can be taken back for ``left`` more seconds, until ``until`` (monotonic).
    ``here``: this window deleted it."""

    id: str
    title: str
    until: float
    left: int
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Where a search found the open conversation: the folded ``words`` and the exchanges that hold them, the oldest
    first; ``at`` is the one that is looked at."""

    words: tuple[str, ...]
    exchanges: tuple[str, ...]
    at: int

    @property
    def exchange_id(self) -> str:
        """The one that is looked at."""
        return self.exchanges[self.at]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPanel:
    """Conversations kept on this computer, newest first; those that match ``query`` where there is one."""

    query: str = ""
    listed: str = ""
    """The query that ``found`` answers: the one before while the next is on its way."""
    today: date = date.min
    """By which the list is grouped."""
    found: tuple[ConversationSummary, ...] = ()
    folders: tuple[Folder, ...] = ()
    closed: frozenset[str] = frozenset({ARCHIVED})
    """Groups of the list of which only the name is shown."""
    deleted: tuple[Deleted, ...] = ()
    """The last one was deleted last."""
    forgetting: str = ""
    """The conversation that is being deleted for good now, usually none."""
    naming: str = ""
    """The folder that was just made and gets its name now."""
    matches: Matches | None = None
    available: bool = True
    exported_to: str = ""
    deleting: str | None = None
    """The conversation that could not be deleted at the server, or is tried again; empty: all of them, None: none."""
