"""The lines that ``./tlfif connect`` prints for a client are its whole program: they are run as they stand."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.clients import CLIENTS
from tests.clients.installing import command_of
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer
from tlfif.cli.output.client_lines import LINES, Entrance, lines_for

PACKAGES = {
    "openai-python": "openai==",
    "node": "openai@",
    "langchain": "langchain-openai==",
    "litellm": "litellm==",
    "anthropic": "anthropic==",
    "ollama": "ollama==",
}
"""What each is installed from."""
INSTALLED = {
    lines: client for lines, package in PACKAGES.items() for client in CLIENTS if client.packages[0].startswith(package)
}


def run(home: ApiServer, client: str, command: list[str], folder: Path) -> str:
    """Standard output of that client's lines, run by ``command``."""
    text = lines_for(client, Entrance(root=home.url, key=TOKEN, model=READY_MODEL))
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    environment = {name: value for name, value in os.environ.items() if name not in proxies}
    environment["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would wait for the network
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=90, check=False, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.requirement("2.4.9")
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("client", INSTALLED)
def test_the_lines_of_a_client_are_its_whole_program(home: ApiServer, client: str, tmp_path: Path) -> None:
    program, script = command_of(INSTALLED[client])
    command = [program, "--input-type=module", "-"] if program == "node" else [program, "-"]
    folder = Path(script).parent if program == "node" else tmp_path
    assert run(home, client, command, folder).strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curls_lines_are_the_whole_command(home: ApiServer, tmp_path: Path) -> None:
    assert '"content"' in run(home, "curl", ["sh"], tmp_path)


def test_the_chat_page_asks_no_more_than_its_user() -> None:
    for extra in ("TITLE", "TAGS", "FOLLOW_UP"):
        assert f"ENABLE_{extra}_GENERATION=False" in LINES["open-webui"]


def test_every_client_that_is_installed_has_its_lines() -> None:
    assert set(INSTALLED) <= set(LINES)
