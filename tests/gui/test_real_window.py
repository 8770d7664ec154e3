"""The window as its owner uses it: real keys and clicks, the real server, the real machine, the real small model."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gui.seat import Seat
from tlfif.gui.bridge.opening import open_core
from tlfif.gui.model.state import ExchangeStage, StatusKind
from tlfif.kernel.data_folder import DataFolder

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(300),
    # The window starts the server and leaves it running: that is meant.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]
CLOSED_PORT = "http://127.0.0.1:9"
AWAY = {StatusKind.OFF, StatusKind.HELD}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    """A home of its own; its server and its machine are gone afterwards."""
    for name, value in {
        "TLFIF_HOME": str(tmp_path / "home"),
        "TLFIF_HUB_URL": CLOSED_PORT,
        "TLFIF_PRICE_LIST_URL": CLOSED_PORT,
        "TLFIF_EXCHANGE_URL": CLOSED_PORT,
        "TLFIF_MACHINE__ENGINE_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
    }.items():
        monkeypatch.setenv(name, value)
    yield DataFolder(tmp_path / "home")
    subprocess.run([sys.executable, "-m", "tlfif", "serve", "--stop"], timeout=60, check=False, capture_output=True)


def test_a_day_with_the_window(home: DataFolder, open_seat: Callable[..., Seat]) -> None:
    core = open_core(home)
    seat = open_seat(core)
    window = seat.window
    seat.wait(
        lambda: core.state.status_line.kind is StatusKind.OFF and core.state.cost.simulated, "the server is found", 60
    )
    before = core.state.cost.simulated
    assert before is not None

    seat.focus(window.chat.composer.text)
    seat.type("Say hello.")
    seat.click(window.chat.composer.send_button)
    kinds = set()

    def answered() -> bool:
        kinds.add(core.state.status_line.kind)
        exchanges = core.state.conversation.exchanges
        return bool(exchanges) and exchanges[-1].stage is ExchangeStage.DONE

    seat.wait(answered, "the answer", 120)
    answer = str(core.state.conversation.exchanges[-1].answer)
    assert answer.strip()
    seat.wait(lambda: answer in window.chat.conversation.text.get("1.0", "end"), "it is shown")
    receipt = core.state.conversation.exchanges[-1].receipt
    assert receipt is not None
    seat.wait(lambda: receipt.brief in window.chat.conversation.text.get("1.0", "end"), "so is what it took, in short")
    assert receipt.tokens_per_second
    assert kinds & {StatusKind.LAUNCHING, StatusKind.LOADING}, "the wait for the first answer was shown"

    field = window.chat.controls.idle.entry
    seat.wait(lambda: field.get(), "the idle time-out is known")
    seat.focus(field)
    field.selection_range(0, "end")
    seat.key("<BackSpace>")
    seat.type("7")
    seat.key("<KeyRelease-7>")
    seat.key("<Return>")
    seat.wait(lambda: core.state.machine.idle.in_force == 7 and not core.state.machine.idle.saving, "seven minutes")

    seat.wait(lambda: core.state.cost.simulated and core.state.cost.simulated.usd > before.usd, "the cost moves")
    assert core.state.cost.real is not None
    assert core.state.cost.real.usd == 0, "nothing is owed on this computer"

    seat.wait(lambda: window.status_bar.stop.instate(["!disabled"]), "it can be stopped")
    seat.press(window.status_bar.stop)
    assert window.status_bar.stop.cget("text") == "Stopping…", "at once; a moment later it may be gone already"
    seat.wait(
        lambda: core.state.status_line.kind in AWAY and not core.state.machine.stop.pending, "the stop is confirmed"
    )
    assert core.state.machine.stopped_text

    seat.root.tk.call(seat.root.protocol("WM_DELETE_WINDOW"))  # what a window manager's close button does
    assert seat.is_closed(), "no machine runs, so nothing is asked"
