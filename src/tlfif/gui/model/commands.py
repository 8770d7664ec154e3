"""What the presenters want done outside the window. The bridge does it and reports with messages."""

from dataclasses import dataclass, field
from pathlib import Path

from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.preferences import Preferences
from tlfif.history.arranging import Arrangement
from tlfif.wire.jobs import Asking
from tlfif.wire.machines import StopMode


class Command:
    """Something that the bridge is to do."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect(Command):
    """Find the server, start it if none runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Command):
    """Send a prompt and follow its answer. ``key``: the same again makes no second job. ``instead_of``: the exchange
    in whose place this one comes, ``follows`` the one that it goes on from. ``place``: where it is asked, kept in the
    history."""

    exchange_id: str
    conversation_id: str
    key: str
    prompt: str
    asked_at: float
    instead_of: str | None = None
    follows: str | None = None
    place: str = ""
    asking: Asking = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFiles(Command):
    """Read files that are to go along with a prompt."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellSystem(Command):
    """A notice of the system with this text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow(Command):
    """Go on with an answer after event number ``after``."""

    exchange_id: str
    job_id: str
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(Command):
    """End an answer; ``job_id`` None: the server has not named it yet, it is cancelled as soon as it does."""

    exchange_id: str
    job_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMachine(Command):
    """End the machine now."""

    jobs: StopMode = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMachine(Command):
    """Launch it without a prompt."""

    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetIdleTimeout(Command):
    """Minutes, checked."""

    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBudget(Command):
    """EUR per month as typed, None takes the limit away."""

    limit: str | None
    simulated_aws: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockBudget(Command):
    """Release the lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAdvice(Command):
    """The idle adviser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPastMachines(Command):
    """The last starts and ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModels(Command):
    """The catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullModel(Command):
    """Fetch a model's file."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadImageLog(Command):
    """The lines of an image's log after number ``after``."""

    version: str
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOnImage(Command):
    """Approve, reject or promote it, or roll back from it. ``profile``: the kind of image."""

    version: str
    decision: ImageDecision
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildImage(Command):
    """Build one; from the repository that is followed where ``repository`` is None, of the newest commit of
    ``branch`` (None: main) where ``commit`` is."""

    repository: str | None
    branch: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRepository(Command):
    """Build an image of each push to it. ``branch`` None: main."""

    repository: str
    branch: str | None
    promotes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveRepository(Command):
    """Follow none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Command):
    """How often to look: ``running`` a machine or an answer is there, ``visible`` somebody may be looking, ``remote``
    each look is a request that AWS counts, ``images`` somebody looks at images or one is being built."""

    running: bool
    visible: bool
    remote: bool = False
    images: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPreferences(Command):
    """Write the settings."""

    preferences: Preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConversations(Command):
    """Those that match, all where ``query`` is blank."""

    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadConversation(Command):
    """Read one whole. ``again``: it is open already, and another program changed it."""

    conversation_id: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrangeHistory(Command):
    """Name, pin, move, archive, mark as deleted."""

    change: Arrangement


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetConversation(Command):
    """Delete for good one that is marked as deleted; all of them where ``conversation_id`` is None. ``at``: first the
    prompts and answers at the server, which is at that place; nothing is deleted here before that is done. Empty: here
    only."""

    conversation_id: str | None
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseHome(Command):
    """Talk to this computer or to AWS (a profile's name), now and at the next start."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBridge(Command):
    """Whether this computer answers while a machine on AWS starts."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Command):
    """Open the browser and wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSignIn(Command):
    """Stop waiting for the browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut(Command):
    """Forget the sign-in here and end it at the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink(Command):
    """Show an address in the system's own program; nothing is fetched here."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Print(Command):
    """Write a conversation as PDF into the data folder and show it in the system's own viewer."""

    conversation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepBranch(Command):
    """Remember which branch of a conversation is shown: the one that ends with ``tip``."""

    conversation_id: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Command):
    """Write one to a file: JSON where the name ends in ``.json``, Markdown otherwise."""

    conversation_id: str
    path: Path
