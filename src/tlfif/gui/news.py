"""What the bridge tells the presenters. Past tense: it has happened."""

from dataclasses import dataclass

from tlfif.client.cost_wire import AdviceView, BudgetView, CostView
from tlfif.client.history import ConversationSummary, KeptConversation, KeptExchange
from tlfif.client.wire import Accepted, JobView, MachineView, ModelView, PastMachineView, StopResult
from tlfif.domain.errors import TlfifError
from tlfif.domain.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The server answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A connection broke and is tried again, for the ``attempt``-th time of three."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed:
    """No server answered."""

    error: TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAccepted:
    """The prompt is stored and cannot be lost."""

    exchange_id: str
    accepted: Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelta:
    """More text of an answer; several deltas of the server may be one here. ``seq`` is the last one's number."""

    exchange_id: str
    text: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEvent:
    """Any other event of an answer."""

    exchange_id: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWaits:
    """What a waiting answer waits for."""

    exchange_id: str
    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFetches:
    """Before a prompt can be sent its model is fetched."""

    exchange_id: str
    model: ModelView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStandsIn:
    """The small model answers, because the default one cannot; ``code`` says why."""

    exchange_id: str
    wanted: ModelView
    stand_in: ModelView
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPriced:
    """The ended job with its cost."""

    exchange_id: str
    job: JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFailed:
    """Asking or following failed. ``accepted``: the prompt is stored at the server all the same."""

    exchange_id: str
    error: TlfifError
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDropped:
    """Cancelled before the server had it: nothing was sent."""

    exchange_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineHeard:
    """The machine now."""

    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMachinesHeard:
    """The last machines, newest first."""

    machines: tuple[PastMachineView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostHeard:
    """Money now."""

    cost: CostView


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceHeard:
    """What other idle time-outs would have cost."""

    advice: AdviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsHeard:
    """The catalogue."""

    models: tuple[ModelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHeard:
    """How far fetching a model is, or how it ended."""

    model: ModelView


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStopped:
    """The server took the stop; it is confirmed by ``MachineHeard``."""

    result: StopResult


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTimeoutSet:
    """It holds."""

    machine: MachineView


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChanged:
    """The limit or the lock was changed."""

    budget: BudgetView


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFailed:
    """A command other than asking failed. ``command`` is its class's name."""

    command: str
    error: TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsListed:
    """Answer to ``ListConversations``."""

    query: str
    found: tuple[ConversationSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLoaded:
    """Answer to ``LoadConversation``."""

    conversation: KeptConversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationForgotten:
    """Deleted; None: all."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The file is written."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedFound:
    """Answers that were still running when the window was closed last; ``conversation`` is the newest one's."""

    conversation: KeptConversation
    exchanges: tuple[KeptExchange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTrouble:
    """The history on this computer cannot be kept or was set aside; ``message`` says what to do."""

    message: str
    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFault:
    """A mistake of TL-FIF's own in the background; ``text`` names it in one line."""

    text: str


WindowNews = (
    Connected
    | Retrying
    | ConnectionFailed
    | AnswerAccepted
    | AnswerDelta
    | AnswerEvent
    | AnswerWaits
    | AnswerFetches
    | AnswerStandsIn
    | AnswerPriced
    | AnswerFailed
    | AnswerDropped
    | MachineHeard
    | PastMachinesHeard
    | CostHeard
    | AdviceHeard
    | ModelsHeard
    | ModelHeard
    | MachineStopped
    | IdleTimeoutSet
    | BudgetChanged
    | CommandFailed
    | ConversationsListed
    | ConversationLoaded
    | ConversationForgotten
    | Exported
    | UnfinishedFound
    | HistoryTrouble
    | BridgeFault
)
