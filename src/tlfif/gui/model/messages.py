"""Messages from the bridge to the presenters, each named for what has happened."""

from dataclasses import dataclass

from tlfif.control.bridging import BridgeUpdate
from tlfif.gui.model.commands import Command
from tlfif.gui.model.home_view import HomeView
from tlfif.history.kept import KeptConversation, KeptExchange
from tlfif.history.listing import ConversationSummary, DeletedConversation, Folder
from tlfif.jobs.events import Event
from tlfif.kernel.errors import TlfifError
from tlfif.wire.images import ImageList, ImageLog
from tlfif.wire.jobs import Accepted, JobView
from tlfif.wire.machines import MachineView, PastMachineView, StopResult
from tlfif.wire.models import ModelView
from tlfif.wire.money import AdviceView, BudgetView, CostView


class Message:
    """Something that has happened."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Message):
    """The server answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryStarted(Message):
    """A connection broke and is tried again, for the ``attempt``-th time of three."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed(Message):
    """No server answered."""

    error: TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAccepted(Message):
    """The prompt is stored and cannot be lost."""

    exchange_id: str
    accepted: Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerExtended(Message):
    """More text of an answer; several deltas of the server may be one here. ``seq`` is the last one's number."""

    exchange_id: str
    text: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProgressed(Message):
    """Any other event of an answer; also a delta without text."""

    exchange_id: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelayed(Message):
    """What a waiting answer waits for."""

    exchange_id: str
    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerModelUpdated(Message):
    """Before a prompt can be sent its model is fetched."""

    exchange_id: str
    model: ModelView


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackChosen(Message):
    """The small model answers, because the default one cannot; ``code`` says why, and ``cause`` in the error's own
    words, where it has one."""

    exchange_id: str
    wanted: ModelView
    fallback: ModelView
    code: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPriced(Message):
    """The ended job with its cost."""

    exchange_id: str
    job: JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFailed(Message):
    """Asking or following failed. ``accepted``: the prompt is stored at the server all the same."""

    exchange_id: str
    error: TlfifError
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBridged(Message):
    """What this computer says to the prompt while a machine on AWS starts; ``line``: who says it, and what it took."""

    exchange_id: str
    update: BridgeUpdate
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDropped(Message):
    """Cancelled before the server had it: nothing was sent."""

    exchange_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead(Message):
    """A file that is to go along with a prompt. ``size`` in bytes; ``text`` None where it is not text or too large;
    ``problem`` why it could not be read."""

    name: str
    size: int = 0
    text: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineUpdated(Message):
    """The machine now."""

    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMachinesListed(Message):
    """The last machines, newest first."""

    machines: tuple[PastMachineView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostUpdated(Message):
    """Money now."""

    cost: CostView


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceUpdated(Message):
    """What other idle time-outs would have cost."""

    advice: AdviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsListed(Message):
    """The catalogue."""

    models: tuple[ModelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUpdated(Message):
    """How far fetching a model is, or how it ended."""

    model: ModelView


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesUpdated(Message):
    """Images now. ``acted``: after something that the owner asked for was done."""

    images: ImageList
    acted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesMissing(Message):
    """The server has none to show, and says why."""

    error: TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLogRead(Message):
    """The lines of an image's log after number ``after``."""

    version: str
    after: int
    log: ImageLog


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStopped(Message):
    """The server took the stop; it is confirmed by ``MachineUpdated``."""

    result: StopResult


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTimeoutSet(Message):
    """It holds."""

    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChanged(Message):
    """The limit or the lock was changed."""

    budget: BudgetView


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFailed(Message):
    """A command other than asking failed. ``command`` is its class's name, ``again`` the command itself."""

    command: str
    error: TlfifError
    again: Command | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDone(Message):
    """A command other than asking succeeded; ``command`` is its class's name."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsListed(Message):
    """Answer to ``ListConversations``: what a :class:`~tlfif.history.listing.Listing` has."""

    query: str
    found: tuple[ConversationSummary, ...]
    folders: tuple[Folder, ...] = ()
    deleted: tuple[DeletedConversation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryChanged(Message):
    """The list is another one than before. ``foreign``: another window or a command changed it."""

    foreign: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLoaded(Message):
    """Answer to ``LoadConversation``. ``again``: it is open already, and another program changed it."""

    conversation: KeptConversation
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationForgotten(Message):
    """Deleted; None: all."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationExported(Message):
    """The file is written."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedFound(Message):
    """Answers under way that this window may not know of: those that still ran when it was closed last, and those of
    other windows and commands. ``conversation`` is the newest one's, where that is to be shown."""

    conversation: KeptConversation | None = None
    exchanges: tuple[KeptExchange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryProblemFound(Message):
    """The history on this computer cannot be kept or was set aside; ``message`` says what to do."""

    message: str
    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKept(Message):
    """The history on this computer can be kept again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeUpdated(Message):
    """Where the window talks to. ``moved``: to another server than before; whatever is known of that one is over."""

    home: HomeView
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInStarted(Message):
    """The browser shows the sign-in page. ``opened`` False: no browser opened, so the person must copy the address."""

    address: str
    opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Message):
    """It worked; ``note`` is a warning to be shown, or empty."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInCancelled(Message):
    """It was cancelled; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Message):
    """``how`` is a value of :class:`~tlfif.client.sign_in.signed_in_tokens.Leaving`."""

    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFailed(Message):
    """A mistake of TL-FIF's own in the background; ``text`` names it in one line."""

    text: str
