"""Every test here gets a home of its own and real processes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.misbehaving.desk import Desk, MakeDesk, a_desk


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a blank and a letter that is not ASCII in its name."""
    return tmp_path / "home of Zoë"


@pytest.fixture
async def desk(home: Path) -> AsyncIterator[Desk]:
    """A running system with small numbers."""
    async with a_desk(home) as running:
        yield running


@pytest.fixture
def a_desk_with(home: Path) -> MakeDesk:
    """Makes a running system with other numbers."""

    def make(**settings: str) -> AbstractAsyncContextManager[Desk]:
        return a_desk(home, **settings)

    return make
