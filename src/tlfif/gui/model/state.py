"""Everything the window shows, as values that do not change. A view draws a part when it is another object than before.

Texts are whole sentences in plain English. Money is in US dollars without VAT unless a name says ``eur``.
``updated_at`` is monotonic seconds of the window's own clock, ``at`` epoch seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.commands import Watch
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.images_panel import ImagesPanel
from tlfif.gui.model.preferences import Preferences
from tlfif.history.history import ConversationSummary
from tlfif.wire.machines import MachineView, PastMachineView
from tlfif.wire.models import ModelView
from tlfif.wire.money import AdviceView, AnswerCostView, CostView, DayView


class Press(StrEnum):
    """A button that a text offers. The view shows the label that ``LABELS`` gives it and sends the intent."""

    RETRY = "retry"
    RECONNECT = "reconnect"
    START_MACHINE = "start_machine"
    RELEASE_BUDGET = "release_budget"
    OPEN_COST = "open_cost"
    OPEN_SETTINGS = "open_settings"
    OPEN_MACHINE = "open_machine"
    OPEN_IMAGES = "open_images"
    APPROVE_IMAGE = "approve_image"
    PROMOTE_IMAGE = "promote_image"
    SIGN_IN = "sign_in"
    CANCEL_SIGN_IN = "cancel_sign_in"
    DELETE_AGAIN = "delete_again"
    DELETE_HERE = "delete_here"


LABELS = {
    Press.RETRY: "Try again",
    Press.RECONNECT: "Connect",
    Press.START_MACHINE: "Start machine",
    Press.RELEASE_BUDGET: "Release budget",
    Press.OPEN_COST: "Show cost",
    Press.OPEN_SETTINGS: "Open settings",
    Press.OPEN_MACHINE: "Show machine",
    Press.OPEN_IMAGES: "Show images",
    Press.APPROVE_IMAGE: "Approve",
    Press.PROMOTE_IMAGE: "Promote",
    Press.SIGN_IN: "Sign in",
    Press.CANCEL_SIGN_IN: "Cancel sign-in",
    Press.DELETE_AGAIN: "Delete again",
    Press.DELETE_HERE: "Delete here only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong: ``title`` in a few words, ``message`` what happened, ``advice`` what to do; one cause each.

    ``code`` is the error's stable code, or the window's own name for a message that is no error of the API.
    """

    code: str
    title: str
    message: str
    advice: str = ""
    presses: tuple[Press, ...] = ()


