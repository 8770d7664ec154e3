"""The quiet row below the prompt: files, model, persona, and Send."""

import tkinter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.model_choices import AUTOMATIC, chosen_model, model_choices
from tlfif.gui.model.state import SettingsPanel, WindowState
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Hint

if TYPE_CHECKING:
    from tlfif.gui.views.personas_view import PersonasView

NO_PERSONA, EDIT = "No persona", "Edit personas…"
LETTERS = 24
"""Of a name that are shown."""


class ComposerTools(tkinter.Frame):
    """Menus show what is chosen; with few words or a narrow window only Send is left."""

    def __init__(
        self,
        parent: tkinter.Misc,
        context: ViewContext,
        *,
        attach: Callable[[], object],
        send: Callable[[], object],
        leave: Callable[[], None],
    ) -> None:
        """``leave`` gives the keyboard back to the prompt once something is chosen."""
        super().__init__(parent, borderwidth=0)
        self._context = context
        self._leave = leave
        self._few = False
        self._panel: SettingsPanel | None = None
        self.personas: PersonasView | None = None
        self.attach = ttk.Button(self, text="+ File", style="Quiet.TButton", command=attach)
        self.model = ttk.Menubutton(self, style="Quiet.TMenubutton", takefocus=True)
        self.persona = ttk.Menubutton(self, style="Quiet.TMenubutton", takefocus=True)
        self._menus = {
            button: ttk.Menu(button, tearoff=False, autostyle=False) for button in (self.model, self.persona)
        }
        for button, fill in ((self.model, self._fill_models), (self.persona, self._fill_personas)):
            self._menus[button].configure(postcommand=fill)
            button.configure(menu=self._menus[button])
        self._keys = tkinter.Label(self, anchor="e")
        self.send_button = ttk.Button(self, text="Send", bootstyle="primary", command=send)
        Hint(self.attach, context, f"Text files that go along with the prompt  ({context.command_name}+O)")
        Hint(self.model, context, "Which model answers")
        Hint(self.persona, context, "How it is to answer: a system prompt saved by name")
        self.columnconfigure(3, weight=1)
        self._left: tuple[tkinter.Widget, ...] = (self.attach, self.model, self.persona)
        for place, one in enumerate(self._left):
            one.grid(row=0, column=place, sticky="w")
        self._keys.grid(row=0, column=3, sticky="e")
        self.send_button.grid(row=0, column=4, sticky="e")
        self.bind("<Configure>", lambda _: self._arrange(), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        self.configure(background=palette.field)
        self._keys.configure(font=SMALL, background=palette.field, foreground=palette.muted)
        regrid(self._keys, padx=px(8))
        edge = px(0 if self._few else 5)
        regrid(self.send_button, padx=(0, px(5)), pady=edge)
        regrid(self.attach, padx=(px(3), 0))
        for menu in self._menus.values():
            menu.configure(
                font="TlfifBody",
                background=palette.panel,
                foreground=palette.text,
                activebackground=palette.select,
                activeforeground=palette.text,
                selectcolor=palette.select_bar,
                borderwidth=1,
                activeborderwidth=0,
                relief="solid",
            )
        if self.personas is not None:
            self.personas.restyle()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is not None and old.settings is new.settings:
            return
        panel = self._panel = new.settings
        values = panel.values
        self.model.configure(text=f"{_short(_title(panel, values.model))} ▾")
        self.persona.configure(text=f"{_short(values.persona or NO_PERSONA)} ▾")
        self._keys.configure(text="Enter sends" if values.enter_sends else f"{self._context.command_name}+Enter sends")
        if self.personas is not None:
            self.personas.render(panel)
        self._arrange()

    def can_send(self, able: bool) -> None:
        """Whether the button can be pressed."""
        self.send_button.state(["!disabled" if able else "disabled"])

    def use_few(self, few: bool) -> bool:
        """Only Send, where there is no space for more; whether that is new."""
        if few == self._few:
            return False
        self._few = few
        self.restyle()
        self._arrange()
        return True

    def _arrange(self) -> None:
        """What has space; the name of the key goes first, then the persona, then the model."""
        space = self.winfo_width() - self.send_button.winfo_reqwidth() - self._context.look.px(24)
        for one in (*self._left, self._keys):
            space -= one.winfo_reqwidth()
            shown = not self._few and (space >= 0 or self.winfo_width() <= 1)  # not drawn yet
            if shown != bool(one.winfo_manager()):
                (one.grid if shown else one.grid_remove)()

    def _fill_models(self) -> None:
        menu, panel = self._menus[self.model], self._panel
        menu.delete(0, "end")
        if panel is None:
            return
        choices = [("", AUTOMATIC), *((one.name, one.line) for one in model_choices(panel))]
        self._offer(menu, choices, panel.values.model or "", self._choose)

    def _fill_personas(self) -> None:
        menu, panel = self._menus[self.persona], self._panel
        menu.delete(0, "end")
        if panel is None:
            return
        choices = [("", NO_PERSONA), *((one.name, one.name) for one in panel.values.personas)]
        self._offer(menu, choices, panel.values.persona, self._act)
        menu.add_separator()
        menu.add_command(label=EDIT, command=self.edit_personas)

    def _offer(
        self, menu: tkinter.Menu, choices: list[tuple[str, str]], chosen: str, choose: Callable[[str], None]
    ) -> None:
        """A name and a title each; the place is Tk's value of it, as for an empty value Tk takes the title."""
        names = [name for name, _ in choices]
        place = tkinter.IntVar(menu, names.index(chosen) if chosen in names else len(names))
        menu._chosen = place  # type: ignore[attr-defined]  # a variable ends with its object

        def done() -> None:
            choose(names[place.get()])
            self._leave()

        for number, (_, title) in enumerate(choices):
            menu.add_radiobutton(label=title, value=number, variable=place, command=done)

    def _choose(self, model: str) -> None:
        if self._panel is not None:
            self._context.press(intents.ChangeSettings(replace(self._panel.values, model=model or None)))

    def _act(self, persona: str) -> None:
        if self._panel is not None:
            self._context.press(intents.ChangeSettings(replace(self._panel.values, persona=persona)))

    def edit_personas(self) -> None:
        """Open the dialog."""
        if self.personas is None:
            from tlfif.gui.views.personas_view import PersonasView  # few open it, and the window is to open fast

            self.personas = PersonasView(self.winfo_toplevel(), self._context)
        if self._panel is not None:
            self.personas.open(self._panel)


def _title(panel: SettingsPanel, name: str | None) -> str:
    if name is None:
        return AUTOMATIC
    choice = chosen_model(panel, name)
    return name if choice is None else choice.title


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1].rstrip()}…"
