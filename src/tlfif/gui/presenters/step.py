"""What every presenter takes and returns."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tlfif.gui.model.commands import Command
from tlfif.gui.model.intents import Intent
from tlfif.gui.model.messages import Message
from tlfif.gui.model.state import Notice, Problem, WindowState

GuiEvent = Intent | Message
"""What a presenter receives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When an event arrives: ``now`` in monotonic seconds, ``at`` in epoch seconds; ``key`` is a new unique name."""

    now: float
    at: float
    key: str


@dataclass(frozen=True, slots=True)
class Step:
    """The state after an event, and the commands for the bridge."""

    state: WindowState
    commands: tuple[Command, ...] = field(default=())


Presenter = Callable[[WindowState, GuiEvent, Moment], Step]


def with_notice(state: WindowState, problem: Problem, at: float, *, good: bool = False) -> WindowState:
    """The state with a notice; it replaces an older one of the same code. ``good``: nothing is wrong."""
    others = tuple(one for one in state.notices if one.problem.code != problem.code)
    return replace(state, notices=(*others, Notice(problem=problem, at=at, good=good)))


def without_notices(state: WindowState, *codes: str) -> WindowState:
    """The state without the notices of these codes."""
    kept = tuple(one for one in state.notices if one.problem.code not in codes)
    return state if len(kept) == len(state.notices) else replace(state, notices=kept)
