"""Deleting conversations: one can be brought back for a minute; then it goes for good, at the server first."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import ArrangeHistory, Command, ForgetConversation, ListConversations, LoadConversation
from tlfif.gui.model.history_panel import Deleted, HistoryPanel
from tlfif.gui.model.messages import CommandFailed, ConversationForgotten, HomeUpdated
from tlfif.gui.model.state import Choice, Closing, Conversation, Dialog, Press, Problem, WindowState
from tlfif.gui.presenters.chat import cancelled_all
from tlfif.gui.presenters.problems import own_message, plain
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.history.arranging import UNDO_SECONDS, MarkDeleted
from tlfif.history.listing import DeletedConversation
from tlfif.kernel.errors import TlfifError
from tlfif.wording.deleting import promise

DELETE_ALL = "delete_all"
NOT_DELETED = "not_deleted"


def present_deletion(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Deleting, taking it back, and the results. Comes after closing: a window that closes deletes at once."""
    panel = state.history
    if state.closing is Closing.CLOSED:
        return _all_at_once(state)
    match event:
        case intents.DeleteConversation(conversation_id=conversation_id):
            return _delete(state, conversation_id, moment)
        case intents.UndoDelete() if panel.deleted:
            return _undo(state, panel.deleted[-1].id)
        case intents.Tick() if panel.deleted:
            return _counted_down(state, moment)
        case intents.DeleteAllConversations():
            return Step(replace(state, dialog=_question(state)))
        case intents.AnswerDialog(choice=choice) if state.dialog and state.dialog.name == DELETE_ALL:
            state = replace(state, dialog=None)
            if choice not in {Choice.DELETE, Choice.DELETE_EVERYWHERE}:
                return Step(state)
            return _delete_all(state, everywhere=choice is Choice.DELETE_EVERYWHERE)
        case intents.PressButton(press=Press.DELETE_AGAIN | Press.DELETE_HERE as press) if panel.deleting is not None:
            return _again(state, panel.deleting, moment, everywhere=press is Press.DELETE_AGAIN)
        case _:
            return _result(state, event, moment)


def still_deleted(panel: HistoryPanel, marked: tuple[DeletedConversation, ...], moment: Moment) -> HistoryPanel:
    """The panel with what the file says is deleted and can be taken back, by any window. The clock of the computer is
    looked at once for each: after that it may jump."""
    known = {one.id: one for one in panel.deleted}
    deleted = []
    for one in marked:
        left = max(0.0, min(UNDO_SECONDS, UNDO_SECONDS - (moment.at - one.deleted_at)))
        new = Deleted(id=one.id, title=one.title, until=moment.now + left, left=round(left), here=False)
        deleted.append(known.get(one.id, new))
    forgetting = panel.forgetting if any(one.id == panel.forgetting for one in marked) else ""
    return replace(panel, deleted=tuple(deleted), forgetting=forgetting)


def _delete(state: WindowState, doomed: str, moment: Moment) -> Step:
    """Take it out of the list and end its answers, which would cost money."""
    panel = state.history
    title = next((one.title for one in panel.found if one.id == doomed), state.conversation.title)
    mark = Deleted(id=doomed, title=title, until=moment.now + UNDO_SECONDS, left=round(UNDO_SECONDS), here=True)
    found = tuple(one for one in panel.found if one.id != doomed)
    others = tuple(one for one in panel.deleted if one.id != doomed)
    state, commands = _without(state, doomed)
    state = _with(state, replace(panel, found=found, deleted=(*others, mark), matches=None))
    return Step(state, (*commands, ArrangeHistory(change=MarkDeleted(doomed, moment.at))))


def _undo(state: WindowState, saved: str) -> Step:
    """Bring it back, and open it where nothing else is open."""
    panel = state.history
    state = _with(state, replace(panel, deleted=tuple(one for one in panel.deleted if one.id != saved)))
    opening = () if state.conversation.exchanges else (LoadConversation(conversation_id=saved),)
    return Step(state, (ArrangeHistory(change=MarkDeleted(saved, None)), *opening))


def _counted_down(state: WindowState, moment: Moment) -> Step:
    """The seconds that are left; the first one without any goes for good, the others after it."""
    panel = state.history
    deleted = tuple(replace(one, left=max(0, round(one.until - moment.now))) for one in panel.deleted)
    over = next((one.id for one in deleted if moment.now >= one.until), "")
    if over and not panel.forgetting:
        command = ForgetConversation(conversation_id=over, at=state.home.view.place)
        return Step(_with(state, replace(panel, deleted=deleted, forgetting=over)), (command,))
    return Step(state if deleted == panel.deleted else _with(state, replace(panel, deleted=deleted)))


