"""Where the window's prompts are answered: this computer, or the home on AWS. Values only."""

from dataclasses import dataclass

from tlfif.client.profile import AWS, COMPUTER
from tlfif.wording.machines import HERE


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """``active`` is the profile that the window talks to. ``aws_place`` is where the home on AWS is, empty where there
    is none.

    ``who`` is the person who is signed in there, empty where the provider gave no name, None where nobody is.
    ``owns``: this person is one of its owners, who may decide what concerns everybody's machine and money.
    ``fixed`` says why the choice does not count here, ``problem`` why the profile cannot be read; usually empty.
    ``price`` is what a home on AWS would cost, where there is none yet. ``bridge``: this computer answers while a
    machine on AWS starts.
    """

    active: str = COMPUTER
    aws_place: str = ""
    who: str | None = None
    owns: bool = True
    fixed: str = ""
    problem: str = ""
    price: str = ""
    bridge: bool = False

    @property
    def on_aws(self) -> bool:
        """Whether the window talks to AWS."""
        return self.active == AWS

    @property
    def place(self) -> str:
        """The active home in words, as its server says it, too."""
        return self.aws_place if self.on_aws else HERE


def is_same_place(kept: str, place: str) -> bool:
    """Whether an exchange kept with that place was asked at ``place``. Those without one are from this computer."""
    return (kept or HERE) == place


def kept_at(view: HomeView) -> str:
    """What else keeps prompts and answers than the window's own list; begins with a space, empty on this computer."""
    if not view.on_aws:
        return ""
    return f" {view.place} keeps its prompts and answers for 30 days, or until you delete them there."
