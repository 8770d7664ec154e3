"""What a deployment changes on this computer: the profile of the home on AWS, and the sign-in there."""

import contextlib
from collections.abc import Mapping
from importlib import import_module

from tlfif.client.profile import AWS, Profile, load_profiles, save_aws_profile, use
from tlfif.deployment.owner_profile import OwnerProfile
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import TlfifError


class DeployedProfile(OwnerProfile):
    """In the files of one data folder. Not an adapter: the profile and the sign-in are the client's."""

    def __init__(self, data_folder: DataFolder) -> None:
        self._data_folder = data_folder

    def remember(self, outputs: Mapping[str, str], region: str) -> None:
        """The sign-in's endpoints are found through the issuer's own description."""
        profile = Profile(
            api_url=outputs.get("ApiUrl", ""),
            issuer=outputs.get("Issuer", ""),
            client_id=outputs.get("ClientId", ""),
            scope=outputs.get("Scope", ""),
            region=region,
        )
        save_aws_profile(self._data_folder, profile)
        use(self._data_folder, AWS)

    async def sign_out(self) -> None:
        """Before the user pool is deleted, so that the provider can still end the sign-in."""
        profile = load_profiles(self._data_folder).aws
        if profile is None:
            return
        signed_in = import_module("tlfif.client.sign_in.signed_in")  # imports the HTTP library
        await signed_in.signed_in_tokens(self._data_folder, profile).leave()

    def forget(self) -> bool:
        """A damaged file must not keep a deleted home in the profile."""
        known = True
        with contextlib.suppress(TlfifError):
            known = load_profiles(self._data_folder).aws is not None
        if known:
            try:
                save_aws_profile(self._data_folder, None)
            except TlfifError:
                self._data_folder.profile.unlink(missing_ok=True)
        return known
