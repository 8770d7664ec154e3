"""The window's core over the real server of one home."""

import logging

from tlfif.bootstrap.home import Home
from tlfif.client.endpoint import Endpoint
from tlfif.client.errors import NotReachableError
from tlfif.client.local_server import LocalServer
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge import Bridge
from tlfif.gui.core import WindowCore
from tlfif.gui.preferences import load_preferences

log = logging.getLogger(__name__)


class OnlyFind:
    """A locator that never starts a server."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server

    async def ensure(self) -> Endpoint:
        """The server that runs. Raises NotReachableError ``server_stopped`` where none does."""
        running = await self._server.find()
        if running is None:
            raise NotReachableError("The background server does not run.", code="server_stopped")
        return running.endpoint

    async def again(self) -> Endpoint:
        """See :meth:`ensure`."""
        return await self.ensure()


def open_core(home: Home) -> WindowCore:
    """A core that is connecting already. Close it."""
    preferences, fault = load_preferences(home.root / "window.json")
    if fault:
        log.warning(fault)
    server = LocalServer(home)
    bridge = Bridge(
        connect=lambda sleep: TlfifClient(server, sleep=sleep),
        watch=lambda sleep: TlfifClient(OnlyFind(server), sleep=sleep),
        history_path=home.root / "history.db",
        preferences_path=home.root / "window.json",
    )
    bridge.start()
    return WindowCore(bridge, preferences=preferences)
