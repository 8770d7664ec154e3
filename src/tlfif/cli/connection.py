"""The connection of a command to its server: this computer's, or the home on AWS where that profile is active."""

from tlfif.client.local_server import LocalServer
from tlfif.client.locators import aws_profile_of, locator_for
from tlfif.client.tlfif_client import TlfifClient
from tlfif.kernel.errors import InvalidInputError
from tlfif.kernel.home import Home, home_from_environment


def this_home() -> Home:
    """The folder of all state."""
    return home_from_environment()


def local_server() -> LocalServer | None:
    """The background server of that folder, which need not run; None where commands talk to the home on AWS."""
    home = this_home()
    return LocalServer(home) if aws_profile_of(home) is None else None


def open_client() -> TlfifClient:
    """A client of the active profile's server; entering it starts the server where that is on this computer."""
    return TlfifClient(locator_for(this_home()))


def only_on_this_computer(command: str) -> None:
    """Raises InvalidInputError (code ``only_this_computer``) where commands talk to the home on AWS."""
    if aws_profile_of(this_home()) is not None:
        raise InvalidInputError(
            f"`tlfif {command}` is for the server on this computer, and your commands talk to the home on AWS now. "
            "Change that first: ./tlfif profile use computer",
            code="only_this_computer",
        )
