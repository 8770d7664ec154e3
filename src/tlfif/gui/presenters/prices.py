"""What an answer costs goes on while its machine idles, and is settled once that has ended: the words follow."""

from dataclasses import replace

from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import Exchange, WindowState
from tlfif.gui.presenters.receipts import price_words
from tlfif.wire.money import AnswerCostView


def with_new_prices(state: WindowState, receipts: list[AnswerCostView]) -> WindowState:
    """The state in which each answer of the conversation has the price of the server's last report."""
    by_job = {one["job_id"]: one for one in receipts}
    conversation = state.conversation
    priced = tuple(_priced(one, by_job, state.home.view.place) for one in conversation.exchanges)
    if all(new is old for new, old in zip(priced, conversation.exchanges, strict=True)):
        return state
    return replace(state, conversation=replace(conversation, exchanges=priced))


def _priced(one: Exchange, by_job: dict[str, AnswerCostView], place: str) -> Exchange:
    found = by_job.get(one.job_id or "")
    if found is None or one.receipt is None or not one.stage.is_over or not is_same_place(one.place, place):
        return one
    words = price_words(found, place=one.place)
    if not words or words == one.receipt.cost:
        return one
    return replace(one, receipt=replace(one.receipt, cost=words))
