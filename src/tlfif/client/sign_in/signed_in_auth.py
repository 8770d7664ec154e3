"""Adds the bearer token to requests to the home on AWS. After a 401 it is renewed and the request sent once more."""

from collections.abc import AsyncGenerator

import httpx2

from tlfif.client.sign_in.signed_in_tokens import SignedInTokens


class FreshToken(httpx2.Auth):
    """Sets each request's bearer token when it is sent, so that a renewed one is used at once.

    To send again is safe: what was answered with 401 was not accepted, and submits carry an idempotency key.
    """

    def __init__(self, tokens: SignedInTokens) -> None:
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Raises ApiError if there is no token, or none but the refused one."""
        token = await self._tokens.access_token()
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == 401:
            token = await self._tokens.after_refusal(token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request
