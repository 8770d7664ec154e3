"""What commands talk to: the file, what stands above it, and what it costs a command that stays on this computer."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import tlfif
from tlfif.client.local_server import LocalServer
from tlfif.client.locators import locator_for
from tlfif.client.profile import (
    AWS,
    COMPUTER,
    Profile,
    Profiles,
    active_profile,
    load_profiles,
    redirect_uri,
    save_aws_profile,
    use,
)
from tlfif.client.sign_in.signed_in import SignedInEndpoint
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import InvalidInputError, NotFoundError, UnavailableError


def a_profile(**changes: object) -> Profile:
    base: dict[str, object] = {
        "api_url": "https://api.example.com", "issuer": "https://issuer.example.com/pool", "client_id": "abc",
        "scope": "openid tlfif/use", "region": "eu-central-1",
    }  # fmt: skip
    return Profile(**{**base, **changes})


@pytest.fixture
def home(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "home")


def test_without_a_file_it_is_this_computer(home: DataFolder) -> None:
    assert load_profiles(home) == Profiles()
    assert active_profile(home) is None
    assert isinstance(locator_for(home), LocalServer)


@pytest.mark.requirement("9.2.1")
def test_what_was_saved_is_found_again(home: DataFolder) -> None:
    profile = a_profile(revoke_url="http://127.0.0.1:5/revoke", redirect_ports=(2000, 3000))
    save_aws_profile(home, profile)
    assert load_profiles(home) == Profiles(aws=profile)
    assert active_profile(home) is None
    assert use(home, AWS).active == AWS
    assert active_profile(home) == profile
    assert isinstance(locator_for(home), SignedInEndpoint)
    other = a_profile(client_id="def")
    save_aws_profile(home, other)
    assert active_profile(home) == other
    if sys.platform != "win32":
        assert stat.S_IMODE(home.profile.stat().st_mode) == 0o600
    save_aws_profile(home, None)
    assert load_profiles(home) == Profiles()


def test_the_environment_stands_above_the_file(home: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save_aws_profile(home, a_profile())
    monkeypatch.setenv("TLFIF_PROFILE", AWS)
    assert isinstance(locator_for(home), SignedInEndpoint)
    use(home, AWS)
    monkeypatch.setenv("TLFIF_PROFILE", COMPUTER)
    assert isinstance(locator_for(home), LocalServer)
    monkeypatch.setenv("TLFIF_PROFILE", "")
    assert isinstance(locator_for(home), SignedInEndpoint)
    monkeypatch.setenv("TLFIF_PROFILE", "moon")
    with pytest.raises(InvalidInputError) as caught:
        locator_for(home)
    assert caught.value.code == "profile_unknown"


def test_aws_must_have_been_set_up(home: DataFolder) -> None:
    with pytest.raises(NotFoundError, match="tlfif deploy") as caught:
        use(home, AWS)
    assert caught.value.code == "profile_missing"
    assert not home.profile.exists()
    with pytest.raises(NotFoundError):
        active_profile(home, AWS)
    with pytest.raises(InvalidInputError, match="two: computer and aws"):
        use(home, "moon")


def test_a_later_versions_file_is_understood(home: DataFolder) -> None:
    save_aws_profile(home, a_profile())
    found = json.loads(home.profile.read_text())
    found["aws"]["colour"] = found["more"] = 1
    home.profile.write_text(json.dumps(found))
    assert load_profiles(home).aws == a_profile()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"active": "moon"}', '{"active": []}', '{"active": "aws", "aws": []}',
     '{"active": "aws", "aws": {}}', '{"active": "computer", "aws": {"api_url": "https://a", "issuer": 1}}', "\udcff"],
)  # fmt: skip
def test_a_damaged_file_says_what_to_do(home: DataFolder, text: str) -> None:
    home.create()
    home.profile.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidInputError, match="Delete it") as caught:
        load_profiles(home)
    assert caught.value.code == "profile_damaged"
    assert active_profile(home, COMPUTER) is None  # the way out needs no file


def test_a_file_that_cannot_be_read_is_told(home: DataFolder) -> None:
    home.profile.mkdir(mode=0o700, parents=True)
    with pytest.raises(UnavailableError, match=r"cannot be used: profile\.json: Is a directory") as caught:
        load_profiles(home)
    assert caught.value.code == "home_not_usable"


def test_a_folder_that_is_a_file_is_not_called_a_damaged_profile(home: DataFolder) -> None:
    home.root.parent.mkdir(parents=True, exist_ok=True)
    home.root.write_text("")
    with pytest.raises(UnavailableError, match="it is a file") as caught:
        load_profiles(home)
    assert caught.value.code == "home_not_usable"


@pytest.mark.parametrize(
    "changes",
    [
        {"api_url": "http://api.example.com"},
        {"api_url": "http://127.0.0.1.example.com"},
        {"api_url": "https://"},
        {"api_url": "https://user:word@example.com"},
        {"api_url": "https://example.com/?a=1"},
        {"api_url": "https://example.com:x"},
        {"api_url": "https://exa mple.com"},
        {"api_url": "file:///etc/passwd"},
        {"issuer": "http://issuer.example.com"},
        {"issuer": None},
        {"token_url": "http://example.com"},
        {"client_id": ""},
        {"client_id": "a b"},
        {"scope": "tlfif/use"},
        {"scope": "openid  double"},
        {"region": "moon"},
        {"redirect_ports": ()},
        {"redirect_ports": (80,)},
        {"redirect_ports": (2000, 2000)},
        {"redirect_ports": (True, 3000)},
        {"redirect_ports": tuple(range(2000, 2009))},
        {"redirect_ports": [2000]},
    ],
)
def test_what_is_no_profile_is_none(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        a_profile(**changes)
    assert caught.value.code == "profile_invalid"
    assert next(iter(changes)) == caught.value.details["field"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:5", "http://localhost", "http://[::1]:5", "https://a.example"])
def test_plain_http_is_for_this_computer_only(address: str) -> None:
    assert a_profile(api_url=address).api_url == address


def test_the_address_that_a_user_pool_registers() -> None:
    assert redirect_uri(17653) == "http://127.0.0.1:17653/callback"


def test_a_command_that_stays_on_this_computer_loads_nothing_of_signing_in(home: DataFolder) -> None:
    save_aws_profile(home, a_profile())
    code = (
        "import sys; from pathlib import Path; from tlfif.kernel.data_folder import DataFolder;"
        "import tlfif.cli.ask, tlfif.cli.chat, tlfif.cli.machine, tlfif.cli.jobs, tlfif.cli.login, tlfif.cli.logout;"
        "import tlfif.cli.profile; from tlfif.client.locators import locator_for;"
        "locator_for(DataFolder(Path(sys.argv[1])));"
        "heavy = {'authlib', 'joserfc', 'keyring', 'cryptography', 'httpx2', 'tlfif.client.sign_in.signed_in'};"
        "found = heavy & set(sys.modules); sys.exit(repr(found) if found else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(tlfif.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(home.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
