"""The provider that signs people in: its addresses, codes and refresh tokens for new tokens, the ID token checked.

OAuth 2.0 with PKCE and OpenID Connect by Authlib and joserfc, which are loaded by the first call that needs them.
No error of this module carries a token, or an exception that does.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tlfif.client.errors import AccessDeniedError, ApiError, NotReachableError, ServerFailedError
from tlfif.client.profile import Profile, check_address
from tlfif.client.sign_in.token_store import Tokens
from tlfif.kernel.errors import InvalidInputError
from tlfif.kernel.outbound import NoWayOutError, way_out, why_unreachable
from tlfif.kernel.plain_text import one_line

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

ANSWER_SECONDS = 15.0
RENEW_BEFORE_SECONDS = 60.0
"""An access token is renewed this long before it expires, or after half its lifetime if that is sooner."""
CLOCK_SECONDS = 60
"""Allowed difference between the provider's clock and this computer's, in seconds."""
SHORTEST_LIFE, LONGEST_LIFE = 1.0, 86400.0
"""Seconds; RFC 6749 has no limits, Cognito's are 5 minutes and a day."""
DEFAULT_LIFE = 300.0
"""Used if the provider does not state an access token's lifetime."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The provider's endpoints; ``revoke`` None where it has none."""

    authorize: str
    token: str
    jwks: str
    revoke: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One attempt to sign in: what is sent with the browser, and what its answer is checked against."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str


