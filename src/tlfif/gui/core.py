"""The window's core: one state, the presenters that change it, the bridge behind it. Used from one thread only."""

import time
import uuid
from collections.abc import Callable
from typing import Protocol

from tlfif.gui.model import intents
from tlfif.gui.model.commands import Command
from tlfif.gui.model.intents import Intent
from tlfif.gui.model.messages import AnswerExtended, Message
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.step import GuiEvent, Moment
from tlfif.gui.presenters.window import first_state, present

TICK_SECONDS = 0.25
POLL_MS_STREAMING = 25
POLL_MS_AT_REST = 100
AWAITED_SECONDS = 0.5
"""For so long after something was asked for its result is looked for as often as words of an answer."""

Subscriber = Callable[[WindowState, WindowState], None]
"""Called with the state before and after a change."""


class Outside(Protocol):
    """What runs the commands: the bridge, or a fake of it."""

    def send(self, command: Command) -> None:
        """Accept a command and return at once."""

    def poll(self, limit: int) -> list[Message]:
        """What has happened since, ``limit`` at most; never waits."""

    def close(self) -> None:
        """End everything."""


class WindowCore:
    """Press buttons, poll for messages, draw :attr:`state`."""

    def __init__(
        self,
        outside: Outside,
        *,
        preferences: Preferences | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        new_key: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._outside = outside
        self._monotonic = monotonic
        self._wall = wall
        self._new_key = new_key
        self._subscribers: list[Subscriber] = []
        self._ticked_at = monotonic()
        self._streamed = False
        self._awaited_until = monotonic()
        self.state = first_state(preferences or Preferences())

    @property
    def poll_ms(self) -> int:
        """After how many milliseconds to poll again."""
        soon = self._streamed or self._monotonic() < self._awaited_until
        return POLL_MS_STREAMING if soon else POLL_MS_AT_REST

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` after every change."""
        self._subscribers.append(subscriber)

    def press(self, intent: Intent) -> None:
        """Handle what the owner did. Subscribers are called before this returns."""
        before = self.state
        if self._take(intent):
            self._awaited_until = self._monotonic() + AWAITED_SECONDS
        self._notify(before)

    def poll(self, limit: int = 200) -> None:
        """Handle waiting messages, advance the clock, and call the subscribers once."""
        before = self.state
        received = self._outside.poll(limit)
        for item in received:
            self._take(item)
        self._streamed = any(isinstance(item, AnswerExtended) for item in received)
        now = self._monotonic()
        if now - self._ticked_at >= TICK_SECONDS:
            self._ticked_at = now
            self._take(intents.Tick())
        self._notify(before)

    def close(self) -> None:
        """End the bridge; answers under way continue at the server."""
        self._outside.close()

    def _take(self, event: GuiEvent) -> bool:
        """Handle an event; whether something is to be done outside for it."""
        moment = Moment(now=self._monotonic(), at=self._wall(), key=self._new_key())
        step = present(self.state, event, moment)
        self.state = step.state
        for command in step.commands:
            self._outside.send(command)
        return bool(step.commands)

    def _notify(self, before: WindowState) -> None:
        if self.state is not before:
            for subscriber in self._subscribers:
                subscriber(before, self.state)
