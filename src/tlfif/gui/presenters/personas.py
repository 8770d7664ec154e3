"""Model and persona of a conversation: kept by name, changed, and carried with the conversation."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import KeepPreferences
from tlfif.gui.model.messages import ConversationForgotten, ConversationLoaded
from tlfif.gui.model.preferences import MAX_CHOSEN, MAX_PERSONAS, Chosen, Persona, Preferences
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.jobs.limits import check_max_tokens, check_temperature, check_text
from tlfif.kernel.errors import InvalidInputError

MAX_NAME = 40
"""Letters."""


def present_personas(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """What is chosen in the row below the prompt, and the dialog behind it."""
    values = state.settings.values
    match event:
        case intents.SavePersona(old=old, persona=persona):
            return _save(state, old, replace(persona, name=" ".join(persona.name.split())))
        case intents.DeletePersona(name=name):
            left = tuple(one for one in values.personas if one.name != name)
            return _kept(
                state, replace(values, personas=left, persona="" if values.persona == name else values.persona)
            )
        case intents.Send() if state.conversation.is_busy:
            now = Chosen(conversation_id=state.conversation.id, model=values.model or "", persona=values.persona)
            others = tuple(one for one in values.chosen if one.conversation_id != now.conversation_id)
            return _kept(state, replace(values, begun=True, chosen=(*others, now)[-MAX_CHOSEN:]))
        case ConversationLoaded(conversation=kept):
            return _kept(state, chosen_for(values, kept.id))
        case ConversationForgotten(conversation_id=gone):
            left_over = tuple(one for one in values.chosen if gone not in {None, one.conversation_id})
            return _kept(state, replace(values, chosen=left_over))
        case _:
            return Step(state)


def chosen_for(values: Preferences, conversation_id: str) -> Preferences:
    """The settings with what that conversation went on with last; as they are where that is not known."""
    found = next((one for one in values.chosen if one.conversation_id == conversation_id), None)
    if found is None:
        return values
    there = any(one.name == found.persona for one in values.personas)
    return replace(values, model=found.model or None, persona=found.persona if there else "")


def _kept(state: WindowState, values: Preferences) -> Step:
    if values == state.settings.values:
        return Step(state)
    changed = replace(state, settings=replace(state.settings, values=values))
    return Step(changed, (KeepPreferences(preferences=values),))


def _save(state: WindowState, old: str, persona: Persona) -> Step:
    """Keep a persona in the place of ``old``, or as a new one; it is chosen then."""
    panel, values = state.settings, state.settings.values
    problems = tuple(_problems(persona, old, values))
    if problems:
        return Step(replace(state, settings=replace(panel, persona_problems=problems)))
    state = replace(state, settings=replace(panel, persona_problems=(), persona_saved=panel.persona_saved + 1))
    if any(one.name == old for one in values.personas):
        kept = tuple(persona if one.name == old else one for one in values.personas)
    else:
        kept = (*values.personas, persona)
    renamed = tuple(replace(one, persona=persona.name) if old and one.persona == old else one for one in values.chosen)
    return _kept(state, replace(values, personas=kept, persona=persona.name, chosen=renamed))


def _problems(persona: Persona, old: str, values: Preferences) -> Iterator[tuple[str, str]]:
    wrong_name = _wrong_name(persona.name, old, values)
    if wrong_name:
        yield "name", wrong_name
    temperature, longest = persona.temperature, persona.max_tokens
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("system", lambda: not persona.system.strip() or check_text(persona.system, what="system")),
        ("temperature", lambda: temperature is None or check_temperature(temperature, name="The temperature")),
        ("max_tokens", lambda: longest is None or check_max_tokens(longest, name="The longest answer")),
    )
    for field, check in checks:
        try:
            check()
        except InvalidInputError as error:
            yield field, error.message


def _wrong_name(name: str, old: str, values: Preferences) -> str:
    if not name:
        return "Give it a name."
    if len(name) > MAX_NAME:
        return f"A name has at most {MAX_NAME} letters."
    if any(one.name == name != old for one in values.personas):
        return "There is one of this name already."
    if not old and len(values.personas) >= MAX_PERSONAS:
        return f"There can be at most {MAX_PERSONAS}."
    return ""
