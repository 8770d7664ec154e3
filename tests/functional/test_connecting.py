"""How another program gets in: the commands as a person types them, and the server that they start."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.functional.test_api_server_process import COMMAND, environment
from tlfif.api.loopback import NEAR_PORTS, USUAL_PORT, bind, usual_sockets
from tlfif.cli.main import main
from tlfif.cli.output.client_lines import LINES, Entrance, environment_lines, lines_for, login_lines
from tlfif.client.profile import AWS, Profile, save_aws_profile, use
from tlfif.kernel.access import load_access
from tlfif.kernel.data_folder import DataFolder, read_server

QUIET = {"TLFIF_HUB_URL": "http://127.0.0.1:9"}


class Desk:
    """Commands in one data folder, and what they printed."""

    def __init__(self, home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._capsys = home, capsys
        self.out = self.err = ""

    def run(self, *words: str) -> int:
        self._capsys.readouterr()
        status = main(list(words))
        self.out, self.err = self._capsys.readouterr()
        return status

    def object(self, *words: str) -> Any:
        assert self.run(*words, "--json") == 0, self.err
        return json.loads(self.out)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """A folder whose server a person has started on a port of his choice."""
    found = DataFolder(tmp_path_factory.mktemp("connecting") / "home")
    with bind(0) as free:
        port = str(free.getsockname()[1])
    command = [*COMMAND[:3], "tlfif", "serve"]
    subprocess.run([*command, "--port", port], env=environment(found.root, **QUIET), check=True, capture_output=True)
    yield found
    subprocess.run([*command, "--stop"], env=environment(found.root), check=True, capture_output=True)


@pytest.fixture
def desk(home: DataFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name, value in {**QUIET, "TLFIF_HOME": str(home.root)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    return Desk(home, capsys)


def status_of(url: str, key: str, path: str = "/v1/models", **headers: str) -> int:
    bearer = {"Authorization": f"Bearer {key}", **headers}
    return httpx2.get(url.removesuffix("/v1") + path, headers=bearer, trust_env=False).status_code


@pytest.mark.requirement("2.4.9")
def test_one_command_has_address_and_key_and_the_server_stays(desk: Desk) -> None:
    assert not load_access(desk.home).keep
    found = desk.object("connect")
    port = load_access(desk.home).port
    assert read_server(desk.home).port == port, "the one that was chosen is remembered"
    assert found["openai_url"] == f"http://127.0.0.1:{port}/v1"
    assert (found["key_name"], found["answers"], found["keep"]) == ("programs", "computer", True)
    assert status_of(found["openai_url"], found["key"]) == 200
    assert status_of(found["openai_url"], found["key"], "/v1/server/stop") == 403
    assert httpx2.get(f"{found['ollama_url']}/api/tags", trust_env=False).status_code == 200
    assert desk.object("connect")["key"] == found["key"], "the same again"
    assert desk.run("connect") == 0
    assert found["key"] in desk.out
    assert "which costs nothing" in desk.err
    assert desk.object("serve", "--status")["keys"] == ["programs"]


def test_each_client_has_a_key_of_its_own_and_revoking_one_ends_it_at_once(desk: Desk) -> None:
    url = desk.object("connect")["openai_url"]
    one = desk.object("connect", "aider")["key"]
    other = desk.object("key", "add", "mine")["key"]
    assert desk.run("connect", "aider") == 0
    assert f'OPENAI_API_KEY="{one}"' in desk.out
    assert [status_of(url, key) for key in (one, other)] == [200, 200]
    assert {"aider", "mine"} <= {key["name"] for key in desk.object("key", "list")["keys"]}
    assert desk.run("key", "revoke", "aider") == 0
    assert [status_of(url, key) for key in (one, other)] == [401, 200]
    assert desk.object("connect", "aider")["key"] != one
    assert desk.run("key", "revoke", "none") == 2
    assert "There is no key named 'none'" in desk.err


def test_the_shell_sets_the_variables(desk: Desk) -> None:
    assert desk.run("connect", "--env") == 0
    if os.name == "posix":
        shown = subprocess.run(
            ["sh", "-c", f'{desk.out}\nprintf "%s" "$OPENAI_BASE_URL $OPENAI_API_KEY $ANTHROPIC_BASE_URL"'],
            capture_output=True,
            text=True,
            check=True,
            env={},
        ).stdout
        url, key, root = shown.split(" ")
        assert status_of(url, key) == 200
        assert url == f"{root}/v1"


def test_what_is_allowed_holds_for_the_server_that_runs(desk: Desk) -> None:
    url = desk.object("connect")["openai_url"]
    host, origin = {"Host": "host.docker.internal"}, {"Origin": "http://localhost:3000"}
    key = desk.object("connect")["key"]
    assert [status_of(url, key, **more) for more in (host, origin)] == [421, 403]
    words = ("--allow-host", "host.docker.internal", "--allow-origin", origin["Origin"])
    assert desk.run("serve", *words) == 0
    assert "Allowed names: host.docker.internal" in desk.out
    assert [status_of(url, key, **more) for more in (host, origin)] == [200, 200]
    assert desk.run("serve", "--allow-origin", "*") == 2
    assert "origin_invalid" in desk.err
    assert desk.object("serve", "--allow-none")["hosts"] == []
    assert [status_of(url, key, **more) for more in (host, origin)] == [421, 403]


def test_it_stays_only_as_long_as_it_is_told_to(desk: Desk) -> None:
    desk.object("connect")
    assert desk.run("serve", "--status") == 0
    assert "It stays until you end it." in desk.out
    assert desk.object("serve", "--no-keep")["keep"] is False
    assert desk.run("serve", "--status") == 0
    assert "It ends by itself" in desk.out
    assert desk.object("serve", "--keep")["keep"] is True


def test_with_the_home_on_aws_it_says_what_that_costs(desk: Desk) -> None:
    url = "http://127.0.0.1:9"
    save_aws_profile(desk.home, Profile(api_url=url, issuer=url, client_id="c", scope="openid", region="eu-central-1"))
    use(desk.home, AWS)
    try:
        assert desk.object("serve")["answers"] == "aws"
        assert desk.run("serve") == 0
        assert "the home on AWS in eu-central-1" in desk.out
        assert "costs money" in desk.out
    finally:
        use(desk.home, "computer")


def test_an_unknown_client_is_told_which_are_known(desk: Desk) -> None:
    assert desk.run("connect", "emacs") == 2
    assert "aider" in desk.err


@pytest.mark.requirement("2.4.9")
def test_the_port_stays_the_same_and_is_never_changed_in_silence(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    first = usual_sockets(home)
    port = first[0].getsockname()[1]
    assert port in NEAR_PORTS
    close(first)
    again = usual_sockets(home)
    assert again[0].getsockname()[1] == port
    close(again)
    with bind(port):
        elsewhere = usual_sockets(home)
        assert elsewhere[0].getsockname()[1] != port
        assert load_access(home).port == port
        close(elsewhere)
    back = usual_sockets(home)
    assert back[0].getsockname()[1] == port
    close(back)


def test_another_folder_does_not_take_the_usual_ones_port(tmp_path: Path) -> None:
    found = usual_sockets(DataFolder(tmp_path))
    assert found[0].getsockname()[1] != USUAL_PORT
    close(found)


def test_a_port_that_is_half_taken_is_taken() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
        try:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        other.listen()
        from tlfif.api.loopback import bind_both

        with pytest.raises(Exception, match="is in use"):
            bind_both(other.getsockname()[1])


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


AT = Entrance(root="http://127.0.0.1:17650", key="sk-tlfif-x", model="smollm2")


@pytest.mark.parametrize("client", LINES)
def test_every_clients_lines_have_all_that_it_needs(client: str) -> None:
    lines = lines_for(client, AT)
    assert "$URL" not in lines.replace('"$URL"', "")
    for name in ("$KEY", "$ROOT", "$OLLAMA", "$MODEL"):
        assert name not in lines
    assert AT.key in lines
    assert "127.0.0.1:17650" in lines


def test_lines_for_other_systems() -> None:
    assert '$env:OPENAI_API_KEY = "sk-tlfif-x"' in environment_lines(AT, windows=True)
    for system, word in {
        "linux": "ExecStart=/x serve --foreground",
        "darwin": "<string>/x</string>",
        "win32": "schtasks",
    }.items():
        assert word in login_lines(system, program="/x", home="/h")
