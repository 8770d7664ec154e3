"""The Machine tab: what runs, its last starts phase by phase, and the log of starts and stops with who and why."""

import tkinter
from datetime import datetime

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.state import MachinePanel, Press, WindowState
from tlfif.gui.presenters.problems import plain
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.starts_plot import StartsPlot
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, ScrolledPage, WrappingLabel
from tlfif.wire.machines import MachineView
from tlfif.wording.machines import HERE, kind_text, model_title, start_price_text

STATES = {
    "off": "off",
    "launching": "starting up",
    "loading": "loading the model",
    "ready": "ready",
    "draining": "finishing its answers",
    "stopping": "shutting down",
    "no_capacity": "could not start: no capacity",
    "no_quota": "could not start: no quota",
    "broken": "could not start",
}


class MachineTab(ScrolledPage):
    """The machine's state, and a button to start it without a prompt."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context)
        body = self.body
        self._now = Card(body, context, "Now")
        self.facts = [
            (ttk.Label(self._now.body, style="Muted.Panel.TLabel"), WrappingLabel(self._now.body, style="Panel.TLabel"))
            for _ in range(7)
        ]
        for row, (name, value) in enumerate(self.facts):
            name.grid(row=row, column=0, sticky="nw")
            value.grid(row=row, column=1, sticky="ew")
        self._now.body.columnconfigure(0, weight=0)
        self._now.body.columnconfigure(1, weight=1)
        self.start = ttk.Button(
            self._now.body,
            text="Start machine",
            bootstyle="primary",
            command=lambda: context.press(intents.PressButton(Press.START_MACHINE)),
        )
        self.start.grid(row=len(self.facts), column=0, columnspan=2, sticky="w")
        self.price = WrappingLabel(self._now.body, style="Muted.Panel.TLabel")
        self.price.grid(row=len(self.facts) + 2, column=0, columnspan=2, sticky="ew")
        self.stopped = WrappingLabel(self._now.body, style="Panel.TLabel")
        self.stopped.grid(row=len(self.facts) + 1, column=0, columnspan=2, sticky="ew")
        self._starts = Card(body, context, "Last starts")
        self.starts = StartsPlot(self._starts.body, context)
        self.starts.grid(row=0, column=0, sticky="ew")
        self._log = Card(body, context, "What has happened")
        self.log = WrappingLabel(self._log.body, style="Panel.TLabel")
        self.log.grid(row=0, column=0, sticky="ew")
        body.columnconfigure(0, weight=1)
        for row, card in enumerate((self._now, self._starts, self._log)):
            card.grid(row=row, column=0, sticky="nsew")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        super().restyle()
        for card in (self._now, self._starts, self._log):
            card.restyle()
            regrid(card, pady=(0, px(10)))
        for name, value in self.facts:
            regrid(name, padx=(0, px(14)), pady=px(1))
            regrid(value, pady=px(1))
        regrid(self.start, pady=(px(10), 0))
        regrid(self.stopped, pady=(px(6), 0))
        self.price.configure(font=SMALL)
        regrid(self.price, pady=(px(4), 0))
        self.starts.restyle()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed; nothing while another tab is in front."""
        if new.tab != "machine" or (old is not None and old.machine is new.machine and old.tab == new.tab):
            return
        machine = new.machine
        self._facts(machine.view)
        (self.start.grid if machine.start_enabled else self.start.grid_remove)()
        types = [] if new.cost.report is None else new.cost.report.get("types", [])
        self.price.show(start_price_text(types) if machine.start_enabled else "")
        self.stopped.show(machine.stopped_text)
        self.starts.show(machine.past)
        self.log.show(log_text(machine))

    def _facts(self, view: MachineView | None) -> None:
        rows = facts_of(view)
        for place, (name, value) in enumerate(self.facts):
            title, text = rows[place] if place < len(rows) else ("", "")
            name.configure(text=title)
            (name.grid if title else name.grid_remove)()
            value.show(text)


def facts_of(view: MachineView | None) -> list[tuple[str, str]]:
    """What is known about the machine, as names and values."""
    if view is None:
        return [("State", "not known yet")]
    reason = f": {plain(view['reason'])}" if view["reason"] else ""
    rows = [("State", f"{STATES.get(view['state'], view['state'])}{reason}"), ("Place", view["place"])]
    if view["model"]:
        rows.append(("Model", model_title(view["model"])))
    if view["image"]:
        rows.append(("Image", view["image"]))
    kind = kind_text(view.get("instance_type"), view.get("engine"))
    if kind:  # a home that was deployed earlier does not send it
        rows.append(("Type", kind))
    if view["running"] or view["queued"]:
        rows.append(("Prompts", f"{view['running']} being answered, {view['queued']} waiting"))
    pids = [f"{name} {pid}" for name, pid in view["pids"].items() if pid is not None]
    if pids and view["place"] == HERE:  # elsewhere they are the function's own, which tell nobody anything
        rows.append(("Processes", ", ".join(pids)))
    return rows


def log_text(machine: MachinePanel) -> str:
    """Newest first, one line each."""
    lines = []
    for line in machine.log:
        at = datetime.fromtimestamp(line.at)
        lines.append(f"{at:%d %b %H:%M:%S}   {line.text}")
    return "\n".join(lines) or "No machine has started or stopped since this window was opened."
