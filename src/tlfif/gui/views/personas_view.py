"""The dialog behind "Edit personas…": make, change, rename, delete."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, HEADING, SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.preferences import Persona
from tlfif.gui.model.state import SettingsPanel
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.over import Over
from tlfif.gui.views.widgets import FocusRing, WrappingLabel, leave_text, style_text

TITLE = "Personas"
ABOUT = "How a model is to answer, saved by name: chosen below the prompt, sent with every prompt of the conversation."
FIELDS = {"name": "Name", "system": "System prompt", "temperature": "Temperature", "max_tokens": "Longest answer"}
USUAL = {"temperature": "0 to 2; empty: the model's own", "max_tokens": "tokens; empty: as in Settings"}
NUMBERS = {"temperature": (float, "a number such as 0.7"), "max_tokens": (int, "a whole number")}


class PersonasView:
    """A list of names at the left, what the chosen one says at the right."""

    def __init__(self, root: tkinter.Misc, context: ViewContext) -> None:
        self._root = root
        self._context = context
        self._over = Over(root, context, leave=self.close)
        self._panel = SettingsPanel()
        self._old = ""
        self._saved = 0
        self._sure = False
        self.entries: dict[str, ttk.Entry] = {}
        self._bad: dict[str, WrappingLabel] = {}

    @property
    def cover(self) -> tkinter.Frame | None:
        """What is drawn, None while it is closed."""
        return self._over.cover

    def open(self, panel: SettingsPanel) -> None:
        """Show it, with the persona that is chosen, or a new one."""
        self._panel, self._saved = panel, panel.persona_saved
        self._build()
        self._show(panel.values.persona or next((one.name for one in panel.values.personas), ""))
        self._over.show(self.entries["name"])

    def restyle(self) -> None:
        """Apply the look."""
        if self.cover is not None:
            self.close()
            self.open(self._panel)

    def render(self, panel: SettingsPanel) -> None:
        """Draw what changed."""
        self._panel = panel
        if self.cover is None:
            return
        if panel.persona_saved != self._saved:
            self._saved = panel.persona_saved
            self._show(panel.values.persona)
        elif self._old and not any(one.name == self._old for one in panel.values.personas):
            self._show(next((one.name for one in panel.values.personas), ""))
        self._tell(dict(panel.persona_problems))

    def close(self) -> None:
        """Close it; what was typed and not saved is gone."""
        self._over.close()

    def _build(self) -> None:
        px = self._context.look.px
        low = self._root.winfo_height() < px(560)
        card = self._over.begin(padding=px(10 if low else 20))
        ttk.Label(card, text=TITLE, style="Panel.TLabel", font=HEADING).grid(row=0, column=0, columnspan=2, sticky="w")
        about = WrappingLabel(card, style="Muted.Panel.TLabel", text="" if low else ABOUT)
        about.configure(font=SMALL)
        about.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(px(2), px(8)))
        self._ring = FocusRing(card, self._context)
        self.tree = ttk.Treeview(self._ring, show="tree", selectmode="browse", style="History.Treeview", height=6)
        self._ring.hold(self.tree)
        self._ring.restyle()
        self.tree.column("#0", width=px(150), stretch=True)
        self.tree.bind("<<TreeviewSelect>>", lambda _: self._chosen())
        self._ring.grid(row=2, column=0, rowspan=2, sticky="nsew", padx=(0, px(12)))
        self._form(card, low=low)
        self._buttons(card)
        card.columnconfigure(1, weight=1)
        card.rowconfigure(2, weight=1)

    def _form(self, card: ttk.Frame, *, low: bool) -> None:
        look, px = self._context.look, self._context.look.px
        form = ttk.Frame(card, style="Panel.TFrame")
        form.grid(row=2, column=1, sticky="nsew")
        form.columnconfigure(1, weight=1)
        self.entries, self._bad = {}, {}
        for row, (name, title) in enumerate(FIELDS.items()):
            label = ttk.Label(form, text=title, style="Panel.TLabel")
            label.grid(row=2 * row, column=0, sticky="nw", pady=px(3), padx=(0, px(10)))
            if name == "system":
                self.system = tkinter.Text(
                    form, height=3 if low else 6, width=34, wrap="word", undo=True, borderwidth=0
                )
                style_text(self.system, look, ground=look.palette.field, edge=look.palette.edge, padx=px(6), pady=px(4))
                self.system.bind("<Tab>", leave_text)
                self.system.grid(row=2 * row, column=1, columnspan=2, sticky="ew", pady=px(3))
            else:
                entry = self.entries[name] = ttk.Entry(form, width=10 if name in USUAL else 30, font=BODY)
                entry.bind("<Return>", lambda _: self.save())
                entry.grid(row=2 * row, column=1, sticky="w" if name in USUAL else "ew", pady=px(3))
                if name in USUAL:
                    note = ttk.Label(form, text=USUAL[name], style="Muted.Panel.TLabel", font=SMALL)
                    note.grid(row=2 * row, column=2, sticky="w", padx=(px(8), 0))
            self._bad[name] = WrappingLabel(form, style="Bad.Panel.TLabel")
            self._bad[name].configure(font=SMALL)
            self._bad[name].grid(row=2 * row + 1, column=1, columnspan=2, sticky="ew")
            self._bad[name].grid_remove()

    def _buttons(self, card: ttk.Frame) -> None:
        px = self._context.look.px
        row = ttk.Frame(card, style="Panel.TFrame")
        row.grid(row=4, column=0, columnspan=2, sticky="ew", pady=(px(12), 0))
        self.new = ttk.Button(row, text="New", bootstyle="default", command=lambda: self._show(""))
        self.delete = ttk.Button(row, text="Delete…", bootstyle="default", command=self._delete)
        self.save_button = ttk.Button(row, text="Save and use", bootstyle="primary", command=self.save)
        leave = ttk.Button(row, text="Close", bootstyle="default", command=self.close)
        row.columnconfigure(2, weight=1)
        for place, button in ((0, self.new), (1, self.delete), (3, self.save_button), (4, leave)):
            button.grid(row=0, column=place, padx=(0 if place in {0, 3} else px(8), 0))

    def _show(self, name: str) -> None:
        """The persona of that name; an empty form where there is none."""
        persona = next((one for one in self._panel.values.personas if one.name == name), Persona(name=""))
        self._old = persona.name
        self._fill()
        for field, entry in self.entries.items():
            value = getattr(persona, field)
            entry.delete(0, "end")
            entry.insert(0, "" if value is None else value if field == "name" else f"{value:g}")
        self.system.delete("1.0", "end")
        self.system.insert("1.0", persona.system)
        self.system.edit_reset()
        self._ask(False)
        self._tell({})
        if not self._old:
            self.entries["name"].focus_set()

    def _fill(self) -> None:
        names = [one.name for one in self._panel.values.personas]
        if list(self.tree.get_children()) != names:
            self.tree.delete(*self.tree.get_children())
            for name in names:
                self.tree.insert("", "end", iid=name, text=name)
        chosen = (self._old,) if self._old else ()
        if tuple(self.tree.selection()) != chosen:
            self.tree.selection_set(chosen)
        self.delete.state(["!disabled" if self._old else "disabled"])

    def _chosen(self) -> None:
        selected = self.tree.selection()
        if selected and selected[0] != self._old:
            self._show(str(selected[0]))

    def save(self) -> None:
        """Keep what is typed, and use it."""
        found: dict[str, float | int | None] = {}
        wrong: dict[str, str] = {}
        for field, (kind, example) in NUMBERS.items():
            text = self.entries[field].get().strip().replace(",", ".")
            try:
                found[field] = kind(text) if text else None
            except ValueError:
                wrong[field] = f"Type {example}, or nothing."
        if wrong:
            self._tell(wrong)
            return
        longest = found["max_tokens"]
        persona = Persona(
            name=self.entries["name"].get(),
            system=self.system.get("1.0", "end-1c"),
            temperature=found["temperature"],
            max_tokens=None if longest is None else int(longest),
        )
        self._context.press(intents.SavePersona(self._old, persona))

    def _delete(self) -> None:
        """Pressed twice: the second time it is meant."""
        if self._sure:
            self._context.press(intents.DeletePersona(self._old))
        else:
            self._ask(True)

    def _ask(self, sure: bool) -> None:
        self._sure = sure
        self.delete.configure(text="Delete for good" if sure else "Delete…", bootstyle="danger" if sure else "default")

    def _tell(self, problems: dict[str, str]) -> None:
        for field, label in self._bad.items():
            label.show(problems.get(field, ""))
            (label.grid if problems.get(field) else label.grid_remove)()
