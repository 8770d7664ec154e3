"""What the owner does in the window. A view creates an intent for ``WindowCore.press`` and decides nothing."""

from pathlib import Path

from msgspec import Struct

from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.preferences import Persona, Preferences
from tlfif.gui.model.state import Choice, Press
from tlfif.history.arranging import MoveTo, NameFolder, Pin, PutAway, RemoveFolder, Rename
from tlfif.wire.machines import StopMode


class Intent(Struct, frozen=True):
    """What the owner did."""


class TypePrompt(Intent, frozen=True):
    """The prompt's box has this text now; an old problem with it is cleared."""

    text: str


class Send(Intent, frozen=True):
    """Send button or key."""

    text: str


class AttachFiles(Intent, frozen=True):
    """These files are to go along with the next prompt."""

    paths: tuple[Path, ...]


class RemoveFile(Intent, frozen=True):
    """The attached file of that name is not to go along."""

    name: str


class SavePersona(Intent, frozen=True):
    """Keep a persona in the place of the one named ``old``, as a new one where that is empty; it is chosen then."""

    old: str
    persona: Persona


class DeletePersona(Intent, frozen=True):
    """The persona of that name."""

    name: str


class CancelAnswer(Intent, frozen=True):
    """Cancel one answer."""

    exchange_id: str


class RetryAnswer(Intent, frozen=True):
    """Try again what failed or was cancelled."""

    exchange_id: str


class Regenerate(Intent, frozen=True):
    """Another answer to the same prompt: a version beside the one that is there."""

    exchange_id: str


class EditPrompt(Intent, frozen=True):
    """Put a sent prompt into the box; what is sent then is another version of it."""

    exchange_id: str


class LeaveEditing(Intent, frozen=True):
    """Take the prompt out of the box again."""


class TurnVersion(Intent, frozen=True):
    """Show another version of an exchange, so many places further."""

    exchange_id: str
    steps: int


class CompareWith(Intent, frozen=True):
    """Ask the same prompt again, with another model, persona or temperature, and look at both answers side by side.
    What is None is as usual."""

    exchange_id: str
    model: str | None = None
    persona: str | None = None
    temperature: float | None = None


class CompareVersions(Intent, frozen=True):
    """Look at two versions that are there side by side."""

    first: str
    second: str


class ChooseVersion(Intent, frozen=True):
    """Go on with one of those that are compared; the other one stays reachable."""

    exchange_id: str


class EndComparing(Intent, frozen=True):
    """Back to the conversation as it is."""


class OpenLink(Intent, frozen=True):
    """Show an address of the web, or one to write to, in the system's own program."""

    address: str


class PrintConversation(Intent, frozen=True):
    """Show one as PDF in the system's own viewer, which prints it."""

    conversation_id: str


class ShowDetails(Intent, frozen=True):
    """Show all of an answer's receipt, or only its short line again."""

    exchange_id: str


class NewConversation(Intent, frozen=True):
    """Start an empty one. Answers under way continue in the old one."""


class OpenConversation(Intent, frozen=True):
    """One from the history."""

    conversation_id: str


class SearchHistory(Intent, frozen=True):
    """Conversations with these words; all where it is blank."""

    query: str


class DeleteConversation(Intent, frozen=True):
    """Can be taken back for a minute."""

    conversation_id: str


class UndoDelete(Intent, frozen=True):
    """Bring back what was deleted last."""


class ArrangeHistory(Intent, frozen=True):
    """Name, pin, move or archive a conversation, name or remove a folder."""

    change: Rename | Pin | PutAway | MoveTo | NameFolder | RemoveFolder


class NewFolder(Intent, frozen=True):
    """Make one, with a conversation in it where one is named."""

    conversation_id: str = ""


class FoldGroup(Intent, frozen=True):
    """Show only the name of a group of the list, or all of it again."""

    key: str


class GoToMatch(Intent, frozen=True):
    """The next place (1) or the one before (-1) where the search found the open conversation."""

    step: int


class DeleteAllConversations(Intent, frozen=True):
    """Asks first."""


class ExportConversation(Intent, frozen=True):
    """Write one to ``path``; as JSON where that ends in ``.json``, as Markdown otherwise."""

    conversation_id: str
    path: Path


class StopMachineNow(Intent, frozen=True):
    """End the machine at once, whatever runs. ``jobs`` "cancel" ends the answers, "requeue" keeps them for later."""

    jobs: StopMode = "cancel"


class TypeIdleMinutes(Intent, frozen=True):
    """The field of the idle time-out has this text now."""

    text: str


class ApplyIdleMinutes(Intent, frozen=True):
    """Enter, or the field is left."""


class TypeBudget(Intent, frozen=True):
    """The field of the budget has this text now."""

    text: str


class ApplyBudget(Intent, frozen=True):
    """Set the typed limit. ``practice``: hold it against AWS's prices."""

    practice: bool


class RemoveBudget(Intent, frozen=True):
    """No limit at all: a button of its own, because a blank field must not mean that."""


class ChangeSettings(Intent, frozen=True):
    """The settings in the form now. Invalid ones are marked and not kept."""

    values: Preferences


class ChooseHome(Intent, frozen=True):
    """This computer or AWS, by the profile's name."""

    name: str


class SwitchBridge(Intent, frozen=True):
    """Whether this computer answers while a machine on AWS starts."""

    on: bool


class SignOutNow(Intent, frozen=True):
    """Here and at the provider."""


class FetchModel(Intent, frozen=True):
    """Fetch a model's file."""

    name: str


class ChooseImage(Intent, frozen=True):
    """Look at this version."""

    version: str


class DecideOnImage(Intent, frozen=True):
    """About the version that is looked at. Asks first where that deletes something or changes what answers."""

    decision: ImageDecision


class TypeRepository(Intent, frozen=True):
    """The repository's fields have this in them now."""

    address: str
    branch: str
    promotes: bool


class FollowRepository(Intent, frozen=True):
    """Build an image of each push to the repository in the fields. Asks first where that costs money."""


class LeaveRepository(Intent, frozen=True):
    """Follow none any more."""


class BuildImage(Intent, frozen=True):
    """Build from the repository in the fields now. Asks first where that costs money."""


class ShowTab(Intent, frozen=True):
    """A tab comes to the front: chat, cost, machine, images or settings. ``by_notice``: a notice's button brings it, so
    what has happened last is looked at."""

    name: str
    by_notice: bool = False


class PressButton(Intent, frozen=True):
    """A button that has a name of its own, wherever it stands. ``exchange_id``: of the answer that it belongs to,
    ``notice``: the code of the notice."""

    press: Press
    exchange_id: str = ""
    notice: str = ""


class DismissNotice(Intent, frozen=True):
    """Close a notice."""

    code: str


class CloseWindow(Intent, frozen=True):
    """The window's close button. Asks where a machine runs."""


class AnswerDialog(Intent, frozen=True):
    """A dialog's button."""

    choice: Choice


class WindowVisible(Intent, frozen=True):
    """False while the window is minimised: nobody looks, so less is asked."""

    visible: bool


class WindowLookedAt(Intent, frozen=True):
    """False while another program has the keyboard."""

    looked_at: bool


class CallbackFailed(Intent, frozen=True):
    """An exception in a Tk callback; ``text`` names it in one line."""

    text: str


class Tick(Intent, frozen=True):
    """The clock; sent by the core about four times a second."""
