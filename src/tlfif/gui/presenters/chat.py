"""The conversation: send, cancel, try again, another answer."""

from dataclasses import replace

from tlfif.client.conversation_window import MAX_EXCHANGES, dropped_words
from tlfif.gui.model import intents, messages
from tlfif.gui.model.attachments import prompt_with
from tlfif.gui.model.commands import Ask, Cancel, Command, Follow
from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import Conversation, Exchange, ExchangeStage, WindowState
from tlfif.gui.presenters.answer_progress import priced, progressed
from tlfif.gui.presenters.branches import end_of, with_new
from tlfif.gui.presenters.context import asking_for, memory, surplus, system_of
from tlfif.gui.presenters.exchanges import find_exchange, with_exchange
from tlfif.gui.presenters.problems import problem_of
from tlfif.gui.presenters.returned import as_before, goes_back, returned, sent, without_problem
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.history.titles import title_of
from tlfif.jobs.limits import check_text
from tlfif.kernel.errors import InvalidInputError, TlfifError

MOVING = "The window is switching to another place. Send it again in a moment."
BUSY = "An answer is under way. Cancel it, or wait for its end."


def present_chat(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """What the owner does in the Chat tab, and messages about answers."""
    match event:
        case intents.TypePrompt():
            composer = without_problem(state.composer)
            return Step(state if composer is state.composer else replace(state, composer=composer))
        case intents.Send(text=text):
            return _send(state, text, moment)
        case intents.CancelAnswer(exchange_id=exchange_id):
            return _cancel(state, exchange_id)
        case intents.RetryAnswer(exchange_id=exchange_id):
            return _retry(state, exchange_id, moment)
        case intents.Regenerate(exchange_id=exchange_id):
            return another_answer(state, exchange_id, moment)
        case messages.AnswerFailed(exchange_id=exchange_id, error=error, accepted=accepted):
            return _failed(state, exchange_id, error, moment, accepted=accepted)
        case messages.AnswerPriced(exchange_id=exchange_id, job=job):
            return Step(with_exchange(state, exchange_id, lambda one: priced(one, job)))
        case _:
            return Step(progressed(state, event, moment))


def with_composer(state: WindowState) -> WindowState:
    """The state whose Send button is right: one answer at a time in a conversation."""
    can_send = not state.conversation.is_busy and not state.home.moving
    if can_send == state.composer.can_send:
        return state
    return replace(state, composer=replace(state.composer, can_send=can_send))


def _send(state: WindowState, text: str, moment: Moment) -> Step:
    try:
        check_text(text)
    except InvalidInputError as error:
        return Step(_with_problem(state, error.message))
    if state.conversation.is_busy or state.home.moving:
        return Step(_with_problem(state, MOVING if state.home.moving else BUSY))
    conversation = state.conversation
    if not conversation.id:
        conversation = Conversation(id=f"c-{moment.key}", title=title_of(text))
    prompt = prompt_with(text.strip("\r\n"), state.composer.files)
    exchange = as_before(_new(conversation.id, prompt, moment), state.composer.draft)
    edited = next((one for one in conversation.everything if one.id == state.composer.editing), None)
    exchange = replace(exchange, follows=end_of(conversation) if edited is None else edited.follows)
    composer = sent(state.composer, text, exchange, left_out=conversation.left_out)
    return _ask(replace(state, composer=composer), conversation, exchange)


def _with_problem(state: WindowState, problem: str) -> WindowState:
    return replace(state, composer=replace(without_problem(state.composer), problem=problem))


def _new(conversation_id: str, prompt: str, moment: Moment) -> Exchange:
    return Exchange(
        id=f"x-{moment.key}",
        conversation_id=conversation_id,
        key=moment.key,
        prompt=prompt,
        asked_at=moment.at,
        status="Sending",
    )


def _ask(state: WindowState, before: Conversation, exchange: Exchange) -> Step:
    """Put ``exchange`` behind the one that it follows, or in its own place, and send it."""
    exchange = replace(exchange, place=state.home.view.place)
    if any(one.id == exchange.id for one in before.exchanges):
        exchanges = tuple(exchange if one.id == exchange.id else one for one in before.exchanges)
        conversation = replace(before, exchanges=exchanges)
    else:
        conversation = with_new(before, exchange)
    remembered = memory(_up_to(conversation, exchange.id))
    left_out = max(before.left_out, len(remembered) - MAX_EXCHANGES)
    command = Ask(
        exchange_id=exchange.id,
        conversation_id=before.id,
        key=exchange.key,
        prompt=exchange.prompt,
        asked_at=exchange.asked_at,
        instead_of=exchange.instead_of,
        follows=exchange.follows,
        place=exchange.place,
        setting=exchange.setting,
        asking=asking_for(remembered[left_out:], exchange.prompt, exchange.settings or state.settings.values),
    )
    return Step(replace(state, conversation=replace(conversation, left_out=left_out)), (command,))


def _up_to(conversation: Conversation, exchange_id: str) -> tuple[Exchange, ...]:
    ids = [one.id for one in conversation.exchanges]
    return conversation.exchanges[: ids.index(exchange_id)]


def _cancel(state: WindowState, exchange_id: str) -> Step:
    one = find_exchange(state, exchange_id)
    if one is None or not one.can_cancel:
        return Step(state)
    changed = with_exchange(
        state, exchange_id, lambda old: replace(old, stage=ExchangeStage.CANCELLING, status="Cancelling…")
    )
    return Step(changed, (Cancel(exchange_id=exchange_id, job_id=one.job_id),))


def _retry(state: WindowState, exchange_id: str, moment: Moment) -> Step:
    """Go on where only the reader was lost; otherwise ask again. A prompt that may be stored keeps its key."""
    one = next((one for one in state.conversation.exchanges if one.id == exchange_id), None)
    if one is None or not one.can_retry:
        return Step(state)
    if one.resumable and one.job_id is not None and is_same_place(one.place, state.home.view.place):
        follow = Follow(exchange_id=one.id, job_id=one.job_id, after=one.last_seq)
        changed = replace(one, stage=ExchangeStage.WAITING, status="Connecting", problem=None, resumable=False)
        return Step(with_exchange(state, exchange_id, lambda _: changed), (follow,))
    if state.conversation.is_busy or state.home.moving:
        return Step(_with_problem(state, MOVING if state.home.moving else BUSY))
    again = _anew(one, key=one.key if one.job_id is None else moment.key)
    return _ask(state, state.conversation, replace(again, marks=(), retried=True))


def _anew(one: Exchange, *, key: str) -> Exchange:
    """The exchange as it is before its prompt is sent."""
    return replace(
        one,
        key=key,
        answer=one.answer.start_over(),
        stage=ExchangeStage.SENDING,
        status="Sending",
        receipt=None,
        job_id=None,
        last_seq=0,
        problem=None,
        resumable=False,
        bridge=None,
        machine_before=None,
        waited=False,
        speed=None,
        setting=one.setting if one.settings is not None else "",  # of past answers only its words are known
    )


def another_answer(
    state: WindowState, exchange_id: str, moment: Moment, *, settings: Preferences | None = None, setting: str = ""
) -> Step:
    """Ask the same prompt again. ``settings``: with these instead of the usual ones; ``setting`` says it in words."""
    before = next((one for one in state.conversation.exchanges if one.id == exchange_id), None)
    if before is None or not before.can_regenerate or state.conversation.is_busy or state.home.moving:
        return Step(state)
    exchange = _new(before.conversation_id, before.prompt, moment)
    exchange = replace(exchange, settings=settings, setting=setting)
    return _ask(state, state.conversation, replace(exchange, instead_of=exchange_id, follows=before.follows))


def _failed(state: WindowState, exchange_id: str, error: TlfifError, moment: Moment, *, accepted: bool) -> Step:
    one = find_exchange(state, exchange_id)
    if one is None:
        return Step(state)
    known = error.details.get("job_id")
    if error.code == "idempotency_conflict" and isinstance(known, str):
        # An earlier try with other settings did arrive: its answer is this prompt's.
        waiting = replace(one, job_id=known, stage=ExchangeStage.WAITING, status="Sent before; its answer is read")
        command = Follow(exchange_id=exchange_id, job_id=known, after=0)
        return Step(with_exchange(state, exchange_id, lambda _: waiting), (command,))
    shorter = None if accepted else _shorter(state, one, error, moment)
    if shorter is not None:
        return shorter
    if not accepted and goes_back(state, one):
        return Step(returned(state, one, error))
    failed = replace(
        one,
        stage=ExchangeStage.CANCELLED
        if one.stage is ExchangeStage.CANCELLING and not accepted
        else ExchangeStage.FAILED,
        status="",
        problem=problem_of(error),
        resumable=accepted and one.job_id is not None and error.code != "job_not_found",
    )
    return Step(with_exchange(state, exchange_id, lambda _: failed))


def _shorter(state: WindowState, one: Exchange, error: TlfifError, moment: Moment) -> Step | None:
    """Ask again with a shorter conversation; None where that cannot help."""
    conversation = state.conversation
    can_ask = one.stage in {ExchangeStage.SENDING, ExchangeStage.WAITING}
    if not can_ask or all(one.id != other.id for other in conversation.exchanges):
        return None
    remembered = memory(_up_to(conversation, one.id))
    extra = len(one.prompt) + len(system_of(state.settings.values))
    count = surplus(error, remembered[conversation.left_out :], extra=extra)
    if not count:
        return None
    left_out = conversation.left_out + count
    mark = dropped_words(count, left=len(remembered) - left_out)
    again = replace(_anew(one, key=moment.key), marks=(*one.marks, mark))
    return _ask(state, replace(conversation, left_out=left_out), again)


def cancelled_all(exchanges: tuple[Exchange, ...]) -> tuple[Command, ...]:
    """What ends those of these answers that are under way."""
    return tuple(Cancel(exchange_id=one.id, job_id=one.job_id) for one in exchanges if one.can_cancel)
