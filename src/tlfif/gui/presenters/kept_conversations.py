"""A conversation out of the history: opened, read again after another program changed it, searched through."""

from dataclasses import replace

from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.commands import Follow
from tlfif.gui.model.history_panel import Matches
from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import Conversation, Exchange, ExchangeStage, Receipt, WindowState
from tlfif.gui.presenters.branches import end_of, newest_below, showing
from tlfif.gui.presenters.endings import why_failed
from tlfif.gui.presenters.home import left_behind
from tlfif.gui.presenters.problems import problem
from tlfif.gui.presenters.step import Step
from tlfif.history.kept import KeptConversation, KeptExchange
from tlfif.history.listing import holds, searched_words

_STAGES = {
    "running": ExchangeStage.WAITING,
    "succeeded": ExchangeStage.DONE,
    "cancelled": ExchangeStage.CANCELLED,
}


def exchange_of(kept: KeptExchange) -> Exchange:
    """An exchange out of the history."""
    stage = _STAGES.get(kept.status, ExchangeStage.FAILED)
    found = None
    if kept.status == "sending":
        found = problem("not_sent", "The server had not taken this prompt yet.")
    elif stage is ExchangeStage.FAILED:
        found = why_failed(kept.code, kept.note, expired=kept.status == "expired")
    return Exchange(
        id=kept.id,
        conversation_id=kept.conversation_id,
        key=kept.key,
        prompt=kept.prompt,
        asked_at=kept.asked_at,
        answer=AnswerText([kept.answer]),
        reasoning=kept.reasoning,
        stage=stage,
        status="Resuming" if stage is ExchangeStage.WAITING else kept.note if found is None else "",
        receipt=Receipt(line=kept.receipt, cost=kept.cost, brief=kept.brief) if kept.receipt else None,
        job_id=kept.job_id,
        last_seq=kept.last_seq,
        model=kept.model,
        problem=found,
        follows=kept.follows,
        instead_of=kept.instead_of,
        place=kept.place,
        setting=kept.setting,
    )


def left(state: WindowState) -> WindowState:
    """The state with an empty conversation; answers under way move to ``elsewhere``."""
    going_on = tuple(one for one in state.conversation.everything if not one.stage.is_over or one.resumable)
    return replace(
        state,
        conversation=Conversation(),
        elsewhere=(*state.elsewhere, *going_on),
        history=replace(state.history, matches=None),
        tab="chat",
    )


def opened(state: WindowState, kept: KeptConversation) -> Step:
    """Show a kept conversation in place of the one that was left. Of answers under way the window knows more than the
    history; those that it does not know of it goes on reading. What a search is on for is found in it."""
    state = left(state)
    live = {one.id: one for one in state.elsewhere if one.conversation_id == kept.id}
    place = state.home.view.place
    exchanges = tuple(live.get(one.id) or _at(exchange_of(one), place) for one in kept.exchanges)
    conversation = _branch(Conversation(id=kept.id, title=kept.title, exchanges=exchanges), kept.tip)
    if kept.earlier:
        mark = f"{kept.earlier:,} earlier answers are not shown here: Export writes them all."
        first, *rest = conversation.exchanges
        conversation = replace(conversation, exchanges=(replace(first, marks=(mark, *first.marks)), *rest))
    state = replace(
        state,
        conversation=conversation,
        elsewhere=tuple(one for one in state.elsewhere if one.id not in live),
    )
    unknown = tuple(one for one in kept.exchanges if one.status == "running" and one.id not in live)
    return Step(with_matches(state), _follows(unknown, place))


