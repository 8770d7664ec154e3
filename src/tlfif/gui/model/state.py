"""Everything the window shows, as values that do not change. A view draws a part when it is another object than before.

Texts are whole sentences in plain English. Money is in US dollars without VAT unless a name says ``eur``.
``updated_at`` is monotonic seconds of the window's own clock, ``at`` epoch seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.commands import Command, Watch
from tlfif.gui.model.composer import Composer
from tlfif.gui.model.cost_panel import CostPanel
from tlfif.gui.model.history_panel import HistoryPanel
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.images_panel import ImagesPanel
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.problem import HOPELESS
from tlfif.gui.model.problem import LABELS as LABELS  # part of the state, and asked for here
from tlfif.gui.model.problem import Press as Press
from tlfif.gui.model.problem import Problem as Problem
from tlfif.wire.machines import MachineView, PastMachineView
from tlfif.wire.models import ModelView, PersonalModelView


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
    """The owner's button. ``label`` is what stands on it. ``pending``: asked for and not
    confirmed yet."""

    label: str = "Stop machine"
    enabled: bool = False
    pending: bool = False
    hint: str = "No machine is running."


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
    not_yours: str = ""
    """Why this person may not change it; empty where they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLogLine:
    """A start or an end that this window saw. ``text`` says what and why."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePanel:
    """The machine by the last report, and its controls. ``countdown_from`` is this start's first estimate.

    ``stopped_text`` says what became of the answers after the stop, empty before and once another machine is there.
    ``stop_cancels``: the stop was pressed in this window, so a cancelled answer was cancelled by it.
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
    """What an answer took: ``brief`` its seconds and its price, ``line`` times and tokens, ``cost`` what it cost (two
    figures, named; empty until known)."""

    line: str
    cost: str = ""
    brief: str = ""
    latency_seconds: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeAnswer:
    """This computer answers while a machine on AWS starts. ``line`` says so; ``stands``: its words are the answer that
    is shown, until AWS's come."""

    line: str
    stands: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast words come: the characters that came first and when (monotonic seconds), and when it was said last."""

    characters: int
    began_at: float
    told_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A prompt and its answer. ``id`` is this window's, ``job_id`` the server's once it is accepted.

    ``key`` is the idempotency key of the present try. ``status`` is the line under the answer while it is under way.
    ``marks`` are notes that stay ("Started over: …").
    ``follows``: the exchange that this one goes on from, None for the first; those that go on from the same one are
    versions of each other. ``instead_of``: the exchange to which this is another answer.
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
    bridge: BridgeAnswer | None = None
    problem: Problem | None = None
    follows: str | None = None
    number: int = 0
    """In the order in which the exchanges of a conversation were made."""
    instead_of: str | None = None
    speed: Speed | None = None
    settings: Preferences | None = None
    """What it is asked with; None: the settings that count when it is sent."""
    setting: str = ""
    """What is different from the usual settings, in a few words."""
    detailed: bool = False
    """All of its receipt is shown."""
    retried: bool = False
    """It stood there with its failure and is asked again."""
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
        hopeless = self.problem is not None and self.problem.code in HOPELESS
        return self.stage in {ExchangeStage.FAILED, ExchangeStage.CANCELLED} and not hopeless

    @property
    def can_regenerate(self) -> bool:
        """Whether there can be another answer to the same prompt."""
        return self.stage is ExchangeStage.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The conversation in the Chat tab, the oldest exchange first. ``id`` names it in the history. ``others`` are the
    exchanges of its branches that are not shown."""

    id: str = ""
    title: str = ""
    exchanges: tuple[Exchange, ...] = ()
    others: tuple[Exchange, ...] = ()
    compared: tuple[str, ...] = ()
    """Two versions that are looked at side by side; usually none."""
    left_out: int = 0
    """So many of the oldest exchanges are no longer sent, because the model cannot hold them."""

    @property
    def everything(self) -> tuple[Exchange, ...]:
        """The exchanges of all branches."""
        return (*self.exchanges, *self.others)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is under way."""
        return any(not one.stage.is_over for one in (*self.exchanges[-8:], *self.others))


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPanel:
    """What is set, and the problem of each field that cannot be kept, by the field's name."""

    values: Preferences = field(default_factory=Preferences)
    problems: tuple[tuple[str, str], ...] = ()
    models: tuple[ModelView, ...] = ()
    personal: tuple[PersonalModelView, ...] = ()
    fetching: ModelView | None = None
    persona_problems: tuple[tuple[str, str], ...] = ()
    """Why the persona in the dialog cannot be saved, by field."""
    persona_saved: int = 0
    """Goes up when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message that stays until it is dismissed, or until its cause is gone; one per ``code``. ``good``: nothing is
    wrong, it only wants to be known. ``again`` is the command that failed: "Try again" sends it, and its success takes
    the notice away."""

    problem: Problem
    at: float
    good: bool = False
    again: Command | None = None


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
    cost: CostPanel = field(default_factory=CostPanel)
    images: ImagesPanel = field(default_factory=ImagesPanel)
    conversation: Conversation = Conversation()
    elsewhere: tuple[Exchange, ...] = ()
    """Answers under way that belong to a conversation which is not the one shown."""
    composer: Composer = field(default_factory=Composer)
    history: HistoryPanel = field(default_factory=HistoryPanel)
    settings: SettingsPanel = SettingsPanel()
    notices: tuple[Notice, ...] = ()
    dialog: Dialog | None = None
    closing: Closing = Closing.OPEN
    tab: str = "chat"
    """Which tab is in front: chat, cost, machine, images, settings."""
    visible: bool = True
    looked_at: bool = True
    """Whether this window has the keyboard."""
    watch: Watch | None = None
    """How the bridge polls; None before the first command."""
