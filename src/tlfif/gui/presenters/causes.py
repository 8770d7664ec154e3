"""Notices and what caused them: "Try again" does again what failed, and a notice goes when its cause is gone."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import Command, ListConversations
from tlfif.gui.model.messages import CommandDone, CommandFailed, HistoryKept
from tlfif.gui.model.state import Notice, Press, WindowState
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, without_notices


def present_causes(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """The button of a notice, and what makes notices needless."""
    match event:
        case intents.PressButton(press=Press.RETRY, notice=code) if code:
            again = next((one.again for one in state.notices if one.problem.code == code), None)
            return Step(without_notices(state, code), () if again is None else (again,))
        case CommandDone(command=name):
            kept = tuple(one for one in state.notices if type(one.again).__name__ != name)
            return Step(state if len(kept) == len(state.notices) else replace(state, notices=kept))
        case HistoryKept():
            available = replace(state.history, available=True)
            listed = ListConversations(query=state.history.query)
            return Step(without_notices(replace(state, history=available), "history"), (listed,))
        case _:
            return Step(state)


def with_causes(state: WindowState, before: tuple[Notice, ...], event: GuiEvent) -> WindowState:
    """The state whose new notices know the command that failed. Where none did there is nothing to try again."""
    if state.notices is before:
        return state
    again = event.again if isinstance(event, CommandFailed) else None
    return replace(state, notices=tuple(one if one in before else _caused(one, again) for one in state.notices))


def _caused(notice: Notice, again: Command | None) -> Notice:
    problem = notice.problem
    if again is None and Press.RETRY in problem.presses:
        problem = replace(problem, presses=tuple(one for one in problem.presses if one is not Press.RETRY))
    return replace(notice, problem=problem, again=again)
