"""Conversations kept on this computer: list, search, open, delete, export, and answers that still ran."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.commands import Export, Follow, ForgetConversation, ListConversations, LoadConversation
from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.messages import (
    AnswerPriced,
    AnswerProgressed,
    CommandFailed,
    ConversationExported,
    ConversationForgotten,
    ConversationLoaded,
    ConversationsListed,
    HistoryProblemFound,
    HomeUpdated,
    UnfinishedFound,
)
from tlfif.gui.model.state import (
    Choice,
    Conversation,
    Dialog,
    Exchange,
    ExchangeStage,
    HistoryPanel,
    Press,
    Problem,
    Receipt,
    WindowState,
)
from tlfif.gui.presenters.chat import cancelled_all
from tlfif.gui.presenters.endings import why_failed
from tlfif.gui.presenters.home import left_behind
from tlfif.gui.presenters.problems import own_message, plain, problem, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.history.history import KeptConversation, KeptExchange
from tlfif.kernel.errors import TlfifError
from tlfif.wording.deleting import promise

DELETE_ONE = "delete_conversation"
DELETE_ALL = "delete_all"
NOT_DELETED = "not_deleted"
_MINE = frozenset({"ListConversations", "LoadConversation", "ForgetConversation", "Export"})
_STAGES = {
    "running": ExchangeStage.WAITING,
    "succeeded": ExchangeStage.DONE,
    "cancelled": ExchangeStage.CANCELLED,
}


def present_history(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """The list beside the conversation."""
    panel = state.history
    match event:
        case intents.NewConversation():
            return Step(_leave(state))
        case intents.OpenConversation(conversation_id=conversation_id):
            return Step(state, (LoadConversation(conversation_id=conversation_id),))
        case intents.SearchHistory(query=query):
            return Step(_with(state, replace(panel, query=query)), (ListConversations(query=query),))
        case intents.ExportConversation(conversation_id=conversation_id, path=path):
            return Step(
                _with(state, replace(panel, exported_to="")), (Export(conversation_id=conversation_id, path=path),)
            )
        case intents.DeleteConversation(conversation_id=conversation_id):
            return Step(replace(state, dialog=_question(state, conversation_id)))
        case intents.DeleteAllConversations():
            return Step(replace(state, dialog=_question(state, None)))
        case intents.AnswerDialog(choice=choice) if state.dialog and state.dialog.name in {DELETE_ONE, DELETE_ALL}:
            return _chosen(state, state.dialog, choice)
        case (
            ConversationForgotten()
            | CommandFailed(command="ForgetConversation")
            | HomeUpdated()
            | intents.PressButton()
        ):
            return _deletion(state, event, moment)
        case _:
            return _received(state, event, moment)


def _received(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    panel = state.history
    match event:
        case ConversationsListed(query=query, found=found):
            # The answer to a search that was typed on since is of no use.
            return Step(state if query != panel.query else _with(state, replace(panel, found=found)))
        case ConversationLoaded(conversation=kept):
            return Step(_open(_leave(state), kept))
        case ConversationExported(path=path):
            return Step(_with(state, replace(panel, exported_to=path)))
        case UnfinishedFound(conversation=kept, exchanges=exchanges):
            return _resumed(state, kept, exchanges)
        case HistoryProblemFound(message=message, available=available):
            notice = own_message("history", "Your past conversations", message)
            return Step(with_notice(_with(state, replace(panel, available=available)), notice, moment.at))
        case AnswerPriced() if panel.available:
            return Step(state, (ListConversations(query=panel.query),))
        case AnswerProgressed(event=fact) if fact.kind.is_terminal and panel.available:
            return Step(state, (ListConversations(query=panel.query),))
        case CommandFailed(command=command, error=error) if command in _MINE:
            return Step(with_notice(state, problem_of(error), moment.at))
        case _:
            return Step(state)


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
        receipt=Receipt(line=kept.receipt, cost=kept.cost) if kept.receipt else None,
        job_id=kept.job_id,
        last_seq=kept.last_seq,
        model=kept.model,
        problem=found,
        instead_of=kept.instead_of,
        superseded=kept.superseded,
        place=kept.place,
    )


def _at(exchange: Exchange, place: str) -> Exchange:
    """As it is shown at ``place``: what runs elsewhere is not followed from there."""
    return exchange if is_same_place(exchange.place, place) else left_behind(exchange)


def _leave(state: WindowState) -> WindowState:
    """The state with an empty conversation; answers under way move to ``elsewhere``."""
    going_on = tuple(one for one in state.conversation.exchanges if not one.stage.is_over or one.resumable)
    return replace(state, conversation=Conversation(), elsewhere=(*state.elsewhere, *going_on), tab="chat")


def _open(state: WindowState, kept: KeptConversation) -> WindowState:
    """Show a kept conversation; of answers under way the window knows more than the history."""
    live = {one.id: one for one in state.elsewhere if one.conversation_id == kept.id}
    place = state.home.view.place
    exchanges = tuple(live.get(one.id) or _at(exchange_of(one), place) for one in kept.exchanges)
    if kept.earlier:
        mark = f"{kept.earlier:,} earlier answers are not shown here: Export writes them all."
        exchanges = (replace(exchanges[0], marks=(mark, *exchanges[0].marks)), *exchanges[1:])
    return replace(
        state,
        conversation=Conversation(id=kept.id, title=kept.title, exchanges=exchanges),
        elsewhere=tuple(one for one in state.elsewhere if one.id not in live),
    )


def _resumed(state: WindowState, kept: KeptConversation, unfinished: tuple[KeptExchange, ...]) -> Step:
    """Go on reading what still ran; the newest of those conversations is shown if nothing else is."""
    place = state.home.view.place
    commands = tuple(
        Follow(exchange_id=one.id, job_id=one.job_id, after=one.last_seq)
        for one in unfinished
        if one.job_id is not None and is_same_place(one.place, place)
    )
    away = tuple(_at(exchange_of(one), place) for one in unfinished if one.job_id is not None)
    state = replace(state, elsewhere=(*state.elsewhere, *away))
    return Step(state if state.conversation.exchanges else _open(state, kept), commands)


def _question(state: WindowState, conversation_id: str | None) -> Dialog:
    home = state.home.view
    server = f"at {home.place}" if home.on_aws else "in the server on this computer"
    both = "Delete here and at AWS" if home.on_aws else "Delete here and in the server"
    if conversation_id is None:
        return Dialog(
            name=DELETE_ALL,
            title="Delete all conversations?",
            text=f"Every conversation in this list is deleted for good. {both} also deletes every prompt and answer "
            f"that is still kept {server}, those from commands, too. Files of past conversations that could not be "
            f"read and were set aside are deleted with them. {promise(on_aws=home.on_aws)} This cannot be undone.",
            choices=((Choice.KEEP, "Keep them"), (Choice.DELETE_EVERYWHERE, both), (Choice.DELETE, "Delete here only")),
        )
    title = next((one.title for one in state.history.found if one.id == conversation_id), "this conversation")
    return Dialog(
        name=DELETE_ONE,
        title="Delete this conversation?",
        text=f"“{title}” is deleted for good. Its prompts and answers are also kept {server} for up to 30 days: {both} "
        f"ends that now. {promise(on_aws=home.on_aws)} This cannot be undone.",
        choices=((Choice.KEEP, "Keep it"), (Choice.DELETE_EVERYWHERE, both), (Choice.DELETE, "Delete here only")),
        subject=conversation_id,
    )


def _chosen(state: WindowState, dialog: Dialog, choice: Choice) -> Step:
    state = replace(state, dialog=None)
    if choice not in {Choice.DELETE, Choice.DELETE_EVERYWHERE}:
        return Step(state)
    return _delete(state, dialog.subject, everywhere=choice is Choice.DELETE_EVERYWHERE)


def _deletion(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """The result of a deletion, and the buttons where it failed."""
    panel = state.history
    match event:
        case ConversationForgotten():
            state = _with(without_notices(state, NOT_DELETED), replace(panel, deleting=None))
            return Step(state, (ListConversations(query=panel.query),))
        case CommandFailed(error=error):
            notice = problem_of(error) if panel.deleting is None else _not_deleted(error)
            return Step(with_notice(state, notice, moment.at))
        case HomeUpdated(moved=True) if panel.deleting is not None:
            return Step(
                with_notice(state, _not_deleted(TlfifError("The window switched to another place.")), moment.at)
            )
        case intents.PressButton(press=Press.DELETE_AGAIN | Press.DELETE_HERE as press) if panel.deleting is not None:
            return _delete(state, panel.deleting, everywhere=press is Press.DELETE_AGAIN)
        case _:
            return Step(state)


def _not_deleted(error: TlfifError) -> Problem:
    return own_message(
        NOT_DELETED,
        "Not deleted",
        plain(error.message),
        advice="It is still in the list: nothing is deleted here before the server's part is gone.",
        presses=(Press.DELETE_AGAIN, Press.DELETE_HERE),
    )


def _delete(state: WindowState, subject: str, *, everywhere: bool) -> Step:
    """Delete a conversation, all of them where ``subject`` is empty. With the server's part nothing goes here before
    that is gone: what failed can be tried again."""
    doomed = subject or None
    state = _with(without_notices(state, NOT_DELETED), replace(state.history, deleting=subject if everywhere else None))
    running = (*state.conversation.exchanges, *state.elsewhere)
    gone = tuple(one for one in running if doomed in {None, one.conversation_id})
    at = state.home.view.place if everywhere else ""
    commands = (*cancelled_all(gone), ForgetConversation(conversation_id=doomed, at=at))
    elsewhere = tuple(one for one in state.elsewhere if one not in gone)
    shown = Conversation() if doomed in {None, state.conversation.id} else state.conversation
    return Step(replace(state, conversation=shown, elsewhere=elsewhere), commands)


def _with(state: WindowState, panel: HistoryPanel) -> WindowState:
    return replace(state, history=panel)
