"""The connection of a command to its server: this computer's, or the home on AWS where that profile is active."""

from tlfif.client.local_server import LocalServer
from tlfif.client.locators import aws_profile_of, locator_for
from tlfif.client.tlfif_client import TlfifClient
from tlfif.kernel.data_folder import data_folder_from_environment
from tlfif.kernel.errors import InvalidInputError


def local_server() -> LocalServer | None:
    """The background server of the data folder, which need not run; None where commands talk to the home on AWS."""
    data_folder = data_folder_from_environment()
    return LocalServer(data_folder) if aws_profile_of(data_folder) is None else None


def open_client() -> TlfifClient:
    """A client of the active profile's server; entering it starts the server where that is on this computer."""
    return TlfifClient(locator_for(data_folder_from_environment()))


def only_on_this_computer(command: str) -> None:
    """Raises InvalidInputError (code ``only_this_computer``) where commands talk to the home on AWS."""
    if aws_profile_of(data_folder_from_environment()) is not None:
        raise InvalidInputError(
            f"./tlfif {command} is for the server on this computer, and your commands talk to the home on AWS now. "
            "Change that first: ./tlfif profile use computer",
            code="only_this_computer",
        )
