"""What the bridge tells the presenters. Past tense: it has happened."""

from dataclasses import dataclass

from tlfif.gui.model.home_view import HomeView
from tlfif.history.history import ConversationSummary, KeptConversation, KeptExchange
from tlfif.jobs.events import Event
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import Accepted, JobView
from tlfif.wire.machines import MachineView, PastMachineView, StopResult
from tlfif.wire.models import ModelView
from tlfif.wire.money import AdviceView, BudgetView, CostView


class WindowNews:
    """Something that has happened."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(WindowNews):
    """The server answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(WindowNews):
    """A connection broke and is tried again, for the ``attempt``-th time of three."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed(WindowNews):
    """No server answered."""

    error: TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAccepted(WindowNews):
    """The prompt is stored and cannot be lost."""

    exchange_id: str
    accepted: Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelta(WindowNews):
    """More text of an answer; several deltas of the server may be one here. ``seq`` is the last one's number."""

    exchange_id: str
    text: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEvent(WindowNews):
    """Any other event of an answer."""

    exchange_id: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWaits(WindowNews):
    """What a waiting answer waits for."""

    exchange_id: str
    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFetches(WindowNews):
    """Before a prompt can be sent its model is fetched."""

    exchange_id: str
    model: ModelView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStandsIn(WindowNews):
    """The small model answers, because the default one cannot; ``code`` says why."""

    exchange_id: str
    wanted: ModelView
    stand_in: ModelView
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPriced(WindowNews):
    """The ended job with its cost."""

    exchange_id: str
    job: JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFailed(WindowNews):
    """Asking or following failed. ``accepted``: the prompt is stored at the server all the same."""

    exchange_id: str
    error: TlfifError
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDropped(WindowNews):
    """Cancelled before the server had it: nothing was sent."""

    exchange_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineHeard(WindowNews):
    """The machine now."""

    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMachinesHeard(WindowNews):
    """The last machines, newest first."""

    machines: tuple[PastMachineView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostHeard(WindowNews):
    """Money now."""

    cost: CostView


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceHeard(WindowNews):
    """What other idle time-outs would have cost."""

    advice: AdviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsHeard(WindowNews):
    """The catalogue."""

    models: tuple[ModelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHeard(WindowNews):
    """How far fetching a model is, or how it ended."""

    model: ModelView


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStopped(WindowNews):
    """The server took the stop; it is confirmed by ``MachineHeard``."""

    result: StopResult


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTimeoutSet(WindowNews):
    """It holds."""

    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChanged(WindowNews):
    """The limit or the lock was changed."""

    budget: BudgetView


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFailed(WindowNews):
    """A command other than asking failed. ``command`` is its class's name."""

    command: str
    error: TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsListed(WindowNews):
    """Answer to ``ListConversations``."""

    query: str
    found: tuple[ConversationSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLoaded(WindowNews):
    """Answer to ``LoadConversation``."""

    conversation: KeptConversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationForgotten(WindowNews):
    """Deleted; None: all."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(WindowNews):
    """The file is written."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedFound(WindowNews):
    """Answers that were still running when the window was closed last; ``conversation`` is the newest one's."""

    conversation: KeptConversation
    exchanges: tuple[KeptExchange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTrouble(WindowNews):
    """The history on this computer cannot be kept or was set aside; ``message`` says what to do."""

    message: str
    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeHeard(WindowNews):
    """Where the window talks to. ``moved``: to another server than before; whatever is known of that one is over."""

    home: HomeView
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInWaits(WindowNews):
    """The browser is at it. ``opened`` False: none could be opened, the address is to be copied."""

    address: str
    opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(WindowNews):
    """It worked; ``note`` is a warning to be shown, or empty."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLeft(WindowNews):
    """It was cancelled; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(WindowNews):
    """``how`` is a value of :class:`~tlfif.client.sign_in.signed_in_tokens.Leaving`."""

    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFault(WindowNews):
    """A mistake of TL-FIF's own in the background; ``text`` names it in one line."""

    text: str
