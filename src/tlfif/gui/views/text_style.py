"""The style of every text box."""

import tkinter

from tlfif.gui.look.theme import BODY, Look


def style_text(text: tkinter.Text, look: Look, *, ground: str, edge: str, padx: int, pady: int) -> None:
    """Colours and distances; ``ground`` lies behind the letters, ``edge`` around a box without the keyboard."""
    palette, px = look.palette, look.px
    text.configure(
        font=BODY,
        background=ground,
        foreground=palette.text,
        insertbackground=palette.text,
        selectbackground=palette.select,
        selectforeground=palette.on_select,
        inactiveselectbackground=palette.select,
        highlightthickness=px(2),
        highlightbackground=edge,
        highlightcolor=palette.focus,
        padx=padx,
        pady=pady,
    )
