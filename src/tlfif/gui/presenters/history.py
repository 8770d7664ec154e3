"""Conversations kept on this computer: list, search, open, delete, export, and answers that still ran."""

from dataclasses import replace

from tlfif.client.history import KeptConversation, KeptExchange
from tlfif.gui import intents
from tlfif.gui.answer_text import AnswerText
from tlfif.gui.commands import Export, Follow, ForgetConversation, ListConversations, LoadConversation
from tlfif.gui.news import (
    AnswerEvent,
    AnswerPriced,
    CommandFailed,
    ConversationForgotten,
    ConversationLoaded,
    ConversationsListed,
    Exported,
    HistoryTrouble,
    UnfinishedFound,
)
from tlfif.gui.presenters.chat import cancelled_all
from tlfif.gui.presenters.problems import own_message, problem, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice
from tlfif.gui.state import (
    Choice,
    Conversation,
    Dialog,
    Exchange,
    ExchangeStage,
    HistoryPanel,
    Receipt,
    WindowState,
)

DELETE_ONE = "delete_conversation"
DELETE_ALL = "delete_all"
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
        case _:
            return _heard(state, event, moment)


def _heard(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    panel = state.history
    match event:
        case ConversationsListed(query=query, found=found):
            # The answer to a search that was typed on since is of no use.
            return Step(state if query != panel.query else _with(state, replace(panel, found=found)))
        case ConversationLoaded(conversation=kept):
            return Step(_open(_leave(state), kept))
        case ConversationForgotten():
            return Step(state, (ListConversations(query=panel.query),))
        case Exported(path=path):
            return Step(_with(state, replace(panel, exported_to=path)))
        case UnfinishedFound(conversation=kept, exchanges=exchanges):
            return _resumed(state, kept, exchanges)
        case HistoryTrouble(message=message, available=available):
            told = own_message("history", "Your past conversations", message)
            return Step(with_notice(_with(state, replace(panel, available=available)), told, moment.at))
        case AnswerPriced() if panel.available:
            return Step(state, (ListConversations(query=panel.query),))
        case AnswerEvent(event=fact) if fact.kind.is_terminal and panel.available:
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
        found = problem(kept.status, kept.note or "There is no whole answer.")
    return Exchange(
        id=kept.id,
        conversation_id=kept.conversation_id,
        key=kept.key,
        prompt=kept.prompt,
        asked_at=kept.asked_at,
        answer=AnswerText([kept.answer]),
        stage=stage,
        status="Going on where it was" if stage is ExchangeStage.WAITING else kept.note if found is None else "",
        receipt=Receipt(line=kept.receipt) if kept.receipt else None,
        job_id=kept.job_id,
        last_seq=kept.last_seq,
        model=kept.model,
        problem=found,
        instead_of=kept.instead_of,
        superseded=kept.superseded,
    )


def _leave(state: WindowState) -> WindowState:
    """The state with an empty conversation; answers under way go on elsewhere."""
    going_on = tuple(one for one in state.conversation.exchanges if not one.stage.is_over or one.resumable)
    return replace(state, conversation=Conversation(), elsewhere=(*state.elsewhere, *going_on), tab="chat")


def _open(state: WindowState, kept: KeptConversation) -> WindowState:
    """Show a kept conversation; of answers under way the window knows more than the history."""
    live = {one.id: one for one in state.elsewhere if one.conversation_id == kept.id}
    exchanges = tuple(live.get(one.id) or exchange_of(one) for one in kept.exchanges)
    return replace(
        state,
        conversation=Conversation(id=kept.id, title=kept.title, exchanges=exchanges),
        elsewhere=tuple(one for one in state.elsewhere if one.id not in live),
    )


def _resumed(state: WindowState, kept: KeptConversation, unfinished: tuple[KeptExchange, ...]) -> Step:
    """Go on reading what still ran; the newest of those conversations is shown if nothing else is."""
    commands = tuple(
        Follow(exchange_id=one.id, job_id=one.job_id, after=one.last_seq)
        for one in unfinished
        if one.job_id is not None
    )
    away = tuple(exchange_of(one) for one in unfinished if one.job_id is not None)
    state = replace(state, elsewhere=(*state.elsewhere, *away))
    return Step(state if state.conversation.exchanges else _open(state, kept), commands)


def _question(state: WindowState, conversation_id: str | None) -> Dialog:
    if conversation_id is None:
        return Dialog(
            name=DELETE_ALL,
            title="Delete all conversations?",
            text="Every conversation kept on this computer is deleted for good. There is no way back.",
            choices=((Choice.KEEP, "Keep them"), (Choice.DELETE, "Delete all")),
        )
    title = next((one.title for one in state.history.found if one.id == conversation_id), "this conversation")
    return Dialog(
        name=DELETE_ONE,
        title="Delete this conversation?",
        text=f"“{title}” is deleted for good. There is no way back.",
        choices=((Choice.KEEP, "Keep it"), (Choice.DELETE, "Delete")),
        subject=conversation_id,
    )


def _chosen(state: WindowState, dialog: Dialog, choice: Choice) -> Step:
    state = replace(state, dialog=None)
    if choice is not Choice.DELETE:
        return Step(state)
    doomed = dialog.subject or None
    running = (*state.conversation.exchanges, *state.elsewhere)
    gone = tuple(one for one in running if doomed in {None, one.conversation_id})
    commands = (*cancelled_all(gone), ForgetConversation(conversation_id=doomed))
    elsewhere = tuple(one for one in state.elsewhere if one not in gone)
    shown = Conversation() if doomed in {None, state.conversation.id} else state.conversation
    return Step(replace(state, conversation=shown, elsewhere=elsewhere), commands)


def _with(state: WindowState, panel: HistoryPanel) -> WindowState:
    return replace(state, history=panel)
