"""Going out: through a proxy of any kind, and with a clear word where a setting is in the way."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.certificates import company_certificate
from tests.fakes.clock import FakeClock
from tests.fakes.socks_server import socks_server
from tlfif.adapters.http.aws_clock import clock_skew
from tlfif.adapters.http.exchange_source import EcbExchangeSource
from tlfif.adapters.local.doctor_probes import WayOutProbe
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.client.connection import Connection
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.errors import NotReachableError
from tlfif.client.profile import Profile
from tlfif.client.sign_in.identity_provider import IdentityProvider
from tlfif.doctor.checks import State
from tlfif.kernel.errors import ModelError, UnavailableError
from tlfif.kernel.outbound import NoWayOutError, proxy_for, way_out, why_unreachable

FAR = "https://far.invalid"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: Mon, 30 Nov 2026 12:00:00 GMT\r\nconnection: close\r\n\r\nhi"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the settings of whoever runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@asynccontextmanager
async def a_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answers everything with two letters; gives its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # somebody only looked whether it is there
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("settings", "url", "expected"),
    [
        ({}, FAR, None),
        ({"HTTPS_PROXY": "http://p:8080"}, FAR, "http://p:8080"),
        ({"https_proxy": "p:8080"}, FAR, "http://p:8080"),
        ({"HTTP_PROXY": "http://p:8080"}, FAR, None),
        ({"ALL_PROXY": "socks5h://p:1080"}, FAR, "socks5h://p:1080"),
        ({"all_proxy": "socks://p:1080/"}, FAR, "socks5://p:1080/"),
        ({"HTTPS_PROXY": "http://p:8080", "ALL_PROXY": "socks4://p:1080"}, FAR, "http://p:8080"),
        ({"ALL_PROXY": "socks4://p:1080"}, "http://127.0.0.1:8000", None),
        ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": ".invalid"}, FAR, None),
        ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": "*"}, FAR, None),
        ({"ALL_PROXY": ""}, FAR, None),
    ],
)
def test_which_proxy_is_on_the_way(
    environment: pytest.MonkeyPatch, settings: dict[str, str], url: str, expected: str | None
) -> None:
    for name, value in settings.items():
        environment.setenv(name, value)
    found = proxy_for(url)
    assert (found.address if found else None) == expected


@pytest.mark.parametrize(
    "address", ["socks4://p:1080", "ftp://me:secret@p", "http://", "http://p:99999", "http://[::1", "://"]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    environment: pytest.MonkeyPatch, address: str
) -> None:
    environment.setenv("ALL_PROXY", address)
    with pytest.raises(NoWayOutError, match=r"ALL_PROXY is .*Correct it, or unset it") as caught:
        way_out(FAR)
    assert "secret" not in str(caught.value)
    assert way_out("http://127.0.0.1:80") == {"trust_env": False, "verify": False, "proxy": None}


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks"])
async def test_a_request_goes_through_a_socks_proxy(environment: pytest.MonkeyPatch, scheme: str) -> None:
    async with a_server() as port, socks_server(("127.0.0.1", port)) as proxy:
        environment.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        async with httpx2.AsyncClient(**way_out("http://far.invalid")) as client:
            assert (await client.get("http://far.invalid/")).text == "hi"
        assert proxy.asked == [("far.invalid", 80)], "the name is looked up there"


def no_look_up(host: str, port: int) -> object:
    """Of the system there is nothing to learn here."""
    return host, port


async def everything_that_goes_out(tmp_path: Path, address: str) -> list[str]:
    """What each part that goes out says when it cannot."""
    store = FileModelStore(
        models_dir=tmp_path / "m", clock=FakeClock(), hub_url=address, resolver=no_look_up, free=lambda _: 10**12
    )
    with pytest.raises(ModelError) as hub:
        await store.start_pull("tinyllama")
    await store.close()
    assert hub.value.code == "hub_unreachable"
    assert "./tlfif serve --stop" in hub.value.message, "a server keeps the settings that it was started with"
    with pytest.raises(UnavailableError) as rate:
        await EcbExchangeSource(clock=FakeClock(), base_url=address, resolver=no_look_up).fetch()
    assert rate.value.code == "exchange_unreachable"
    with pytest.raises(OSError, match=r"\w") as clock:
        await clock_skew(address)
    home = Connection(FixedEndpoint(endpoint=Endpoint(base_url=address, token="t")))
    with pytest.raises(NotReachableError) as server:
        await home.request("GET", "/v1/machine", tries=1)
    await home.close()
    profile = Profile(api_url=address, issuer=address, client_id="c", scope="openid", region="eu-central-1")
    with pytest.raises(NotReachableError) as sign_in:
        await IdentityProvider(profile).revoke("a token")
    assert sign_in.value.code == "sign_in_unreachable"
    return [hub.value.message, rate.value.message, str(clock.value), server.value.message, sign_in.value.message]


@pytest.mark.parametrize("address", ["socks4://p:1080", "nonsense://"])
async def test_a_setting_that_cannot_be_used_is_what_everybody_says(
    environment: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    environment.setenv("HTTPS_PROXY", address)
    for said in await everything_that_goes_out(tmp_path, FAR):
        assert f"HTTPS_PROXY is {address}" in said


async def test_a_proxy_that_is_not_there_is_named(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("ALL_PROXY", "socks5h://me:secret@127.0.0.1:9")
    for said in await everything_that_goes_out(tmp_path, FAR):
        assert "through the proxy socks5h://127.0.0.1:9 (ALL_PROXY)" in said
        assert "secret" not in said


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_certificates_that_are_not_there_are_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    gone = str(tmp_path / "of a deleted environment")
    environment.setenv(name, gone)
    for said in await everything_that_goes_out(tmp_path, FAR):
        assert f"{name} names {gone}, which cannot be read as certificates (No such file" in said


async def test_a_file_without_certificates_is_named(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    environment.setenv("SSL_CERT_FILE", str(empty))
    with pytest.raises(NoWayOutError, match=r"SSL_CERT_FILE names .*empty\.pem"):
        way_out(FAR)


async def test_a_companys_certificate_is_named_and_accepted_once_it_is_set(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pem, tls = company_certificate(tmp_path)
    async with a_server(tls) as port:
        address = f"https://localhost:{port}"
        for said in await everything_that_goes_out(tmp_path, address):
            assert "the certificate of localhost is not accepted (self-signed certificate)" in said
            assert "set SSL_CERT_FILE" in said
            assert "check the internet" not in said
        environment.setenv("SSL_CERT_FILE", str(pem))
        assert isinstance(await clock_skew(address), float)


@pytest.mark.parametrize(
    ("settings", "state", "words"),
    [
        ({}, State.OK, "No proxy"),
        ({"ALL_PROXY": "socks5h://127.0.0.1:{port}"}, State.OK, "(ALL_PROXY)"),
        ({"HTTPS_PROXY": "http://me:secret@127.0.0.1:{port}"}, State.OK, "the proxy http://127.0.0.1:{port} ("),
        ({"HTTPS_PROXY": "socks5://127.0.0.1:{port}"}, State.WARN, "knows no SOCKS"),
        ({"ALL_PROXY": "socks5h://127.0.0.1:9"}, State.FAIL, "nobody answers at the proxy socks5h://127.0.0.1:9 (ALL"),
        ({"ALL_PROXY": "socks4://127.0.0.1:9"}, State.FAIL, "ALL_PROXY is socks4://127.0.0.1:9"),
        ({"SSL_CERT_FILE": "/not/there"}, State.FAIL, "SSL_CERT_FILE names /not/there"),
    ],
)
async def test_the_doctor_names_a_setting_that_cannot_be_used(
    environment: pytest.MonkeyPatch, settings: dict[str, str], state: State, words: str
) -> None:
    async with a_server() as port:
        for name, value in settings.items():
            environment.setenv(name, value.format(port=port))
        (found,) = await WayOutProbe(FAR).ask()
        assert found.state is state
        assert words.format(port=port) in found.evidence
        assert "secret" not in found.evidence


def test_without_anything_to_name_the_connection_is_missing() -> None:
    assert why_unreachable(OSError("x"), FAR) == "there is no connection to far.invalid; check the internet connection"
