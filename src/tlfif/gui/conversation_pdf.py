"""A conversation as PDF: the branch that is shown, with the Markdown of its answers. Loads fpdf2 only when it is asked
for.

The letters are those of DejaVu, which matplotlib brings along: Latin, Greek, Cyrillic, Arabic, Hebrew, mathematics.
Signs that it does not have, such as Chinese ones and emoji, are boxes, and the last line says how many.
"""

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tlfif.gui.markup import pieces as md
from tlfif.gui.markup.blocks import Line, lines_of
from tlfif.gui.markup.right_to_left import as_seen, has_any
from tlfif.history.history_export import branches_of
from tlfif.history.kept import KeptConversation, KeptExchange
from tlfif.kernel.errors import StorageError
from tlfif.wording.figures import how_many
from tlfif.wording.machines import model_title

if TYPE_CHECKING:
    from fpdf import FPDF

BODY, MONO = "DejaVu", "DejaVuMono"
_FILES = {
    (BODY, ""): "DejaVuSans.ttf",
    (BODY, "B"): "DejaVuSans-Bold.ttf",
    (BODY, "I"): "DejaVuSans-Oblique.ttf",
    (BODY, "BI"): "DejaVuSans-BoldOblique.ttf",
    (MONO, ""): "DejaVuSansMono.ttf",
    (MONO, "B"): "DejaVuSansMono-Bold.ttf",
}
SIZE, SMALL, TITLE = 10.0, 8.0, 15.0
"""Points."""
LINE, MARGIN, INDENT = 5.2, 18.0, 6.0
"""Millimetres."""
COLUMNS = 78
"""Letters of one width in a line."""
GREY, BLACK, BLUE = (95, 103, 115), (20, 24, 32), (29, 84, 184)
PROMPT, CODE = (234, 240, 251), (243, 245, 248)
_MONO = frozenset({md.BLOCK, md.TABLE, md.TABLE_HEAD, md.TABLE_RULE, md.CODE})
_SIZES = {md.HEADINGS[0]: 14.0, md.HEADINGS[1]: 12.0, md.HEADINGS[2]: 11.0}
_UNSEEN = frozenset({md.HIDDEN, md.SOURCE, md.COPY_CODE})


def write_pdf(conversation: KeptConversation, path: Path) -> None:
    """Write to ``path``. Raises StorageError."""
    page = _Page()
    page.begin(conversation.title, conversation.created_at)
    for one in branches_of(conversation)[0]:
        page.exchange(one)
    page.end()
    try:
        path.write_bytes(bytes(page.pdf.output()))
    except OSError as error:
        raise StorageError(
            f"The conversation could not be written to {path} ({error.strerror or error}). Choose another place.",
            code="storage_failed",
        ) from error