class Link(StrEnum):
    """The state of the connection to the server."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RETRYING = "retrying"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """``attempt`` of three while retrying. ``problem`` is the cause while it is lost."""

    link: Link = Link.CONNECTING
    attempt: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePanel:
    """Where the window's prompts are answered. ``moving`` is the profile that it is switching to, usually empty.

    ``signing``: the browser is waited for; ``address`` is where to sign in by hand. ``leaving``: a sign-out is under
    way. ``problem`` says why the last choice or sign-in came to nothing, ``note`` what is to be known after one.
    """

    view: HomeView = field(default_factory=HomeView)
    moving: str = ""
    signing: bool = False
    leaving: bool = False
    address: str = ""
    problem: str = ""
    note: str = ""


class StatusKind(StrEnum):
    """What the machine does now, as the owner sees it."""

    CONNECTING = "connecting"
    OFF = "off"
    HELD = "held"
    """Stopped with prompts kept: nothing starts by itself."""
    LAUNCHING = "launching"
    LOADING = "loading"
    READY = "ready"
    ANSWERING = "answering"
    IDLE = "idle"
    """Ready without work; the countdown is to its end."""
    STOPPING = "stopping"
    NO_CAPACITY = "no_capacity"
    NO_QUOTA = "no_quota"
    BUDGET_LOCKED = "budget_locked"
    BROKEN = "broken"
    UNATTENDED = "unattended"
    """The server can start and end no machine, because of a fault of its own such as a full disk."""
    NOT_CONNECTED = "not_connected"
    SIGNED_OUT = "signed_out"
    """Nobody is signed in, and the home on AWS answers only its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """The line on top of the window: what is going on, what it costs, what to press.

    ``brief`` and ``brief_cost`` say the same in few words, for a window that has no space for more.
    ``countdown_seconds`` is what is left until ready (launching, loading) or until it ends itself (idle), ``countdown``
    the same in words, empty where there is none. ``progress`` is 0 to 1 of a start, None elsewhere.
    """

    kind: StatusKind
    headline: str
    cost: str = ""
    advice: str
    countdown_seconds: float | None = None
    countdown: str = ""
    progress: float | None = None
    presses: tuple[Press, ...] = ()
    brief: str = ""
    brief_cost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopButton:
    """The owner's button. ``pending``: asked for and not confirmed yet."""

    label: str = "Stop GPU"
    enabled: bool = False
    pending: bool = False
    hint: str = "Nothing runs that could be stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleEntry:
    """The idle time-out's field. ``text`` is its content; ``problem`` why that cannot be set, empty if it can.

    ``in_force`` are the server's minutes, None until it reports them. ``saving``: sent, not confirmed.
    """

    text: str = ""
    range_text: str = ""
    problem: str = ""
    in_force: float | None = None
    editing: bool = False
    saving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLogLine:
    """A start or an end that this window saw. ``text`` says what and why."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePanel:
    """The machine by the last report, and its controls. ``countdown_from`` is this start's first estimate.

    ``stopped_text`` says what became of the answers after Stop GPU, empty before and once another machine is there.
    ``stop_cancels``: Stop GPU was pressed in this window, so a cancelled answer was cancelled by it.
    """

    view: MachineView | None = None
    updated_at: float = 0.0
    countdown_from: float | None = None
    stop: StopButton = StopButton()
    start_enabled: bool = False
    stopped_text: str = ""
    stop_cancels: bool = False
    stop_asked_for: str | None = None
    idle: IdleEntry = IdleEntry()
    log: tuple[MachineLogLine, ...] = ()
    past: tuple[PastMachineView, ...] = ()
    """The last machines as the server keeps them, newest first: phases of the start, who ended it and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One running figure, never added to another one. ``name`` says which: a running estimate, or "on AWS".

    ``usd`` and ``eur`` are now; ``usd_at_report`` was in the last report. ``text`` is what to show.
    """

    name: str
    usd_at_report: float
    usd_per_hour: float
    usd: float
    eur: float
    text: str
    per_hour_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPanel:
    """The monthly limit. ``fraction`` of it that is spent (may pass 1; None without a limit); ``left_text`` what is
    left now. ``rehearsal``: held against AWS's prices while nothing is charged. ``entry`` is the new limit's field."""

    state: str = "none"
    left_text: str = ""
    sentence: str = ""
    fraction: float | None = None
    left_eur: float | None = None
    limit_eur: float | None = None
    rehearsal: bool = False
    locked: bool = False
    entry: str = ""
    entry_problem: str = ""
    saving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledPanel:
    """AWS's own figure: its name with the day up to which it holds, the amount, and what it covers or why there is
    none."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPanel:
    """Money. ``real`` is what is owed, ``simulated`` what AWS would have taken: two numbers that are never mixed; each
    is None where there is none. ``billed`` is a third: what AWS itself says, None where it is not asked.
    ``billed_text`` says how the first one stands to it.

    ``stale``: the last report is older than ten seconds although a machine runs.
    """

    updated_at: float | None = None
    report: CostView | None = None
    real: Meter | None = None
    simulated: Meter | None = None
    billed_text: str = ""
    billed: BilledPanel | None = None
    standing_text: str = ""
    """What is kept costs by the month, where machines run on AWS; empty on this computer."""
    formula_text: str = ""
    budget: BudgetPanel = BudgetPanel()
    days: tuple[DayView, ...] = ()
    days_name: str = ""
    forecast_text: str = ""
    receipts: tuple[AnswerCostView, ...] = ()
    exchange_text: str = ""
    advice: AdviceView | None = None
    stale: bool = False


