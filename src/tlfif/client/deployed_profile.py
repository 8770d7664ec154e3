"""This computer's part of a deployment: the profile of the home on AWS, and the sign-in there."""

import contextlib
from collections.abc import Mapping
from importlib import import_module

from tlfif.client.profile import AWS, Profile, load_profiles, save_aws_profile, use
from tlfif.deployment.owner_profile import OwnerProfile
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.home import Home


class DeployedProfile(OwnerProfile):
    """The files of one home's folder."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def remember(self, outputs: Mapping[str, str], region: str) -> None:
        """Where a browser signs in is found by the issuer's own description."""
        profile = Profile(
            api_url=outputs.get("ApiUrl", ""),
            issuer=outputs.get("Issuer", ""),
            client_id=outputs.get("ClientId", ""),
            scope=outputs.get("Scope", ""),
            region=region,
        )
        save_aws_profile(self._home, profile)
        use(self._home, AWS)

    async def sign_out(self) -> None:
        """Before the user pool goes, so that it can still end the sign-in itself."""
        profile = load_profiles(self._home).aws
        if profile is None:
            return
        signed_in = import_module("tlfif.client.sign_in.signed_in")  # loads the HTTP library
        await signed_in.signed_in_tokens(self._home, profile).leave()

    def forget(self) -> bool:
        """A damaged file is no reason to leave a home on AWS in it."""
        known = True
        with contextlib.suppress(TlfifError):
            known = load_profiles(self._home).aws is not None
        if known:
            try:
                save_aws_profile(self._home, None)
            except TlfifError:
                self._home.profile.unlink(missing_ok=True)
        return known
