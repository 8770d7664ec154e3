"""What a test needs that boots a machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import emulator  # noqa: F401  # a fixture
from tests.images.root import builder_layers, image_layers, in_memory, why_not


@pytest.fixture(scope="session")
def image() -> tuple[Path, ...]:
    """The folders of this checkout's image, the uppermost first."""
    _must_boot()
    return image_layers()


@pytest.fixture(scope="session")
def base() -> tuple[Path, ...]:
    """The folders of the system that images are made of, likewise."""
    _must_boot()
    return builder_layers()


def _must_boot() -> None:
    if reason := why_not():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, for the top of an overlay."""
    with in_memory() as folder:
        yield folder
