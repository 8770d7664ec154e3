"""A page that scrolls by wheel and keys, and to the focused widget."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import Look


class ScrolledPage(ttk.Frame):
    """Put children into :attr:`body`, which is as wide as the page and as high as it needs."""

    def __init__(self, parent: tkinter.Misc, look: Look) -> None:
        super().__init__(parent)
        self._look = look
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
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        self._canvas.configure(background=self._look.palette.ground, yscrollincrement=self._look.px(12))

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
        """Scroll to the focused widget."""
        if not str(event.widget).startswith(str(self.body)) or not self._bar.winfo_ismapped():
            return
        top = event.widget.winfo_rooty() - self.body.winfo_rooty()
        bottom = top + event.widget.winfo_height()
        height, whole = self._canvas.winfo_height(), max(1, self.body.winfo_height())
        seen = self._canvas.canvasy(0)
        if top < seen:
            self._canvas.yview_moveto(max(0, top - self._look.px(20)) / whole)
        elif bottom > seen + height:
            self._canvas.yview_moveto((bottom - height + self._look.px(20)) / whole)
