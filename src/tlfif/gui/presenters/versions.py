"""What the owner does with an exchange that is there: edit its prompt, look at its other versions, see its receipt."""

import re
from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import KeepBranch, OpenLink, Print
from tlfif.gui.model.composer import Draft
from tlfif.gui.model.state import Exchange, WindowState
from tlfif.gui.presenters.branches import turned
from tlfif.gui.presenters.comparing import compared
from tlfif.gui.presenters.step import GuiEvent, Moment, Step

WEB = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
"""What the system may be asked to show: no files, no programs."""


def present_versions(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Edit, turn, show."""
    match event:
        case intents.EditPrompt(exchange_id=exchange_id):
            return Step(_editing(state, exchange_id))
        case intents.LeaveEditing() if state.composer.editing:
            composer = state.composer
            return Step(replace(state, composer=replace(composer, editing="", clear=composer.clear + 1)))
        case intents.TurnVersion(exchange_id=exchange_id, steps=steps):
            return _turned(state, exchange_id, steps)
        case (
            intents.CompareWith()
            | intents.CompareVersions()
            | intents.ChooseVersion()
            | intents.EndComparing()
            | intents.Send()
        ):
            return compared(state, event, moment)
        case intents.OpenLink(address=address) if WEB.fullmatch(address):
            return Step(state, (OpenLink(address=address),))
        case intents.PrintConversation(conversation_id=conversation_id):
            return Step(state, (Print(conversation_id=conversation_id),))
        case intents.ShowDetails(exchange_id=exchange_id):
            return Step(_toggled(state, exchange_id))
        case intents.NewConversation() | intents.OpenConversation() if state.composer.editing:
            return Step(replace(state, composer=replace(state.composer, editing="")))
        case _:
            return Step(state)


def _editing(state: WindowState, exchange_id: str) -> WindowState:
    one = next((one for one in state.conversation.exchanges if one.id == exchange_id), None)
    if one is None:
        return state
    composer = state.composer
    draft = Draft(text=one.prompt, left_out=state.conversation.left_out, editing=exchange_id)
    return replace(
        state, composer=replace(composer, draft=draft, returned=composer.returned + 1, editing=exchange_id, problem="")
    )


def _turned(state: WindowState, exchange_id: str, steps: int) -> Step:
    before = state.conversation
    after = turned(before, exchange_id, steps)
    if after is before:
        return Step(state)
    # How much of it the model can hold is not known of this branch.
    state = replace(state, conversation=replace(after, left_out=0))
    return Step(state, (KeepBranch(conversation_id=after.id, tip=after.exchanges[-1].id),))


def _toggled(state: WindowState, exchange_id: str) -> WindowState:
    def changed(one: Exchange) -> Exchange:
        return replace(one, detailed=not one.detailed) if one.id == exchange_id else one

    conversation = state.conversation
    return replace(state, conversation=replace(conversation, exchanges=tuple(map(changed, conversation.exchanges))))
