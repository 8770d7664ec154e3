"""The Settings tab: where prompts are answered, the look, the model, the answers."""

import tkinter
from dataclasses import replace
from typing import Any

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SIZES
from tlfif.gui.model import intents
from tlfif.gui.model.home_view import kept_at
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import SettingsPanel, WindowState
from tlfif.gui.views.context import ViewContext, is_compact
from tlfif.gui.views.home_card import HomeCard
from tlfif.gui.views.model_card import ModelCard
from tlfif.gui.views.toolkit import focused, regrid
from tlfif.gui.views.widgets import Card, ScrolledPage, WrappingLabel, leave_text, style_text
from tlfif.kernel.typed_number import typed_number

_SWITCHES = {
    "enter_sends": "Enter sends the prompt",
    "notify": "Notice when answered",
}
_LOOKS = {"system": "Same as the system", "light": "Light", "dark": "Dark"}
_NUMBERS: dict[str, tuple[str, str, type, str]] = {
    "temperature": (
        "Temperature",
        "empty: as the model's makers choose; 0 is always the likeliest word, 2 is wild",
        float,
        "a number such as 0.7, or nothing",
    ),
    "max_tokens": ("Longest answer", "tokens; a token is about three quarters of a word", int, "a whole number"),
    "seed": ("Seed", "empty: another answer each time", int, "a whole number, or nothing"),
}
_MAY_BE_EMPTY = frozenset({"temperature", "seed"})
PAST = "They are kept on this computer.{also} Export one first if you may want it again."
NEXT_START = "Letters have the new size now. Boxes, arrows and scroll bars follow at the next start."


