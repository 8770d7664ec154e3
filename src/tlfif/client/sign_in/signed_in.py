"""The home on AWS as a server: its address, and a fresh token for each request."""

import importlib
from typing import TYPE_CHECKING

from tlfif.client.endpoint import Endpoint
from tlfif.client.profile import Profile
from tlfif.client.sign_in.identity_provider import IdentityProvider
from tlfif.client.sign_in.signed_in_tokens import SignedInTokens
from tlfif.client.sign_in.token_store import TokenStore
from tlfif.kernel.data_folder import DataFolder

if TYPE_CHECKING:
    import httpx2


class SignedInEndpoint:
    """A :class:`~tlfif.client.endpoint.Locator` for the home on AWS, which is always there."""

    def __init__(self, profile: Profile, tokens: SignedInTokens) -> None:
        self._profile = profile
        self._tokens = tokens

    async def ensure(self) -> Endpoint:
        """The address. Raises ApiError (mostly ``signed_out``) if there is no token for it."""
        token = await self._tokens.access_token()
        return Endpoint(base_url=self._profile.api_url, token=token, auth=self._auth(), streams=False, stays=True)

    async def again(self) -> Endpoint:
        """The same."""
        return await self.ensure()

    def _auth(self) -> "httpx2.Auth":
        signing = importlib.import_module("tlfif.client.sign_in.signed_in_auth")  # imports the HTTP library
        auth: httpx2.Auth = signing.FreshToken(self._tokens)
        return auth


def signed_in_tokens(data_folder: DataFolder, profile: Profile) -> SignedInTokens:
    """The sign-in kept for that home."""
    return SignedInTokens(TokenStore(data_folder, profile), IdentityProvider(profile))
