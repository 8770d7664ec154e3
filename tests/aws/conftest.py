"""Every test here speaks to the emulator; see ``tests/aws/emulator.py``."""

from collections.abc import Iterator

import boto3
import pytest

from tests.aws.emulator import Emulator, running_emulator


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
