"""The window's core over the server of one home. The bridge loads while the window can be used already."""

import logging
import threading
from collections.abc import Callable

from tlfif.gui.core import Outside, WindowCore
from tlfif.gui.model.commands import Command
from tlfif.gui.model.messages import Message
from tlfif.gui.model.preferences import load_preferences
from tlfif.kernel.data_folder import DataFolder

log = logging.getLogger(__name__)

LOADING_SECONDS = 5.0
"""How long closing waits for a bridge that is still loading."""


class LateBridge:
    """A bridge that is made at the first poll, in a thread: its libraries take as long to load as the window
    takes to be drawn, and there is no hurry. Commands that come before wait for it."""

    def __init__(self, make: Callable[[], Outside]) -> None:
        """``make`` gives a bridge that has begun. It is called once."""
        self._make = make
        self._lock = threading.Lock()
        self._early: list[Command] = []
        self._bridge: Outside | None = None
        self._fault: Exception | None = None
        self._loading = threading.Thread(target=self._load, name="tlfif-window-loading", daemon=True)

    def send(self, command: Command) -> None:
        """Have a command done, as soon as there is a bridge."""
        with self._lock:
            if self._bridge is None:
                self._early.append(command)
                return
        self._bridge.send(command)

    def poll(self, limit: int) -> list[Message]:
        """What has happened since; never waits. Raises once what kept the bridge from being made."""
        if self._loading.ident is None:
            self._loading.start()
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
        return [] if self._bridge is None else self._bridge.poll(limit)

    def close(self) -> None:
        """End it; a few seconds at most where it is still being made."""
        if self._loading.ident is not None:
            self._loading.join(LOADING_SECONDS)
        if self._bridge is not None:
            self._bridge.close()

    def _load(self) -> None:
        try:
            bridge = self._make()
        except Exception as error:  # the window's own thread shows it
            self._fault = error
            return
        with self._lock:
            for command in self._early:
                bridge.send(command)
            self._early.clear()
            self._bridge = bridge


def open_core(data_folder: DataFolder, make: Callable[[DataFolder], Outside] | None = None) -> WindowCore:
    """A core that connects when it is polled; ``make`` replaces the bridge to this computer's server. Close it."""
    preferences, fault = load_preferences(data_folder.root / "window.json")
    if fault:
        log.warning(fault)
    wanted = make or _real_bridge
    return WindowCore(LateBridge(lambda: wanted(data_folder)), preferences=preferences)


def _real_bridge(data_folder: DataFolder) -> Outside:
    from tlfif.gui.bridge.server_bridge import bridge_of  # here, because loading it takes longer than all of the above

    return bridge_of(data_folder)
