"""A sign-in in use: where it is kept, when it is renewed, by how many at once, and how it ends."""

import asyncio
import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.identity_provider import CLIENT, FakeVault, Provider, serving_provider
from tlfif.client.errors import AccessDeniedError, NotReachableError, ServerFailedError
from tlfif.client.profile import Profile
from tlfif.client.sign_in import token_store
from tlfif.client.sign_in.identity_provider import IdentityProvider
from tlfif.client.sign_in.signed_in import SignedInEndpoint, signed_in_tokens
from tlfif.client.sign_in.signed_in_auth import FreshToken
from tlfif.client.sign_in.signed_in_tokens import Leaving, SignedInTokens
from tlfif.client.sign_in.token_store import Place, Tokens, TokenStore, file_warning, system_vault
from tlfif.client.tlfif_client import TlfifClient
from tlfif.kernel.data_folder import DataFolder


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving_provider() as found:
        yield found


class Desk:
    """One home that is signed in, its provider and its clock; each :meth:`tokens` is another program's."""

    def __init__(self, folder: Path, provider: Provider, vault: FakeVault | None) -> None:
        self.home, self.provider, self.vault, self.clock = DataFolder(folder), provider, vault, FakeClock()
        self.profile = Profile(
            api_url="http://127.0.0.1:9",
            issuer=provider.url,
            client_id=CLIENT,
            scope="openid",
            region="eu-central-1",
            redirect_ports=(2000,),
        )
        self.store().save(self.sign_in())

    def sign_in(self) -> Tokens:
        until = self.clock.now() + 3540
        return Tokens(access_token="access-0", refresh_token="refresh-0", renew_at=until, who="ada")

    def store(self) -> TokenStore:
        return TokenStore(self.home, self.profile, find_vault=lambda: self.vault)

    def tokens(self) -> SignedInTokens:
        one = IdentityProvider(self.profile, now=self.clock.now)
        return SignedInTokens(self.store(), one, now=self.clock.now, sleep=lambda seconds: asyncio.sleep(0))