class ExchangeStage(StrEnum):
    """Where an answer is on its way."""

    SENDING = "sending"
    WAITING = "waiting"
    STREAMING = "streaming"
    DONE = "done"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self in {ExchangeStage.DONE, ExchangeStage.FAILED, ExchangeStage.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an answer took: ``line`` times and tokens, ``cost`` what it cost (two figures, named; empty until known)."""

    line: str
    cost: str = ""
    latency_seconds: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A prompt and its answer. ``id`` is this window's, ``job_id`` the server's once it is accepted.

    ``key`` is the idempotency key of the present try. ``status`` is the line under the answer while it is under way.
    ``marks`` are notes that stay ("Started over: …").
    ``instead_of``: the exchange that this is another answer to. ``superseded``: there is another answer, this one is no
    longer part of the conversation that is sent.
    """

    id: str
    conversation_id: str
    key: str
    prompt: str
    asked_at: float
    answer: AnswerText = field(default_factory=AnswerText)
    reasoning: str = ""
    """What a thinking model wrote before the answer; known once it has ended."""
    stage: ExchangeStage = ExchangeStage.SENDING
    status: str = ""
    receipt: Receipt | None = None
    job_id: str | None = None
    last_seq: int = 0
    model: str = ""
    machine_before: MachineView | None = None
    waited: bool = False
    """A machine was started for it."""
    place: str = ""
    """Where it was asked; empty: this computer."""
    marks: tuple[str, ...] = ()
    problem: Problem | None = None
    instead_of: str | None = None
    superseded: bool = False
    resumable: bool = False
    """The server has it and only the connection was lost: going on is following, not asking again."""

    @property
    def gave_way(self) -> bool:
        """Whether this was to be another answer and came to nothing: the one before counts again."""
        return self.instead_of is not None and self.stage in {ExchangeStage.FAILED, ExchangeStage.CANCELLED}

    @property
    def can_cancel(self) -> bool:
        """Whether the Cancel button is there."""
        return self.stage in {ExchangeStage.SENDING, ExchangeStage.WAITING, ExchangeStage.STREAMING}

    @property
    def can_retry(self) -> bool:
        """Whether the Try again button is there."""
        return self.stage in {ExchangeStage.FAILED, ExchangeStage.CANCELLED} and not self.superseded

    @property
    def can_regenerate(self) -> bool:
        """Whether the Another answer button is there (the newest exchange only; see the presenter)."""
        return self.stage is ExchangeStage.DONE and not self.superseded


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The conversation in the Chat tab, the oldest exchange first. ``id`` names it in the history."""

    id: str = ""
    title: str = ""
    exchanges: tuple[Exchange, ...] = ()
    left_out: int = 0
    """So many of the oldest exchanges are no longer sent, because the model cannot hold them."""

    @property
    def is_busy(self) -> bool:
        """Whether an answer is under way."""
        return any(not one.stage.is_over for one in self.exchanges[-8:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """The prompt's box. ``clear`` goes up when what was typed has been taken over: the view empties the box then.

    ``problem`` says why the text cannot be sent; empty while there is nothing to say.
    """

    can_send: bool = True
    problem: str = ""
    clear: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPanel:
    """Conversations kept on this computer, newest first; those that match ``query`` where there is one."""

    query: str = ""
    found: tuple[ConversationSummary, ...] = ()
    available: bool = True
    exported_to: str = ""
    deleting: str | None = None
    """The conversation that is being deleted at the server, too; empty: all of them, None: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPanel:
    """What is set, and the problem of each field that cannot be kept, by the field's name."""

    values: Preferences = field(default_factory=Preferences)
    problems: tuple[tuple[str, str], ...] = ()
    models: tuple[ModelView, ...] = ()
    fetching: ModelView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message that stays until it is dismissed; one per ``code``. ``good``: nothing is wrong, it only wants to be
    known."""

    problem: Problem
    at: float
    good: bool = False


class Choice(StrEnum):
    """A dialog's button."""

    STOP = "stop"
    LEAVE = "leave"
    STAY = "stay"
    DELETE = "delete"
    DELETE_EVERYWHERE = "delete_everywhere"
    KEEP = "keep"
    GO_ON = "go_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A question. ``choices``: each button with its label, the safe one first: it has the focus. One of them changes
    nothing; Escape means that one."""

    name: str
    title: str
    text: str
    choices: tuple[tuple[Choice, str], ...]
    subject: str = ""

    @property
    def escape(self) -> Choice:
        """The choice that changes nothing."""
        return next((choice for choice, _ in self.choices if choice in {Choice.STAY, Choice.KEEP}), self.choices[-1][0])


class Closing(StrEnum):
    """Whether the window goes away. At ``CLOSED`` the view destroys itself and closes the core."""

    OPEN = "open"
    STOPPING = "stopping"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowState:
    """All of it."""

    connection: Connection
    status_line: StatusLine
    home: HomePanel = HomePanel()
    machine: MachinePanel = MachinePanel()
    cost: CostPanel = CostPanel()
    images: ImagesPanel = field(default_factory=ImagesPanel)
    conversation: Conversation = Conversation()
    elsewhere: tuple[Exchange, ...] = ()
    """Answers under way that belong to a conversation which is not the one shown."""
    composer: Composer = Composer()
    history: HistoryPanel = HistoryPanel()
    settings: SettingsPanel = SettingsPanel()
    notices: tuple[Notice, ...] = ()
    dialog: Dialog | None = None
    closing: Closing = Closing.OPEN
    tab: str = "chat"
    """Which tab is in front: chat, cost, machine, images, settings."""
    visible: bool = True
    watch: Watch | None = None
    """How the bridge polls; None before the first command."""
