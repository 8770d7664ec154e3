"""Text in any script: folded, so that a search finds it however it is written, and cut without breaking a sign."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate

_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
"""Accents of Latin, Greek and Cyrillic letters, and vowel signs of Hebrew and Arabic, which people leave out when they
search. In Thai, Devanagari or Japanese such signs make another letter: they stay."""
_JOINER = "\u200d"


def folded(text: str) -> str:
    """``text`` as it is searched: without case (``ß`` is ``ss``, Turkish letters i are ``i``), accents and widths of
    letters. Folding again changes nothing."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).replace("\u0131", "i")
    return unicodedata.normalize("NFC", _MARKS.sub("", plain))


def place_of(text: str, at: int) -> int:
    """Where in ``text`` stands what begins at ``at`` in the folded text."""
    if text.isascii():
        return at
    seen = 0
    for place, sign in enumerate(text):
        if seen >= at:
            return place
        seen += len(folded(sign))
    return len(text)


def spans_of(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Where in ``text`` the folded ``words`` stand: beginning and end of each place, in their order."""
    whole = folded(text)
    starts = range(len(text) + 1) if text.isascii() else [0, *accumulate(len(folded(sign)) for sign in text)]
    found = set()
    for word in words:
        at = whole.find(word) if word else -1
        while at >= 0:
            found.add((bisect_right(starts, at) - 1, bisect_left(starts, at + len(word))))
            at = whole.find(word, at + len(word))
    return sorted(found)


def cut_at(text: str, limit: int) -> int:
    """The last place up to ``limit`` where ``text`` can be cut without breaking a sign that is made of several
    characters: a letter and its accents, a family of people, a flag. ``limit`` itself where there is none."""
    at = min(limit, len(text))
    while 0 < at < len(text) and _belong_together(text, at):
        at -= 1
    return at or limit


def _belong_together(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == "\r" and after == "\n":
        return True
    if after == _JOINER or before == _JOINER or unicodedata.category(after) in {"Mn", "Me", "Mc"}:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff":  # the colour of a skin
        return True
    flags = 0
    while flags < at and "\U0001f1e6" <= text[at - 1 - flags] <= "\U0001f1ff":
        flags += 1
    return flags % 2 == 1 and "\U0001f1e6" <= after <= "\U0001f1ff"