@pytest.fixture(params=["keyring", "file"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, provider: Provider) -> Desk:
    return Desk(tmp_path, provider, FakeVault() if request.param == "keyring" else None)


async def test_a_fresh_token_is_used_and_one_about_to_end_is_renewed(desk: Desk) -> None:
    mine = desk.tokens()
    assert await mine.access_token() == "access-0"
    desk.clock.advance(3539)
    assert await mine.access_token() == "access-0"
    assert desk.provider.asked == []
    desk.clock.advance(1)
    assert [await mine.access_token(), await mine.access_token()] == ["access-1", "access-1"]
    stored = desk.store().load()
    assert stored is not None
    assert (stored.refresh_token, stored.who) == ("refresh-1", "ada")
    assert stored.renew_at == desk.clock.now() + 3540
    desk.clock.advance(3540)
    assert await desk.tokens().access_token() == "access-2"


@pytest.mark.parametrize(
    ("life", "seconds"),
    [(3600, 3540), (100, 50), (0, 0.5), (-5, 0.5), (10**12, 86340), (None, 240), (True, 240)],
)
async def test_how_long_a_token_is_used(desk: Desk, life: object, seconds: float) -> None:
    desk.provider.life = life
    await desk.tokens().after_refusal("access-0")
    stored = desk.store().load()
    assert stored is not None
    assert stored.renew_at == desk.clock.now() + seconds


@pytest.mark.requirement("1.2.3")
async def test_many_tasks_and_programs_renew_once(desk: Desk) -> None:
    desk.clock.advance(4000)
    programs = [desk.tokens() for _ in range(3)]
    found = await asyncio.gather(*(one.access_token() for one in programs for _ in range(4)))
    assert set(found) == {"access-1"}
    assert desk.provider.grants("refresh_token") == 1


async def test_many_that_are_refused_renew_once(desk: Desk) -> None:
    programs = [desk.tokens() for _ in range(3)]
    found = await asyncio.gather(*(one.after_refusal("access-0") for one in programs for _ in range(4)))
    assert (set(found), desk.provider.grants("refresh_token")) == ({"access-1"}, 1)


async def test_a_provider_that_keeps_the_refresh_token_may(desk: Desk) -> None:
    desk.provider.before = lambda path: (
        (200, json.dumps({"access_token": "access-9", "token_type": "bearer", "expires_in": 3600}))
        if path == "/token"
        else None
    )
    assert await desk.tokens().after_refusal("access-0") == "access-9"
    stored = desk.store().load()
    assert stored is not None
    assert stored.refresh_token == "refresh-0"


async def test_a_sign_in_that_has_ended_is_forgotten_and_told(desk: Desk) -> None:
    desk.provider.alive.clear()
    for _ in range(2):
        with pytest.raises(AccessDeniedError, match=r"\./tlfif login") as caught:
            await desk.tokens().after_refusal("access-0")
        assert caught.value.code == "signed_out"
    assert desk.store().load() is None
    assert desk.provider.grants("refresh_token") == 1


@pytest.mark.parametrize("said", [(500, "{}"), (200, "<html>"), (200, '{"access_token": 1}')])
async def test_a_provider_in_trouble_signs_nobody_out(desk: Desk, said: tuple[int, str]) -> None:
    desk.provider.before = lambda path: said if path == "/token" else None
    with pytest.raises(ServerFailedError) as caught:
        await desk.tokens().after_refusal("access-0")
    assert caught.value.code == "sign_in_malformed"
    desk.provider.before = lambda path: None
    assert await desk.tokens().after_refusal("access-0") == "access-1"


async def test_a_lost_answer_is_told_and_no_token_is_in_the_error(desk: Desk) -> None:
    desk.provider.lost = 1
    with pytest.raises(NotReachableError) as caught:
        await desk.tokens().after_refusal("access-0")
    assert caught.value.code == "sign_in_unreachable"
    assert caught.value.__context__ is None
    assert "refresh-0" not in repr(caught.value)


async def test_who_leaves_while_it_is_renewed_keeps_the_new_one(desk: Desk) -> None:
    mine = desk.tokens()
    task = asyncio.create_task(mine.after_refusal("access-0"))

    def interrupt(path: str) -> None:
        if path == "/token":
            loop.call_soon_threadsafe(task.cancel)

    loop = asyncio.get_running_loop()
    desk.provider.before = interrupt
    with pytest.raises(asyncio.CancelledError):
        await task
    stored = desk.store().load()
    assert stored is not None
    assert stored.refresh_token == "refresh-1"


async def test_another_program_that_never_finishes_is_told(desk: Desk) -> None:
    script = "import sys, filelock as f; a = f.FileLock(sys.argv[1]); a.acquire(); print(flush=True); sys.stdin.read()"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(desk.home.sign_in_lock), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()
    with pytest.raises(NotReachableError) as caught:
        await desk.tokens().after_refusal("access-0")
    other.kill()
    await other.wait()
    assert caught.value.code == "sign_in_busy"
    assert await desk.tokens().after_refusal("access-0") == "access-1"  # the system freed the lock


@pytest.mark.requirement("1.2.3")
async def test_signing_out_revokes_and_forgets(desk: Desk) -> None:
    mine = desk.tokens()
    assert await mine.access_token() == "access-0"
    assert await mine.leave() is Leaving.REVOKED
    assert desk.provider.asked[-1]["token"] == "refresh-0"
    assert desk.provider.asked[-1]["client_id"] == CLIENT
    assert desk.store().load() is None
    assert desk.vault is None or not desk.vault.kept
    assert not desk.home.sign_in.exists()
    with pytest.raises(AccessDeniedError):
        await mine.access_token()
    assert await mine.leave() is Leaving.NOTHING


@pytest.mark.parametrize(
    ("said", "doors", "expected"),
    [((503, ""), {}, Leaving.NOT_REACHED), (None, {"revocation_endpoint": None}, Leaving.NO_ENDPOINT)],
)
async def test_signing_out_without_the_provider_says_so(
    desk: Desk, said: tuple[int, str] | None, doors: dict[str, object], expected: Leaving
) -> None:
    desk.provider.before, desk.provider.doors = (lambda path: said if path == "/revoke" else None), doors
    assert await desk.tokens().leave() is expected
    assert desk.store().load() is None


async def test_a_refused_request_is_sent_again_once_with_a_new_token(desk: Desk) -> None:
    seen: list[str] = []

    def serve(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        good = request.url.path == "/good" and request.headers["Authorization"] == "Bearer access-1"
        return httpx2.Response(200 if good else 401, json={})

    auth = FreshToken(desk.tokens())
    async with httpx2.AsyncClient(auth=auth, transport=httpx2.MockTransport(serve), base_url="http://api") as http:
        assert (await http.get("/good")).status_code == 200
        assert seen == ["Bearer access-0", "Bearer access-1"]
        seen.clear()
        assert (await http.post("/never", content=b"x")).status_code == 401
        assert seen == ["Bearer access-1", "Bearer access-2"]


async def test_an_answer_is_asked_for_again_with_a_new_token(desk: Desk) -> None:
    tokens: list[str] = []
    last = {"seq": 1, "kind": "succeeded", "at": 2, "data": {}}
    events = json.dumps({"events": [last], "last_seq": 1, "status": "succeeded", "machine": None}).encode()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        tokens.append(next(line for line in head.splitlines() if line.startswith("Authorization")))
        status, body = (401, b"{}") if len(tokens) == 1 else (200, events)
        writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode() + body)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        there = SignedInEndpoint(replace(desk.profile, api_url=url), desk.tokens())
        async with TlfifClient(there) as client:
            assert [str(getattr(news, "kind", "")) async for news in client.follow("job_1")] == ["succeeded"]
    assert tokens == ["Authorization: Bearer access-0", "Authorization: Bearer access-1"]


async def test_the_endpoint_is_the_home_on_aws(desk: Desk) -> None:
    endpoint = await SignedInEndpoint(desk.profile, desk.tokens()).again()
    assert (endpoint.base_url, endpoint.token) == ("http://127.0.0.1:9", "access-0")
    assert "access-0" not in repr(endpoint)


@pytest.mark.requirement("1.2.3")
def test_a_file_is_its_owners_only_and_says_what_that_means(tmp_path: Path, provider: Provider) -> None:
    desk = Desk(tmp_path, provider, None)
    assert desk.store().save(desk.sign_in()) is Place.FILE
    if sys.platform != "win32":
        assert stat.S_IMODE(desk.home.sign_in.stat().st_mode) == 0o600
    assert str(desk.home.sign_in) in file_warning(desk.home)
    assert "keyring" in file_warning(desk.home)


def test_a_long_sign_in_fits_into_windows_keyring(tmp_path: Path, provider: Provider) -> None:
    desk = Desk(tmp_path, provider, FakeVault())
    long = Tokens(access_token="a" * 3000, refresh_token="r" * 4000, renew_at=5.0)
    for _ in range(3):
        assert desk.store().save(long) is Place.KEYRING
        assert desk.store().load() == long
    assert desk.vault is not None
    assert len(desk.vault.kept) == 9  # the parts of earlier ones are gone
    assert not desk.home.sign_in.exists()
    desk.store().delete()
    assert desk.vault.kept == {}


def test_a_keyring_that_locks_loses_nothing(tmp_path: Path, provider: Provider) -> None:
    vault = FakeVault()
    desk = Desk(tmp_path, provider, vault)
    vault.locked = True
    with pytest.raises(AccessDeniedError, match="Unlock") as caught:
        desk.store().load()
    assert caught.value.code == "keyring_failed"
    newer = Tokens(access_token="new", refresh_token="r", renew_at=desk.clock.now() + 9999)
    assert desk.store().save(newer) is Place.FILE
    assert desk.store().load() == newer
    vault.locked = False
    assert desk.store().load() == newer  # not the older one in the keyring
    assert desk.store().save(newer) is Place.KEYRING
    assert not desk.home.sign_in.exists()
    vault.locked = True
    with pytest.raises(AccessDeniedError, match="let go"):
        desk.store().delete()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"for": "another"}', '{"access_token": 1}'])
