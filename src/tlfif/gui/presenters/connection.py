"""How the window stands to the server: one message per true cause, and what goes on once it is back."""

from dataclasses import replace

from tlfif.client.errors import NotReachableError
from tlfif.domain.errors import TlfifError
from tlfif.gui import intents
from tlfif.gui.commands import Command, Connect, Follow, ReadModels
from tlfif.gui.news import (
    AnswerAccepted,
    AnswerDelta,
    AnswerFailed,
    AnswerWaits,
    CommandFailed,
    Connected,
    ConnectionFailed,
    CostHeard,
    MachineHeard,
    Retrying,
)
from tlfif.gui.presenters.problems import problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.gui.state import Connection, Exchange, ExchangeStage, Link, Press, WindowState

_SIGNS_OF_LIFE = (Connected, MachineHeard, CostHeard, AnswerAccepted, AnswerDelta, AnswerWaits)


def present_connection(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """Connected, retried, lost; and the owner's Connect."""
    match event:
        case Connected():
            return _connected(state, (ReadModels(),))
        case Retrying(attempt=attempt):
            return Step(replace(state, connection=Connection(link=Link.RETRYING, attempt=attempt)))
        case ConnectionFailed(error=error):
            return Step(_lost(state, error))
        case AnswerFailed(error=error) | CommandFailed(error=error) if isinstance(error, NotReachableError):
            return Step(_lost(state, error))
        case intents.PressButton(press=Press.RECONNECT):
            return Step(replace(state, connection=Connection(link=Link.CONNECTING)), (Connect(),))
        case _ if isinstance(event, _SIGNS_OF_LIFE) and state.connection.link is not Link.CONNECTED:
            return _connected(state, (ReadModels(),) if not state.settings.models else ())
        case _:
            return Step(state)


def _lost(state: WindowState, error: TlfifError) -> WindowState:
    lost = Connection(link=Link.LOST, problem=problem_of(error))
    return state if state.connection == lost else replace(state, connection=lost)


def _connected(state: WindowState, commands: tuple[Command, ...]) -> Step:
    """Answers that only lost their reader are followed again."""
    here, following = _resumed(state.conversation.exchanges)
    away, more = _resumed(state.elsewhere)
    conversation = state.conversation
    if here is not conversation.exchanges:
        conversation = replace(conversation, exchanges=here)
    state = replace(state, connection=Connection(link=Link.CONNECTED), conversation=conversation, elsewhere=away)
    return Step(state, (*commands, *following, *more))


def _resumed(exchanges: tuple[Exchange, ...]) -> tuple[tuple[Exchange, ...], list[Follow]]:
    if not any(one.resumable for one in exchanges):
        return exchanges, []
    commands: list[Follow] = []
    found: list[Exchange] = []
    for one in exchanges:
        if one.resumable and one.job_id is not None:
            commands.append(Follow(exchange_id=one.id, job_id=one.job_id, after=one.last_seq))
            one = replace(one, stage=ExchangeStage.WAITING, status="connected again", problem=None, resumable=False)
        found.append(one)
    return tuple(found), commands
