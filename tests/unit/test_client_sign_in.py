"""Signing in: what is sent, what is believed, and what a person hears of everything that is not."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from tests.fakes.identity_provider import CLIENT, Person, Provider, serving_provider
from tlfif.client.errors import AccessDeniedError, ApiError, NotReachableError, ServerFailedError
from tlfif.client.profile import Profile
from tlfif.client.sign_in.identity_provider import IdentityProvider, Request
from tlfif.client.sign_in.loopback_listener import LoopbackListener
from tlfif.client.sign_in.sign_in import sign_in
from tlfif.client.sign_in.token_store import Tokens


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving_provider() as found:
        yield found


def free_ports(count: int = 3) -> tuple[int, ...]:
    """Nobody's at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = tuple(one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    return ports


def profile_of(provider: Provider, **changes: object) -> Profile:
    base: dict[str, object] = {
        "api_url": "https://api.example.com", "issuer": provider.url, "client_id": CLIENT,
        "scope": "openid tlfif/use", "region": "eu-central-1", "redirect_ports": free_ports(),
    }  # fmt: skip
    return Profile(**{**base, **changes})


async def signed_in(provider: Provider, person: Person, *, profile: Profile | None = None, told: list[str]) -> Tokens:
    profile = profile or profile_of(provider)

    def tell(url: str, opened: bool) -> None:
        told.append(f"{opened} {url}")

    return await sign_in(profile, IdentityProvider(profile), tell=tell, open_browser=person, sleep=forever)


async def forever(seconds: float) -> None:
    await asyncio.Event().wait()


async def at_once(seconds: float) -> None:
    assert seconds == 300


def changed(provider: Provider, **changes: str | None) -> Callable[[str], str]:
    """The provider's way back, with other parameters."""

    def follow(url: str) -> str:
        back = urlsplit(provider.authorize(url))
        answer = {**dict(parse_qsl(back.query)), **changes}
        return back._replace(query=urlencode({k: v for k, v in answer.items() if v is not None})).geturl()

    return follow


async def test_a_sign_in_gives_tokens_and_a_page_without_any(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person, told = Person(provider.authorize), list[str]()
    tokens = await signed_in(provider, person, told=told)
    assert (tokens.access_token, tokens.refresh_token, tokens.who) == ("access-1", "refresh-1", "ada@example.com")
    sent = {name: values[0] for name, values in parse_qs(urlsplit(person.opened[0]).query).items()}
    assert (sent["response_type"], sent["client_id"], sent["scope"]) == ("code", CLIENT, "openid tlfif/use")
    assert sent["code_challenge_method"] == "S256"
    assert min(len(sent[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert told == [f"True {person.opened[0]}"]
    page = await asyncio.to_thread(lambda: person.page)
    assert "You are signed in" in page
    verifier = provider.asked[0]["code_verifier"]
    assert (provider.asked[0]["client_id"], provider.asked[0]["authorization"]) == (CLIENT, "")
    everything = repr(tokens) + page + caplog.text + str(vars(tokens) if hasattr(tokens, "__dict__") else "")
    assert not [secret for secret in ("access-1", "refresh-1", "code-0", verifier) if secret in everything]


@pytest.mark.requirement("1.2.2")
@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"iss": "https://evil.example.com"}, "sign_in_not_ours", "another provider"),
        ({"code": None}, "sign_in_not_ours", "no code"),
        ({"code": "used-up"}, "signed_out", "does not accept"),
        ({"code": None, "error": "access_denied", "error_description": "End-User\x1b[2J aborted"}, "sign_in_refused",
         "declined in the browser (End-User[2J aborted)"),
        ({"code": None, "error": "invalid_scope"}, "sign_in_refused", "refused the sign-in: invalid_scope"),
    ],
)  # fmt: skip
async def test_what_the_browser_brings_back_is_not_believed(
    provider: Provider, changes: dict[str, str | None], code: str, said: str
) -> None:
    person = Person(changed(provider, **changes))
    with pytest.raises(AccessDeniedError) as caught:
        await signed_in(provider, person, told=[])
    assert (caught.value.code, said in caught.value.message) == (code, True)
    assert "You are not signed in" in await asyncio.to_thread(lambda: person.page)


