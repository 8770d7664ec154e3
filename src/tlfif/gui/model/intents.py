"""What the owner does in the window. A view creates an intent for ``WindowCore.press`` and decides nothing."""

from dataclasses import dataclass
from pathlib import Path

from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.preferences import Persona, Preferences
from tlfif.gui.model.state import Choice, Press
from tlfif.history.arranging import MoveTo, NameFolder, Pin, PutAway, RemoveFolder, Rename
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
    """Send button or key."""

    text: str


@dataclass(frozen=True, slots=True)
class AttachFiles(Intent):
    """These files are to go along with the next prompt."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RemoveFile(Intent):
    """The attached file of that name is not to go along."""

    name: str


@dataclass(frozen=True, slots=True)
class SavePersona(Intent):
    """Keep a persona in the place of the one named ``old``, as a new one where that is empty; it is chosen then."""

    old: str
    persona: Persona


@dataclass(frozen=True, slots=True)
class DeletePersona(Intent):
    """The persona of that name."""

    name: str


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
    """Another answer to the same prompt: a version beside the one that is there."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class EditPrompt(Intent):
    """Put a sent prompt into the box; what is sent then is another version of it."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class LeaveEditing(Intent):
    """Take the prompt out of the box again."""


@dataclass(frozen=True, slots=True)
class TurnVersion(Intent):
    """Show another version of an exchange, so many places further."""

    exchange_id: str
    steps: int


@dataclass(frozen=True, slots=True)
class CompareWith(Intent):
    """Ask the same prompt again, with another model, persona or temperature, and look at both answers side by side.
    What is None is as usual."""

    exchange_id: str
    model: str | None = None
    persona: str | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class CompareVersions(Intent):
    """Look at two versions that are there side by side."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class ChooseVersion(Intent):
    """Go on with one of those that are compared; the other one stays reachable."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class EndComparing(Intent):
    """Back to the conversation as it is."""


@dataclass(frozen=True, slots=True)
class OpenLink(Intent):
    """Show an address of the web, or one to write to, in the system's own program."""

    address: str


@dataclass(frozen=True, slots=True)
class PrintConversation(Intent):
    """Show one as PDF in the system's own viewer, which prints it."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class ShowDetails(Intent):
    """Show all of an answer's receipt, or only its short line again."""

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
    """Can be taken back for a minute."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class UndoDelete(Intent):
    """Bring back what was deleted last."""


@dataclass(frozen=True, slots=True)
class ArrangeHistory(Intent):
    """Name, pin, move or archive a conversation, name or remove a folder."""

    change: Rename | Pin | PutAway | MoveTo | NameFolder | RemoveFolder


@dataclass(frozen=True, slots=True)
class NewFolder(Intent):
    """Make one, with a conversation in it where one is named."""

    conversation_id: str = ""


@dataclass(frozen=True, slots=True)
class FoldGroup(Intent):
    """Show only the name of a group of the list, or all of it again."""

    key: str


@dataclass(frozen=True, slots=True)
class GoToMatch(Intent):
    """The next place (1) or the one before (-1) where the search found the open conversation."""

    step: int


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
    """End the machine at once, whatever runs. ``jobs`` "cancel" ends the answers, "requeue" keeps them for later."""

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
    """Set the typed limit. ``practice``: hold it against AWS's prices."""

    practice: bool


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
class SwitchBridge(Intent):
    """Whether this computer answers while a machine on AWS starts."""

    on: bool


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
    """A button that has a name of its own, wherever it stands. ``exchange_id``: of the answer that it belongs to,
    ``notice``: the code of the notice."""

    press: Press
    exchange_id: str = ""
    notice: str = ""


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
class WindowLookedAt(Intent):
    """False while another program has the keyboard."""

    looked_at: bool


@dataclass(frozen=True, slots=True)
class CallbackFailed(Intent):
    """An exception in a Tk callback; ``text`` names it in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Tick(Intent):
    """The clock; sent by the core about four times a second."""
