"""What the owner does in the window. A view makes one and hands it to ``WindowCore.press``; it decides nothing."""

from dataclasses import dataclass
from pathlib import Path

from tlfif.client.wire import StopMode
from tlfif.gui.preferences import Preferences
from tlfif.gui.state import Choice, Press


@dataclass(frozen=True, slots=True)
class TypePrompt:
    """The prompt's box has this text now: clears an old complaint about it."""

    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send button or Ctrl+Enter."""

    text: str


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """Cancel one answer."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """Try again what failed or was cancelled."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class Regenerate:
    """Another answer to the newest prompt."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class NewConversation:
    """An empty one. Answers under way go on in the one that is left."""


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """One from the history."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class SearchHistory:
    """Conversations with these words; all where it is blank."""

    query: str


@dataclass(frozen=True, slots=True)
class DeleteConversation:
    """Asks first."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class DeleteAllConversations:
    """Asks first."""


@dataclass(frozen=True, slots=True)
class ExportConversation:
    """Write one to ``path``; as JSON where that ends in ``.json``, as Markdown otherwise."""

    conversation_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class StopMachineNow:
    """Stop GPU: at once, whatever runs. ``jobs`` "cancel" ends the answers, "requeue" keeps them for later."""

    jobs: StopMode = "cancel"


@dataclass(frozen=True, slots=True)
class StartMachineNow:
    """Start without a prompt."""


@dataclass(frozen=True, slots=True)
class TypeIdleMinutes:
    """The field of the idle time-out has this text now."""

    text: str


@dataclass(frozen=True, slots=True)
class ApplyIdleMinutes:
    """Enter, or the field is left."""


@dataclass(frozen=True, slots=True)
class TypeBudget:
    """The field of the budget has this text now."""

    text: str


@dataclass(frozen=True, slots=True)
class ApplyBudget:
    """Set the typed limit. ``rehearsal``: hold it against AWS's prices."""

    rehearsal: bool


@dataclass(frozen=True, slots=True)
class RemoveBudget:
    """No limit at all: a button of its own, because a blank field must not mean that."""


@dataclass(frozen=True, slots=True)
class ReleaseBudget:
    """Release the lock."""


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Settings as they stand in the form now; what cannot be right is named and not kept."""

    values: Preferences


@dataclass(frozen=True, slots=True)
class FetchModel:
    """Fetch a model's file."""

    name: str


@dataclass(frozen=True, slots=True)
class ShowTab:
    """A tab comes to the front: chat, cost, machine, images or settings."""

    name: str


@dataclass(frozen=True, slots=True)
class PressButton:
    """A button of the truth line or of a notice. ``exchange_id`` where it stands under an answer."""

    press: Press
    exchange_id: str = ""


@dataclass(frozen=True, slots=True)
class DismissNotice:
    """Take a message away."""

    code: str


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """The window's close button. Asks where a machine runs."""


@dataclass(frozen=True, slots=True)
class AnswerDialog:
    """A dialog's button."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class WindowVisible:
    """False while the window is minimised: nobody looks, so less is asked."""

    visible: bool


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """An exception in a Tk callback; ``text`` names it in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time goes on; sent by the core, about four times a second."""


Intent = (
    TypePrompt
    | Send
    | CancelAnswer
    | RetryAnswer
    | Regenerate
    | NewConversation
    | OpenConversation
    | SearchHistory
    | DeleteConversation
    | DeleteAllConversations
    | ExportConversation
    | StopMachineNow
    | StartMachineNow
    | TypeIdleMinutes
    | ApplyIdleMinutes
    | TypeBudget
    | ApplyBudget
    | RemoveBudget
    | ReleaseBudget
    | ChangeSettings
    | FetchModel
    | ShowTab
    | PressButton
    | DismissNotice
    | CloseWindow
    | AnswerDialog
    | WindowVisible
    | CallbackFailed
    | Tick
)