class SettingsTab(ScrolledPage):
    """Every change holds at once. An invalid value is marked in red and not kept."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context)
        self._values = Preferences()
        body = self.body
        self._bad: dict[str, WrappingLabel] = {}
        self._typed: dict[str, str] = {}
        self._notes: dict[str, WrappingLabel] = {}
        self._looks = tkinter.StringVar(self)
        self.home = HomeCard(body, context)
        self._appearance = self._choices(body, "Window", "appearance", _LOOKS, self._looks)
        self._size_card()
        self.switches = {name: self._switch(row, name) for row, name in enumerate(_SWITCHES, start=11)}
        self.model = ModelCard(body, context, lambda model: self._change(model=model))
        self._answers = Card(body, context, "Answers")
        self.entries = {name: self._number(row, name) for row, name in enumerate(_NUMBERS)}
        self._system_card(body)
        self._past_card(body)
        self._cards = (self.home, self._appearance, self.model, self._answers, self._system, self._past)
        body.columnconfigure((0, 1), weight=1, uniform="half")
        for card, row, column, span in zip(
            self._cards, (0, 0, 1, 2, 3, 4), (0, 1, 0, 0, 0, 0), (1, 1, 2, 2, 2, 2), strict=True
        ):
            card.grid(row=row, column=column, columnspan=span, sticky="nsew")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        super().restyle()
        for card in self._cards:
            card.restyle()
            regrid(card, pady=(0, px(10)))
        regrid(self.home, padx=(0, px(5)))
        regrid(self._appearance, padx=(px(5), 0))
        for entry in self.entries.values():
            entry.configure(font="TlfifBody")
            regrid(entry, padx=px(10), pady=px(2))
        below = is_compact(look)
        for row, note in enumerate(self._notes.values()):
            place, span = (3 * row + 1, 3) if below else (3 * row, 1)
            note.grid(row=place, column=0 if below else 2, columnspan=span, sticky="ew")
        self.size_box.configure(font="TlfifBody")
        if below:
            self.size_box.grid(row=1, column=0, sticky="w", padx=0, pady=(px(3), 0))
        else:
            self.size_box.grid(row=0, column=1, sticky="w", padx=(px(10), 0), pady=0)
        regrid(self.delete_all, pady=(px(6), 0))
        regrid(self._size_row, pady=(px(10), 0))
        style_text(self.system, look, ground=palette.field, edge=palette.edge, padx=px(8), pady=px(6))

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is None or old.home is not new.home:
            self.home.show(new.home)
            self.past_note.show(PAST.format(also=kept_at(new.home.view)))
        if old is None or old.settings is not new.settings or old.home is not new.home:
            self._show(new.settings, on_aws=new.home.view.on_aws)

    def _show(self, panel: SettingsPanel, *, on_aws: bool) -> None:
        values = self._values = panel.values
        self._looks.set(values.appearance)
        percent = next((name for name, points in SIZES.items() if points == values.font_size), None)
        self.size_box.set(percent or f"{values.font_size / 11 * 100:.0f} %")
        as_opened = values.font_size == self._context.opened_points
        self.size_note.show("" if as_opened else NEXT_START)
        problems = dict(panel.problems)
        for name, entry in self.entries.items():
            wanted = "" if getattr(values, name) is None else f"{getattr(values, name):g}"
            if (
                name not in problems
                and focused(self) is not entry
                and entry.get() != wanted
                and name not in self._typed
            ):
                entry.delete(0, "end")
                entry.insert(0, wanted)
        for name, chosen in self.switches.items():
            if chosen.get() is not getattr(values, name):
                chosen.set(getattr(values, name))
        for name, label in self._bad.items():
            label.show(problems.get(name, self._typed.get(name, "")))
        if focused(self) is not self.system and self.system.get("1.0", "end-1c") != values.system:
            self.system.delete("1.0", "end")
            self.system.insert("1.0", values.system)
        self.model.show(panel, on_aws=on_aws)

    def _change(self, **changed: Any) -> None:
        self._context.press(intents.ChangeSettings(replace(self._values, **changed)))

    def _choices(
        self, body: tkinter.Misc, title: str, name: str, labels: dict[str, str], variable: tkinter.StringVar
    ) -> Card:
        card = Card(body, self._context, title)
        for row, (value, label) in enumerate(labels.items()):
            ttk.Radiobutton(
                card.body,
                text=label,
                value=value,
                variable=variable,
                style="Panel.TRadiobutton",
                command=lambda: self._change(**{name: variable.get()}),
            ).grid(row=row, column=0, sticky="w", pady=self._context.look.px(2))
        self._bad[name] = WrappingLabel(card.body, style="Bad.Panel.TLabel")
        self._bad[name].grid(row=len(labels), column=0, sticky="ew")
        return card

    def _size_card(self) -> None:
        row = self._size_row = ttk.Frame(self._appearance.body, style="Panel.TFrame")
        ttk.Label(row, text="Size of everything", style="Panel.TLabel").grid(row=0, column=0, sticky="w")
        self.size_box = ttk.Combobox(row, values=list(SIZES), state="readonly", width=7)
        self.size_box.bind("<<ComboboxSelected>>", lambda _: self._change(font_size=SIZES[self.size_box.get()]))
        row.grid(row=9, column=0, sticky="w")
        self.size_note = WrappingLabel(self._appearance.body, style="Muted.Panel.TLabel")
        self.size_note.grid(row=10, column=0, sticky="ew")

    def _switch(self, row: int, name: str) -> tkinter.BooleanVar:
        chosen = tkinter.BooleanVar(self)
        ttk.Checkbutton(
            self._appearance.body,
            text=_SWITCHES[name],
            variable=chosen,
            style="Panel.TCheckbutton",
            command=lambda: self._change(**{name: chosen.get()}),
        ).grid(row=row, column=0, sticky="w", pady=self._context.look.px(2))
        return chosen

    def _number(self, row: int, name: str) -> ttk.Entry:
        title, note, _, _ = _NUMBERS[name]
        body = self._answers.body
        ttk.Label(body, text=title, style="Panel.TLabel").grid(row=3 * row, column=0, sticky="w")
        entry = ttk.Entry(body, width=10, justify="right")
        entry.grid(row=3 * row, column=1, sticky="w")
        self._notes[name] = WrappingLabel(body, style="Muted.Panel.TLabel", text=note)
        self._bad[name] = WrappingLabel(body, style="Bad.Panel.TLabel")
        self._bad[name].grid(row=3 * row + 2, column=0, columnspan=3, sticky="ew")
        body.columnconfigure(0, weight=0)
        body.columnconfigure(2, weight=1)
        for sequence in ("<Return>", "<FocusOut>"):
            entry.bind(sequence, lambda _, name=name: self._number_typed(name), add="+")
        return entry

    def _number_typed(self, name: str) -> None:
        _, _, kind, example = _NUMBERS[name]
        text = self.entries[name].get().strip()
        number = typed_number(text)
        self._typed.pop(name, None)
        value = None if number is None else kind(number)
        empty = name in _MAY_BE_EMPTY and not text
        if not empty and (number is None or (value != number and kind is int)):
            self._typed[name] = f"Type {example}."
            self._bad[name].show(self._typed[name])
            return
        self._bad[name].show("")
        if value != getattr(self._values, name):
            self._change(**{name: value})

    def _system_card(self, body: tkinter.Misc) -> None:
        self._system = Card(body, self._context, "System prompt")
        note = "Sent before every conversation, for example: Answer in one sentence."
        WrappingLabel(self._system.body, style="Muted.Panel.TLabel", text=note).grid(row=0, column=0, sticky="ew")
        self.system = tkinter.Text(self._system.body, height=4, wrap="word", undo=True, borderwidth=0)
        self.system.grid(row=1, column=0, sticky="ew")
        self._bad["system"] = WrappingLabel(self._system.body, style="Bad.Panel.TLabel")
        self._bad["system"].grid(row=2, column=0, sticky="ew")
        self.system.bind("<FocusOut>", lambda _: self._system_typed(), add="+")
        self.system.bind("<Tab>", leave_text)

    def _past_card(self, body: tkinter.Misc) -> None:
        self._past = Card(body, self._context, "Past conversations")
        self.past_note = WrappingLabel(self._past.body, style="Muted.Panel.TLabel")
        self.past_note.grid(row=0, column=0, sticky="ew")
        self.delete_all = ttk.Button(
            self._past.body,
            text="Delete all…",
            bootstyle="default",
            command=lambda: self._context.press(intents.DeleteAllConversations()),
        )
        self.delete_all.grid(row=1, column=0, sticky="w")

    def _system_typed(self) -> None:
        text = self.system.get("1.0", "end-1c")
        if text != self._values.system:
            self._change(system=text)
