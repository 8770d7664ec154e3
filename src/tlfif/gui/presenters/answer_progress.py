"""What the messages about an answer on its way do to its exchange."""

from dataclasses import replace

from tlfif.gui.model import messages
from tlfif.gui.model.state import Exchange, ExchangeStage, Speed, WindowState
from tlfif.gui.presenters.bridging import bridged, without_bridge
from tlfif.gui.presenters.endings import ended
from tlfif.gui.presenters.exchanges import with_each_exchange, with_exchange
from tlfif.gui.presenters.problems import plain
from tlfif.gui.presenters.receipts import (
    fetching_words,
    receipt_of,
    speed_words,
    waited_for_start,
    waiting_words,
    with_price,
)
from tlfif.gui.presenters.step import GuiEvent, Moment
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import Accepted, JobView
from tlfif.wording.machines import fallback_text

SPEED_SECONDS = 1.0
"""How often the speed is said while words come."""


def progressed(state: WindowState, event: GuiEvent, moment: Moment) -> WindowState:
    """The state after a message; the same one after any that is not about an answer."""
    match event:
        case messages.AnswerExtended(exchange_id=exchange_id, text=text, seq=seq):
            return with_exchange(state, exchange_id, lambda one: _streamed(one, text, seq, moment.now))
        case messages.AnswerAccepted(exchange_id=exchange_id, accepted=accepted):
            return with_exchange(state, exchange_id, lambda one: _accepted(one, accepted))
        case messages.AnswerBridged(exchange_id=exchange_id, update=update, line=line):
            return with_exchange(state, exchange_id, lambda one: bridged(one, update, line))
        case messages.AnswerDelayed(exchange_id=exchange_id, machine=machine):
            return with_exchange(
                state, exchange_id, lambda one: _with_status(one, ExchangeStage.WAITING, waiting_words(machine))
            )
        case messages.AnswerModelUpdated(exchange_id=exchange_id, model=model):
            return with_exchange(
                state, exchange_id, lambda one: _with_status(one, ExchangeStage.SENDING, fetching_words(model))
            )
        case messages.FallbackChosen(exchange_id=exchange_id, wanted=wanted, fallback=fallback, code=code, cause=why):
            mark = plain(fallback_text(wanted, fallback, code, why))
            return _told_once(state, exchange_id, mark, about=wanted["title"])
        case messages.AnswerProgressed(exchange_id=exchange_id, event=fact):
            stopped = state.machine.stop_cancels
            return with_exchange(state, exchange_id, lambda one: ended(one, fact, stopped=stopped))
        case messages.AnswerDropped(exchange_id=exchange_id):
            return with_exchange(
                state, exchange_id, lambda one: replace(one, stage=ExchangeStage.CANCELLED, status="Not sent")
            )
        case messages.CommandFailed(command="Cancel", error=error):
            return with_each_exchange(state, lambda one: _cancel_failed(one, error))
        case _:
            return state


def _accepted(one: Exchange, accepted: Accepted) -> Exchange:
    machine = accepted["machine"]
    cancelling = one.stage is ExchangeStage.CANCELLING
    return replace(
        one,
        job_id=accepted["job_id"],
        model=accepted["model"],
        machine_before=machine,
        waited=waited_for_start(machine),
        stage=one.stage if cancelling else ExchangeStage.WAITING,
        status=one.status if cancelling else waiting_words(machine),
    )


def _told_once(state: WindowState, exchange_id: str, mark: str, *, about: str) -> WindowState:
    """Once is enough in a conversation, whatever the cause is the second time."""
    if any(told.startswith(about) for one in state.conversation.exchanges for told in one.marks):
        return state
    return with_exchange(state, exchange_id, lambda one: replace(one, marks=(*one.marks, mark)))


def _cancel_failed(one: Exchange, error: TlfifError) -> Exchange:
    if one.stage is not ExchangeStage.CANCELLING:
        return one
    text = f"The cancellation did not arrive: {plain(error.message)}"
    return replace(one, stage=ExchangeStage.STREAMING if one.answer else ExchangeStage.WAITING, status=text)


def _streamed(one: Exchange, text: str, seq: int, now: float) -> Exchange:
    one = without_bridge(one)
    answer = one.answer.add(text)
    if one.stage is ExchangeStage.CANCELLING or one.stage.is_over:
        return replace(one, answer=answer, last_seq=seq)
    status = one.status if one.stage is ExchangeStage.STREAMING else ""
    speed = one.speed or Speed(characters=answer.count, began_at=now, told_at=now)
    if now - speed.told_at >= SPEED_SECONDS:
        status = speed_words(answer.count - speed.characters, now - speed.began_at)
        speed = replace(speed, told_at=now)
    return replace(one, answer=answer, last_seq=seq, stage=ExchangeStage.STREAMING, status=status, speed=speed)


def _with_status(one: Exchange, stage: ExchangeStage, status: str) -> Exchange:
    if one.stage is ExchangeStage.CANCELLING or one.stage.is_over or (one.stage, one.status) == (stage, status):
        return one
    return replace(one, stage=stage, status=status)


def priced(one: Exchange, job: JobView) -> Exchange:
    """The exchange with what it cost. Only the job knows of the start of a machine before this window looked. May come
    twice."""
    waited = one.waited or waited_for_start(None, job)
    known = receipt_of(job["receipt"], waited=waited) or one.receipt
    one = replace(one, reasoning=(job.get("reasoning") or "").strip())
    one = replace(one, machine_before=None)  # a thousand views of machines are two megabytes
    return replace(one, receipt=with_price(known, job, place=one.place))
