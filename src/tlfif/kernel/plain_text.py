"""Text that is not ours, made harmless before a terminal, a log or the window shows it."""

import re

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, which could move the cursor or worse, and what ends a line or turns the order of letters around
unseen. Marks that single letters of a script need are not among them."""


def clean(text: str) -> str:
    """``text`` without characters that steer a terminal or reorder a line. Tabs and line ends stay."""
    return text if text.isascii() and text.isprintable() else _STEERING.sub("", text)


def one_line(text: str) -> str:
    """The same in one line, so that foreign text cannot begin a line that looks like ours."""
    return clean(text.replace("\r\n", "\n").replace("\n", " ").replace("\t", " "))