def read_again(state: WindowState, kept: KeptConversation) -> Step:
    """The open conversation with what another program has added to it or changed in it. Answers that this window reads
    stay as they are."""
    if kept.id != state.conversation.id:
        return Step(state)
    ours = {one.id: one for one in (*state.conversation.everything, *state.elsewhere)}
    place = state.home.view.place
    draft = state.composer.draft  # what was refused stands in the box, and not in the conversation, too
    back = draft.exchange_id if draft is not None and draft.refused else None
    exchanges = tuple(_newer(ours.get(one.id), one, place) for one in kept.exchanges if one.id != back)
    known = {one.id for one in kept.exchanges}
    unsaved = tuple(one for one in state.conversation.everything if one.id not in known and not one.stage.is_over)
    shown = state.conversation.exchanges[-1].id if state.conversation.exchanges else None
    conversation = replace(state.conversation, title=kept.title, exchanges=(*exchanges, *unsaved), others=())
    there = _branch(conversation, kept.tip)
    # Another window that has gone on from what is shown here is followed; one that looks at another branch is not.
    gone_on = any(one.id == shown for one in there.exchanges)
    conversation = there if gone_on or shown is None else _branch(conversation, shown)
    elsewhere = tuple(one for one in state.elsewhere if one.id not in known)
    unknown = tuple(one for one in kept.exchanges if one.status == "running" and one.id not in ours)
    return Step(replace(state, conversation=conversation, elsewhere=elsewhere), _follows(unknown, place))


def resumed(state: WindowState, kept: KeptConversation | None, unfinished: tuple[KeptExchange, ...]) -> Step:
    """Go on reading what runs; the newest of those conversations is shown if nothing else is."""
    place = state.home.view.place
    ours = {one.id for one in (*state.conversation.everything, *state.elsewhere)}
    unknown = tuple(one for one in unfinished if one.job_id is not None and one.id not in ours)
    away = tuple(_at(exchange_of(one), place) for one in unknown)
    commands = _follows(unknown, place)
    state = replace(state, elsewhere=(*state.elsewhere, *away))
    if kept is None or state.conversation.exchanges:
        return Step(state, commands)
    step = opened(state, kept)
    return Step(step.state, (*commands, *step.commands))


def with_matches(state: WindowState) -> WindowState:
    """The state with the places where the search found the open conversation, in any of its branches. The newest one
    is looked at, of the branch that is shown where that has one."""
    words = searched_words(state.history.query)
    everything = sorted(state.conversation.everything, key=lambda one: one.number) if words else []
    found = tuple(one.id for one in everything if holds(f"{one.prompt}\n{one.answer}", words))
    if not found:
        return replace(state, history=replace(state.history, matches=None))
    shown = {one.id for one in state.conversation.exchanges}
    at = max((place for place, name in enumerate(found) if name in shown), default=len(found) - 1)
    return at_match(state, Matches(words=words, exchanges=found, at=at))


def at_match(state: WindowState, matches: Matches) -> WindowState:
    """The state in which that place is looked at, and its branch shown."""
    conversation = state.conversation
    if all(one.id != matches.exchange_id for one in conversation.exchanges):
        conversation = showing(conversation, newest_below(conversation, matches.exchange_id))
    return replace(state, conversation=conversation, history=replace(state.history, matches=matches))


def _branch(conversation: Conversation, tip: str | None) -> Conversation:
    """The conversation, whose exchanges are all of its branches', with the branch that ends with ``tip``."""
    if not conversation.exchanges:
        return conversation
    everything = tuple(
        one if one.number == number else replace(one, number=number)
        for number, one in enumerate(conversation.exchanges)
    )
    known = any(one.id == tip for one in everything)
    there = showing(replace(conversation, exchanges=everything), tip if known and tip else everything[-1].id)
    counts = end_of(there)
    return there if counts in {None, there.exchanges[-1].id} else showing(there, newest_below(there, str(counts)))


def _newer(ours: Exchange | None, kept: KeptExchange, place: str) -> Exchange:
    if ours is not None and (not ours.stage.is_over or ours.resumable):
        return ours
    stage = _STAGES.get(kept.status, ExchangeStage.FAILED)
    if ours is not None and (ours.stage, ours.job_id) == (stage, kept.job_id):
        return ours
    return _at(exchange_of(kept), place)


def _at(exchange: Exchange, place: str) -> Exchange:
    """As it is shown at ``place``: what runs elsewhere is not followed from there."""
    return exchange if is_same_place(exchange.place, place) else left_behind(exchange)


def _follows(running: tuple[KeptExchange, ...], place: str) -> tuple[Follow, ...]:
    return tuple(
        Follow(exchange_id=one.id, job_id=one.job_id, after=one.last_seq)
        for one in running
        if one.job_id is not None and is_same_place(one.place, place)
    )
