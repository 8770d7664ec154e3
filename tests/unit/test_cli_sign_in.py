"""``login``, ``logout`` and ``profile``: what they do, what they say, how they end."""

import json
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.identity_provider import CLIENT, FakeVault, Person, Provider, serving_provider
from tests.unit.test_client_sign_in import free_ports
from tlfif.cli.main import main
from tlfif.client.profile import AWS, Profile, save_aws_profile, use
from tlfif.client.sign_in.token_store import Tokens, TokenStore
from tlfif.kernel.data_folder import DataFolder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving_provider() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    monkeypatch.setattr(TokenStore.__init__, "__kwdefaults__", {"find_vault": lambda: None})
    return DataFolder(tmp_path)


@pytest.fixture
def profile(home: DataFolder, provider: Provider) -> Profile:
    found = Profile(
        api_url="http://127.0.0.1:9", issuer=provider.url, client_id=CLIENT, scope="openid", region="eu-central-1",
        redirect_ports=free_ports(),
    )  # fmt: skip
    save_aws_profile(home, found)
    return found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*argv: str) -> tuple[int, str, str]:
        code = main(list(argv))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_signing_in_and_out(
    run: Run, home: DataFolder, profile: Profile, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(provider.authorize)
    monkeypatch.setattr("webbrowser.open", person)
    code, out, err = run("login")
    assert (code, out) == (0, "You are signed in as ada@example.com. To sign out: ./tlfif logout\n")
    assert person.opened[0] in err
    assert str(home.sign_in) in err  # no keyring here
    assert "still talk to this computer" in err
    assert not re.search(r"access-|refresh-|code-", out + err)
    assert run("logout")[:2] == (0, "You are signed out, here and at the provider.\n")
    assert run("logout")[:2] == (0, "You were not signed in.\n")
    assert "You are signed in" in person.page


def test_a_keyring_is_not_spoken_of(
    run: Run, profile: Profile, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = FakeVault()
    monkeypatch.setattr(TokenStore.__init__, "__kwdefaults__", {"find_vault": lambda: vault})
    monkeypatch.setenv("TLFIF_PROFILE", AWS)
    monkeypatch.setattr("webbrowser.open", Person(provider.authorize))
    code, _, err = run("login")
    assert code == 0
    assert "keyring" not in err
    assert "still talk" not in err
    assert vault.kept


def test_without_a_browser_the_address_is_to_be_copied(
    run: Run, profile: Profile, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = Person(provider.authorize)
    monkeypatch.setattr("tlfif.cli.login.opening_text", lambda url, opened: f"{by_hand(url)} {opened}")
    monkeypatch.setattr("webbrowser.open", None)
    code, out, err = run("login", "--no-browser")
    assert (code, out[:17], err.splitlines()[0]) == (0, "You are signed in", "True False")


def test_a_login_that_is_declined_is_one_sentence(
    run: Run, profile: Profile, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decline(url: str) -> str:
        return provider.authorize(url).replace("code=", "error=access_denied&x=")

    monkeypatch.setattr("webbrowser.open", Person(decline))
    code, out, err = run("login")
    assert (code, out) == (5, "")
    assert err.endswith("declined in the browser (access_denied). Nothing was changed. [sign_in_refused]\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a thread cannot press Ctrl-C there")
def test_ctrl_c_leaves_the_sign_in(run: Run, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    main_thread = threading.main_thread()

    def interrupt(url: str) -> bool:
        signal.pthread_kill(main_thread.ident or 0, signal.SIGINT)
        return True

    monkeypatch.setattr("webbrowser.open", interrupt)
    code, out, err = run("login")
    assert (code, out) == (130, "")
    assert err.endswith("You cancelled the sign-in. Nothing was changed.\n")


def test_a_logout_that_the_provider_did_not_hear_says_so(
    run: Run, home: DataFolder, profile: Profile, provider: Provider
) -> None:
    TokenStore(home, profile).save(Tokens(access_token="a", refresh_token="r", renew_at=0.0))
    provider.before = lambda path: (503, "")
    code, out, _ = run("logout")
    assert (code, "could not be reached" in out) == (5, True)
    assert not home.sign_in.exists()


@pytest.mark.parametrize("command", ["login", "logout"])
def test_there_must_be_a_home_on_aws(run: Run, home: DataFolder, command: str) -> None:
    code, _, err = run(command)
    assert (code, err.endswith("[profile_missing]\n")) == (2, True)


def test_the_profile_is_shown_and_chosen(run: Run, home: DataFolder, provider: Provider) -> None:
    assert run("profile")[:2] == (0, "This computer. There is no home on AWS yet; ./tlfif deploy sets one up.\n")
    assert json.loads(run("profile", "--json")[1]) == {"active": "computer", "aws": None, "bridge": False}
    assert run("profile", "use", "aws")[0] == 2
    save_aws_profile(home, Profile(
        api_url="https://api.example.com", issuer=provider.url, client_id=CLIENT, scope="openid", region="eu-central-1"
    ))  # fmt: skip
    assert "Commands talk to this computer.\n" in run("profile")[1]
    code, out, err = run("profile", "use", "aws")
    assert (code, out) == (0, "")
    assert err == "Commands talk to the home on AWS in eu-central-1 (https://api.example.com) from now on.\n"
    assert "Commands talk to the home on AWS.\n" in run("profile")[1]
    assert json.loads(run("profile", "--json")[1])["active"] == "aws"
    assert run("profile", "use", "moon")[2].endswith("[profile_unknown]\n")


def test_the_bridge_is_off_until_it_is_switched_on_and_stays_with_the_home(
    run: Run, home: DataFolder, profile: Profile
) -> None:
    assert "off (./tlfif profile bridge on)" in run("profile")[1]
    code, _, err = run("profile", "bridge", "on")
    assert (code, "costs nothing" in err) == (0, True)
    run("profile", "use", "computer")
    save_aws_profile(home, replace(profile, region="eu-west-1"))
    assert json.loads(run("profile", "--json")[1])["bridge"] is True
    assert run("profile", "bridge", "off")[0] == 0
    assert json.loads(run("profile", "--json")[1])["bridge"] is False
    assert run("profile", "bridge", "maybe")[0] == 2


def test_the_environment_is_named_where_it_stands_above(
    run: Run, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLFIF_PROFILE", "computer")
    assert "TLFIF_PROFILE is set to computer" in run("profile", "use", "aws")[2]
    assert json.loads(run("profile", "--json")[1])["active"] == "computer"


def test_under_aws_commands_ask_there_and_start_nothing_here(run: Run, home: DataFolder, profile: Profile) -> None:
    use(home, AWS)
    for argv in (["jobs", "list"], ["machine", "status"], ["machine", "stop"], ["cost"], ["model", "list"]):
        code, _, err = run(*argv)
        assert (code, err.endswith("[signed_out]\n")) == (5, True), err
    assert not home.server.exists()
    assert not home.lock.exists()


@pytest.mark.parametrize("argv", [["model", "pull", "smollm2"], ["model", "verify"]])
def test_what_is_for_this_computer_says_so(run: Run, home: DataFolder, profile: Profile, argv: list[str]) -> None:
    use(home, AWS)
    code, _, err = run(*argv)
    assert (code, err.endswith("./tlfif profile use computer [only_this_computer]\n")) == (2, True), err
