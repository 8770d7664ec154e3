"""Text that is not ours, made harmless before a terminal, a log or the window shows it."""

_CONTROLS = (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))
"""They could move the cursor or worse. Tab (09) and line end (0A) stay."""
_LINES = (0x2028, 0x2029)
_TURNS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""They turn the order of letters around unseen. Marks that single letters of a script need are not among them."""
_STEERING = dict.fromkeys((*_CONTROLS, *_LINES, *_TURNS))


def clean(text: str) -> str:
    """``text`` without characters that steer a terminal or reorder a line. Tabs and line ends stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_STEERING)


def one_line(text: str) -> str:
    """The same in one line, so that foreign text cannot begin a line that looks like ours."""
    return clean(text.replace("\r\n", "\n").replace("\n", " ").replace("\t", " "))