def _all_at_once(state: WindowState) -> Step:
    """What this window deleted goes now: nobody may be there in a minute."""
    panel = state.history
    mine = [one for one in panel.deleted if one.here and one.id != panel.forgetting]
    commands = tuple(ForgetConversation(conversation_id=one.id, at=state.home.view.place) for one in mine)
    return Step(_with(state, replace(panel, deleted=())) if mine else state, commands)


def _delete_all(state: WindowState, *, everywhere: bool) -> Step:
    """With the server's part nothing goes here before that is gone: what failed can be tried again."""
    panel = replace(state.history, deleting="" if everywhere else None, matches=None)
    state, commands = _without(_with(without_notices(state, NOT_DELETED), panel), None)
    return Step(state, (*commands, ForgetConversation(conversation_id=None, at=_place(state, everywhere=everywhere))))


def _again(state: WindowState, doomed: str, moment: Moment, *, everywhere: bool) -> Step:
    """What could not be deleted at the server: the same again, or here only."""
    if not doomed:
        return _delete_all(state, everywhere=everywhere)
    panel = replace(state.history, deleting=doomed if everywhere else None, forgetting=doomed)
    state, commands = _without(_with(without_notices(state, NOT_DELETED), panel), doomed)
    mark = ArrangeHistory(change=MarkDeleted(doomed, moment.at - UNDO_SECONDS))
    forget = ForgetConversation(conversation_id=doomed, at=_place(state, everywhere=everywhere))
    return Step(state, (*commands, mark, forget))


def _result(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    panel = state.history
    match event:
        case ConversationForgotten(conversation_id=gone):
            state = _with(without_notices(state, NOT_DELETED), replace(panel, deleting=None))
            if gone is not None and gone == state.conversation.id:  # another window deleted it
                state = replace(state, conversation=Conversation())
            return Step(state, (ListConversations(query=panel.query),))
        case CommandFailed(command="ForgetConversation", error=error):
            return _failed(state, error, moment)
        case HomeUpdated(moved=True) if panel.forgetting or panel.deleting == "":
            return _failed(state, TlfifError("The window switched to another place."), moment)
        case _:
            return Step(state)


def _failed(state: WindowState, error: TlfifError, moment: Moment) -> Step:
    """It is in the list again, and can be deleted again."""
    panel = state.history
    failed = panel.forgetting or panel.deleting
    back: tuple[Command, ...] = (ArrangeHistory(change=MarkDeleted(failed, None)),) if failed else ()
    deleted = tuple(one for one in panel.deleted if one.id != failed)
    panel = replace(panel, deleting=failed, forgetting="", deleted=deleted)
    return Step(with_notice(_with(state, panel), _not_deleted(error), moment.at), back)


def _not_deleted(error: TlfifError) -> Problem:
    return own_message(
        NOT_DELETED,
        "Not deleted",
        plain(error.message),
        advice="It is still in the list: nothing is deleted here before the server's part is gone.",
        presses=(Press.DELETE_AGAIN, Press.DELETE_HERE),
    )


def _question(state: WindowState) -> Dialog:
    home = state.home.view
    server = f"at {home.place}" if home.on_aws else "in the server on this computer"
    both = "Delete here and at AWS" if home.on_aws else "Delete here and in the server"
    return Dialog(
        name=DELETE_ALL,
        title="Delete all conversations?",
        text=f"Every conversation in this list is deleted for good, with its folders. {both} also deletes every prompt "
        f"and answer that is still kept {server}, those from commands, too. Files of past conversations that could not "
        f"be read and were set aside are deleted with them. {promise(on_aws=home.on_aws)} This cannot be undone.",
        choices=((Choice.KEEP, "Keep them"), (Choice.DELETE_EVERYWHERE, both), (Choice.DELETE, "Delete here only")),
    )


def _without(state: WindowState, doomed: str | None) -> tuple[WindowState, tuple[Command, ...]]:
    """The state without a conversation (None: without any), and what ends its answers."""
    running = (*state.conversation.exchanges, *state.elsewhere)
    gone = tuple(one for one in running if doomed in {None, one.conversation_id})
    elsewhere = tuple(one for one in state.elsewhere if one not in gone)
    shown = Conversation() if doomed in {None, state.conversation.id} else state.conversation
    return replace(state, conversation=shown, elsewhere=elsewhere), cancelled_all(gone)


def _place(state: WindowState, *, everywhere: bool) -> str:
    return state.home.view.place if everywhere else ""


def _with(state: WindowState, panel: HistoryPanel) -> WindowState:
    return replace(state, history=panel)
