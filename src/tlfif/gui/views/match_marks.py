"""Marks where a search found the conversation's text."""

import tkinter
from collections.abc import Iterable

from tlfif.gui.look.theme import Look
from tlfif.gui.model.history_panel import Matches
from tlfif.wording.scripts import spans_of

MATCH = "match"


class MatchMarks:
    """Needs of the text a mark ``h0:NAME`` where an exchange begins and ``f1:NAME`` where it ends."""

    def __init__(self, text: tkinter.Text) -> None:
        self._text = text
        self._matches: Matches | None = None

    def restyle(self, look: Look) -> None:
        """Apply the look."""
        self._text.tag_configure(MATCH, background=look.palette.marked, foreground=look.palette.text)
        self._text.tag_raise(MATCH)

    def show(self, matches: Matches | None, drawn: Iterable[str]) -> None:
        """Mark the words in all of these exchanges that are drawn; none any more where there are no matches."""
        self._matches = matches
        self._text.tag_remove(MATCH, "1.0", "end")
        for name in drawn:
            self.drawn(name)

    def drawn(self, name: str) -> None:
        """An exchange has been drawn, for the first time or anew."""
        if self._matches is not None and name in self._matches.exchanges:
            self._mark(name, self._matches.words)

    def go_to(self, name: str) -> None:
        """Scroll to the exchange, and to its first match."""
        self._text.yview(f"h0:{name}")
        first = self._text.tag_nextrange(MATCH, f"h0:{name}", f"f1:{name}")
        if first:
            self._text.see(first[0])

    def _mark(self, name: str, words: tuple[str, ...]) -> None:
        """The toolkit searches for each as it is written there: its own count of characters differs from ours."""
        text, end = self._text, f"f1:{name}"
        shown = text.get(f"h0:{name}", end)
        for written in {shown[at:to] for at, to in spans_of(shown, words)}:
            at = text.search(written, f"h0:{name}", end, exact=True)
            while at:
                text.tag_add(MATCH, at, f"{at} +{len(written)}c")
                at = text.search(written, f"{at} +{len(written)}c", end, exact=True)
