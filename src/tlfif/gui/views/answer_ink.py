"""How answers are written into the conversation's text: Markdown's few styles, and copies that are the original."""

import tkinter

from tlfif.gui import markup
from tlfif.gui.markup import Reading
from tlfif.gui.theme import BODY, FIXED, SMALL, STRONG, Look

ANSWER = "answer"
BULLET_GAP = f"{markup.BULLET} "


class AnswerInk:
    """Writes between the marks a0 and a1 of an exchange. What is hidden stays in the text, so that it is copied."""

    def __init__(self, text: tkinter.Text) -> None:
        self._text = text
        text.bind("<<Copy>>", self._copy)
        for kind in ("STRING", "UTF8_STRING"):
            text.selection_handle(self._handed, selection="PRIMARY", type=kind)

    def restyle(self, look: Look) -> None:
        """Take over the look."""
        px, palette, tag = look.px, look.palette, self._text.tag_configure
        tag(markup.BOLD, font=STRONG)
        tag(markup.HEADING, font=STRONG, spacing1=px(8))
        tag(markup.CODE, font=FIXED, background=palette.ground)
        for name in (markup.BLOCK, markup.FENCE, markup.LANGUAGE):
            tag(name, background=palette.ground, lmargincolor=palette.ground, rmargincolor=palette.ground)
            tag(name, lmargin1=px(30), lmargin2=px(30), rmargin=px(30), spacing1=0, spacing2=0)
        tag(markup.BLOCK, font=FIXED, wrap="char")
        tag(markup.FENCE, font=(BODY, -px(5)))
        tag(markup.LANGUAGE, font=SMALL, foreground=palette.muted)
        for depth, name in enumerate(markup.ITEMS):
            left = px(18) + depth * px(22)
            tag(name, lmargin1=left, lmargin2=left + look.width(BULLET_GAP), spacing1=px(2))
        tag(markup.HIDDEN, elide=True)

    def write(self, name: str, before: Reading, new: str) -> Reading:
        """``new`` behind the answer of exchange ``name``, which was read as far as ``before``."""
        written = markup.read(before, new)
        end = f"a1:{name}"
        if written.again:
            self._text.delete(f"{self._text.index(end)} linestart", end)
        parts: list[str | tuple[str, ...]] = []
        for piece, styles in written.pieces:
            parts += (piece, (ANSWER, *styles))
        if parts:
            self._text.insert(end, *parts)  # type: ignore[arg-type]  # text and tags in turn, as Tk takes them
        here = self._text.index(end)  # Tk takes no arithmetic on a mark whose name holds a hyphen, as ids do
        if written.reading.ends_in_fence:
            self._text.tag_add(markup.FENCE, here, f"{here} lineend +1c")
        elif before.ends_in_fence:
            self._text.tag_remove(markup.FENCE, f"{here} lineend", f"{here} lineend +1c")
        return written.reading

    def original(self, start: str, end: str) -> str:
        """What was written between two places, with the model's own signs."""
        sign: str | None = next((markup.BULLETS[one] for one in self._tags(start) if one in markup.BULLETS), None)
        found: list[str] = []
        for kind, value, _ in self._text.dump(start, end, text=True, tag=True):
            if kind == "text":
                found.append(sign or value)
            elif value in markup.BULLETS:
                sign = markup.BULLETS[value] if kind == "tagon" else None
        return "".join(found)

    def _tags(self, index: str) -> tuple[str, ...]:
        return self._text.tag_names(index)

    def _selected(self) -> str:
        ranges = self._text.tag_ranges("sel")
        return self.original(str(ranges[0]), str(ranges[1])) if ranges else ""

    def _copy(self, _event: object) -> str:
        selected = self._selected()
        if selected:
            self._text.clipboard_clear()
            self._text.clipboard_append(selected)
        return "break"

    def _handed(self, offset: str, length: str) -> str:
        """The selection as another program asks for it, part by part."""
        return self._selected()[int(offset) : int(offset) + int(length)]
