"""The bridge to the real server of one home."""

from tlfif.bootstrap.home import Home
from tlfif.client.endpoint import Endpoint, Locator
from tlfif.client.errors import NotReachableError
from tlfif.client.local_server import LocalServer
from tlfif.client.locators import locator_for
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge import Bridge


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


def bridge_of(home: Home) -> Bridge:
    """One that is connecting already to the server of ``home``."""
    server = locator_for(home)
    return bridge_over(home, connect=server, watch=OnlyFind(server) if isinstance(server, LocalServer) else server)


def bridge_over(home: Home, *, connect: Locator, watch: Locator) -> Bridge:
    """The same to any server: ``connect`` may start it, ``watch`` only finds it. History and settings: ``home``'s."""
    bridge = Bridge(
        connect=lambda sleep: TlfifClient(connect, sleep=sleep),
        watch=lambda sleep: TlfifClient(watch, sleep=sleep),
        history_path=home.root / "history.db",
        preferences_path=home.root / "window.json",
    )
    bridge.start()
    return bridge
