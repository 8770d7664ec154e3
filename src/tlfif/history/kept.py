"""What is kept of a conversation, as it is read from the file."""

from dataclasses import dataclass

OPEN_STATUSES = ("sending", "running")
"""Of exchanges whose answer may still come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptExchange:
    """A prompt and what is kept of its answer. ``status``: sending, running, succeeded, failed, cancelled, expired.

    ``last_seq`` is the last event of the job that ``answer`` holds: where to continue. ``receipt`` is its line,
    ``cost`` the one below it, as far as it was known when the answer ended; ``note`` why there is no whole answer, or
    what is to be known of it; ``code`` that error's; ``reasoning`` what a thinking model wrote before its answer.
    ``brief``: seconds and price in a few words. ``follows``: the exchange that this one goes on from, None for the
    first. ``instead_of``: the exchange to which this is another answer. ``place`` is where it was asked, "this
    computer" or "AWS eu-central-1"; empty in exchanges from before there was a choice. ``setting``: what it was asked
    with in words, where that was not the usual settings.
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
    asked_at: float
    follows: str | None = None
    instead_of: str | None = None
    place: str = ""
    cost: str = ""
    brief: str = ""
    code: str = ""
    reasoning: str = ""
    setting: str = ""

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
    """A conversation, the oldest exchange first. ``earlier`` more exchanges come before them and were not read.
    ``tip``: the last exchange of the branch that is shown, None for the newest."""

    id: str
    title: str
    created_at: float
    updated_at: float
    exchanges: tuple[KeptExchange, ...]
    earlier: int = 0
    tip: str | None = None