class _Page:
    def __init__(self) -> None:
        self.pdf = _new_pdf()
        self._unknown = 0

    def begin(self, title: str, at: float) -> None:
        self._font(BODY, "B", TITLE)
        self._paragraph(title, 7.5)
        self._small(datetime.fromtimestamp(at).strftime("%d %B %Y"))

    def exchange(self, one: KeptExchange) -> None:
        pdf = self.pdf
        pdf.ln(LINE)
        self._small(f"You · {datetime.fromtimestamp(one.asked_at):%d %b %Y, %H:%M}")
        self._font(BODY, "", SIZE)
        pdf.set_fill_color(*PROMPT)
        for text in one.prompt.split("\n"):
            self._paragraph(text, LINE, filled=True)
        pdf.ln(2)
        self._small(model_title(one.model) if one.model else "Answer")
        for line in lines_of(one.answer, COLUMNS).lines:
            self._line(line)
        self._small(" · ".join(part for part in (one.brief, one.note) if part))

    def end(self) -> None:
        """Say what is missing."""
        if self._unknown:
            self.pdf.ln(LINE)
            self._small(f"{how_many(self._unknown, 'sign')} could not be drawn: no letters for them are in this file.")

    def _line(self, line: Line) -> None:
        pdf, styles = self.pdf, line.end
        seen = [(text, own) for text, own in line.pieces if not _UNSEEN & set(own)]
        text = "".join(part for part, _ in seen)
        if not text.strip():
            pdf.ln(LINE * 0.6)
            return
        if _MONO & set(styles) or md.LANGUAGE in styles:
            self._font(MONO, "B" if any(md.TABLE_HEAD in own for _, own in seen) else "", SIZE * 0.86)
            pdf.set_fill_color(*CODE)
            for one in text.replace("\t", "  ").split("\n"):
                self._paragraph(one, LINE * 0.88, filled=md.BLOCK in styles or md.LANGUAGE in styles)
            return
        if has_any(text):
            self._font(BODY, "", SIZE)
            self._paragraph(text.replace("\t", " "), LINE)
            return
        depth = next((int(one[-1]) for one in styles if one in md.ITEMS or one in md.INSIDE), 0)
        pdf.set_left_margin(MARGIN + INDENT * max(0, depth - (styles[0] in md.ITEMS if depth else 0)))
        pdf.set_x(pdf.l_margin)
        for part, own in seen:
            self._styled(part.replace("\t", " "), own)
        pdf.set_left_margin(MARGIN)
        pdf.ln(LINE)

    def _styled(self, text: str, styles: tuple[str, ...]) -> None:
        size = next((_SIZES[one] for one in styles if one in _SIZES), SIZE)
        bold = "B" if md.BOLD in styles or size != SIZE else ""
        if md.CODE in styles:
            self._font(MONO, bold, SIZE * 0.92)
        else:
            self._font(BODY, bold + ("I" if md.ITALIC in styles else ""), size)
        address = next((one.removeprefix(md.ADDRESS) for one in styles if one.startswith(md.ADDRESS)), "")
        muted = md.QUOTE in styles or md.STRUCK in styles or md.RULE in styles
        self.pdf.set_text_color(*(BLUE if address else GREY if muted else BLACK))
        self.pdf.write(LINE, self._known(text), address)
        self.pdf.set_text_color(*BLACK)

    def _paragraph(self, text: str, height: float, *, filled: bool = False) -> None:
        """A text in lines; each from right to left where it reads so."""
        pdf, known = self.pdf, self._known(text)
        if not has_any(known):
            pdf.multi_cell(0, height, known or " ", fill=filled, new_x="LMARGIN", new_y="NEXT")
            return
        lines = pdf.multi_cell(0, height, known, dry_run=True, output="LINES")
        for line in lines if isinstance(lines, list) else []:
            seen, right = as_seen(str(line))
            pdf.cell(0, height, seen, fill=filled, align="R" if right else "L", new_x="LMARGIN", new_y="NEXT")

    def _small(self, text: str) -> None:
        if text:
            self._font(BODY, "", SMALL)
            self.pdf.set_text_color(*GREY)
            self._paragraph(text, LINE)
            self.pdf.set_text_color(*BLACK)

    def _font(self, family: str, style: str, size: float) -> None:
        self.pdf.set_font(family, style, size)

    def _known(self, text: str) -> str:
        """The text with a box for each sign that the font does not have."""
        letters = self.pdf.current_font.cmap  # type: ignore[union-attr]  # a font that was added is a font with letters
        found = "".join(sign if ord(sign) in letters or sign.isspace() or has_any(sign) else "\u25a1" for sign in text)
        self._unknown += sum(one != other for one, other in zip(found, text, strict=True))
        return found


def _new_pdf() -> "FPDF":
    from fpdf import FPDF

    spec = find_spec("matplotlib")
    folder = Path(spec.origin or "").parent / "mpl-data" / "fonts" / "ttf" if spec is not None else Path()
    pdf = FPDF(format="A4")
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(True, MARGIN)
    for (family, style), name in _FILES.items():
        pdf.add_font(family, style, folder / name)
    pdf.set_fallback_fonts([BODY])
    pdf.add_page()
    return pdf
