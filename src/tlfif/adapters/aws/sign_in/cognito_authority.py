"""Verifies access tokens of a Cognito user pool, or of any OpenID Connect provider that signs with RS256.

API Gateway's authorizer verifies them before the Lambda runs. They are verified here again, so that a route that was
left open by mistake is still protected, and because the token decides whose jobs a caller sees.
"""

import asyncio
import json
import logging
from dataclasses import dataclass, field

import urllib3
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64decode

from tlfif.control.authority import OWNERS, Authority, Caller
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import NotAllowedError, UnavailableError

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256",)
"""Cognito's algorithm; ``none`` and all symmetric ones are refused because they are not listed."""
LEEWAY_SECONDS = 60
"""Clocks differ: a token may be this much past its expiry, or this much too young."""
REFETCH_SECONDS = 60.0
"""An unknown key id makes the key list be fetched again, at most this often: strangers must not be able to force it."""
KEYS_SECONDS = 3.0
KEYS_BYTES = 64 * 1024
TOKEN_CHARACTERS = 8192
GROUPS = "cognito:groups"
"""The claim with the groups that a person is in, in the pool's access tokens; absent where there are none."""
JWKS_PATH = "/.well-known/jwks.json"
"""Amazon Cognito, "Verifying JSON web tokens": the issuer's address and this path."""


@dataclass(slots=True, kw_only=True)
class CognitoAuthority(Authority):
    """``issuer`` is the pool's URL, ``client_id`` the app that tokens must be issued for, ``scope`` what a token must
    allow. ``keys_url`` is where another provider keeps its keys; None: Cognito's place."""

    issuer: str
    client_id: str
    scope: str
    clock: Clock
    keys_url: str | None = None
    _keys: KeySet | None = None
    _read_at: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def identify(self, token: str) -> Caller:
        if not token or len(token) > TOKEN_CHARACTERS:
            raise _wrong()
        try:
            decoded = jwt.decode(token, await self._keys_for(token), algorithms=list(ALGORITHMS))
            rules = jwt.JWTClaimsRegistry(
                now=int(self.clock.now()),
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self.issuer},
                sub={"essential": True},
                exp={"essential": True},
                client_id={"essential": True, "value": self.client_id},
                token_use={"essential": True, "value": "access"},
                scope={"essential": True},
            )
            rules.validate(decoded.claims)
        except ExpiredTokenError:
            raise NotAllowedError(
                "Your sign-in has run out. Sign in again: ./tlfif login", code="token_expired"
            ) from None
        except (JoseError, ValueError, TypeError):
            raise _wrong() from None
        subject, scopes = decoded.claims["sub"], decoded.claims["scope"]
        if not isinstance(subject, str) or not subject or not isinstance(scopes, str):
            raise _wrong()
        if self.scope not in scopes.split():
            raise _wrong()
        groups = decoded.claims.get(GROUPS)
        return Caller(user=subject, is_owner=isinstance(groups, list) and OWNERS in groups)

    async def _keys_for(self, token: str) -> KeySet:
        """The provider's keys; fetched again if the token's key is not among them."""
        kid = _key_id(token)
        known = self._keys
        if known is not None and any(key.kid == kid for key in known.keys):
            return known
        async with self._reading:
            if self._keys is not known and self._keys is not None:
                return self._keys
            now = self.clock.monotonic()
            if self._keys is None or now - self._read_at >= REFETCH_SECONDS:
                self._read_at = now
                self._keys = await self._read_keys()
            return self._keys

    async def _read_keys(self) -> KeySet:
        url = self.keys_url or self.issuer + JWKS_PATH
        try:
            return KeySet.import_key_set(json.loads(await asyncio.to_thread(_get, url)))
        except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError, JoseError) as error:
            log.warning("sign-in: the keys cannot be read: %s", type(error).__name__)
            raise UnavailableError(
                "Who you are cannot be checked now: the sign-in service does not answer. Nothing was started. Try "
                "again in a minute.",
                code="keys_unreachable",
            ) from error


def _get(url: str) -> bytes:
    """With the library that botocore uses: another HTTP library would lengthen every cold start."""
    with urllib3.PoolManager(timeout=KEYS_SECONDS, retries=False) as pool:
        answer = pool.request("GET", url, redirect=False, preload_content=False)
        body = answer.read(KEYS_BYTES + 1)
        answer.release_conn()
    if answer.status != 200 or len(body) > KEYS_BYTES:
        raise ValueError(f"status {answer.status}, {len(body)} bytes")
    return bytes(body)


def _key_id(token: str) -> str:
    try:
        header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode("ascii")))
        kid = header["kid"]
    except (ValueError, KeyError, TypeError, UnicodeError, RecursionError):
        raise _wrong() from None
    if not isinstance(kid, str):
        raise _wrong()
    return kid


def _wrong() -> NotAllowedError:
    return NotAllowedError("You are not signed in, or not for this. Sign in: ./tlfif login", code="token_wrong")
