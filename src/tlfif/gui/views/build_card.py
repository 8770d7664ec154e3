"""One version: its stages with their times, how it ended or what it waits for, and its log."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL, STRONG
from tlfif.gui.model.images_panel import ImagesPanel, Mark, StageMark
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, WrappingLabel, leave_text, style_text
from tlfif.kernel.plain_text import one_line
from tlfif.wording.images import STAGES

LOG_HEIGHT = 9
LINE = "line"
"""The tag by which what does not fit on a line goes on below its beginning."""
SIGNS = {Mark.DONE: "✓", Mark.NOW: "…", Mark.FAILED: "✗", Mark.TO_COME: ""}
"""Beside the colour, for eyes that do not tell colours apart."""
_STYLES = {Mark.DONE: "Good.Panel.TLabel", Mark.NOW: "Link.Panel.TLabel", Mark.FAILED: "Bad.Panel.TLabel",
           Mark.TO_COME: "Muted.Panel.TLabel"}  # fmt: skip
_BARS = {Mark.DONE: "good", Mark.NOW: "accent", Mark.FAILED: "bad", Mark.TO_COME: "line"}


class _StageView(ttk.Frame):
    """A bar, the stage's title, its time."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._mark = Mark.TO_COME
        self.bar = tkinter.Frame(self)
        self.title = WrappingLabel(self, style="Muted.Panel.TLabel")
        self.took = WrappingLabel(self, style="Muted.Panel.TLabel")
        for row, part in enumerate((self.bar, self.title, self.took)):
            part.grid(row=row, column=0, sticky="ew")
        self.columnconfigure(0, weight=1)

    def restyle(self) -> None:
        """Apply the look."""
        look = self._context.look
        self.bar.configure(height=look.px(5), background=getattr(look.palette, _BARS[self._mark]))
        self.title.configure(font=STRONG)
        regrid(self.title, pady=(look.px(4), 0))
        self.took.configure(font=SMALL)

    def show(self, stage: StageMark) -> None:
        """Draw it."""
        if stage.mark is not self._mark:
            self._mark = stage.mark
            self.restyle()
        self.title.show(f"{stage.title} {SIGNS[stage.mark]}".strip(), _STYLES[stage.mark])
        self.took.show(stage.took or " ")


class BuildCard(Card):
    """The version that is chosen in the table; the newest where none is."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "")
        self._strip = ttk.Frame(self.body, style="Panel.TFrame")
        self.stages = [_StageView(self._strip, context) for _ in STAGES]
        for place, stage in enumerate(self.stages):
            stage.grid(row=0, column=place, sticky="nsew")
            self._strip.columnconfigure(place, weight=1, uniform="stage")
        self.outcome = WrappingLabel(self.body, style="Panel.TLabel")
        self._frame = ttk.Frame(self.body, style="Panel.TFrame")
        self.log = tkinter.Text(
            self._frame, height=LOG_HEIGHT, wrap="word", state="disabled", cursor="arrow", borderwidth=0, relief="flat"
        )
        self._bar = ttk.Scrollbar(self._frame, orient="vertical", command=self.log.yview, bootstyle="secondary round")
        self.log.configure(yscrollcommand=self._scrolled)
        self.log.bind("<Tab>", leave_text)
        self.log.bind("<Shift-Tab>", lambda event: leave_text(event, forward=False))
        self.log.grid(row=0, column=0, sticky="nsew")
        self._frame.columnconfigure(0, weight=1)
        self._strip.grid(row=0, column=0, sticky="ew")
        self.outcome.grid(row=1, column=0, sticky="ew")
        self._frame.grid(row=2, column=0, sticky="nsew")
        self._log_of: tuple[str, int] = ("", 0)
        self._at_end = True
        self.log.bind("<Configure>", lambda _: self._stay_at_end(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        look, px = self._context.look, self._context.look.px
        for place, stage in enumerate(self.stages):
            stage.restyle()
            regrid(stage, padx=(px(6) if place else 0, 0))
        regrid(self.outcome, pady=(px(10), 0))
        regrid(self._frame, pady=(px(10), 0))
        style_text(self.log, look, ground=look.palette.field, edge=look.palette.line, padx=px(8), pady=px(6))
        self.log.configure(font="TlfifFixed", foreground=look.palette.muted)
        self.log.tag_configure(LINE, lmargin2=look.width(" " * 12, "TlfifFixed"))

    def show(self, panel: ImagesPanel) -> None:
        """Draw it."""
        shown = panel.shown
        if shown is None:
            if self.winfo_manager():
                self.grid_remove()
            return
        if not self.winfo_manager():
            self.grid()
        self.title.show(shown.title)
        for view, stage in zip(self.stages, shown.stages, strict=True):
            view.show(stage)
        self.outcome.show(shown.outcome, "Bad.Panel.TLabel" if shown.failed else "Panel.TLabel")
        self._show_log(panel)

    def _show_log(self, panel: ImagesPanel) -> None:
        version, last = self._log_of
        if (panel.log_of, panel.log_last) == self._log_of:
            return
        anew = panel.log_of != version
        self._log_of = (panel.log_of, panel.log_last)
        if self.log.winfo_viewable():
            self._at_end = anew or self.log.dlineinfo("end-1c") is not None
        fresh = [line for line in panel.log if anew or line["number"] > last]
        self.log.configure(state="normal")
        if anew:
            self.log.delete("1.0", "end")
        for line in fresh:
            stage = STAGES.get(line["stage"], line["stage"])
            before = "\n" if self.log.index("end-1c") != "1.0" else ""
            self.log.insert("end", f"{before}{stage:11} {one_line(line['text'])}", LINE)
        self.log.configure(state="disabled")
        self._stay_at_end()

    def _scrolled(self, first: float, last: float) -> None:
        """The bar is there where there is something to scroll, over the margin: nothing moves when it comes."""
        self._bar.set(first, last)
        if float(first) > 0 or float(last) < 1:
            self._bar.place(in_=self.log, relx=1.0, rely=0.0, relheight=1.0, anchor="ne")
        else:
            self._bar.place_forget()

    def _stay_at_end(self) -> None:
        """Unless somebody reads further up. How high the lines are that go on below is known only to who asks."""
        if self._at_end:
            self.log.tk.call(str(self.log), "sync")
            self.log.see("end")
