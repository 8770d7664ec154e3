"""Every test here gets a home of its own and real processes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.misbehaving.desk import STUB_PATH, Desk, MakeDesk, a_desk


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


@pytest.fixture(scope="module")
def path() -> str:
    """PYTHONPATH of the desk that lasts."""
    return STUB_PATH


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory, path: str) -> Iterator[list[Desk]]:
    """For :func:`lasting_desk`: the newest goes on from test to test. Its server ends with the file's last test."""
    made: list[Desk] = [Desk(tmp_path_factory.mktemp("lasting") / "home of Zoë", PYTHONPATH=path)]
    yield made
    server = made[-1].server
    if server is not None and server.poll() is None:
        server.terminate()
        assert server.wait(20) == 0
        assert made[-1].processes() == []


@pytest.fixture
async def lasting_desk(desks: list[Desk]) -> AsyncIterator[Desk]:
    """A running system with small numbers, shared with other tests, whose machine is off at the beginning and at the
    end. Only for tests that do not mind what is stored already: a server takes a second of work to start."""
    desk = desks[-1]
    try:
        await desk.visit()
        yield desk
        assert (await desk.call("POST", "/v1/machine/stop")).status_code == 202
        await desk.machine_is("off")
        await desk.gone(timeout=5.0)
        assert desk.most_workers <= 1, "two machines at a time"
    except BaseException:
        await desk.abolish()
        again = desk.home.with_name(f"home {len(desks)}")
        desks.append(
            Desk(again, PYTHONPATH=desk.environment["PYTHONPATH"])
        )  # what went wrong here shall not go on there
        raise
    finally:
        await desk.leave()
