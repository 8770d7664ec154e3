"""What a test needs that boots a machine."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import emulator  # noqa: F401  # a fixture
from tests.images.root import MEMORY, image_layers, why_not


@pytest.fixture(scope="session")
def image() -> tuple[Path, ...]:
    """The folders of this checkout's image, the uppermost first."""
    if reason := why_not():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    return image_layers()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, for the top of an overlay."""
    with tempfile.TemporaryDirectory(prefix="tlfif-test-", dir=MEMORY) as folder:
        yield Path(folder)
