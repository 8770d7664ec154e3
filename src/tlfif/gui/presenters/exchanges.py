"""The exchanges of a window's state: found and changed, wherever they are shown."""

from collections.abc import Callable
from dataclasses import replace

from tlfif.gui.model.state import Exchange, WindowState

Change = Callable[[Exchange], Exchange]


def find_exchange(state: WindowState, exchange_id: str) -> Exchange | None:
    """An exchange of the conversation shown, of any branch, or one that goes on elsewhere."""
    for one in (*reversed(state.conversation.exchanges), *state.conversation.others, *state.elsewhere):
        if one.id == exchange_id:
            return one
    return None


def with_exchange(state: WindowState, exchange_id: str, change: Change) -> WindowState:
    """The state with one exchange changed by ``change``; the newest are looked at first."""
    before = state.conversation
    exchanges = _with_change(before.exchanges, exchange_id, change)
    if exchanges is not None:
        return (
            state
            if exchanges is before.exchanges
            else replace(state, conversation=replace(before, exchanges=exchanges))
        )
    others = _with_change(before.others, exchange_id, change)
    if others is not None:
        return state if others is before.others else replace(state, conversation=replace(before, others=others))
    if any(one.id == exchange_id for one in state.elsewhere):
        away = tuple(change(one) if one.id == exchange_id else one for one in state.elsewhere)
        return replace(state, elsewhere=tuple(one for one in away if not one.stage.is_over or one.resumable))
    return state


def _with_change(found: tuple[Exchange, ...], exchange_id: str, change: Change) -> tuple[Exchange, ...] | None:
    """The exchanges with one of them changed, the same ones where it stays as it is; None where it is not there."""
    for index in range(len(found) - 1, -1, -1):
        if found[index].id == exchange_id:
            changed = change(found[index])
            return found if changed is found[index] else (*found[:index], changed, *found[index + 1 :])
    return None


def with_each_exchange(state: WindowState, change: Change) -> WindowState:
    """The state with every exchange of the conversation changed; the same one where all stay as they are."""
    before = state.conversation
    exchanges, others = tuple(map(change, before.exchanges)), tuple(map(change, before.others))
    if all(new is old for new, old in zip((*exchanges, *others), before.everything, strict=True)):
        return state
    return replace(state, conversation=replace(before, exchanges=exchanges, others=others))
