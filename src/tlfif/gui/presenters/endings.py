"""What an event of a job's log does to its exchange: started, started over, ended."""

from dataclasses import replace
from typing import cast

from tlfif.gui.model.state import Exchange, ExchangeStage, Problem
from tlfif.gui.presenters.problems import plain, problem
from tlfif.gui.presenters.receipts import receipt_of, waited_for_start
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import FinishReason
from tlfif.wire.jobs import ReceiptView

_STAGES = {
    EventKind.SUCCEEDED: ExchangeStage.DONE,
    EventKind.FAILED: ExchangeStage.FAILED,
    EventKind.CANCELLED: ExchangeStage.CANCELLED,
    EventKind.EXPIRED: ExchangeStage.FAILED,
}


CUT = "The answer was cut here: it reached the longest length it may have. “Go on” as the next prompt continues it."
"""That is set in Settings or by a persona, or is what the model holds."""
BY_YOU = "You cancelled this answer"


def why_failed(code: str, message: str, *, expired: bool) -> Problem:
    """Why there is no whole answer, from what the job's last event has, or what the history keeps of it."""
    usual = "It waited longer than prompts may wait." if expired else "The answer failed without saying why."
    return problem(code or ("expired" if expired else "job_failed"), message or usual)


def done_words(took: ReceiptView | None, *, cancelled: bool) -> str:
    """What is said under a whole answer, usually nothing. ``cancelled``: that was asked for, too late."""
    if cancelled:
        return "It was complete before the cancellation arrived."
    return CUT if took is not None and took["finish_reason"] == FinishReason.LENGTH else ""


def ended(one: Exchange, event: Event, *, stopped: bool = False) -> Exchange:
    """The exchange after ``event``, which brings no text. ``stopped``: the stop was pressed at this window."""
    one = replace(one, last_seq=max(one.last_seq, event.seq))
    stage = one.stage if one.stage is ExchangeStage.CANCELLING else ExchangeStage.WAITING
    match event.kind:
        case EventKind.STARTED:
            return one if stage is not ExchangeStage.WAITING else replace(one, stage=stage, status="Reading the prompt")
        case EventKind.DELTA:  # reasoning; the job has all of it at its end
            return replace(one, status="Thinking") if one.stage is ExchangeStage.WAITING else one
        case EventKind.RESTARTED:
            reason = plain(str(event.data.get("reason") or "the attempt was lost")).rstrip(".")
            bridges = one.bridge is not None and one.bridge.stands
            lost = bool(one.answer) and not bridges
            mark = f"Started over: {reason}." + (" The text that stood here does not count." if lost else "")
            answer = one.answer if bridges else one.answer.start_over()
            return replace(one, answer=answer, stage=stage, status="Starting over", marks=(*one.marks, mark))
        case kind if kind in _STAGES:
            took = cast(ReceiptView | None, event.data.get("receipt"))
            receipt = receipt_of(took, waited=one.waited or waited_for_start(one.machine_before))
            over = replace(one, answer=one.answer.settled(), receipt=receipt, stage=_STAGES[kind], status="")
            return _over(over, event, asked=one.stage, stopped=stopped)
        case _:
            return one


def _over(one: Exchange, event: Event, *, asked: ExchangeStage, stopped: bool) -> Exchange:
    if one.stage is ExchangeStage.DONE:
        took = cast(ReceiptView | None, event.data.get("receipt"))
        return replace(one, status=done_words(took, cancelled=asked is ExchangeStage.CANCELLING))
    code, message = str(event.data.get("error_code") or ""), str(event.data.get("error_message") or "")
    if one.stage is ExchangeStage.CANCELLED:
        by_another = "Cancelled: the machine was stopped" if stopped else "Cancelled elsewhere"
        by_you = asked is ExchangeStage.CANCELLING
        return replace(one, status=BY_YOU if by_you else plain(message) or by_another)
    return replace(one, problem=why_failed(code, message, expired=event.kind is EventKind.EXPIRED))
