"""Tokens against a key list on a real loopback server: the one good kind, and every bad one."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.fakes.clock import FakeClock
from tests.waiting import wait_until
from tlfif.adapters.aws.sign_in.cognito_authority import LEEWAY_SECONDS, REFETCH_SECONDS, CognitoAuthority
from tlfif.control.authority import OWNERS
from tlfif.kernel.errors import NotAllowedError, UnavailableError

SCOPE = "tlfif/use"
CLIENT = "client-1"


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1"}, private=True)


@pytest.fixture(scope="module")
def stranger() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1"}, private=True)


class Provider:
    """Hands out a key list, counts how often, and breaks on request."""

    def __init__(self, *keys: RSAKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.status = 200
        self.issuer = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        body = json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def provided(*keys: RSAKey) -> AsyncIterator[Provider]:
    import asyncio

    provider = Provider(*keys)
    server = uvicorn.Server(uvicorn.Config(provider, port=0, lifespan="off", log_config=None, access_log=False))
    task = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started, "the provider listens")
    provider.issuer = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.should_exit = True
        await task


def authority(provider: Provider, clock: FakeClock) -> CognitoAuthority:
    return CognitoAuthority(issuer=provider.issuer, client_id=CLIENT, scope=SCOPE, clock=clock)


def claims(provider: Provider, clock: FakeClock, **changed: Any) -> dict[str, Any]:
    now = int(clock.now())
    good = {
        "iss": provider.issuer,
        "sub": "user-1",
        "client_id": CLIENT,
        "token_use": "access",
        "scope": f"openid {SCOPE}",
        "iat": now,
        "exp": now + 3600,
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(key: RSAKey, body: dict[str, Any], **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1", **header}, body, key)


async def test_a_good_token_is_its_person(key: RSAKey) -> None:
    clock = FakeClock()
    async with provided(key) as provider:
        guard = authority(provider, clock)
        for _ in range(3):
            assert (await guard.identify(signed(key, claims(provider, clock)))).user == "user-1"
        assert provider.asked == 1


@pytest.mark.requirement("2.2.3")
@pytest.mark.parametrize(
    ("groups", "is_owner"),
    [([OWNERS], True), (["readers", OWNERS], True), (None, False), ([], False), (["owner"], False), (OWNERS, False)],
)
async def test_an_owner_is_who_is_in_the_owners_group(key: RSAKey, groups: Any, *, is_owner: bool) -> None:
    clock = FakeClock()
    async with provided(key) as provider:
        token = signed(key, claims(provider, clock, **{"cognito:groups": groups}))
        assert (await authority(provider, clock).identify(token)).is_owner is is_owner


BAD = {
    "another issuer": {"iss": "https://elsewhere"},
    "no issuer": {"iss": None},
    "another app": {"client_id": "client-2"},
    "no app": {"client_id": None},
    "an ID token": {"token_use": "id"},
    "no use": {"token_use": None},
    "another scope": {"scope": "openid tlfif/used"},
    "a scope that is no text": {"scope": ["tlfif/use"]},
    "no scope": {"scope": None},
    "nobody": {"sub": None},
    "an empty name": {"sub": ""},
    "a name that is no text": {"sub": 7},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "never"},
    "not valid yet": {"nbf": 4102444800},
}


@pytest.mark.parametrize("changed", BAD.values(), ids=BAD)
async def test_a_wrong_claim_is_refused(key: RSAKey, changed: dict[str, Any]) -> None:
    clock = FakeClock()
    async with provided(key) as provider:
        with pytest.raises(NotAllowedError) as error:
            await authority(provider, clock).identify(signed(key, claims(provider, clock, **changed)))
        assert error.value.code == "token_wrong"


async def test_an_old_token_says_so_and_a_slow_clock_is_borne(key: RSAKey) -> None:
    clock = FakeClock()
    async with provided(key) as provider:
        guard = authority(provider, clock)
        token = signed(key, claims(provider, clock))
        clock.advance(3600 + LEEWAY_SECONDS - 1)
        assert (await guard.identify(token)).user == "user-1"
        clock.advance(2)
        with pytest.raises(NotAllowedError) as error:
            await guard.identify(token)
        assert error.value.code == "token_expired"


@pytest.mark.requirement("2.2.1")
async def test_forged_tokens_are_refused(key: RSAKey, stranger: RSAKey) -> None:
    clock = FakeClock()
    async with provided(key) as provider:
        guard = authority(provider, clock)
        good = claims(provider, clock)
        whole = signed(key, good)
        head, body, signature = whole.split(".")

        def part_of(raw: bytes) -> str:
            return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

        def part(value: dict[str, Any]) -> str:
            return part_of(json.dumps(value).encode())

        as_secret = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{body}"
        mac = hmac.digest(key.as_pem(private=False), as_secret.encode(), "sha256")
        forged = {
            "signed by another key": signed(stranger, good),
            "alg none": f"{part({'alg': 'none', 'kid': 'k1'})}.{body}.",
            "alg none, signature left": f"{part({'alg': 'none', 'kid': 'k1'})}.{body}.{signature}",
            "the public key as a secret": f"{as_secret}.{part_of(mac)}",
            "another body": f"{head}.{part({**good, 'sub': 'user-2'})}.{signature}",
            "no signature": f"{head}.{body}.",
            "no key named": jwt.encode({"alg": "RS256"}, good, key),
            "a key that is no text": f"{part({'alg': 'RS256', 'kid': 7})}.{body}.{signature}",
            "two parts": f"{head}.{body}",
            "nothing": "",
            "noise": "x" * 40,
            "not ASCII": "ä.ö.ü",
            "endless": "a" * 100_000,
            "deep": part({}) + "." * 500,
        }
        for name, token in forged.items():
            with pytest.raises(NotAllowedError) as error:
                await guard.identify(token)
            assert error.value.code == "token_wrong", name


async def test_new_keys_are_found_and_strangers_do_not_drive_the_search(key: RSAKey) -> None:
    clock = FakeClock()
    new = RSAKey.generate_key(2048, {"kid": "k2"}, private=True)
    async with provided(key) as provider:
        guard = authority(provider, clock)
        await guard.identify(signed(key, claims(provider, clock)))
        for n in range(20):
            with pytest.raises(NotAllowedError):
                await guard.identify(signed(new, claims(provider, clock), kid=f"unknown-{n}"))
        assert provider.asked == 1
        provider.keys.append(new)
        clock.advance(REFETCH_SECONDS)
        assert (await guard.identify(signed(new, claims(provider, clock), kid="k2"))).user == "user-1"
        assert provider.asked == 2


@pytest.mark.parametrize("fault", ["status", "away"])
async def test_keys_that_cannot_be_read_are_no_refusal_of_the_person(key: RSAKey, fault: str) -> None:
    clock = FakeClock()
    async with provided(key) as provider:
        guard = authority(provider, clock)
        token = signed(key, claims(provider, clock))
        if fault == "status":
            provider.status = 500
        else:
            guard.keys_url = "http://127.0.0.1:9/keys"
        with pytest.raises(UnavailableError) as error:
            await guard.identify(token)
        assert error.value.code == "keys_unreachable"
        provider.status, guard.keys_url = 200, None
        clock.advance(REFETCH_SECONDS)
        assert (await guard.identify(token)).user == "user-1"
