"""The connection to the server: one problem per cause, and what continues once it is back."""

from dataclasses import replace

from tlfif.client.errors import NotReachableError
from tlfif.gui.model import intents
from tlfif.gui.model.commands import Command, Connect, Follow, ReadModels
from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.messages import (
    AnswerAccepted,
    AnswerDelayed,
    AnswerExtended,
    AnswerFailed,
    CommandFailed,
    Connected,
    ConnectionFailed,
    CostUpdated,
    MachineUpdated,
    RetryStarted,
)
from tlfif.gui.model.state import Connection, Exchange, ExchangeStage, Link, Press, WindowState
from tlfif.gui.presenters.problems import is_signed_out, problem, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.kernel.errors import TlfifError

_OWN_PLACE = frozenset({"SetBridge", "SignIn", "SignOut", "UseHome"})
"""Commands that do not concern the server; the Settings tab shows their result."""
_SIGNS_OF_LIFE = (Connected, MachineUpdated, CostUpdated, AnswerAccepted, AnswerExtended, AnswerDelayed)


def present_connection(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """Connection established, retried or lost, and the Connect button."""
    match event:
        case Connected():
            return _connected(state, (ReadModels(),))
        case RetryStarted(attempt=attempt):
            return Step(replace(state, connection=Connection(link=Link.RETRYING, attempt=attempt)))
        case ConnectionFailed(error=error):
            return Step(_lost(state, error))
        case CommandFailed(command=command) if command in _OWN_PLACE:
            return Step(state)
        case AnswerFailed(error=error) | CommandFailed(error=error) if _is_cut_off(state, error):
            return Step(_lost(state, error))
        case intents.PressButton(press=Press.RECONNECT):
            return Step(replace(state, connection=Connection(link=Link.CONNECTING)), (Connect(),))
        case _ if isinstance(event, _SIGNS_OF_LIFE) and state.connection.link is not Link.CONNECTED:
            return _connected(state, (ReadModels(),) if not state.settings.models else ())
        case _:
            return Step(state)


def _is_cut_off(state: WindowState, error: TlfifError) -> bool:
    return isinstance(error, NotReachableError) or is_signed_out(error, on_aws=state.home.view.on_aws)


def _lost(state: WindowState, error: TlfifError) -> WindowState:
    cause = problem_of(error)
    if is_signed_out(error, on_aws=state.home.view.on_aws) and error.code.startswith(("token_", "http_")):
        cause = problem("signed_out", "")
    lost = Connection(link=Link.LOST, problem=cause)
    return state if state.connection == lost else replace(state, connection=lost)


def _connected(state: WindowState, commands: tuple[Command, ...]) -> Step:
    """Follow again the answers of which only the reader was lost."""
    place = state.home.view.place
    here, following = _resumed(state.conversation.exchanges, place)
    away, more = _resumed(state.elsewhere, place)
    conversation = state.conversation
    if here is not conversation.exchanges:
        conversation = replace(conversation, exchanges=here)
    state = replace(state, connection=Connection(link=Link.CONNECTED), conversation=conversation, elsewhere=away)
    return Step(state, (*commands, *following, *more))


def _resumed(exchanges: tuple[Exchange, ...], place: str) -> tuple[tuple[Exchange, ...], list[Follow]]:
    if not any(one.resumable and is_same_place(one.place, place) for one in exchanges):
        return exchanges, []
    commands: list[Follow] = []
    found: list[Exchange] = []
    for one in exchanges:
        if one.resumable and one.job_id is not None and is_same_place(one.place, place):
            commands.append(Follow(exchange_id=one.id, job_id=one.job_id, after=one.last_seq))
            one = replace(one, stage=ExchangeStage.WAITING, status="Connected again", problem=None, resumable=False)
        found.append(one)
    return tuple(found), commands