def test_what_is_no_sign_in_is_none(tmp_path: Path, provider: Provider, text: str) -> None:
    vault = FakeVault()
    desk = Desk(tmp_path, provider, vault)
    for service, user in list(vault.kept):
        if not vault.kept[service, user].startswith("a:"):
            vault.kept[service, user] = text
    assert desk.store().load() is None
    for head in ("a:99", "a:x", "nonsense"):
        vault.kept[next(iter(vault.kept))[0].split(":a")[0], "tlfif"] = head
        assert desk.store().load() is None
    desk.home.sign_in.write_text(text)
    assert desk.store().load() is None


def test_another_provider_or_home_has_another_sign_in(tmp_path: Path, provider: Provider) -> None:
    desk = Desk(tmp_path / "a", provider, FakeVault())
    other = Desk(tmp_path / "b", provider, desk.vault)
    other.store().delete()
    assert other.store().load() is None
    assert desk.store().load() == desk.sign_in()


@pytest.mark.parametrize(("priority", "kept"), [(5, True), (0.5, False), (0, False)])
def test_only_a_keyring_that_keeps_secrets_is_used(
    monkeypatch: pytest.MonkeyPatch, priority: float, kept: bool
) -> None:
    vault = type("Vault", (), {"priority": priority})()
    monkeypatch.setattr("keyring.get_keyring", lambda: vault)
    assert (system_vault() is vault) is kept
    monkeypatch.setattr("keyring.get_keyring", lambda: 1 / 0)
    assert system_vault() is None


async def test_the_parts_fit_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, provider: Provider) -> None:
    monkeypatch.setattr(token_store, "system_vault", lambda: None)
    desk = Desk(tmp_path, provider, None)
    desk.store().save(Tokens(access_token="now", refresh_token=None, renew_at=time.time() + 999))
    assert await signed_in_tokens(desk.home, desk.profile).access_token() == "now"
    with pytest.raises(AccessDeniedError, match="expired"):
        await signed_in_tokens(desk.home, desk.profile).after_refusal("now")


async def test_a_program_that_goes_on_sees_soon_that_another_one_signed_out(desk: Desk) -> None:
    mine = desk.tokens()
    assert await mine.access_token() == "access-0"
    await desk.tokens().leave()
    desk.clock.advance(30)
    with pytest.raises(AccessDeniedError) as error:
        await mine.access_token()
    assert error.value.code == "signed_out"