@pytest.mark.parametrize(
    "forged",
    [
        "?code=mine&state=another", "?code=mine", "?error=access_denied&state=another", "", "?state=",
        "?code=mine&state={state}&code=twice", "?code=mine&state={state}" + "&x=" * 30, "?state=%FF&code=mine",
    ],
)  # fmt: skip
async def test_an_answer_that_is_not_the_providers_ends_no_sign_in(provider: Provider, forged: str) -> None:
    """Any page may send one, and any program of this computer."""
    refused: list[tuple[int, str]] = []

    def beside(url: str) -> str:
        asked = dict(parse_qsl(urlsplit(url).query))
        with httpx2.Client(trust_env=False, verify=False) as other:
            answer = other.get(asked["redirect_uri"] + forged.format(state=asked["state"]))
        refused.append((answer.status_code, answer.text))
        return provider.authorize(url)

    tokens = await signed_in(provider, Person(beside), told=[])
    assert tokens.who == "ada@example.com"
    assert refused[0][0] == 400
    assert "You are not signed in" in refused[0][1]


@pytest.mark.requirement("1.2.2")
@pytest.mark.parametrize(
    ("claims", "signed_by", "said"),
    [
        ({"nonce": "another"}, "right", "another sign-in"),
        ({"nonce": None}, "right", "MissingClaim"),
        ({"iss": "https://evil.example.com"}, "right", "another provider"),
        ({"aud": "another-program"}, "right", "another program"),
        ({"aud": ["another-program"]}, "right", "another program"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "right", "another program"),
        ({"exp": 1000}, "right", "expired; look at this computer's clock"),
        ({"iat": 9_000_000_000}, "right", "from the future"),
        ({"exp": None}, "right", "MissingClaim"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "right", "another access token"),
        ({}, "other", "not signed as it must be"),
        ({}, "none", "not signed as it must be"),
        ({}, "hs256", "not signed as it must be"),
    ],
)
async def test_an_id_token_that_is_not_right_signs_nobody_in(
    provider: Provider, claims: dict[str, object], signed_by: str, said: str
) -> None:
    provider.claims, provider.signed_by = claims, signed_by
    person = Person(provider.authorize)
    with pytest.raises(AccessDeniedError) as caught:
        await signed_in(provider, person, told=[])
    assert (caught.value.code, said in caught.value.message) == ("id_token_invalid", True), caught.value.message
    assert caught.value.__context__ is None  # theirs could hold the token
    assert "You are not signed in" in await asyncio.to_thread(lambda: person.page)


async def test_a_code_is_good_once(provider: Provider) -> None:
    profile = profile_of(provider)
    one = IdentityProvider(profile)
    request = Request(redirect_uri="http://127.0.0.1:1/callback", state="s", nonce="n", verifier="v" * 43)
    code = dict(parse_qsl(urlsplit(provider.authorize(await one.authorization_url(request))).query))["code"]
    await one.exchange(code, request)
    with pytest.raises(AccessDeniedError, match="does not accept"):
        await one.exchange(code, request)


async def test_the_next_port_is_tried_and_all_in_use_is_told(provider: Provider) -> None:
    ports = free_ports()
    person = Person(provider.authorize)
    with socket.create_server(("127.0.0.1", ports[0])):
        await signed_in(provider, person, profile=profile_of(provider, redirect_ports=ports), told=[])
        assert f"127.0.0.1%3A{ports[1]}%2Fcallback" in person.opened[0]
        with (
            socket.create_server(("127.0.0.1", ports[1])),
            socket.create_server(("127.0.0.1", ports[2])),
            pytest.raises(NotReachableError, match=f"{ports[0]}, {ports[1]}, {ports[2]}") as caught,
        ):
            await signed_in(provider, person, profile=profile_of(provider, redirect_ports=ports), told=[])
    assert caught.value.code == "sign_in_ports_taken"


@pytest.mark.parametrize("fault", [lambda url: False, lambda url: 1 / 0])
async def test_without_a_browser_the_address_is_told_and_still_works(
    provider: Provider, fault: Callable[[str], bool]
) -> None:
    profile, by_hand = profile_of(provider), Person(provider.authorize)

    def tell(url: str, opened: bool) -> None:
        assert not opened
        by_hand(url)

    tokens = await sign_in(profile, IdentityProvider(profile), tell=tell, open_browser=fault, sleep=forever)
    assert tokens.who == "ada@example.com"


