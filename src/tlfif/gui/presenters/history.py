"""Conversations kept on this computer: list, search, open, arrange, export, and answers that still ran. Deleting them:
``deletion``."""

from dataclasses import replace
from datetime import date

from tlfif.gui.model import intents
from tlfif.gui.model.commands import ArrangeHistory, Export, ListConversations, LoadConversation
from tlfif.gui.model.history_panel import HistoryPanel, Matches
from tlfif.gui.model.messages import (
    CommandFailed,
    ConversationExported,
    ConversationLoaded,
    ConversationsListed,
    HistoryChanged,
    HistoryProblemFound,
    UnfinishedFound,
)
from tlfif.gui.model.state import Exchange, ExchangeStage, WindowState
from tlfif.gui.presenters.deletion import still_deleted
from tlfif.gui.presenters.kept_conversations import at_match, left, opened, read_again, resumed, with_matches
from tlfif.gui.presenters.problems import own_message, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice
from tlfif.history.arranging import MoveTo, NameFolder, Rename
from tlfif.history.listing import ConversationSummary
from tlfif.history.titles import name_of

NEW_FOLDER = "New folder"
_MINE = frozenset({"ListConversations", "LoadConversation", "ArrangeHistory", "Export"})


def present_history(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """The list beside the conversation."""
    panel = state.history
    match event:
        case intents.NewConversation():
            return Step(left(state))
        case intents.OpenConversation() | intents.SearchHistory() | intents.GoToMatch():
            return _sought(state, event)
        case intents.Tick() if panel.today != (today := date.fromtimestamp(moment.at)):
            return Step(_with(state, replace(panel, today=today)))
        case intents.Send():
            return Step(_with_new(state, moment.at))
        case intents.FoldGroup(key=key):
            return Step(_with(state, replace(panel, closed=panel.closed ^ {key})))
        case intents.ArrangeHistory() | intents.NewFolder():
            return _arranged(state, event, moment)
        case intents.ExportConversation(conversation_id=conversation_id, path=path):
            return Step(
                _with(state, replace(panel, exported_to="")), (Export(conversation_id=conversation_id, path=path),)
            )
        case _:
            return _received(state, event, moment)


def _sought(state: WindowState, event: GuiEvent) -> Step:
    panel = state.history
    match event:
        case intents.OpenConversation(conversation_id=conversation_id):
            if conversation_id == state.conversation.id:
                return Step(with_matches(replace(state, tab="chat")))
            return Step(state, (LoadConversation(conversation_id=conversation_id),))
        case intents.SearchHistory(query=query):
            matches = panel.matches if query.strip() else None
            return Step(_with(state, replace(panel, query=query, matches=matches)), (ListConversations(query=query),))
        case intents.GoToMatch(step=step) if panel.matches is not None:
            return Step(at_match(state, _moved(panel.matches, step)))
        case _:
            return Step(state)


def _received(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    panel = state.history
    match event:
        case ConversationsListed(query=query):
            # The answer to a search that was typed on since is of no use.
            return Step(state if query != panel.query else _listed(state, event, moment))
        case HistoryChanged(foreign=foreign):
            shown = state.conversation.id
            again = (LoadConversation(conversation_id=shown, again=True),) if foreign and shown else ()
            return Step(state, (ListConversations(query=panel.query), *again))
        case ConversationLoaded(conversation=kept, again=again):
            return read_again(state, kept) if again else opened(state, kept)
        case ConversationExported(path=path):
            return Step(_with(state, replace(panel, exported_to=path)))
        case UnfinishedFound(conversation=kept, exchanges=exchanges):
            return resumed(state, kept, exchanges)
        case HistoryProblemFound(message=message, available=available):
            notice = own_message("history", "Your past conversations", message)
            return Step(with_notice(_with(state, replace(panel, available=available)), notice, moment.at))
        case CommandFailed(command=command, error=error) if command in _MINE:
            return Step(with_notice(state, problem_of(error), moment.at))
        case _:
            return Step(state)


def running_words(state: WindowState) -> dict[str, str]:
    """What each conversation with an answer under way in this window is at, in a few words."""
    return {
        one.conversation_id: _at_work(one)
        for one in (*state.elsewhere, *state.conversation.exchanges[-8:], *state.conversation.others)
        if not one.stage.is_over
    }


def _at_work(one: Exchange) -> str:
    return one.status or ("Answering…" if one.stage is ExchangeStage.STREAMING else "Waiting…")


def _listed(state: WindowState, event: ConversationsListed, moment: Moment) -> WindowState:
    """The list as it is in the file. A conversation whose first prompt is on its way there is already shown."""
    panel, known = state.history, {one.id for one in event.found}
    on_its_way = () if panel.query.strip() else tuple(_unwritten(state, known))
    titles = {one.id: one.title for one in event.found}
    shown = state.conversation
    if titles.get(shown.id, shown.title) != shown.title:
        state = replace(state, conversation=replace(shown, title=titles[shown.id]))
    naming = panel.naming if any(one.id == panel.naming for one in event.folders) else ""
    panel = replace(panel, found=(*on_its_way, *event.found), folders=event.folders, naming=naming)
    panel = replace(panel, listed=panel.query, today=date.fromtimestamp(moment.at))
    return _with(state, still_deleted(panel, event.deleted, moment))


def _unwritten(state: WindowState, known: set[str]) -> list[ConversationSummary]:
    at_work = running_words(state)
    return [one for one in state.history.found if one.id in at_work and one.id not in known]


def _with_new(state: WindowState, at: float) -> WindowState:
    """The list with the conversation that has just begun, before it is written."""
    panel, shown = state.history, state.conversation
    if panel.query.strip() or not shown.exchanges or any(one.id == shown.id for one in panel.found):
        return state
    new = ConversationSummary(
        id=shown.id, title=shown.title, created_at=at, updated_at=at, exchanges=len(shown.exchanges)
    )
    return _with(state, replace(panel, found=(new, *panel.found)))


def _arranged(state: WindowState, event: intents.ArrangeHistory | intents.NewFolder, moment: Moment) -> Step:
    if isinstance(event, intents.NewFolder):
        folder = f"f-{moment.key}"
        commands = [ArrangeHistory(change=NameFolder(folder, NEW_FOLDER))]
        if event.conversation_id:
            commands.append(ArrangeHistory(change=MoveTo(event.conversation_id, folder)))
        return Step(_with(state, replace(state.history, naming=folder)), tuple(commands))
    change = event.change
    if isinstance(change, Rename | NameFolder):
        change = replace(change, name=name_of(change.name))
        state = _with(state, replace(state.history, naming=""))
        if not change.name:
            return Step(state)
    return Step(state, (ArrangeHistory(change=change),))


def _moved(matches: Matches, step: int) -> Matches:
    return replace(matches, at=(matches.at + step) % len(matches.exchanges))


def _with(state: WindowState, panel: HistoryPanel) -> WindowState:
    return replace(state, history=panel)
