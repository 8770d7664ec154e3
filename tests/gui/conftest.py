"""A screen of its own for the tests of the window, and windows that fail their test when a callback raises."""

import gc
import os
import shutil
import subprocess
import tkinter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from weakref import WeakSet

import pytest

from tests.fakes.gui import Desk
from tests.gui.seat import Seat
from tlfif.gui.core import WindowCore
from tlfif.gui.look.palette import LIGHT, Palette
from tlfif.gui.look.theme import open_look
from tlfif.gui.window import MainWindow

_WINDOWS: WeakSet[tkinter.Tk] = WeakSet()
NO_SCREEN = "The window's tests need a screen: install Xvfb (Debian: apt-get install xvfb), or set DISPLAY."


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    """The name of a display that nobody else uses. Without Xvfb: this desk's own, a skip, or in CI a failure."""
    server = shutil.which("Xvfb")
    if server is None:
        if os.environ.get("DISPLAY"):
            yield os.environ["DISPLAY"]
            return
        if os.environ.get("CI") == "true" or os.environ.get("TLFIF_CI"):
            pytest.fail(NO_SCREEN)
        pytest.skip(NO_SCREEN)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-dpi", "96", "-nolisten", "tcp"],
        pass_fds=[writer],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        number = told.readline().strip()
    before = os.environ.get("DISPLAY")
    os.environ["DISPLAY"] = f":{number}"
    yield f":{number}"
    if before is None:
        del os.environ["DISPLAY"]
    else:
        os.environ["DISPLAY"] = before
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def desk() -> Desk:
    """A core over a fake bridge."""
    return Desk()


@pytest.fixture
def open_seat(screen: str) -> Iterator[Callable[..., Seat]]:
    """Opens windows; at the end they are gone, and no callback of theirs has raised."""
    assert not _WINDOWS, "something still holds an earlier test's window"
    seats: list[Seat] = []
    raised: list[BaseException] = []

    def failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        raised.append(error)

    def make(core: WindowCore, *, palette: Palette = LIGHT, points: int = 11, size: str = "900x600") -> Seat:
        # Its settings say what it was opened with: it takes their look when one of them changes, such as its own size,
        # which it keeps a moment after it was opened.
        settings = core.state.settings
        values = replace(settings.values, font_size=points, appearance=palette.name)
        core.state = replace(core.state, settings=replace(settings, values=values))
        look = open_look(points=points, palette=palette)
        _WINDOWS.add(look.root)
        window = MainWindow(look.root, core, look)
        look.root.report_callback_exception = failed
        look.root.geometry(f"{size}+0+0")
        window.open()
        seat = Seat(window)
        seats.append(seat)
        seat.settle()
        return seat

    yield make
    for seat in seats:
        if not seat.is_closed():
            seat.window.core.close()
            seat.window.leave()
    if raised:
        raise raised[0]


@pytest.fixture(scope="module", autouse=True)
def _what_was_there_before() -> None:
    """Out of the collector's sight: it looks through all that is left after each test here. Not while a test that
    failed still holds its window, or it would never be collected."""
    gc.unfreeze()
    gc.collect()
    if not _WINDOWS:
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Iterator[None]:
    """What the toolkit made is collected in this thread, as soon as nothing of the test holds it: Tcl ends the process
    where another thread lets go of an interpreter."""
    done = yield
    if "screen" in item.fixturenames:
        gc.collect()
    return done


@pytest.fixture
def seat(desk: Desk, open_seat: Callable[..., Seat]) -> Seat:
    """A window over the fake bridge."""
    return open_seat(desk.core)


@pytest.fixture(autouse=True)
def _no_root_is_left() -> Iterator[None]:
    yield
    assert tkinter._default_root is None, "a window was left open"
