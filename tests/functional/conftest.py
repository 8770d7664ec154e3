"""Running servers for the tests of the API."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers, like_a_model
from tlfif.jobs.policy import JobPolicy


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One server for all tests of a file; each test makes its own jobs."""
    server = ApiServer(build_container(tmp_path_factory.mktemp("api")))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server whose model answers at once."""
    container = build_container(tmp_path_factory.mktemp("scripted"))
    server = ApiServer(container, answers=ScriptedAnswers(container, like_a_model))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_api(tmp_path: Path) -> Iterator[Callable[..., ApiServer]]:
    """Servers of a test's own, with its own policy and whatever else differs in their container."""
    started: list[ApiServer] = []

    def start(job_policy: JobPolicy | None = None, **changed: Any) -> ApiServer:
        container = build_container(tmp_path / str(len(started)), job_policy=job_policy)
        server = ApiServer(replace(container, **changed))
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def http(api: ApiServer) -> Iterator[httpx2.Client]:
    """A client that may do everything."""
    with api.client() as client:
        yield client
