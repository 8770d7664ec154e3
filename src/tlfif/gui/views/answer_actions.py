"""What can be pressed around each answer: words in the text, reached by pointer and by key.

Words and not buttons, because a thousand answers would mean four thousand widgets.
"""

import tkinter
from collections.abc import Callable

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.state import Exchange, Press
from tlfif.gui.views.answer_renderer import AnswerRenderer
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.exchange_lines import (
    ACTION,
    CANCEL,
    COPY,
    COPY_CODE,
    DETAILS,
    EARLIER,
    EDIT,
    LATER,
    LESS,
    OPEN_LINK,
    REGENERATE,
    RETRY,
)

CHOSEN, HOVER = "chosen", "hover"
_MARKS = ("h0:", "a0:", "f0:")


class AnswerActions:
    """Clicks and keys on the actions. ``exchanges`` returns what is shown, oldest first."""

    def __init__(
        self,
        text: tkinter.Text,
        context: ViewContext,
        renderer: AnswerRenderer,
        exchanges: Callable[[], tuple[Exchange, ...]],
    ) -> None:
        self._text = text
        self._context = context
        self._renderer = renderer
        self._exchanges = exchanges
        self._chosen: tuple[str, int] | None = None
        self._address = tkinter.Label(text, borderwidth=0)
        text.tag_bind(ACTION, "<Button-1>", self._clicked)
        text.tag_bind(ACTION, "<Motion>", self._over)
        text.tag_bind(ACTION, "<Leave>", lambda _: self._left())
        text.bind("<Button-1>", self._touched, add="+")
        for sequence, answers, steps in (
            ("<Control-Up>", -1, 0),
            ("<Control-Down>", 1, 0),
            ("<Left>", 0, -1),
            ("<Right>", 0, 1),
        ):
            text.bind(sequence, lambda _, a=answers, s=steps: self._move(a, s))  # type: ignore[misc]  # lambda's defaults
        for sequence, steps in (("<Alt-Left>", -1), ("<Alt-Right>", 1)):
            text.bind(sequence, lambda _, s=steps: self._turn(s))  # type: ignore[misc]  # lambda's default
        text.bind("<Return>", lambda _: self._pressed())
        text.bind("<FocusOut>", lambda _: self.forget(), add="+")

    def forget(self, exchange_id: str | None = None) -> None:
        """Nothing is chosen any more (of this exchange, or at all)."""
        if self._chosen is not None and exchange_id in {None, self._chosen[0]}:
            self._chosen = None
            self._text.tag_remove(CHOSEN, "1.0", "end")
            self._address.place_forget()

    def choose_newest(self) -> None:
        """Go to the conversation and choose what can be done with the newest answer, where there is one."""
        if self._exchanges():
            self._text.focus_set()
            self._move(-1, 0)

    def press(self, exchange: Exchange, name: str) -> None:
        """Run an action that needs no place in the text."""
        context, one = self._context, exchange.id
        match name:
            case _ if name == COPY:
                context.copy(str(exchange.answer))
            case _ if name == CANCEL:
                context.press(intents.CancelAnswer(one))
            case _ if name == RETRY:
                context.press(intents.RetryAnswer(one))
            case _ if name == REGENERATE:
                context.press(intents.Regenerate(one))
            case _ if name == EDIT:
                context.press(intents.EditPrompt(one))
            case _ if name in {DETAILS, LESS}:
                context.press(intents.ShowDetails(one))
            case _ if name in {EARLIER, LATER}:
                context.press(intents.TurnVersion(one, -1 if name == EARLIER else 1))
            case _:
                context.press(intents.PressButton(Press(name), one))

    def places(self, exchange_id: str) -> list[tuple[str, str, str]]:
        """For each action below an answer, then above it, then in it: its name, its first and last index."""
        if f"f0:{exchange_id}" not in self._text.mark_names():
            return []
        return [
            found
            for start, end in (("f0", "f1"), ("h0", "a0"), ("a0", "a1"))
            for found in self._between(f"{start}:{exchange_id}", f"{end}:{exchange_id}")
        ]

    def exchange_at(self, index: str) -> str | None:
        """The exchange to which the text at ``index`` belongs."""
        mark: str | None = self._text.mark_previous(f"{index} +1c")
        while mark is not None and not mark.startswith(_MARKS):
            mark = self._text.mark_previous(mark)
        return None if mark is None else mark[3:]

    def _between(self, start: str, end: str) -> list[tuple[str, str, str]]:
        found = []
        while span := self._text.tag_nextrange(ACTION, start, end):
            found.append((self._name_at(span[0]), span[0], span[1]))
            start = span[1]
        return found

    def _name_at(self, index: str) -> str:
        return next((tag[3:] for tag in self._text.tag_names(index) if tag.startswith("do-")), "")

    def _over(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        """The action below the pointer is underlined."""
        self._left()
        span = self._text.tag_prevrange(ACTION, f"@{event.x},{event.y} +1c")
        if span:
            self._text.tag_add(HOVER, *span)
            self._text.configure(cursor="hand2")
            self._show_address(span[0])

    def _show_address(self, index: str) -> None:
        """Where a link leads stands below the text."""
        address = self._renderer.address_at(index)
        if not address:
            return
        look = self._context.look
        palette, px = look.palette, look.px
        self._address.configure(
            text=address, font=SMALL, background=palette.active, foreground=palette.text, padx=px(8), pady=px(3)
        )
        self._address.place(relx=0.0, rely=1.0, anchor="sw")

    def _left(self) -> None:
        self._address.place_forget()
        self._text.tag_remove(HOVER, "1.0", "end")
        self._text.configure(cursor="arrow")

    def _touched(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        """A click takes the keyboard, but not where it does something: what follows is typed into the prompt."""
        if ACTION not in self._text.tag_names(f"@{event.x},{event.y}"):
            self._text.focus_set()

    def _clicked(self, event: "tkinter.Event[tkinter.Misc]") -> str | None:
        index = self._text.index(f"@{event.x},{event.y}")
        exchange_id = self.exchange_at(index)
        if exchange_id is None:
            return None
        self._do(exchange_id, self._name_at(index), index)
        return "break"

    def _do(self, exchange_id: str, name: str, index: str) -> None:
        if name == COPY_CODE:
            self._context.copy(self._renderer.code_at(index))
            return
        if name == OPEN_LINK:
            self._context.press(intents.OpenLink(self._renderer.address_at(index)))
            return
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

    def _turn(self, steps: int) -> str:
        """Another version of the chosen exchange, or of the newest one that has any."""
        able = [one.id for one in self._exchanges() if any(name == LATER for name, _, _ in self.places(one.id))]
        chosen = self._chosen[0] if self._chosen is not None else None
        if able:
            self._context.press(intents.TurnVersion(chosen if chosen in able else able[-1], steps))
        return "break"

    def _choose(self, exchange_id: str | None, number: int) -> None:
        self.forget()
        places = self.places(exchange_id) if exchange_id is not None else []
        if exchange_id is not None and places:
            self._chosen = (exchange_id, number)
            _, start, end = places[number]
            self._text.tag_add(CHOSEN, start, end)
            self._text.see(start)
            self._show_address(start)

    def _pressed(self) -> str | None:
        if self._chosen is None:
            return None
        exchange_id, number = self._chosen
        places = self.places(exchange_id)
        if number < len(places):
            self._do(exchange_id, *places[number][:2])
        return "break"
