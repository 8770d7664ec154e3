"""A prompt that was refused comes back into the box, with the reason; the same text again is the same prompt."""

from dataclasses import replace

from tlfif.gui.model.attachments import AttachedFile
from tlfif.gui.model.composer import Composer, Draft
from tlfif.gui.model.messages import BudgetChanged
from tlfif.gui.model.state import Exchange, ExchangeStage, Link, Press, WindowState
from tlfif.gui.presenters.branches import without
from tlfif.gui.presenters.problems import plain, problem_of
from tlfif.gui.presenters.step import GuiEvent
from tlfif.kernel.errors import TlfifError

NOT_SENT = "Not sent"
_MONEY = frozenset({"budget_locked", "budget_no_room"})


def sent(composer: Composer, text: str, exchange: Exchange, *, left_out: int) -> Composer:
    """The composer after ``text`` was sent: empty, with a draft for the case that it is refused. No files are in it any
    more."""
    draft = Draft(
        text=text,
        conversation_id=exchange.conversation_id,
        exchange_id=exchange.id,
        prompt=exchange.prompt,
        left_out=left_out,
        editing=composer.editing,
        files=composer.files,
    )
    return Composer(can_send=False, clear=composer.clear + 1, returned=composer.returned, draft=draft)


def as_before(exchange: Exchange, draft: Draft | None) -> Exchange:
    """A new exchange in the place of one that came back from the same conversation. Where nobody knows whether the
    server had that one, its key is used again, so that it cannot be stored twice."""
    if draft is None or not draft.refused or draft.conversation_id != exchange.conversation_id:
        return exchange
    same = draft.key and draft.prompt == exchange.prompt
    return replace(exchange, id=draft.exchange_id, key=draft.key if same else exchange.key)


def goes_back(state: WindowState, one: Exchange) -> bool:
    """Whether a refused prompt goes back into the box: it was just sent from there and its conversation is shown."""
    shown = any(one is other for other in state.conversation.exchanges)
    return shown and not one.retried and one.stage is not ExchangeStage.CANCELLING


def returned(state: WindowState, one: Exchange, error: TlfifError) -> WindowState:
    """The state without the exchange, with its text in the box and the reason below it. What was to be another answer
    to a prompt that stands there goes without text."""
    conversation, composer = state.conversation, state.composer
    draft = composer.draft if composer.draft is not None and composer.draft.exchange_id == one.id else None
    if draft is None:
        draft = Draft(text=one.prompt, left_out=conversation.left_out)
    repeated = one.instead_of is not None
    unsure = one.job_id is None
    kept = replace(
        draft,
        conversation_id=one.conversation_id,
        exchange_id=one.id,
        refused=True,
        prompt=one.prompt,
        key=one.key if unsure else "",
    )
    cause = problem_of(error)
    words = f"{NOT_SENT}. {cause.title}. {plain(cause.message)}"
    presses = tuple(press for press in cause.presses if press is not Press.RETRY)
    told = replace(composer, problem=words, presses=presses, cause=error.code, draft=None if repeated else kept)
    if not repeated:
        told = replace(told, returned=composer.returned + 1, editing=draft.editing)
        told = replace(told, files=_together(kept.files, composer.files))
    return replace(state, composer=told, conversation=replace(without(conversation, one), left_out=draft.left_out))


def _together(back: tuple[AttachedFile, ...], there: tuple[AttachedFile, ...]) -> tuple[AttachedFile, ...]:
    names = {one.name for one in there}
    return (*(one for one in back if one.name not in names), *there)


def without_problem(composer: Composer) -> Composer:
    """The composer without a word about what was wrong."""
    return replace(composer, problem="", presses=(), cause="") if composer.problem else composer


def with_reason(state: WindowState, before: WindowState, event: GuiEvent) -> WindowState:
    """The state without the reason once that is gone: the connection is back, the budget was changed."""
    composer = state.composer
    cut_off = Press.RECONNECT in composer.presses or Press.SIGN_IN in composer.presses
    back = state.connection.link is Link.CONNECTED and before.connection.link is not Link.CONNECTED
    if (cut_off and back) or (composer.cause in _MONEY and isinstance(event, BudgetChanged)):
        return replace(state, composer=without_problem(composer))
    return state
