"""Two answers to one prompt side by side: asked with two models or settings, or versions that are there already."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import KeepBranch
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.branches import newest_below, showing, versions
from tlfif.gui.presenters.chat import another_answer
from tlfif.gui.presenters.step import GuiEvent, Moment, Step


def compared(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Begin, choose, end."""
    match event:
        case intents.CompareWith(exchange_id=exchange_id):
            settings, setting = _settings(state.settings.values, event)
            step = another_answer(state, exchange_id, moment, settings=settings, setting=setting)
            if not step.commands:
                return step
            new = step.state.conversation.exchanges[-1].id
            return Step(_comparing(step.state, exchange_id, new), step.commands)
        case intents.CompareVersions(first=first, second=second):
            beside = versions(state.conversation).get(first, ())
            return Step(_comparing(state, first, second) if second in beside and second != first else state)
        case intents.ChooseVersion(exchange_id=exchange_id) if exchange_id in state.conversation.compared:
            conversation = replace(state.conversation, compared=())
            shown = showing(conversation, newest_below(conversation, exchange_id))
            tip = shown.exchanges[-1].id
            return Step(replace(state, conversation=shown), (KeepBranch(conversation_id=shown.id, tip=tip),))
        case _ if state.conversation.compared:
            return Step(replace(state, conversation=replace(state.conversation, compared=())))
        case _:
            return Step(state)


def _comparing(state: WindowState, first: str, second: str) -> WindowState:
    return replace(state, conversation=replace(state.conversation, compared=(first, second)))


def _settings(values: Preferences, wish: intents.CompareWith) -> tuple[Preferences, str]:
    """The settings that were wished for, and what is different in words; the model's name stands there anyway."""
    words = []
    if wish.model is not None:
        values = replace(values, model=wish.model)
    if wish.persona is not None:
        values = replace(values, persona=wish.persona)
        words.append(wish.persona or "no persona")
    if wish.temperature is not None:
        values = replace(values, temperature=wish.temperature, persona="")
        words.append(f"temperature {wish.temperature:g}")
    return values, ", ".join(words)
