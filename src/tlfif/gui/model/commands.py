"""What the presenters want done outside the window. The bridge does it and reports with messages."""

from pathlib import Path

from msgspec import Struct

from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.preferences import Preferences
from tlfif.history.arranging import Arrangement
from tlfif.wire.jobs import Asking
from tlfif.wire.machines import StopMode


class Command(Struct, frozen=True):
    """Something that the bridge is to do."""


class Connect(Command, frozen=True, kw_only=True):
    """Find the server, start it if none runs."""


class Ask(Command, frozen=True, kw_only=True):
    """Send a prompt and follow its answer. ``key``: the same again makes no second job. ``instead_of``: the exchange
    in whose place this one comes, ``follows`` the one that it goes on from. ``place``: where it is asked, ``setting``:
    what is different from the usual settings, in words; both are kept in the history."""

    exchange_id: str
    conversation_id: str
    key: str
    prompt: str
    asked_at: float
    instead_of: str | None = None
    follows: str | None = None
    place: str = ""
    setting: str = ""
    asking: Asking

    def __repr__(self) -> str:
        """Without a word of the conversation."""
        return f"Ask(exchange_id={self.exchange_id!r})"


class ReadFiles(Command, frozen=True, kw_only=True):
    """Read files that are to go along with a prompt."""

    paths: tuple[Path, ...]


class TellSystem(Command, frozen=True, kw_only=True):
    """A notice of the system with this text."""

    text: str


class Follow(Command, frozen=True, kw_only=True):
    """Go on with an answer after event number ``after``."""

    exchange_id: str
    job_id: str
    after: int


class Cancel(Command, frozen=True, kw_only=True):
    """End an answer; ``job_id`` None: the server has not named it yet, it is cancelled as soon as it does."""

    exchange_id: str
    job_id: str | None


class StopMachine(Command, frozen=True, kw_only=True):
    """End the machine now."""

    jobs: StopMode = "cancel"


class StartMachine(Command, frozen=True, kw_only=True):
    """Launch it without a prompt."""

    model: str | None


class SetIdleTimeout(Command, frozen=True, kw_only=True):
    """Minutes, checked."""

    minutes: float


class SetBudget(Command, frozen=True, kw_only=True):
    """EUR per month as typed, None takes the limit away."""

    limit: str | None
    simulated_aws: bool


class UnlockBudget(Command, frozen=True, kw_only=True):
    """Release the lock."""


class ReadAdvice(Command, frozen=True, kw_only=True):
    """The idle adviser."""


class ReadPastMachines(Command, frozen=True, kw_only=True):
    """The last starts and ends."""


class ReadModels(Command, frozen=True, kw_only=True):
    """The catalogue."""


class PullModel(Command, frozen=True, kw_only=True):
    """Fetch a model's file."""

    name: str


class ReadImageLog(Command, frozen=True, kw_only=True):
    """The lines of an image's log after number ``after``."""

    version: str
    after: int


class DecideOnImage(Command, frozen=True, kw_only=True):
    """Approve, reject or promote it, or roll back from it. ``profile``: the kind of image."""

    version: str
    decision: ImageDecision
    profile: str


class BuildImage(Command, frozen=True, kw_only=True):
    """Build one; from the repository that is followed where ``repository`` is None, of the newest commit of
    ``branch`` (None: main) where ``commit`` is."""

    repository: str | None
    branch: str | None = None
    commit: str | None = None


class FollowRepository(Command, frozen=True, kw_only=True):
    """Build an image of each push to it. ``branch`` None: main."""

    repository: str
    branch: str | None
    promotes: bool


class LeaveRepository(Command, frozen=True, kw_only=True):
    """Follow none any more."""


class Watch(Command, frozen=True, kw_only=True):
    """How often to look: ``running`` a machine or an answer is there, ``visible`` somebody may be looking, ``remote``
    each look is a request that AWS counts, ``images`` somebody looks at images or one is being built."""

    running: bool
    visible: bool
    remote: bool = False
    images: bool = False


class KeepPreferences(Command, frozen=True, kw_only=True):
    """Write the settings."""

    preferences: Preferences


class ListConversations(Command, frozen=True, kw_only=True):
    """Those that match, all where ``query`` is blank."""

    query: str


class LoadConversation(Command, frozen=True, kw_only=True):
    """Read one whole. ``again``: it is open already, and another program changed it."""

    conversation_id: str
    again: bool = False


class ArrangeHistory(Command, frozen=True, kw_only=True):
    """Name, pin, move, archive, mark as deleted."""

    change: Arrangement


class ForgetConversation(Command, frozen=True, kw_only=True):
    """Delete for good one that is marked as deleted; all of them where ``conversation_id`` is None. ``at``: first the
    prompts and answers at the server, which is at that place; nothing is deleted here before that is done. Empty: here
    only."""

    conversation_id: str | None
    at: str = ""


class UseHome(Command, frozen=True, kw_only=True):
    """Talk to this computer or to AWS (a profile's name), now and at the next start."""

    name: str


class SetBridge(Command, frozen=True, kw_only=True):
    """Whether this computer answers while a machine on AWS starts."""

    on: bool


class SignIn(Command, frozen=True, kw_only=True):
    """Open the browser and wait for it."""


class CancelSignIn(Command, frozen=True, kw_only=True):
    """Stop waiting for the browser."""


class SignOut(Command, frozen=True, kw_only=True):
    """Forget the sign-in here and end it at the provider."""


class OpenLink(Command, frozen=True, kw_only=True):
    """Show an address in the system's own program; nothing is fetched here."""

    address: str


class Print(Command, frozen=True, kw_only=True):
    """Write a conversation as PDF into the data folder and show it in the system's own viewer."""

    conversation_id: str


class KeepBranch(Command, frozen=True, kw_only=True):
    """Remember which branch of a conversation is shown: the one that ends with ``tip``."""

    conversation_id: str
    tip: str


class Export(Command, frozen=True, kw_only=True):
    """Write one to a file: JSON where the name ends in ``.json``, Markdown otherwise."""

    conversation_id: str
    path: Path
