"""Every test here speaks to the emulator; see ``tests/aws/emulator.py``."""

import os
from collections.abc import Iterator

import boto3
import pytest

from tests.aws.emulator import Emulator, running_emulator
from tests.aws.function_home import FunctionHome, a_function_home


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The emulated AWS of this pytest worker. Make names with ``emulator.unique``."""
    with running_emulator() as running:
        yield running


@pytest.fixture(scope="session")
def aws_endpoint(emulator: Emulator) -> str:
    """Where the emulator listens."""
    return emulator.endpoint


@pytest.fixture(scope="session")
def aws_session(emulator: Emulator) -> boto3.Session:
    """A session with made-up credentials."""
    return emulator.session


@pytest.fixture(scope="session")
def function_home(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionHome]:
    """That of this pytest worker, as the test before left it."""
    if not hasattr(os, "fork"):
        pytest.skip("a sandbox is made by fork, which Windows does not have")
    with a_function_home(emulator, tmp_path_factory.mktemp("functions")) as home:
        yield home


@pytest.fixture
def house(function_home: FunctionHome) -> FunctionHome:
    """A home whose functions are new at each call, on its first day."""
    function_home.new()
    return function_home