class IdentityProvider:
    """The identity provider of one profile. Every method raises ApiError.

    NotReachableError ``sign_in_unreachable``; AccessDeniedError ``sign_in_refused``, ``id_token_invalid``,
    ``signed_out``; ServerFailedError ``sign_in_malformed``.
    """

    def __init__(self, profile: Profile, *, now: Callable[[], float] = time.time) -> None:
        self._profile = profile
        self._now = now
        self._endpoints: Endpoints | None = None

    async def authorization_url(self, request: Request) -> str:
        """The address that the browser opens."""
        endpoints = await self._find_endpoints()
        async with self._client(request.redirect_uri) as client:
            url, _ = client.create_authorization_url(
                endpoints.authorize, state=request.state, nonce=request.nonce, code_verifier=request.verifier
            )
        return str(url)

    async def exchange(self, code: str, request: Request) -> Tokens:
        """Tokens for the code that the browser returned, once the ID token is proven to belong to this request."""
        endpoints = await self._find_endpoints()

        async def fetch(client: "AsyncOAuth2Client") -> Mapping[str, object]:
            found = await client.fetch_token(
                endpoints.token, grant_type="authorization_code", code=code, code_verifier=request.verifier
            )
            return dict(found)

        async with self._client(request.redirect_uri) as client:
            found = await _asked(lambda: fetch(client))
            keys = await _asked(lambda: _json(client, endpoints.jwks))
        claims = self._proven(found, keys, request.nonce)
        return self._tokens(found, refresh_token=None, who=_name(claims))

    async def refresh(self, tokens: Tokens) -> Tokens:
        """New tokens for old ones. The old refresh token may be used up afterwards, even if this fails.

        Raises AccessDeniedError (code ``signed_out``) if the provider no longer accepts it.
        """
        if tokens.refresh_token is None:
            raise signed_out("The sign-in has expired.")
        endpoints = await self._find_endpoints()

        async def fetch(client: "AsyncOAuth2Client") -> Mapping[str, object]:
            return dict(await client.refresh_token(endpoints.token, refresh_token=tokens.refresh_token))

        async with self._client() as client:
            found = await _asked(lambda: fetch(client))
        return self._tokens(found, refresh_token=tokens.refresh_token, who=tokens.who)

    async def revoke(self, refresh_token: str) -> bool:
        """Revoke the sign-in at the provider; False where it has no endpoint for that."""
        endpoints = await self._find_endpoints()
        if endpoints.revoke is None:
            return False
        address = endpoints.revoke

        async def send(client: "AsyncOAuth2Client") -> int:
            answer = await client.revoke_token(address, token=refresh_token, token_type_hint="refresh_token")  # noqa: S106 - its kind
            return int(answer.status_code)

        async with self._client() as client:
            status = await _asked(lambda: send(client))
        if status >= 300:
            raise ServerFailedError(
                f"The provider did not end the sign-in (HTTP status {status}).", code="sign_in_malformed"
            )
        return True

    def _client(self, redirect_uri: str | None = None) -> "AsyncOAuth2Client":
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        try:
            out = way_out(self._profile.issuer)
        except NoWayOutError as error:
            raise _unreachable(str(error)) from error
        return AsyncOAuth2Client(
            client_id=self._profile.client_id,
            token_endpoint_auth_method="none",  # noqa: S106 - a public client has no secret
            scope=self._profile.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=ANSWER_SECONDS,
            follow_redirects=False,
            **out,
        )

    async def _find_endpoints(self) -> Endpoints:
        if self._endpoints is None:
            one = self._profile
            if one.authorize_url and one.token_url and one.jwks_url:
                self._endpoints = Endpoints(
                    authorize=one.authorize_url, token=one.token_url, jwks=one.jwks_url, revoke=one.revoke_url
                )
            else:
                self._endpoints = await self._discovered()
        return self._endpoints

    async def _discovered(self) -> Endpoints:
        """OpenID Connect Discovery 1.0, section 4; the profile's own addresses take precedence."""
        one = self._profile
        async with self._client() as client:
            url = one.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = await _asked(lambda: _json(client, url))
        if found.get("issuer") != one.issuer:
            raise _malformed("it calls itself by another name than the profile does")
        try:
            return Endpoints(
                authorize=one.authorize_url or check_address(found.get("authorization_endpoint"), "its sign-in page"),
                token=one.token_url or check_address(found.get("token_endpoint"), "its token address"),
                jwks=one.jwks_url or check_address(found.get("jwks_uri"), "the address of its keys"),
                revoke=one.revoke_url or _optional(found.get("revocation_endpoint")),
            )
        except InvalidInputError as error:
            raise _malformed(error.message.rstrip(".")) from None

    def _tokens(self, found: Mapping[str, object], *, refresh_token: str | None, who: str) -> Tokens:
        access, refresh, life = found.get("access_token"), found.get("refresh_token"), found.get("expires_in")
        if not isinstance(access, str) or not access.isascii() or str(found.get("token_type")).lower() != "bearer":
            raise _malformed("its answer holds no access token")
        if isinstance(life, bool) or not isinstance(life, int | float):
            life = DEFAULT_LIFE
        life = min(max(SHORTEST_LIFE, life), LONGEST_LIFE)
        return Tokens(
            access_token=access,
            refresh_token=refresh if isinstance(refresh, str) and refresh else refresh_token,
            renew_at=self._now() + max(life - RENEW_BEFORE_SECONDS, life / 2),
            who=who,
        )

    def _proven(self, found: Mapping[str, object], keys: Mapping[str, Any], nonce: str) -> Mapping[str, object]:
        """The claims of the ID token, checked as OpenID Connect Core 1.0, section 3.1.3.7 requires."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
        from joserfc.jwk import KeySet

        id_token = found.get("id_token")
        if not isinstance(id_token, str):
            raise _forged("there is none")
        problem: str
        try:
            rsa = [key for key in keys["keys"] if key.get("kty") == "RSA"]
            token = jwt.decode(id_token, KeySet.import_key_set({"keys": rsa}), algorithms=["RS256"])
            one = self._profile
            options = {
                "iss": {"essential": True, "value": one.issuer},
                "aud": {"essential": True, "value": one.client_id},
            }
            params = {"nonce": nonce, "client_id": one.client_id, "access_token": found.get("access_token")}
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(now=int(self._now()), leeway=CLOCK_SECONDS)
        except ExpiredTokenError:
            problem = "it has expired; look at this computer's clock"
        except InvalidClaimError as error:
            problem = _CLAIMS.get(str(getattr(error, "claim", "")), f"a claim is wrong ({type(error).__name__})")
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"it is not signed as it must be ({type(error).__name__})"
        else:
            return dict(claims)
        raise _forged(problem)


_CLAIMS = {
    "iss": "it is from another provider",
    "aud": "it is for another program",
    "azp": "it is for another program",
    "nonce": "it is from another sign-in",
    "at_hash": "it belongs to another access token",
    "iat": "it is from the future; look at this computer's clock",
    "nbf": "it is from the future; look at this computer's clock",
}


def signed_out(why: str) -> AccessDeniedError:
    """The error for a sign-in that has ended; it says how to sign in again."""
    return AccessDeniedError(f"{why} Sign in: ./tlfif login", code="signed_out")


def printable(text: object) -> str:
    """Text from outside, shortened and without terminal control characters."""
    return one_line(str(text))[:200]


async def _json(client: "AsyncOAuth2Client", url: str) -> dict[str, Any]:
    answer = await client.request("GET", url, withhold_token=True)
    found = answer.json() if answer.status_code == 200 else None
    if not isinstance(found, dict):
        raise _malformed(f"HTTP status {answer.status_code} instead of what it must publish")
    return found


async def _asked(ask: Callable[[], Awaitable[T]]) -> T:
    """``ask``'s answer, or our own error: the library's may contain the request, and that contains tokens."""
    import httpx2
    from authlib.common.errors import AuthlibBaseError

    fault: ApiError
    try:
        return await ask()
    except httpx2.TransportError as error:
        fault = _unreachable(why_unreachable(error, str(error.request.url)))
    except AuthlibBaseError as error:
        fault = refused(error.error, error.description)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        fault = _malformed(f"its answer makes no sense ({type(error).__name__})")
    raise fault


def _unreachable(why: str) -> NotReachableError:
    return NotReachableError(
        f"The provider that signs you in cannot be reached: {why}. Then try again.", code="sign_in_unreachable"
    )


def refused(error: object, description: object) -> AccessDeniedError:
    """Our error for the provider's, whether it came through the browser or not (RFC 6749, 4.1.2.1 and 5.2)."""
    said = printable(description or error or "no reason given")
    if error == "access_denied":
        return AccessDeniedError(
            f"The sign-in was declined in the browser ({said}). Nothing was changed.", code="sign_in_refused"
        )
    if error == "invalid_grant":
        return signed_out("The provider does not accept this sign-in any more.")
    return AccessDeniedError(f"The provider refused the sign-in: {said}.", code="sign_in_refused")


def _optional(address: object) -> str | None:
    return None if address is None else check_address(address, "the address that ends a sign-in")


def _name(claims: Mapping[str, object]) -> str:
    return next((printable(claims[name]) for name in ("email", "preferred_username", "sub") if claims.get(name)), "")


def _malformed(what: str) -> ServerFailedError:
    return ServerFailedError(
        f"The provider that signs you in does not answer as it must: {what}. Try again later; if it stays so, "
        "look at the addresses in profile.json.",
        code="sign_in_malformed",
    )


def _forged(why: str) -> AccessDeniedError:
    return AccessDeniedError(
        f"The proof of who signed in (the ID token) is not right: {why}. You were not signed in.",
        code="id_token_invalid",
    )
