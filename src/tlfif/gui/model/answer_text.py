"""The text of an answer that grows: adding costs the same however long it is, and a view asks for what is new only."""

from collections.abc import Sequence


class AnswerText:
    """Text in pieces. Never changes: :meth:`add` gives the longer one and shares what both have.

    ``count`` is its length in characters, ``generation`` goes up when an answer starts over. A view remembers both:
    where the generation is the one it shows, ``since(count)`` is what it must append; otherwise it draws the answer
    anew.
    """

    __slots__ = ("_pieces", "_used", "count", "generation")

    def __init__(self, pieces: Sequence[str] = (), *, generation: int = 0) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._used = len(self._pieces)
        self.count = sum(map(len, self._pieces))
        self.generation = generation

    def add(self, piece: str) -> "AnswerText":
        """This text and ``piece`` behind it."""
        if not piece:
            return self
        longer = AnswerText.__new__(AnswerText)
        # The list may be shared: a text reads its own first pieces only, and none but the longest appends to it.
        longer._pieces = self._pieces if len(self._pieces) == self._used else self._pieces[: self._used]
        longer._pieces.append(piece)
        longer._used = self._used + 1
        longer.count = self.count + len(piece)
        longer.generation = self.generation
        return longer

    def start_over(self) -> "AnswerText":
        """An empty text of the next generation."""
        return AnswerText(generation=self.generation + 1)

    def settled(self) -> "AnswerText":
        """The same text in one piece, because thousands of small ones take many times the memory."""
        return self if self._used < 2 else AnswerText([str(self)], generation=self.generation)

    def since(self, count: int) -> str:
        """What came after the first ``count`` characters. Costs what is new, not what there is."""
        wanted = self.count - max(0, count)
        tail: list[str] = []
        index = self._used
        while wanted > 0:
            index -= 1
            piece = self._pieces[index]
            tail.append(piece if len(piece) <= wanted else piece[-wanted:])
            wanted -= len(piece)
        return "".join(reversed(tail))

    def __str__(self) -> str:
        return "".join(self._pieces[: self._used])

    def __bool__(self) -> bool:
        return self.count > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AnswerText):
            return NotImplemented
        if (self.count, self.generation) != (other.count, other.generation):
            return False
        return self._pieces is other._pieces or str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.generation, self.count))

    def __repr__(self) -> str:
        return f"AnswerText({str(self)!r}, generation={self.generation})"
