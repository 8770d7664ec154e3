"""What can be pressed below each answer: words in the text, reached by pointer and by key.

Words and not buttons, because a thousand answers would mean four thousand widgets.
"""

import tkinter
from collections.abc import Callable

from tlfif.gui.model import intents
from tlfif.gui.model.state import Exchange, Press
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.exchange_lines import ACTION, CANCEL, COPY, REGENERATE, RETRY

CHOSEN = "chosen"


class AnswerActions:
    """Clicks and keys on the actions. ``exchanges`` returns what is shown, oldest first."""

    def __init__(self, text: tkinter.Text, context: ViewContext, exchanges: Callable[[], tuple[Exchange, ...]]) -> None:
        self._text = text
        self._context = context
        self._exchanges = exchanges
        self._chosen: tuple[str, int] | None = None
        text.tag_bind(ACTION, "<Button-1>", self._clicked)
        text.tag_bind(ACTION, "<Enter>", lambda _: text.configure(cursor="hand2"))
        text.tag_bind(ACTION, "<Leave>", lambda _: text.configure(cursor="arrow"))
        text.bind("<Button-1>", lambda _: text.focus_set(), add="+")
        for sequence, answers, steps in (
            ("<Control-Up>", -1, 0),
            ("<Control-Down>", 1, 0),
            ("<Left>", 0, -1),
            ("<Right>", 0, 1),
        ):
            text.bind(sequence, lambda _, a=answers, s=steps: self._move(a, s))  # type: ignore[misc]  # lambda's defaults
        text.bind("<Return>", lambda _: self._pressed())
        text.bind("<FocusOut>", lambda _: self.forget(), add="+")

    def forget(self, exchange_id: str | None = None) -> None:
        """Nothing is chosen any more (of this exchange, or at all)."""
        if self._chosen is not None and exchange_id in {None, self._chosen[0]}:
            self._chosen = None
            self._text.tag_remove(CHOSEN, "1.0", "end")

    def press(self, exchange: Exchange, name: str) -> None:
        """Run an action."""
        context = self._context
        if name == CANCEL:
            context.press(intents.CancelAnswer(exchange.id))
        elif name == RETRY and exchange.can_retry:
            context.press(intents.RetryAnswer(exchange.id))
        elif name == REGENERATE:
            context.press(intents.Regenerate(exchange.id))
        elif name == COPY:
            context.copy(str(exchange.answer))
        else:
            context.press(intents.PressButton(Press(name), exchange.id))

    def places(self, exchange_id: str) -> list[tuple[str, str, str]]:
        """For each action below an answer: its name, its first and last index."""
        found = []
        start, end = f"f0:{exchange_id}", f"f1:{exchange_id}"
        if start not in self._text.mark_names():
            return []
        while span := self._text.tag_nextrange(ACTION, start, end):
            found.append((self._name_at(span[0]), span[0], span[1]))
            start = span[1]
        return found

    def _name_at(self, index: str) -> str:
        return next((tag[3:] for tag in self._text.tag_names(index) if tag.startswith("do-")), "")

    def _clicked(self, event: "tkinter.Event[tkinter.Misc]") -> str | None:
        index = self._text.index(f"@{event.x},{event.y}")
        mark: str | None = self._text.mark_previous(f"{index} +1c")
        while mark is not None and not mark.startswith("f0:"):
            mark = self._text.mark_previous(mark)
        if mark is None:
            return None
        self._do(mark[3:], self._name_at(index))
        return "break"

    def _do(self, exchange_id: str, name: str) -> None:
        exchange = next((one for one in reversed(self._exchanges()) if one.id == exchange_id), None)
        if exchange is not None and name:
            self.press(exchange, name)

    def _move(self, answers: int, steps: int) -> str:
        able = [one.id for one in self._exchanges() if self.places(one.id)] if answers or not self._chosen else []
        if self._chosen is None:
            self._choose(able[-1] if able else None, 0)
        elif answers:
            at = able.index(self._chosen[0]) if self._chosen[0] in able else len(able) - 1
            self._choose(able[max(0, min(len(able) - 1, at + answers))] if able else None, 0)
        else:
            count = len(self.places(self._chosen[0])) or 1
            self._choose(self._chosen[0], (self._chosen[1] + steps) % count)
        return "break"

    def _choose(self, exchange_id: str | None, number: int) -> None:
        self.forget()
        places = self.places(exchange_id) if exchange_id is not None else []
        if exchange_id is not None and places:
            self._chosen = (exchange_id, number)
            _, start, end = places[number]
            self._text.tag_add(CHOSEN, start, end)
            self._text.see(start)

    def _pressed(self) -> str | None:
        if self._chosen is None:
            return None
        exchange_id, number = self._chosen
        places = self.places(exchange_id)
        if number < len(places):
            self._do(exchange_id, places[number][0])
        return "break"
