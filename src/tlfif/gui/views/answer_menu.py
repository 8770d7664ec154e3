"""The menu of the right button in the conversation: what can be done with what is there."""

import tkinter
from collections.abc import Callable

from tlfif.gui.model import intents
from tlfif.gui.model.model_choices import model_choices
from tlfif.gui.model.state import Conversation, Exchange, SettingsPanel
from tlfif.gui.presenters.branches import versions
from tlfif.gui.views.answer_actions import AnswerActions
from tlfif.gui.views.answer_renderer import AnswerRenderer
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.conversation_menu import Entry, ListMenu
from tlfif.gui.views.exchange_lines import COPY, DETAILS, EDIT, LESS, REGENERATE, actions_of

TEMPERATURES = (0.0, 0.7, 1.2)
"""What an answer can be compared with: the surest words, the usual ones, bold ones."""


class AnswerMenu:
    """Opened by the right button and by the menu key. ``conversation`` and ``settings`` return
    those of now."""

    def __init__(
        self,
        text: tkinter.Text,
        context: ViewContext,
        renderer: AnswerRenderer,
        actions: AnswerActions,
        conversation: Callable[[], Conversation],
        settings: Callable[[], SettingsPanel],
    ) -> None:
        self._text = text
        self._context = context
        self._renderer = renderer
        self._actions = actions
        self._conversation = conversation
        self._settings = settings
        self.list = ListMenu(text, context)
        text.bind("<Button-3>", lambda event: self._open(f"@{event.x},{event.y}", event.x_root, event.y_root))
        if context.command_key == "Command":
            text.bind("<Button-2>", lambda event: self._open(f"@{event.x},{event.y}", event.x_root, event.y_root))
        for key in ("<Menu>", "<Shift-F10>"):
            text.bind(key, lambda _: self._open_by_key())

    def _open_by_key(self) -> str:
        text, chosen = self._text, self._text.tag_ranges("chosen")
        place = str(chosen[0]) if chosen else text.index("end -1c")
        box = text.bbox(place) or (0, 0, 0, 0)
        return self._open(place, text.winfo_rootx() + box[0], text.winfo_rooty() + box[1] + box[3])

    def _open(self, place: str, x: int, y: int) -> str:
        self._text.focus_set()
        self.list.show(self.entries(self._text.index(place)), x, y)
        return "break"

    def entries(self, index: str) -> tuple[Entry, ...]:
        """The menu for a place in the text."""
        conversation = self._conversation()
        name = self._actions.exchange_at(index)
        one = next((one for one in conversation.exchanges if one.id == name), None)
        groups = (self._of_place(index), () if one is None else self._of_exchange(one), self._of_all(conversation))
        found: list[Entry] = []
        for group in filter(None, groups):
            found += [*([Entry()] if found else []), *group]
        return tuple(found)

    def _of_place(self, index: str) -> tuple[Entry, ...]:
        copy, press = self._context.copy, self._context.press
        found = []
        if self._text.tag_ranges("sel"):
            keys = f"{self._context.command_name}+C"
            found.append(Entry("Copy", lambda: self._text.event_generate("<<Copy>>"), keys))
        code = self._renderer.code_around(index)
        if code:
            found.append(Entry("Copy code", lambda: copy(code)))
        address = self._renderer.address_at(index)
        if address:
            found.append(Entry("Open link", lambda: press(intents.OpenLink(address))))
            found.append(Entry("Copy address", lambda: copy(address)))
        return tuple(found)

    def _of_exchange(self, one: Exchange) -> tuple[Entry, ...]:
        names = {COPY: "Copy answer", REGENERATE: "Regenerate", DETAILS: "Details", LESS: "Fewer details"}
        able = [(name, names[name]) for name, _ in actions_of(one) if name in names]
        made = [Entry(label, lambda name=name: self._actions.press(one, name)) for name, label in able]  # type: ignore[misc]  # lambda's defaults
        edit = Entry("Edit prompt", lambda: self._actions.press(one, EDIT))
        compare = self._of_comparing(one)
        more = (Entry("Compare with", inside=compare),) if compare else ()
        return (*made, *more, Entry("Copy prompt", lambda: self._context.copy(one.prompt)), edit)

    def _of_comparing(self, one: Exchange) -> tuple[Entry, ...]:
        """Versions that are there, then what a new one can be asked with."""
        press = self._context.press
        there = versions(self._conversation()).get(one.id, ())
        found = [
            Entry(f"Version {place}", lambda name=name: press(intents.CompareVersions(one.id, name)))  # type: ignore[misc]  # lambda's defaults
            for place, name in enumerate(there, start=1)
            if name != one.id
        ]
        if not one.can_regenerate:
            return tuple(found)
        settings = self._settings()
        wishes = [
            *((choice.title, {"model": choice.name}) for choice in model_choices(settings) if choice.name != one.model),
            *((f"Persona {persona.name}", {"persona": persona.name}) for persona in settings.values.personas),
            *((f"Temperature {value:g}", {"temperature": value}) for value in TEMPERATURES),
        ]
        asked = [
            Entry(label, lambda wish=wish: press(intents.CompareWith(one.id, **wish)))  # type: ignore[misc]  # as above
            for label, wish in wishes
        ]
        return (*found, *([Entry()] if found and asked else []), *asked)

    def _of_all(self, conversation: Conversation) -> tuple[Entry, ...]:
        if not conversation.exchanges:
            return ()
        press = self._context.press

        def export() -> None:
            path = self._context.ask_path(conversation.title)
            if path is not None:
                press(intents.ExportConversation(conversation.id, path))

        keys = f"{self._context.command_name}+E"
        print_it = Entry("Print…", lambda: press(intents.PrintConversation(conversation.id)))
        return (Entry("Export conversation…", export, keys), print_it)
