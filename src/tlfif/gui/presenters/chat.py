"""The conversation: send, stream, cancel, try again, another answer."""

from collections.abc import Callable
from dataclasses import replace

from tlfif.client.conversation_window import MAX_EXCHANGES, dropped_words
from tlfif.gui.model import intents, messages
from tlfif.gui.model.commands import Ask, Cancel, Command, Follow
from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import Composer, Conversation, Exchange, ExchangeStage, Receipt, WindowState
from tlfif.gui.presenters.context import asking_for, memory, surplus, with_one_answer_each
from tlfif.gui.presenters.endings import ended
from tlfif.gui.presenters.problems import plain, problem_of
from tlfif.gui.presenters.receipts import (
    fetching_words,
    price_words,
    receipt_of,
    waited_for_start,
    waiting_words,
)
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.history.history import title_of
from tlfif.jobs.limits import check_text
from tlfif.kernel.errors import InvalidInputError, TlfifError
from tlfif.wire.jobs import JobView
from tlfif.wording.machines import fallback_text

MOVING = "The window is switching to another place. Send it again in a moment."
BUSY = "An answer is under way. Cancel it, or wait for its end."
Change = Callable[[Exchange], Exchange]


def present_chat(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """What the owner does in the Chat tab, and messages about answers."""
    match event:
        case intents.TypePrompt():
            if not state.composer.problem:
                return Step(state)
            return Step(replace(state, composer=replace(state.composer, problem="")))
        case intents.Send(text=text):
            return _send(state, text, moment)
        case intents.CancelAnswer(exchange_id=exchange_id):
            return _cancel(state, exchange_id)
        case intents.RetryAnswer(exchange_id=exchange_id):
            return _retry(state, exchange_id, moment)
        case intents.Regenerate(exchange_id=exchange_id):
            return _regenerate(state, exchange_id, moment)
        case messages.AnswerFailed(exchange_id=exchange_id, error=error, accepted=accepted):
            return _failed(state, exchange_id, error, moment, accepted=accepted)
        case messages.AnswerPriced(exchange_id=exchange_id, job=job):
            return Step(_changed(state, exchange_id, lambda one: _priced(one, job)))
        case _:
            return Step(_received(state, event))


def find_exchange(state: WindowState, exchange_id: str) -> Exchange | None:
    """An exchange of the conversation shown, or one that goes on elsewhere."""
    for one in (*reversed(state.conversation.exchanges), *state.elsewhere):
        if one.id == exchange_id:
            return one
    return None


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
        return Step(replace(state, composer=replace(state.composer, problem=error.message)))
    if state.conversation.is_busy or state.home.moving:
        problem = MOVING if state.home.moving else BUSY
        return Step(replace(state, composer=replace(state.composer, problem=problem)))
    conversation = state.conversation
    if not conversation.id:
        conversation = Conversation(id=f"c-{moment.key}", title=title_of(text))
    exchange = _new(conversation.id, text.strip("\r\n"), moment)
    composer = Composer(can_send=False, clear=state.composer.clear + 1)
    return _ask(replace(state, composer=composer), conversation, exchange)


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
    """Put ``exchange`` at the end of the conversation, or in its own place, and send it."""
    exchange = replace(exchange, place=state.home.view.place)
    if any(one.id == exchange.id for one in before.exchanges):
        exchanges = tuple(exchange if one.id == exchange.id else one for one in before.exchanges)
    else:
        exchanges = (*before.exchanges, exchange)
    conversation = replace(before, exchanges=with_one_answer_each(exchanges))
    remembered = memory(_up_to(conversation, exchange.id))
    left_out = max(before.left_out, len(remembered) - MAX_EXCHANGES)
    command = Ask(
        exchange_id=exchange.id,
        conversation_id=before.id,
        key=exchange.key,
        prompt=exchange.prompt,
        asked_at=exchange.asked_at,
        instead_of=exchange.instead_of,
        place=exchange.place,
        asking=asking_for(remembered[left_out:], exchange.prompt, state.settings.values),
    )
    return Step(replace(state, conversation=replace(conversation, left_out=left_out)), (command,))


def _up_to(conversation: Conversation, exchange_id: str) -> tuple[Exchange, ...]:
    ids = [one.id for one in conversation.exchanges]
    return conversation.exchanges[: ids.index(exchange_id)]


def _cancel(state: WindowState, exchange_id: str) -> Step:
    one = find_exchange(state, exchange_id)
    if one is None or not one.can_cancel:
        return Step(state)
    changed = _changed(
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
        return Step(_changed(state, exchange_id, lambda _: changed), (follow,))
    if state.conversation.is_busy or state.home.moving:
        problem = MOVING if state.home.moving else BUSY
        return Step(replace(state, composer=replace(state.composer, problem=problem)))
    again = _anew(one, key=one.key if one.job_id is None else moment.key)
    return _ask(state, state.conversation, replace(again, marks=()))


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
        machine_before=None,
        waited=False,
    )


def _regenerate(state: WindowState, exchange_id: str, moment: Moment) -> Step:
    last = next((one for one in reversed(state.conversation.exchanges) if not one.superseded), None)
    busy = state.conversation.is_busy or bool(state.home.moving)
    if last is None or last.id != exchange_id or not last.can_regenerate or busy:
        return Step(state)
    exchange = _new(last.conversation_id, last.prompt, moment)
    return _ask(state, state.conversation, replace(exchange, instead_of=exchange_id))


def _failed(state: WindowState, exchange_id: str, error: TlfifError, moment: Moment, *, accepted: bool) -> Step:
    one = find_exchange(state, exchange_id)
    if one is None:
        return Step(state)
    known = error.details.get("job_id")
    if error.code == "idempotency_conflict" and isinstance(known, str):
        # An earlier try with other settings did arrive: its answer is this prompt's.
        waiting = replace(one, job_id=known, stage=ExchangeStage.WAITING, status="Sent before; its answer is read")
        command = Follow(exchange_id=exchange_id, job_id=known, after=0)
        return Step(_changed(state, exchange_id, lambda _: waiting), (command,))
    shorter = None if accepted else _shorter(state, one, error, moment)
    if shorter is not None:
        return shorter
    failed = replace(
        one,
        stage=ExchangeStage.CANCELLED
        if one.stage is ExchangeStage.CANCELLING and not accepted
        else ExchangeStage.FAILED,
        status="",
        problem=problem_of(error),
        resumable=accepted and one.job_id is not None and error.code != "job_not_found",
    )
    return Step(_changed(state, exchange_id, lambda _: failed))


def _shorter(state: WindowState, one: Exchange, error: TlfifError, moment: Moment) -> Step | None:
    """Ask again with a shorter conversation; None where that cannot help."""
    conversation = state.conversation
    can_ask = one.stage in {ExchangeStage.SENDING, ExchangeStage.WAITING}
    if not can_ask or all(one.id != other.id for other in conversation.exchanges):
        return None
    remembered = memory(_up_to(conversation, one.id))
    extra = len(one.prompt) + len(state.settings.values.system)
    count = surplus(error, remembered[conversation.left_out :], extra=extra)
    if not count:
        return None
    left_out = conversation.left_out + count
    mark = dropped_words(count, left=len(remembered) - left_out)
    again = replace(_anew(one, key=moment.key), marks=(*one.marks, mark))
    return _ask(state, replace(conversation, left_out=left_out), again)


def _received(state: WindowState, event: GuiEvent) -> WindowState:
    match event:
        case messages.AnswerExtended(exchange_id=exchange_id, text=text, seq=seq):
            return _changed(state, exchange_id, lambda one: _streamed(one, text, seq))
        case messages.AnswerAccepted(exchange_id=exchange_id, accepted=accepted):
            machine = accepted["machine"]
            return _changed(
                state,
                exchange_id,
                lambda one: replace(
                    one,
                    job_id=accepted["job_id"],
                    model=accepted["model"],
                    machine_before=machine,
                    waited=waited_for_start(machine),
                    stage=one.stage if one.stage is ExchangeStage.CANCELLING else ExchangeStage.WAITING,
                    status=one.status if one.stage is ExchangeStage.CANCELLING else waiting_words(machine),
                ),
            )
        case messages.AnswerDelayed(exchange_id=exchange_id, machine=machine):
            return _changed(
                state, exchange_id, lambda one: _with_status(one, ExchangeStage.WAITING, waiting_words(machine))
            )
        case messages.AnswerModelUpdated(exchange_id=exchange_id, model=model):
            return _changed(
                state, exchange_id, lambda one: _with_status(one, ExchangeStage.SENDING, fetching_words(model))
            )
        case messages.FallbackChosen(exchange_id=exchange_id, wanted=wanted, fallback=fallback, code=code, cause=why):
            mark = plain(fallback_text(wanted, fallback, code, why))
            return _changed(state, exchange_id, lambda one: replace(one, marks=(*one.marks, mark)))
        case messages.AnswerProgressed(exchange_id=exchange_id, event=fact):
            stopped = state.machine.stop_cancels
            return _changed(state, exchange_id, lambda one: ended(one, fact, stopped=stopped))
        case messages.AnswerDropped(exchange_id=exchange_id):
            return _changed(
                state, exchange_id, lambda one: replace(one, stage=ExchangeStage.CANCELLED, status="Not sent")
            )
        case messages.CommandFailed(command="Cancel", error=error):
            return _map(state, lambda one: _cancel_failed(one, error))
        case _:
            return state


def _cancel_failed(one: Exchange, error: TlfifError) -> Exchange:
    if one.stage is not ExchangeStage.CANCELLING:
        return one
    text = f"The cancellation did not arrive: {plain(error.message)}"
    return replace(one, stage=ExchangeStage.STREAMING if one.answer else ExchangeStage.WAITING, status=text)


def _streamed(one: Exchange, text: str, seq: int) -> Exchange:
    answer = one.answer.add(text)
    if one.stage is ExchangeStage.CANCELLING or one.stage.is_over:
        return replace(one, answer=answer, last_seq=seq)
    return replace(one, answer=answer, last_seq=seq, stage=ExchangeStage.STREAMING, status="")


def _with_status(one: Exchange, stage: ExchangeStage, status: str) -> Exchange:
    if one.stage is ExchangeStage.CANCELLING or one.stage.is_over or (one.stage, one.status) == (stage, status):
        return one
    return replace(one, stage=stage, status=status)


def _priced(one: Exchange, job: JobView) -> Exchange:
    """Only the job knows of the start of a machine before this window looked. May come twice."""
    waited = one.waited or waited_for_start(None, job)
    known = receipt_of(job["receipt"], waited=waited) or one.receipt
    one = replace(one, reasoning=(job.get("reasoning") or "").strip())
    one = replace(one, machine_before=None)  # a thousand views of machines are two megabytes
    words = price_words(job, place=one.place)
    if not words:
        return one if known is None else replace(one, receipt=known)
    return replace(one, receipt=replace(known or Receipt(line=""), cost=words))


def _changed(state: WindowState, exchange_id: str, change: Change) -> WindowState:
    """The state with one exchange changed; the newest are looked at first."""
    exchanges = state.conversation.exchanges
    for index in range(len(exchanges) - 1, -1, -1):
        if exchanges[index].id == exchange_id:
            changed = change(exchanges[index])
            if changed is exchanges[index]:
                return state
            kept = (*exchanges[:index], changed, *exchanges[index + 1 :])
            return replace(state, conversation=replace(state.conversation, exchanges=kept))
    if any(one.id == exchange_id for one in state.elsewhere):
        away = tuple(change(one) if one.id == exchange_id else one for one in state.elsewhere)
        return replace(state, elsewhere=tuple(one for one in away if not one.stage.is_over or one.resumable))
    return state


def _map(state: WindowState, change: Change) -> WindowState:
    exchanges = tuple(change(one) for one in state.conversation.exchanges)
    if all(new is old for new, old in zip(exchanges, state.conversation.exchanges, strict=True)):
        return state
    return replace(state, conversation=replace(state.conversation, exchanges=exchanges))


def cancelled_all(exchanges: tuple[Exchange, ...]) -> tuple[Command, ...]:
    """What ends those of these answers that are under way."""
    return tuple(Cancel(exchange_id=one.id, job_id=one.job_id) for one in exchanges if one.can_cancel)
