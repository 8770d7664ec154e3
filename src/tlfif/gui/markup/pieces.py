"""A piece of an answer and the names of its styles."""

from collections.abc import Iterable

Piece = tuple[str, tuple[str, ...]]
"""Text and its styles."""

BOLD, ITALIC, STRUCK, CODE, MATHEMATICS = "md-bold", "md-italic", "md-struck", "md-code", "md-mathematics"
LINK = "md-link"
ADDRESS = "md-address:"
"""Before the address of a link, in a style of its own."""
HEADINGS = ("md-heading1", "md-heading2", "md-heading3")
BLOCK, FENCE, LANGUAGE, COPY_CODE = "md-block", "md-fence", "md-language", "md-copy-code"
"""A line of code; the line that closes it; the line above it with the language's name; what copies it."""
QUOTE, RULE, TABLE, TABLE_HEAD, TABLE_RULE = "md-quote", "md-rule", "md-table", "md-table-head", "md-table-rule"
RIGHT_TO_LEFT = "md-right-to-left"
HIDDEN = "md-hidden"
"""Written by the model and not drawn."""
SOURCE = "md-source"
"""The same, and the piece after it is drawn in its place: whoever copies that gets this."""
SHOWN = "md-shown"
"""Drawn and not written by the model."""
DEEPEST = 5
ITEMS = tuple(f"md-item{depth}" for depth in range(DEEPEST + 1))
"""The first line of an item of a list, by how deep it lies (from 1)."""
INSIDE = tuple(f"md-inside{depth}" for depth in range(DEEPEST + 1))
"""Any further line of it."""
BULLET = "•"


def extend(pieces: list[Piece], more: Iterable[Piece]) -> None:
    """Add pieces, joining neighbours of one style; never what is drawn with what is not."""
    for text, styles in more:
        if not text:
            continue
        if pieces and pieces[-1][1] == styles and SOURCE not in styles and SHOWN not in styles:
            pieces[-1] = (pieces[-1][0] + text, styles)
        else:
            pieces.append((text, styles))


def styled(pieces: Iterable[Piece], *styles: str) -> list[Piece]:
    """The pieces with these styles, too, before their own."""
    return [(text, (*styles, *own)) for text, own in pieces]


def written(pieces: Iterable[Piece]) -> str:
    """What the model wrote."""
    return "".join(text for text, styles in pieces if SHOWN not in styles)


def visible(pieces: Iterable[Piece]) -> str:
    """What is drawn."""
    return "".join(text for text, styles in pieces if HIDDEN not in styles and SOURCE not in styles)