async def test_nobody_comes_back(provider: Provider) -> None:
    profile = profile_of(provider)
    with pytest.raises(NotReachableError, match="within 5 minutes") as caught:
        await sign_in(
            profile, IdentityProvider(profile), tell=lambda url, opened: None, open_browser=bool, sleep=at_once
        )
    assert caught.value.code == "sign_in_timeout"


async def test_cancelling_frees_the_port_and_asks_for_no_token(provider: Provider) -> None:
    ports, waits = free_ports(1), asyncio.Event()
    profile = profile_of(provider, redirect_ports=ports)
    task = asyncio.create_task(
        sign_in(
            profile,
            IdentityProvider(profile),
            tell=lambda url, opened: waits.set(),
            open_browser=bool,
            sleep=forever,
        )
    )
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    socket.create_server(("127.0.0.1", ports[0])).close()
    assert provider.asked == []


@pytest.mark.parametrize(
    ("doors", "said"),
    [
        ({"issuer": "https://evil.example.com"}, "another name"),
        ({"token_endpoint": "http://example.com/token"}, "does not begin with https"),
        ({"jwks_uri": None}, "is not an address"),
    ],
)
async def test_a_provider_that_names_wrong_doors_is_not_used(
    provider: Provider, doors: dict[str, object], said: str
) -> None:
    provider.doors = doors
    with pytest.raises(ServerFailedError, match=said) as caught:
        await signed_in(provider, Person(provider.authorize), told=[])
    assert caught.value.code == "sign_in_malformed"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
@pytest.mark.parametrize("said", [(200, "<html>"), (500, "{}"), (429, "slow down"), (302, "")])
async def test_a_provider_that_talks_nonsense_is_told(provider: Provider, path: str, said: tuple[int, str]) -> None:
    provider.before = lambda asked: said if asked == path else None
    with pytest.raises(ApiError) as caught:
        await signed_in(provider, Person(provider.authorize), told=[])
    assert caught.value.code == "sign_in_malformed"


async def test_a_provider_that_is_not_there_is_told(provider: Provider) -> None:
    profile = profile_of(provider, issuer=f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(NotReachableError, match="cannot be reached") as caught:
        await signed_in(provider, Person(provider.authorize), profile=profile, told=[])
    assert caught.value.code == "sign_in_unreachable"


async def test_the_profile_stands_above_discovery(provider: Provider) -> None:
    provider.before = lambda path: (404, "") if path.startswith("/.well-known") else None
    doors = {name: f"{provider.url}/{at}" for name, at in (("authorize_url", "auth"), ("token_url", "token"))}
    profile = profile_of(provider, jwks_url=f"{provider.url}/jwks", **doors)
    assert (await signed_in(provider, Person(provider.authorize), profile=profile, told=[])).who == "ada@example.com"
    assert await IdentityProvider(profile).revoke("refresh-1") is False


async def raw(port: int, text: str) -> str:
    """One request as it stands, and the status line of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    line = (await reader.readline()).decode().strip()
    writer.close()
    return line


async def test_the_listener_takes_one_answer_and_nothing_else() -> None:
    port = free_ports(1)[0]
    host = f"Host: 127.0.0.1:{port}\r\n"
    async with LoopbackListener([port], "b") as listener:
        assert listener.redirect_uri == f"http://127.0.0.1:{port}/callback"
        idle = await asyncio.open_connection("127.0.0.1", port)  # as browsers do
        for request, status in (
            (f"GET /favicon.ico HTTP/1.1\r\n{host}\r\n", "404"),
            (f"POST /callback?code=a HTTP/1.1\r\n{host}\r\n", "405"),
            ("GET /callback?code=a HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", "421"),
            ("GET /callback?code=a HTTP/1.1\r\n\r\n", "421"),
            (f"GET /{'a' * 200_000} HTTP/1.1\r\n{host}\r\n", ""),
        ):
            assert (await raw(port, request))[9:12] == status
        cookies = f"Cookie: name=J\u00fcrgen; {'; '.join(f'session{n}=' + 'x' * 4000 for n in range(20))}\r\n"
        browsers = f"{host}{cookies}Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n"  # all programs' cookies
        first = asyncio.create_task(raw(port, f"GET /callback?code=a&state=b HTTP/1.1\r\n{browsers}\r\n"))
        assert await listener.answer() == {"code": "a", "state": "b"}
        assert "410" in await raw(port, f"GET /callback?code=c HTTP/1.1\r\n{host}\r\n")
        idle[1].close()
    assert "200" in await first
