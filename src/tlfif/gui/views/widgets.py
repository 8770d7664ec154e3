"""What several views are built of: wrapping labels, rows of buttons, cards, pages that scroll, tooltips, text boxes."""

import tkinter
from collections.abc import Callable

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, HEADING, SMALL, Look
from tlfif.gui.model.state import LABELS, Press
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import focused, regrid

MARGIN = 6
"""Pixels that the toolkit draws around a label's text; counted as text they would cut off its last letters."""
HINT_DELAY_MS = 500


class WrappingLabel(ttk.Label):
    """Wraps at the width that the layout gives it. ``style`` is one of the theme's."""

    def __init__(self, parent: tkinter.Misc, *, style: str, text: str = "") -> None:
        super().__init__(parent, style=style, text=text, justify="left", anchor="w", takefocus=False)
        self._shown = text
        self.bind("<Configure>", self._fit)

    def show(self, text: str, style: str | None = None) -> None:
        """Change the text; the same text again does nothing. In a grid an empty label takes no space."""
        if not text and self.winfo_manager() == "grid":
            self.grid_remove()
        elif text and not self._shown and not self.winfo_manager():
            self.grid()
        if text != self._shown:
            self._shown = text
            self.configure(text=text)
        if style is not None and str(self.cget("style")) != style:
            self.configure(style=style)

    @property
    def shown(self) -> str:
        """The text as shown."""
        return self._shown

    def _fit(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        space = event.width - MARGIN
        if space > 0 and abs(int(str(self.cget("wraplength")) or 0) - space) > 1:
            self.configure(wraplength=space)


class PressRow(ttk.Frame):
    """The buttons that a text offers, in the order of the state."""

    def __init__(self, parent: tkinter.Misc, *, press: Callable[[Press], None], style: str = "TFrame") -> None:
        super().__init__(parent, style=style)
        self._press = press
        self._shown: tuple[Press, ...] = ()
        self.buttons: dict[Press, ttk.Button] = {}

    def show(self, presses: tuple[Press, ...]) -> None:
        """Show exactly these."""
        if presses == self._shown:
            return
        self._shown = presses
        for button in self.buttons.values():
            button.destroy()
        self.buttons = {}
        for place, press in enumerate(presses):
            button = ttk.Button(
                self,
                text=LABELS[press],
                bootstyle="primary" if place == 0 else "default",
                command=lambda press=press: self._press(press),
            )
            button.grid(row=0, column=place, padx=(0 if place == 0 else 6, 0))
            self.buttons[press] = button
        if not presses:
            self.configure(width=1, height=1)  # a grid keeps the size of its last child otherwise


class Card(ttk.Frame):
    """Put children into :attr:`body`; one column that takes the width."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, title: str) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self.title = WrappingLabel(self, text=title, style="Panel.TLabel")
        self.body = ttk.Frame(self, style="Panel.TFrame")
        self.title.grid(row=0, column=0, sticky="ew")
        self.body.grid(row=1, column=0, sticky="nsew")
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        self.body.columnconfigure(0, weight=1)

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        self.configure(padding=(px(16), px(12)))
        self.title.configure(font=HEADING)
        regrid(self.body, pady=(px(8), 0))


class ScrolledPage(ttk.Frame):
    """Put children into :attr:`body`, which is as wide as the page and as high as it needs."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self._canvas = tkinter.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=False)
        self._bar = ttk.Scrollbar(self, orient="vertical", command=self._canvas.yview, bootstyle="secondary round")
        self.body = ttk.Frame(self._canvas)
        self._item = self._canvas.create_window(0, 0, window=self.body, anchor="nw")
        self._canvas.configure(yscrollcommand=self._scrolled)
        self._canvas.pack(side="left", fill="both", expand=True)
        self._canvas.bind("<Configure>", lambda event: self._canvas.itemconfigure(self._item, width=event.width))
        self.body.bind("<Configure>", lambda _: self._canvas.configure(scrollregion=self._canvas.bbox("all")))
        top = self.winfo_toplevel()
        top.bind("<Button-4>", lambda event: self._wheel(event, -3), add="+")
        top.bind("<Button-5>", lambda event: self._wheel(event, 3), add="+")
        top.bind("<MouseWheel>", lambda event: self._wheel(event, -round(event.delta / 40) or 0), add="+")
        top.bind("<Prior>", lambda event: self._page(event, -1), add="+")
        top.bind("<Next>", lambda event: self._page(event, 1), add="+")
        top.bind("<FocusIn>", self._follow, add="+")

    def restyle(self) -> None:
        """Apply the look."""
        look = self._context.look
        self._canvas.configure(background=look.palette.ground, yscrollincrement=look.px(12))
        self.body.configure(padding=look.px(10))

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        needed = float(first) > 0 or float(last) < 1
        if needed and not self._bar.winfo_ismapped():
            self._bar.pack(side="right", fill="y", before=self._canvas)
        elif not needed and self._bar.winfo_ismapped():
            self._bar.pack_forget()

    def _mine(self, widget: object) -> bool:
        return (
            isinstance(widget, tkinter.Misc)
            and str(widget).startswith(str(self))
            and not isinstance(widget, tkinter.Text | ttk.Treeview)
        )

    def _wheel(self, event: "tkinter.Event[tkinter.Misc]", lines: int) -> None:
        if self._mine(event.widget) and self._bar.winfo_ismapped():
            self._canvas.yview_scroll(lines, "units")

    def _page(self, event: "tkinter.Event[tkinter.Misc]", pages: int) -> None:
        if self._mine(event.widget) and self._bar.winfo_ismapped():
            self._canvas.yview_scroll(pages, "pages")

    def _follow(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        """Scroll to the focused widget. All that it is in hears of it, too, where the keyboard comes from outside."""
        mine = event.widget is focused(self) and str(event.widget).startswith(str(self.body))
        if not mine or not self._bar.winfo_ismapped():
            return
        top = event.widget.winfo_rooty() - self.body.winfo_rooty()
        bottom = top + event.widget.winfo_height()
        height, whole = self._canvas.winfo_height(), max(1, self.body.winfo_height())
        seen = self._canvas.canvasy(0)
        if top < seen:
            self._canvas.yview_moveto(max(0, top - self._context.look.px(20)) / whole)
        elif bottom > seen + height:
            self._canvas.yview_moveto((bottom - height + self._context.look.px(20)) / whole)


class Hint:
    """The tooltip of a widget. ``text`` may change; an empty text shows nothing."""

    def __init__(self, widget: tkinter.Widget, context: ViewContext, text: str) -> None:
        self.text = text
        self._widget = widget
        self._context = context
        self._timer: str | None = None
        self._shown: tkinter.Label | None = None
        widget.bind("<Enter>", self._soon, add="+")
        for sequence in ("<Leave>", "<ButtonPress>", "<FocusOut>", "<Destroy>"):
            widget.bind(sequence, self._hide, add="+")

    def _soon(self, _event: object) -> None:
        self._hide(_event)
        self._timer = self._widget.after(HINT_DELAY_MS, self._show)

    def _show(self) -> None:
        self._timer = None
        if not self.text or not self._widget.winfo_ismapped():
            return
        look = self._context.look
        top = self._widget.winfo_toplevel()
        label = tkinter.Label(
            top,
            text=self.text,
            font=SMALL,
            background=look.palette.text,
            foreground=look.palette.panel,
            padx=look.px(7),
            pady=look.px(4),
            justify="left",
            wraplength=look.px(340),
        )
        left = self._widget.winfo_rootx() - top.winfo_rootx()
        below = self._widget.winfo_rooty() - top.winfo_rooty() + self._widget.winfo_height() + look.px(4)
        left = max(0, min(left, top.winfo_width() - label.winfo_reqwidth() - look.px(6)))
        if below + label.winfo_reqheight() > top.winfo_height():
            below -= self._widget.winfo_height() + label.winfo_reqheight() + look.px(8)
        label.place(x=left, y=below)
        label.lift()
        self._shown = label

    def _hide(self, _event: object) -> None:
        if self._timer is not None:
            self._widget.after_cancel(self._timer)
            self._timer = None
        if self._shown is not None:
            self._shown.destroy()
            self._shown = None


class FocusRing(tkinter.Frame):
    """Create the list with this frame as its parent, then :meth:`hold` it."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, borderwidth=0)
        self._context = context

    def hold(self, held: ttk.Treeview) -> None:
        """Fill the frame with the list and show its focus."""
        held.pack(fill="both", expand=True)
        held.bind("<FocusIn>", lambda _: self._show(True), add="+")
        held.bind("<FocusOut>", lambda _: self._show(False), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        self.configure(highlightthickness=self._context.look.px(2), background=self._context.look.palette.panel)
        self._show(False)

    def _show(self, focused: bool) -> None:
        palette = self._context.look.palette
        colour = palette.focus if focused else palette.panel
        self.configure(highlightbackground=colour, highlightcolor=colour)


def style_text(text: tkinter.Text, look: Look, *, ground: str, edge: str, padx: int, pady: int) -> None:
    """Colours and distances; ``ground`` lies behind the letters, ``edge`` around a box without the keyboard."""
    palette, px = look.palette, look.px
    text.configure(
        font=BODY,
        background=ground,
        foreground=palette.text,
        insertbackground=palette.text,
        selectbackground=palette.marked,
        selectforeground=palette.text,
        inactiveselectbackground=palette.marked,
        highlightthickness=px(2),
        highlightbackground=edge,
        highlightcolor=palette.focus,
        padx=padx,
        pady=pady,
    )


def leave_text(event: "tkinter.Event[tkinter.Misc]", *, forward: bool = True) -> str:
    """Tab leaves a text box instead of being typed into it."""
    following = event.widget.tk_focusNext() if forward else event.widget.tk_focusPrev()
    if following is not None:
        following.focus_set()
    return "break"
