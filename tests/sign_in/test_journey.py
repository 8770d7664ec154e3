"""Signing in as a person does: the real command, a real browser, a certified OpenID Connect provider."""

import json
import os
import select
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tlfif
from tests.sign_in.browser import Browser
from tests.sign_in.conftest import RunningProvider
from tests.sign_in.resource_server import ResourceServer, serving_resource
from tests.unit.test_client_sign_in import free_ports
from tests.waiting import PATIENCE
from tlfif.cli.main import main
from tlfif.client.profile import AWS, Profile, redirect_uri, save_aws_profile, use
from tlfif.kernel.data_folder import DataFolder

NO_KEYRING = "keyring.backends.fail.Keyring"


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the browser is handed its address through a pipe")


@pytest.fixture
def ports() -> tuple[int, ...]:
    return free_ports()


@pytest.fixture
def redirects(ports: tuple[int, ...]) -> list[str]:
    return [redirect_uri(port) for port in ports]


@pytest.fixture
def resource() -> Iterator[ResourceServer]:
    with serving_resource() as found:
        yield found


@pytest.fixture
def home(
    tmp_path: Path,
    provider: RunningProvider,
    resource: ResourceServer,
    ports: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> DataFolder:
    """Commands talk to the home on "AWS", on a computer without a keyring."""
    found = DataFolder(tmp_path / "home")
    resource.issuer = provider.url
    profile = Profile(
        api_url=resource.url,
        issuer=provider.url,
        client_id="tlfif-desk",
        scope="openid email tlfif/use",
        region="eu-central-1",
        redirect_ports=ports,
    )
    save_aws_profile(found, profile)
    use(found, AWS)
    monkeypatch.setenv("TLFIF_HOME", str(found.root))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", NO_KEYRING)
    monkeypatch.setenv("PYTHONPATH", str(Path(tlfif.__file__).parents[1]))
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    return found


class Command:
    """A command in a process of its own."""

    def __init__(self, *argv: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tlfif", *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> tuple[int, str, str]:
        """Its exit code and what it said."""
        out, err = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, out, err


@pytest.fixture
def start_login(home: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Command, str]]:
    """Types ``tlfif login``; gives the command and the address that the system's browser was opened with."""
    script, handed = tmp_path / "browser.sh", tmp_path / "handed-over"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$1" > "$HANDED"\n')
    script.chmod(0o755)
    os.mkfifo(handed)
    monkeypatch.setenv("BROWSER", f"{script} %s")
    monkeypatch.setenv("HANDED", str(handed))

    def start() -> tuple[Command, str]:
        reader = os.open(handed, os.O_RDWR)
        command = Command("login")
        ready, _, _ = select.select([reader], [], [], PATIENCE)
        url = os.read(reader, 10_000).decode().strip() if ready else ""
        os.close(reader)
        assert url, command.end()
        return command, url

    return start


def sign_in_at(browser: Browser, url: str) -> None:
    """What the person does."""
    browser.visit(url)
    browser.type("login", "ada@example.com")
    browser.type("password", "any will do")
    browser.click("button[type=submit]")
    assert "tlfif/use" in browser.text
    browser.click("button[type=submit]")


def stored(home: DataFolder) -> dict[str, str]:
    return dict(json.loads(home.sign_in.read_text()))


def token_door(provider: RunningProvider, **form: str) -> tuple[int, dict[str, str]]:
    """What the provider says to somebody who has a copy of a token or a code."""
    body = urllib.parse.urlencode({"client_id": "tlfif-desk", **form}).encode()
    try:
        with urllib.request.urlopen(f"{provider.url}/token", body, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.requirement("1.2.2")
def test_from_the_sign_in_to_the_sign_out(
    home: DataFolder,
    provider: RunningProvider,
    resource: ResourceServer,
    browser: Browser,
    start_login: Callable[[], tuple[Command, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Declined in the browser.
    command, url = start_login()
    browser.visit(url)
    browser.click(".login-help a")
    assert "You are not signed in" in browser.text
    code, out, err = command.end()
    assert (code, out, "[sign_in_refused]" in err) == (5, "", True)
    assert not home.sign_in.exists()

    # Signed in.
    command, url = start_login()
    sign_in_at(browser, url)
    assert "You are signed in" in browser.text
    signed_in = command.end()
    assert signed_in[:2] == (0, "You are signed in as ada@example.com. To sign out: ./tlfif logout\n")
    assert str(home.sign_in) in signed_in[2]
    first = stored(home)
    assert home.sign_in.stat().st_mode & 0o777 == 0o600
    everything = "".join(map(str, signed_in)) + browser.text
    assert not [name for name in ("access_token", "refresh_token") if first[name] in everything]

    # The token opens the API.
    assert main(["jobs", "list"]) == 0
    assert capsys.readouterr().out == "Nothing has been asked yet.\n"
    assert resource.seen == [(200, first["access_token"])]

    # Two programs whose token the API takes no more: one renews, both go on.
    resource.refused.add(first["access_token"])
    both = [Command("jobs", "list") for _ in range(2)]
    assert [one.end()[:2] for one in both] == [(0, "Nothing has been asked yet.\n")] * 2
    second = stored(home)
    assert provider.seen() == ["authorization_code", "refresh_token"]
    assert second["refresh_token"] != first["refresh_token"]

    # Before its end it is renewed, and the API never sees the old one.
    home.sign_in.write_text(json.dumps({**second, "renew_at": 0}))
    resource.seen.clear()
    assert main(["jobs", "list"]) == 0
    third = stored(home)
    assert resource.seen == [(200, third["access_token"])]
    assert third["access_token"] != second["access_token"]
    assert provider.seen().count("refresh_token") == 2

    # Signed out: the copy that somebody made is worth nothing.
    capsys.readouterr()
    assert main(["logout"]) == 0
    assert capsys.readouterr().out == "You are signed out, here and at the provider.\n"
    assert not home.sign_in.exists()
    status, answer = token_door(provider, grant_type="refresh_token", refresh_token=third["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert main(["jobs", "list"]) == 5
    assert capsys.readouterr().err.endswith("Sign in: ./tlfif login [signed_out]\n")

    # Signed in again. The code in the browser's history is worth nothing.
    command, url = start_login()
    browser.visit(url)  # it knows who sits there
    browser.click("button[type=submit]")
    back = browser.url
    assert command.end()[0] == 0
    seen = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    form = {"grant_type": "authorization_code", "code": seen["code"], "redirect_uri": back.partition("?")[0]}
    assert token_door(provider, **form, code_verifier="v" * 43)[1]["error"] == "invalid_grant"
    assert main(["jobs", "list"]) == 0

    # Somebody used a copy of the refresh token: the provider ends the sign-in at its second use, and that is told.
    mine = stored(home)
    assert token_door(provider, grant_type="refresh_token", refresh_token=mine["refresh_token"])[0] == 200
    resource.refused.add(mine["access_token"])
    assert main(["jobs", "list"]) == 5
    assert "does not accept this sign-in any more" in capsys.readouterr().err
    assert not home.sign_in.exists()
