"""Branches of a conversation: each exchange goes on from another one, and one path through them is shown and sent.

Another answer to a prompt, and a prompt that was edited, are versions beside each other: they go on from the same
exchange. Nothing is lost by making one; the others stay reachable.
"""

from collections.abc import Iterable
from dataclasses import replace

from tlfif.gui.model.state import Conversation, Exchange
from tlfif.history.branches import path_to


def showing(conversation: Conversation, tip: str) -> Conversation:
    """The conversation with the path to ``tip``."""
    everything = {one.id: one for one in conversation.everything}
    path = path_to({name: one.follows for name, one in everything.items()}, tip)
    on_path = set(path)
    others = tuple(one for name, one in everything.items() if name not in on_path)
    return replace(conversation, exchanges=tuple(everything[name] for name in path), others=others)


def with_new(conversation: Conversation, exchange: Exchange) -> Conversation:
    """The conversation that goes on with ``exchange``."""
    exchange = replace(exchange, number=1 + max((one.number for one in conversation.everything), default=0))
    others = (*conversation.others, *conversation.exchanges)
    return showing(replace(conversation, exchanges=(exchange,), others=others), exchange.id)


def without(conversation: Conversation, exchange: Exchange) -> Conversation:
    """The conversation without the last exchange of its path; what that stood in place of is shown again."""
    path = tuple(one for one in conversation.exchanges if one.id != exchange.id)
    rest = replace(
        conversation, exchanges=path, others=tuple(one for one in conversation.others if one is not exchange)
    )
    if exchange.instead_of is not None and any(one.id == exchange.instead_of for one in rest.others):
        return showing(rest, newest_below(rest, exchange.instead_of))
    return rest


def end_of(conversation: Conversation) -> str | None:
    """What the next prompt goes on from: the path's last exchange, or the one that it was to replace where it came to
    nothing."""
    if not conversation.exchanges:
        return None
    last = conversation.exchanges[-1]
    replaced = last.instead_of if last.gave_way else None
    return replaced if replaced is not None and any(one.id == replaced for one in conversation.others) else last.id


def newest_below(conversation: Conversation, exchange_id: str) -> str:
    """The end of the newest path through an exchange."""
    children: dict[str | None, str] = {}
    for one in _oldest_first(conversation):
        if not one.gave_way or one.follows not in children:
            children[one.follows] = one.id
    seen = {exchange_id}
    while (child := children.get(exchange_id)) is not None and child not in seen:
        exchange_id = child
        seen.add(child)
    return exchange_id


def versions(conversation: Conversation) -> dict[str, tuple[str, ...]]:
    """For each exchange of the path that has others beside it: all of them, the oldest first."""
    if not conversation.others:
        return {}
    beside: dict[str | None, list[str]] = {}
    for one in _oldest_first(conversation):
        beside.setdefault(one.follows, []).append(one.id)
    return {one.id: tuple(beside[one.follows]) for one in conversation.exchanges if len(beside[one.follows]) > 1}


def turned(conversation: Conversation, exchange_id: str, steps: int) -> Conversation:
    """The conversation with another version of an exchange, so many places further; round at the ends."""
    beside = versions(conversation).get(exchange_id, ())
    if not beside:
        return conversation
    wanted = beside[(beside.index(exchange_id) + steps) % len(beside)]
    return showing(conversation, newest_below(conversation, wanted))


def _oldest_first(conversation: Conversation) -> Iterable[Exchange]:
    return sorted(conversation.everything, key=lambda one: one.number)
