"""Two answers side by side over the conversation, with time and price under each."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL, STRONG
from tlfif.gui.markup.reading import Reading
from tlfif.gui.model import intents
from tlfif.gui.model.state import Conversation, Exchange
from tlfif.gui.views.answer_renderer import AnswerRenderer
from tlfif.gui.views.code_painter import CodePainter
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.exchange_lines import details_of, name_of
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import WrappingLabel, style_text
from tlfif.history.titles import title_of

DETAILED = 400
"""Pixels at 100 %: lower than this there is no space for all of the receipts."""
NAME = "one"
"""The name in the marks of the one answer that a column has."""


class CompareView(ttk.Frame):
    """Placed over the conversation while two of its versions are compared."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._prompt = WrappingLabel(self, style="Panel.TLabel")
        self.close_button = ttk.Button(
            self, text="Back", bootstyle="default", command=lambda: context.press(intents.EndComparing())
        )
        self.columns = [_Column(self, context, number) for number in range(2)]
        self.rowconfigure(2, weight=1)
        self._prompt.grid(row=0, column=0, sticky="ew")
        self.close_button.grid(row=0, column=1, sticky="e")
        self.bind("<Configure>", lambda event: self._fit(event.height), add="+")
        self.bind("<Escape>", lambda _: context.press(intents.EndComparing()))
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        self.configure(padding=px(14))
        self._prompt.configure(font=STRONG)
        for column in self.columns:
            column.restyle()

    def _fit(self, height: int) -> None:
        """Where there is little space it is the answers'."""
        for column in self.columns:
            column.show_details(height >= self._context.look.px(DETAILED))

    def show(self, conversation: Conversation) -> None:
        """Draw what changed; go away where nothing is compared."""
        everything = {one.id: one for one in conversation.everything}
        both = [everything[name] for name in conversation.compared if name in everything]
        if len(both) < len(self.columns):
            if self.winfo_manager():
                self.place_forget()
            return
        self._prompt.show(title_of(both[0].prompt))
        for column, exchange in zip(self.columns, both, strict=True):
            column.show(exchange)
        if not self.winfo_manager():
            self.place(relx=0, rely=0, relwidth=1, relheight=1)
            self.lift()
            self.close_button.focus_set()


class _Column:
    """One answer: who gives it, its words, what it took, and the button that takes it; in rows that both have."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, number: int) -> None:
        self._context = context
        self._number = number
        self._shown: Exchange | None = None
        self._reading = Reading()
        self._name = WrappingLabel(parent, style="Muted.Panel.TLabel")
        self.text = tkinter.Text(
            parent, wrap="word", state="disabled", borderwidth=0, cursor="arrow", width=10, height=4
        )
        self._bar = ttk.Scrollbar(parent, orient="vertical", command=self.text.yview, bootstyle="secondary round")
        self.text.configure(yscrollcommand=self._scrolled)
        self._renderer = AnswerRenderer(self.text)
        self._painter = CodePainter(self.text)
        self._took = WrappingLabel(parent, style="Panel.TLabel")
        self._details = WrappingLabel(parent, style="Muted.Panel.TLabel")
        self.button = ttk.Button(parent, text="Go on with this answer", bootstyle="default", command=self._choose)
        parent.columnconfigure(number, weight=1, uniform="answers")
        self._parts = (self._name, self.text, self._took, self._details, self.button)
        for row, part in enumerate(self._parts, start=1):
            part.grid(
                row=row, column=number, sticky="nsew" if part is self.text else "nw" if part is self.button else "new"
            )
        self.text.bind("<Configure>", lambda event: self._renderer.widen(context.look, event.width), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        style_text(self.text, look, ground=palette.panel, edge=palette.line, padx=0, pady=px(6))
        self.text.configure(insertwidth=0, spacing1=px(1), spacing2=px(3), spacing3=px(1))
        self.text.tag_configure("answer", lmargin1=px(14), lmargin2=px(14), rmargin=px(14))
        self._renderer.restyle(look)
        self._painter.restyle(look)
        for label in (self._name, self._took, self._details):
            label.configure(font=SMALL)
        beside = (0, px(8)) if self._number == 0 else (px(8), 0)
        for part, above in zip(self._parts, (10, 4, 6, 0, 8), strict=True):
            regrid(part, padx=beside, pady=(px(above), 0))

    def show_details(self, shown: bool) -> None:
        """Show all of the receipt, or only the short line."""
        (self._details.grid if shown else self._details.grid_remove)()

    def show(self, exchange: Exchange) -> None:
        """Draw what changed."""
        before, self._shown = self._shown, exchange
        if before is exchange:
            return
        self._name.show(name_of(exchange))
        problem = exchange.problem
        took = exchange.receipt.brief if exchange.receipt is not None else ""
        self._took.show(f"{problem.title}. {problem.message}" if problem is not None else exchange.status or took)
        self._details.show("\n".join(details_of(exchange)))
        self.button.state(["!disabled" if exchange.stage.is_over and exchange.answer else "disabled"])
        self._write(None if before is None or before.id != exchange.id else before, exchange)

    def _write(self, before: Exchange | None, exchange: Exchange) -> None:
        answer = exchange.answer
        new = before is None or before.answer.generation != answer.generation or before.answer.count > answer.count
        end = self.text.yview()[1] == 1.0
        self.text.configure(state="normal")
        if new:
            self.text.delete("1.0", "end")
            self.text.mark_set(f"a0:{NAME}", "1.0")
            self.text.mark_gravity(f"a0:{NAME}", "left")
            self.text.mark_set(f"a1:{NAME}", "1.0")
            self._reading = Reading()
        more = str(answer) if new or before is None else answer.since(before.answer.count)
        if more:
            self._reading = self._renderer.write(NAME, self._reading, more)
            self._painter.soon(NAME)
        self.text.configure(state="disabled")
        if end and not new:
            self.text.yview_moveto(1.0)

    def _choose(self) -> None:
        if self._shown is not None:
            self._context.press(intents.ChooseVersion(self._shown.id))

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        if float(first) > 0 or float(last) < 1:
            self._bar.place(in_=self.text, relx=1.0, rely=0.0, relheight=1.0, anchor="ne")
        else:
            self._bar.place_forget()
