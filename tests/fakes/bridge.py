"""A bridge over a client that plays back a script, with everything it has said; and what its tests ask of it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tests.fakes.gui import FakeWindowClient, Script, event, machine_view
from tlfif.gui.bridge.bridge import Bridge
from tlfif.gui.core import WindowCore
from tlfif.gui.model import commands
from tlfif.gui.model.messages import Message
from tlfif.gui.model.state import ExchangeStage
from tlfif.history.history import History
from tlfif.history.kept import KeptExchange
from tlfif.jobs.events import EventKind

T = TypeVar("T")
PATIENCE = 20.0


def until(found: Callable[[], T], what: str) -> T:
    """The first true result; the bridge's thread runs meanwhile."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while True:
        result = found()
        if result:
            return result
        assert time.monotonic() < deadline, what
        pause.wait(0.002)


class Window:
    """A bridge with everything it has said."""

    def __init__(self, client: FakeWindowClient, folder: Path) -> None:
        self.client = client
        self.watching = FakeWindowClient()
        self.folder = folder
        self.heard: list[Message] = []
        self.bridge = Bridge(
            connect=client.connect,
            watch=self.watching.connect,
            history_path=folder / "history.db",
            preferences_path=folder / "window.json",
        )

    def wait_for(self, kind: type[Any], count: int = 1) -> Any:
        """The ``count``-th message of that kind."""

        def found() -> Any:
            self.heard += self.bridge.poll(100)
            hits = [item for item in self.heard if isinstance(item, kind)]
            return hits[count - 1] if len(hits) >= count else None

        return until(found, f"{kind.__name__}; heard {self.heard}")

    def all(self, kind: type[Any]) -> list[Any]:
        return [item for item in self.heard if isinstance(item, kind)]


def closed(window: Window) -> tuple[KeptExchange, ...]:
    """What is in the history of the one conversation once the window has gone."""
    window.bridge.close()
    history = History(window.folder / "history.db")
    kept = history.conversation("c1")
    history.close()
    assert kept is not None
    return kept.exchanges


def an_ask(exchange_id: str = "x1", *, model: str | None = "smollm2") -> commands.Ask:
    return commands.Ask(
        exchange_id=exchange_id,
        conversation_id="c1",
        key=f"key-{exchange_id}",
        prompt="Hello",
        asked_at=1.0,
        asking={"messages": [{"role": "user", "content": "Hello"}], "model": model},
    )


def deltas(*texts: str, first: int = 2) -> list[Any]:
    return [event(seq, EventKind.DELTA, text=text) for seq, text in enumerate(texts, start=first)]


def machine_news() -> Any:
    from tlfif.wire.jobs import MachineUpdate

    return MachineUpdate(machine=machine_view("loading"))


def stage_of(core: WindowCore) -> ExchangeStage | None:
    exchanges = core.state.conversation.exchanges
    return exchanges[-1].stage if exchanges else None


def opened_windows(tmp_path: Path) -> Iterator[Callable[..., Window]]:
    """Opens windows in folders of ``tmp_path``; closes them at the end, and sees that their threads have gone."""
    opened: list[Window] = []

    def start(*scripts: Script, folder: str = "w", client: FakeWindowClient | None = None) -> Window:
        window = Window(client or FakeWindowClient(*scripts), tmp_path / folder)
        opened.append(window)
        window.bridge.start()
        return window

    yield start
    for window in opened:
        window.bridge.close()
        assert not window.bridge._thread.is_alive()
