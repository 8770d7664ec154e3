"""A home that answers at once, for clients in processes of their own."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.installing import IN_CI
from tests.functional.api_server import ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers, like_a_model
from tlfif.control.submit_job import Submission

SWITCH = "TLFIF_TEST_CLIENTS"


def script(asked: Submission) -> list[dict[str, Any]]:
    """What the model says; to “start over” it loses its machine after the first word."""
    if asked.messages and "start over" in asked.messages[-1].content:
        words = ['{"a"', '{"a": 1}'] if asked.form is not None else ["Hi ", "Hello"]
        return [{"text": words[0]}, {"restarted": "the machine died"}, {"text": words[1]}]
    return like_a_model(asked)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Only where clients are to be tried: they are installed out of the registries."""
    if not IN_CI and os.environ.get(SWITCH) != "1":
        pytest.skip(f"clients out of the registries are tried with {SWITCH}=1")
    container = build_container(tmp_path_factory.mktemp("clients"))
    server = ApiServer(container, answers=ScriptedAnswers(container, script))
    server.start()
    yield server
    server.stop()
