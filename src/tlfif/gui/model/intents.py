"""What the owner does in the window. A view creates an intent for ``WindowCore.press`` and decides nothing."""

from dataclasses import dataclass
from pathlib import Path

from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import Choice, Press
from tlfif.wire.machines import StopMode


class Intent:
    """What the owner did."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TypePrompt(Intent):
    """The prompt's box has this text now; an old problem with it is cleared."""

    text: str


@dataclass(frozen=True, slots=True)
class Send(Intent):
    """Send button or Ctrl+Enter."""

    text: str


@dataclass(frozen=True, slots=True)
class CancelAnswer(Intent):
    """Cancel one answer."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class RetryAnswer(Intent):
    """Try again what failed or was cancelled."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class Regenerate(Intent):
    """Another answer to the newest prompt."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class NewConversation(Intent):
    """Start an empty one. Answers under way continue in the old one."""


@dataclass(frozen=True, slots=True)
class OpenConversation(Intent):
    """One from the history."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class SearchHistory(Intent):
    """Conversations with these words; all where it is blank."""

    query: str


@dataclass(frozen=True, slots=True)
class DeleteConversation(Intent):
    """Asks first."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class DeleteAllConversations(Intent):
    """Asks first."""


@dataclass(frozen=True, slots=True)
class ExportConversation(Intent):
    """Write one to ``path``; as JSON where that ends in ``.json``, as Markdown otherwise."""

    conversation_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class StopMachineNow(Intent):
    """Stop GPU: at once, whatever runs. ``jobs`` "cancel" ends the answers, "requeue" keeps them for later."""

    jobs: StopMode = "cancel"


@dataclass(frozen=True, slots=True)
class TypeIdleMinutes(Intent):
    """The field of the idle time-out has this text now."""

    text: str


@dataclass(frozen=True, slots=True)
class ApplyIdleMinutes(Intent):
    """Enter, or the field is left."""


@dataclass(frozen=True, slots=True)
class TypeBudget(Intent):
    """The field of the budget has this text now."""

    text: str


@dataclass(frozen=True, slots=True)
class ApplyBudget(Intent):
    """Set the typed limit. ``rehearsal``: hold it against AWS's prices."""

    rehearsal: bool


@dataclass(frozen=True, slots=True)
class RemoveBudget(Intent):
    """No limit at all: a button of its own, because a blank field must not mean that."""


@dataclass(frozen=True, slots=True)
class ChangeSettings(Intent):
    """The settings in the form now. Invalid ones are marked and not kept."""

    values: Preferences


@dataclass(frozen=True, slots=True)
class ChooseHome(Intent):
    """This computer or AWS, by the profile's name."""

    name: str


@dataclass(frozen=True, slots=True)
class SignOutNow(Intent):
    """Here and at the provider."""


@dataclass(frozen=True, slots=True)
class FetchModel(Intent):
    """Fetch a model's file."""

    name: str


@dataclass(frozen=True, slots=True)
class ChooseImage(Intent):
    """Look at this version."""

    version: str


@dataclass(frozen=True, slots=True)
class DecideOnImage(Intent):
    """About the version that is looked at. Asks first where that deletes something or changes what answers."""

    decision: ImageDecision


@dataclass(frozen=True, slots=True)
class TypeRepository(Intent):
    """The repository's fields have this in them now."""

    address: str
    branch: str
    promotes: bool


@dataclass(frozen=True, slots=True)
class FollowRepository(Intent):
    """Build an image of each push to the repository in the fields. Asks first where that costs money."""


@dataclass(frozen=True, slots=True)
class LeaveRepository(Intent):
    """Follow none any more."""


@dataclass(frozen=True, slots=True)
class BuildImage(Intent):
    """Build from the repository in the fields now. Asks first where that costs money."""


@dataclass(frozen=True, slots=True)
class ShowTab(Intent):
    """A tab comes to the front: chat, cost, machine, images or settings. ``by_notice``: a notice's button brings it, so
    what has happened last is looked at."""

    name: str
    by_notice: bool = False


@dataclass(frozen=True, slots=True)
class PressButton(Intent):
    """A button that has a name of its own, wherever it stands. ``exchange_id``: of the answer that it belongs to."""

    press: Press
    exchange_id: str = ""


@dataclass(frozen=True, slots=True)
class DismissNotice(Intent):
    """Close a notice."""

    code: str


@dataclass(frozen=True, slots=True)
class CloseWindow(Intent):
    """The window's close button. Asks where a machine runs."""


@dataclass(frozen=True, slots=True)
class AnswerDialog(Intent):
    """A dialog's button."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class WindowVisible(Intent):
    """False while the window is minimised: nobody looks, so less is asked."""

    visible: bool


@dataclass(frozen=True, slots=True)
class CallbackFailed(Intent):
    """An exception in a Tk callback; ``text`` names it in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Tick(Intent):
    """The clock; sent by the core about four times a second."""
