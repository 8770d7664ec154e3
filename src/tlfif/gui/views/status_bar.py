"""The status line and the stop button, on top of every tab."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.palette import state_ink, state_sign
from tlfif.gui.look.theme import HEADING, SMALL, SMALL_STRONG
from tlfif.gui.model import intents
from tlfif.gui.model.state import StatusLine, StopButton, WindowState
from tlfif.gui.views.context import ViewContext, is_compact, is_narrow, is_short
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Hint, PressRow, WrappingLabel


class StatusBar(ttk.Frame):
    """What is going on, for how long, what it costs, what to press; the stop button always at the right."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._sign = ttk.Label(self, style="Panel.TLabel", font=HEADING)
        self.headline = WrappingLabel(self, style="Panel.TLabel")
        self.cost = WrappingLabel(self, style="Panel.TLabel")
        self.advice = WrappingLabel(self, style="Muted.Panel.TLabel")
        self.presses = PressRow(
            self, style="Panel.TFrame", press=lambda press: context.press(intents.PressButton(press))
        )
        self.bar = ttk.Progressbar(self, maximum=1000, bootstyle="primary thin")
        side = ttk.Frame(self, style="Panel.TFrame")
        self.stop = ttk.Button(side, bootstyle="danger", command=lambda: context.press(intents.StopMachineNow()))
        self.more = ttk.Menubutton(side, text="", bootstyle="danger", takefocus=True)
        self._menu = ttk.Menu(self.more, tearoff=False, autostyle=False)
        self._menu.add_command(
            label="Stop and cancel the prompts", command=lambda: context.press(intents.StopMachineNow())
        )
        self._menu.add_command(
            label="Stop and keep the prompts for later",
            command=lambda: context.press(intents.StopMachineNow("requeue")),
        )
        self.more.configure(menu=self._menu)
        self.stop.grid(row=0, column=0, sticky="nse")
        self.more.grid(row=0, column=1, sticky="nse", padx=(1, 0))
        self.hint = Hint(self.stop, context, "")
        Hint(self.more, context, "How to stop")
        self.columnconfigure(1, weight=1)
        self.rowconfigure(1, weight=1)
        self._sign.grid(row=0, column=0, sticky="nw")
        self.headline.grid(row=0, column=1, sticky="ew")
        self.presses.grid(row=0, column=3, rowspan=2, sticky="ne")
        side.grid(row=0, column=4, rowspan=2, sticky="ne")
        self.cost.grid(row=1, column=1, columnspan=2, sticky="new")
        self.advice.grid(row=2, column=1, columnspan=4, sticky="ew")
        self._side = side
        self._shown_bar = False
        self._kind: object = None
        self._compact = False
        self._short = self._narrow = False
        self._status: StatusLine | None = None
        self._button = StopButton()
        self._more_words = (Hint(self.headline, context, ""), Hint(self.cost, context, ""))
        context.look.root.bind("<Configure>", self._resized, add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        self._short, self._narrow = is_short(self._context.look), is_narrow(self._context.look)
        px = self._context.look.px
        palette = self._context.look.palette
        above = px(3 if self._short else 9)
        self.configure(padding=(px(14), above, px(14), above))
        self._compact = is_compact(self._context.look)
        self.headline.configure(font=SMALL_STRONG if self._compact else HEADING)
        beside = not self._compact or self._short  # large letters need the whole width below the buttons
        regrid(self._side, rowspan=2 if beside else 1)
        regrid(self.presses, rowspan=2 if beside else 1)
        regrid(self.cost, columnspan=2 if beside else 4)
        self.advice.configure(font=SMALL)
        self.cost.configure(font=SMALL)
        regrid(self._sign, padx=(0, px(8)))
        regrid(self.presses, padx=(px(10), 0))
        regrid(self._side, padx=(px(10), 0))
        self._menu.configure(
            font="TlfifBody",
            background=palette.panel,
            foreground=palette.text,
            activebackground=palette.select,
            activeforeground=palette.text,
        )
        self._kind = None
        self._stop(self._button)

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is None or old.status_line is not new.status_line or self._kind is None:
            self._line(new.status_line)
        if old is None or old.machine is not new.machine:
            self._stop(new.machine.stop)

    def _line(self, status: StatusLine) -> None:
        if self._kind != status.kind:
            self._kind = status.kind
            ink = state_ink(self._context.look.palette, status.kind)
            self._sign.configure(text=state_sign(status.kind), foreground=ink)
        self._status = status
        self._words(status)
        self.presses.show(status.presses[:1] if self._short or self._narrow else status.presses)
        shown = status.progress is not None
        if status.progress is not None:
            self.bar.configure(value=round(status.progress * 1000))
        if shown != self._shown_bar:
            self._shown_bar = shown
            if shown:
                above = (self._context.look.px(6), 0)
                self.bar.grid(row=3, column=0, columnspan=5, sticky="ew", pady=above)
            else:
                self.bar.grid_remove()

    def _words(self, status: StatusLine) -> None:
        few = (self._short or self._narrow) and bool(status.brief)
        headline = status.brief if few else status.headline
        self.headline.show(f"{headline}  ·  {status.countdown}" if status.countdown else headline)
        joined = self._compact and not few
        self.cost.show(status.brief_cost if few else f"{status.cost} {status.advice}" if joined else status.cost)
        self.advice.show("" if self._compact else status.advice)  # a narrow window has space for it below
        for hint in self._more_words:
            hint.text = f"{status.headline}. {status.cost} {status.advice}" if few else ""

    def _resized(self, _event: object) -> None:
        """In a window that is low or narrow for its text size the line is short, and a tooltip has the rest."""
        if (is_short(self._context.look), is_narrow(self._context.look)) != (self._short, self._narrow):
            self.restyle()
            if self._status is not None:
                self._line(self._status)

    def _stop(self, button: StopButton) -> None:
        self._button = button
        small = (self._short or self._compact) and not button.pending  # beside it large letters leave little space
        self.stop.configure(text="Stop" if small else button.label)
        enabled = button.enabled and not button.pending
        for widget in (self.stop, self.more):
            widget.state(["!disabled" if enabled else "disabled"])
        self.hint.text = f"{button.hint}  ({self._context.command_name}+Shift+S)"
