"""From a data folder to the server that its commands and its window use."""

from importlib import import_module
from typing import cast

from tlfif.client.endpoint import Locator
from tlfif.client.local_server import LocalServer
from tlfif.client.profile import Profile, active_profile
from tlfif.kernel.data_folder import DataFolder, profile_from_environment


def aws_profile_of(data_folder: DataFolder) -> Profile | None:
    """The home on AWS where it is the active one, None where this computer is. ``TLFIF_PROFILE`` overrides the file.

    Raises InvalidInputError (``profile_damaged``, ``profile_unknown``), NotFoundError (``profile_missing``).
    """
    return active_profile(data_folder, profile_from_environment())


def locator_for(data_folder: DataFolder) -> Locator:
    """The server of the active profile: a :class:`LocalServer`, or the home on AWS. Raises as the above."""
    profile = aws_profile_of(data_folder)
    if profile is None:
        return LocalServer(data_folder)
    signed_in = import_module("tlfif.client.sign_in.signed_in")  # not for a command that talks to this computer
    return cast(Locator, signed_in.SignedInEndpoint(profile, signed_in.signed_in_tokens(data_folder, profile)))
