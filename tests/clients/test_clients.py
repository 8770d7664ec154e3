"""Other programs' clients, unchanged out of their registries, against a home.

``TLFIF_TEST_CLIENTS=1 ./tlfif test tests/clients`` tries them and notes what was seen in ``results.json``;
``python dev/tables.py`` then makes the table in docs/reference/clients.md.
"""

import json
import os
import subprocess

import pytest

from tests.clients.clients import CLIENTS, Client, keep_result, load_results
from tests.clients.installing import IN_CI, command_of
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer

SECONDS = 90


@pytest.mark.requirement("2.4.1", "2.4.8")
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_does_what_it_is_for(home: ApiServer, client: Client) -> None:
    settings = {"TLFIF_URL": home.url, "TLFIF_KEY": TOKEN, "TLFIF_MODEL": READY_MODEL, "PYTHONWARNINGS": "ignore"}
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    environment = {name: value for name, value in os.environ.items() if name not in proxies}
    done = subprocess.run(
        command_of(client),
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"deed"')]
    deeds = {line["deed"]: line["problem"] for line in lines}
    assert done.returncode == 0, done.stdout + done.stderr
    assert deeds, done.stdout + done.stderr
    if not IN_CI:
        keep_result(client, deeds)
    assert not any(deeds.values()), deeds


@pytest.mark.requirement("2.4.8")
def test_what_the_table_says_was_seen_of_the_present_clients() -> None:
    seen = {name: result.fingerprint for name, result in load_results().items()}
    assert seen == {client.name: client.fingerprint for client in CLIENTS}, (
        "TLFIF_TEST_CLIENTS=1 ./tlfif test tests/clients"
    )
