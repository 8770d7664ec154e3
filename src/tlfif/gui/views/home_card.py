"""Where prompts are answered: this computer or AWS, and the sign-in to AWS."""

import tkinter

import ttkbootstrap as ttk

from tlfif.client.profile import AWS, COMPUTER
from tlfif.gui.model import intents
from tlfif.gui.model.state import HomePanel, Press
from tlfif.gui.presenters.home import button_words, state_words
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, WrappingLabel

BRIDGE = "This computer answers while the GPU starts"
BRIDGE_NOTE = "Its small model's words stand there until the GPU's come. It costs nothing; off unless you want it."


class HomeCard(Card):
    """The choice holds at once, also for commands."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "Where it runs")
        self._panel: HomePanel | None = None
        self._active = tkinter.StringVar(self)
        self.choices = {
            name: ttk.Radiobutton(
                self.body,
                text=label,
                value=name,
                variable=self._active,
                style="Panel.TRadiobutton",
                command=self._chosen,
            )
            for name, label in ((COMPUTER, "This computer"), (AWS, "AWS"))
        }
        self.status = WrappingLabel(self.body, style="Panel.TLabel")
        self.address = ttk.Entry(self.body, state="readonly")
        self._row = ttk.Frame(self.body, style="Panel.TFrame")
        self.sign = ttk.Button(self._row, text="Sign in", bootstyle="primary", command=self._sign)
        self.copy = ttk.Button(self._row, text="Copy address", bootstyle="default", command=self._copy)
        self._bridges = tkinter.BooleanVar(self)
        self.bridge = ttk.Checkbutton(
            self.body, text=BRIDGE, variable=self._bridges, style="Panel.TCheckbutton", command=self._bridge_chosen
        )
        self.bridge_note = WrappingLabel(self.body, style="Muted.Panel.TLabel", text=BRIDGE_NOTE)
        self.note = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.problem = WrappingLabel(self.body, style="Bad.Panel.TLabel")
        for row, button in enumerate(self.choices.values()):
            button.grid(row=row, column=0, sticky="w")
        self.sign.grid(row=0, column=0)
        self.copy.grid(row=0, column=1)
        parts = (self.status, self.address, self._row, self.bridge, self.bridge_note, self.note, self.problem)
        for row, part in enumerate(parts, start=2):
            part.grid(row=row, column=0, sticky="w" if part in (self._row, self.bridge) else "ew")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px = self._context.look.px
        for button in self.choices.values():
            regrid(button, pady=px(2))
        for part in (self.status, self.address, self._row, self.bridge):
            regrid(part, pady=(px(6), 0))
        regrid(self.copy, padx=(px(8), 0))
        self.address.configure(font="TlfifSmall")
        panel, self._panel = self._panel, None
        if panel is not None:
            self.show(panel)

    def show(self, panel: HomePanel) -> None:
        """Draw it."""
        if panel == self._panel:
            return
        self._panel = panel
        view = panel.view
        self._active.set(panel.moving or view.active)
        self.choices[AWS].configure(text=view.aws_place or "AWS")
        for button in self.choices.values():
            button.state(["disabled" if panel.moving else "!disabled"])
        self.status.show(state_words(panel))
        (self._row.grid if view.on_aws or panel.signing else self._row.grid_remove)()
        self._bridges.set(view.bridge)
        for part in (self.bridge, self.bridge_note):
            (part.grid if view.on_aws else part.grid_remove)()
        self.sign.configure(text=button_words(panel))
        self.sign.state(["disabled" if panel.leaving or panel.moving else "!disabled"])
        for widget in (self.address, self.copy):
            (widget.grid if panel.address else widget.grid_remove)()
        if self.address.get() != panel.address:
            self.address.configure(state="normal")
            self.address.delete(0, "end")
            self.address.insert(0, panel.address)
            self.address.configure(state="readonly")
        self.note.show(panel.note)
        self.problem.show(panel.problem)

    def _chosen(self) -> None:
        wanted = self._active.get()
        if self._panel is not None:
            self._active.set(self._panel.moving or self._panel.view.active)  # until the switch is done
        self._context.press(intents.ChooseHome(wanted))

    def _bridge_chosen(self) -> None:
        self._context.press(intents.SwitchBridge(self._bridges.get()))

    def _sign(self) -> None:
        panel = self._panel
        if panel is not None and panel.signing:
            self._context.press(intents.PressButton(Press.CANCEL_SIGN_IN))
        elif panel is not None and panel.view.who is not None:
            self._context.press(intents.SignOutNow())
        else:
            self._context.press(intents.PressButton(Press.SIGN_IN))

    def _copy(self) -> None:
        if self._panel is not None:
            self._context.copy(self._panel.address)
