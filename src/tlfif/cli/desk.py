"""From a command to the server of this computer."""

from tlfif.bootstrap.home import Home, home_from_environment
from tlfif.client.local_server import LocalServer
from tlfif.client.tlfif_client import TlfifClient


def this_home() -> Home:
    """The folder of all state."""
    return home_from_environment()


def local_server() -> LocalServer:
    """The background server of that folder, which need not run."""
    return LocalServer(this_home())


def open_client() -> TlfifClient:
    """A client of it; entering the client starts the server if none runs."""
    return TlfifClient(local_server())
