"""How many columns of a terminal a text takes: Chinese letters take two, combining marks none.

For plain ASCII, which is nearly everything, the library with Unicode's tables is not loaded.
"""


def width(text: str) -> int:
    """Columns of one line without control characters."""
    if text.isascii():
        return len(text)
    from wcwidth import width as columns_of

    return columns_of(text, control_codes="ignore")


def beginning(text: str, columns: int) -> str:
    """As much of ``text`` as fits into that many columns; no letter is separated from its marks."""
    if text.isascii():
        return text[:columns]
    from wcwidth import clip

    return clip(text, 0, columns, fillchar=" ", control_codes="ignore")


def cut(text: str, columns: int) -> str:
    """``text``, or its beginning and an ellipsis."""
    return text if width(text) <= columns else beginning(text, max(1, columns - 1)).rstrip() + "…"


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """``text`` with spaces behind it, or with ``right`` before it, up to that many columns."""
    spaces = " " * (columns - width(text))
    return spaces + text if right else text + spaces


def wrapped(text: str, columns: int, *, first: str = "", indent: str = "") -> list[str]:
    """Lines broken at spaces; ``first`` begins the first one, ``indent`` the others. A long word stays whole
    where it is ASCII (an address, say); in other scripts it is broken, because many write no spaces."""
    if text.isascii() and first.isascii() and indent.isascii():
        from textwrap import wrap

        return wrap(
            text,
            columns,
            initial_indent=first,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
    from wcwidth import wrap as wrap_by_width

    return wrap_by_width(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=any(width(word) > columns and not word.isascii() for word in text.split()),
        control_codes="ignore",
    )
