"""The choice of the model, and fetching its file."""

import tkinter
from collections.abc import Callable

import ttkbootstrap as ttk

from tlfif.gui.model import intents
from tlfif.gui.model.model_choices import AUTOMATIC, ModelChoice, chosen_model, model_choices
from tlfif.gui.model.state import SettingsPanel
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, WrappingLabel
from tlfif.wire.models import ModelView
from tlfif.wording.figures import size


class ModelCard(Card):
    """The choice holds from the next prompt on."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, choose: Callable[[str | None], None]) -> None:
        super().__init__(parent, context, "Model")
        self._choose = choose
        self._choices: tuple[ModelChoice, ...] = ()
        row = ttk.Frame(self.body, style="Panel.TFrame")
        self.box = ttk.Combobox(row, state="readonly", width=30)
        self.fetch = ttk.Button(row, text="Download", bootstyle="primary", command=self._fetch)
        self.box.grid(row=0, column=0)
        self.fetch.grid(row=0, column=1)
        self.note = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.bar = ttk.Progressbar(self.body, maximum=1000, bootstyle="primary")
        row.grid(row=0, column=0, sticky="w")
        self.bar.grid(row=1, column=0, sticky="ew")
        self.note.grid(row=2, column=0, sticky="ew")
        self.box.bind("<<ComboboxSelected>>", self._chosen)
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px = self._context.look.px
        self.box.configure(font="TlfifBody")
        regrid(self.fetch, padx=(px(8), 0))
        regrid(self.bar, pady=(px(8), 0))
        regrid(self.note, pady=(px(6), 0))

    def show(self, panel: SettingsPanel, *, on_aws: bool = False) -> None:
        """Draw it."""
        self._choices = model_choices(panel)
        self.box.configure(values=[AUTOMATIC, *(one.title for one in self._choices)])
        chosen = chosen_model(panel, panel.values.model)
        self.box.set(chosen.title if chosen is not None else panel.values.model or AUTOMATIC)
        default = next((one for one in panel.models if one["is_default"]), None)
        shown = default if chosen is None else chosen.model
        fetching = panel.fetching
        absent = shown is not None and shown["state"] not in {"ready", "pulling"} and fetching is None
        (self.fetch.grid if absent else self.fetch.grid_remove)()
        if fetching is not None and fetching["size_bytes"]:
            self.bar.grid()
            self.bar.configure(value=round(1000 * fetching["received_bytes"] / fetching["size_bytes"]))
        else:
            self.bar.grid_remove()
        about = "" if chosen is None else personal_note(chosen)
        self.note.show(f"{about}{note_of(fetching or shown, on_aws=on_aws)}")

    def _chosen(self, _event: object) -> None:
        title = self.box.get()
        self._choose(next((one.name for one in self._choices if one.title == title), None))

    def _fetch(self) -> None:
        title = self.box.get()
        choice = next((one for one in self._choices if title in (one.title, AUTOMATIC)), None)
        if choice is not None:
            self._context.press(intents.FetchModel(choice.model["name"]))


def personal_note(choice: ModelChoice) -> str:
    """What is known about a personal model, to be followed by what is known about its base; empty for others."""
    if choice.personal is None:
        return ""
    whom = "for everybody who may ask here" if choice.personal["state"] == "approved" else "for you alone"
    length = size(choice.personal["size_bytes"])
    return f"{choice.name}: a personal model on top of {choice.model['title']}, {length}, {whom}. "


def note_of(model: ModelView | None, *, on_aws: bool = False) -> str:
    """What is known about a model and its file."""
    if model is None:
        return "The models are not read yet."
    length = f", {size(model['size_bytes'])}" if model["size_bytes"] else ""
    about = f"{model['title']}: {model['licence']}, reads up to {model['context_tokens']} tokens{length}."
    if model["state"] == "pulling":
        whole = f" of {size(model['size_bytes'])}" if model["size_bytes"] else ""
        return f"{about} Downloading: {size(model['received_bytes'])}{whole} so far."
    if model["state"] == "ready":
        return f"{about} It is part of the machine's image." if on_aws else f"{about} Downloaded."
    problem = f" {model['problem']}" if model["problem"] else ""
    return f"{about} Not downloaded.{problem}"
