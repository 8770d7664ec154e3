"""Messages from the bridge to the presenters, each named for what has happened."""

from msgspec import Struct

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
from tlfif.wire.models import ModelView, PersonalModelView
from tlfif.wire.money import AdviceView, BudgetView, CostView


class Message(Struct, frozen=True):
    """Something that has happened."""


class Connected(Message, frozen=True, kw_only=True):
    """The server answers."""


class RetryStarted(Message, frozen=True, kw_only=True):
    """A connection broke and is tried again, for the ``attempt``-th time of three."""

    attempt: int


class ConnectionFailed(Message, frozen=True, kw_only=True):
    """No server answered."""

    error: TlfifError


class AnswerAccepted(Message, frozen=True, kw_only=True):
    """The prompt is stored and cannot be lost."""

    exchange_id: str
    accepted: Accepted


class AnswerExtended(Message, frozen=True, kw_only=True):
    """More text of an answer; several deltas of the server may be one here. ``seq`` is the last one's number."""

    exchange_id: str
    text: str
    seq: int


class AnswerProgressed(Message, frozen=True, kw_only=True):
    """Any other event of an answer; also a delta without text."""

    exchange_id: str
    event: Event


class AnswerDelayed(Message, frozen=True, kw_only=True):
    """What a waiting answer waits for."""

    exchange_id: str
    machine: MachineView


class AnswerModelUpdated(Message, frozen=True, kw_only=True):
    """Before a prompt can be sent its model is fetched."""

    exchange_id: str
    model: ModelView


class FallbackChosen(Message, frozen=True, kw_only=True):
    """The small model answers, because the default one cannot; ``code`` says why, and ``cause`` in the error's own
    words, where it has one."""

    exchange_id: str
    wanted: ModelView
    fallback: ModelView
    code: str
    cause: str = ""


class AnswerPriced(Message, frozen=True, kw_only=True):
    """The ended job with its cost."""

    exchange_id: str
    job: JobView


class AnswerFailed(Message, frozen=True, kw_only=True):
    """Asking or following failed. ``accepted``: the prompt is stored at the server all the same."""

    exchange_id: str
    error: TlfifError
    accepted: bool


class AnswerBridged(Message, frozen=True, kw_only=True):
    """What this computer says to the prompt while a machine on AWS starts; ``line``: who says it, and what it took."""

    exchange_id: str
    update: BridgeUpdate
    line: str


class AnswerDropped(Message, frozen=True, kw_only=True):
    """Cancelled before the server had it: nothing was sent."""

    exchange_id: str


class FileRead(Message, frozen=True, kw_only=True):
    """A file that is to go along with a prompt. ``size`` in bytes; ``text`` None where it is not text or too large;
    ``problem`` why it could not be read."""

    name: str
    size: int = 0
    text: str | None = None
    problem: str = ""


class MachineUpdated(Message, frozen=True, kw_only=True):
    """The machine now."""

    machine: MachineView


class PastMachinesListed(Message, frozen=True, kw_only=True):
    """The last machines, newest first."""

    machines: tuple[PastMachineView, ...]


class CostUpdated(Message, frozen=True, kw_only=True):
    """Money now."""

    cost: CostView


class AdviceUpdated(Message, frozen=True, kw_only=True):
    """What other idle time-outs would have cost."""

    advice: AdviceView


class ModelsListed(Message, frozen=True, kw_only=True):
    """The catalogue, and the personal models that may be known of here."""

    models: tuple[ModelView, ...]
    personal: tuple[PersonalModelView, ...] = ()


class ModelUpdated(Message, frozen=True, kw_only=True):
    """How far fetching a model is, or how it ended."""

    model: ModelView


class ImagesUpdated(Message, frozen=True, kw_only=True):
    """Images now. ``acted``: after something that the owner asked for was done."""

    images: ImageList
    acted: bool = False


class ImagesMissing(Message, frozen=True, kw_only=True):
    """The server has none to show, and says why."""

    error: TlfifError


class ImageLogRead(Message, frozen=True, kw_only=True):
    """The lines of an image's log after number ``after``."""

    version: str
    after: int
    log: ImageLog


class MachineStopped(Message, frozen=True, kw_only=True):
    """The server took the stop; it is confirmed by ``MachineUpdated``."""

    result: StopResult


class IdleTimeoutSet(Message, frozen=True, kw_only=True):
    """It holds."""

    machine: MachineView


class BudgetChanged(Message, frozen=True, kw_only=True):
    """The limit or the lock was changed."""

    budget: BudgetView


class CommandFailed(Message, frozen=True, kw_only=True):
    """A command other than asking failed. ``command`` is its class's name, ``again`` the command itself."""

    command: str
    error: TlfifError
    again: Command | None = None


class CommandDone(Message, frozen=True, kw_only=True):
    """A command other than asking succeeded; ``command`` is its class's name."""

    command: str


class ConversationsListed(Message, frozen=True, kw_only=True):
    """Answer to ``ListConversations``: what a :class:`~tlfif.history.listing.Listing` has."""

    query: str
    found: tuple[ConversationSummary, ...]
    folders: tuple[Folder, ...] = ()
    deleted: tuple[DeletedConversation, ...] = ()


class HistoryChanged(Message, frozen=True, kw_only=True):
    """The list is another one than before. ``foreign``: another window or a command changed it."""

    foreign: bool


class ConversationLoaded(Message, frozen=True, kw_only=True):
    """Answer to ``LoadConversation``. ``again``: it is open already, and another program changed it."""

    conversation: KeptConversation
    again: bool = False


class ConversationForgotten(Message, frozen=True, kw_only=True):
    """Deleted; None: all."""

    conversation_id: str | None


class ConversationExported(Message, frozen=True, kw_only=True):
    """The file is written."""

    path: str


class UnfinishedFound(Message, frozen=True, kw_only=True):
    """Answers under way that this window may not know of: those that still ran when it was closed last, and those of
    other windows and commands. ``conversation`` is the newest one's, where that is to be shown."""

    conversation: KeptConversation | None = None
    exchanges: tuple[KeptExchange, ...]


class HistoryProblemFound(Message, frozen=True, kw_only=True):
    """The history on this computer cannot be kept or was set aside; ``message`` says what to do."""

    message: str
    available: bool


class HistoryKept(Message, frozen=True, kw_only=True):
    """The history on this computer can be kept again."""


class HomeUpdated(Message, frozen=True, kw_only=True):
    """Where the window talks to. ``moved``: to another server than before; whatever is known of that one is over."""

    home: HomeView
    moved: bool = False


class SignInStarted(Message, frozen=True, kw_only=True):
    """The browser shows the sign-in page. ``opened`` False: no browser opened, so the person must copy the address."""

    address: str
    opened: bool


class SignedIn(Message, frozen=True, kw_only=True):
    """It worked; ``note`` is a warning to be shown, or empty."""

    note: str


class SignInCancelled(Message, frozen=True, kw_only=True):
    """It was cancelled; nothing was changed."""


class SignedOut(Message, frozen=True, kw_only=True):
    """``how`` is a value of :class:`~tlfif.client.sign_in.signed_in_tokens.Leaving`."""

    how: str


class BridgeFailed(Message, frozen=True, kw_only=True):
    """A mistake of TL-FIF's own in the background; ``text`` names it in one line."""

    text: str
