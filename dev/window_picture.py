"""Draw the picture of the window: ``python dev/window_picture.py docs/images/window.png``. Its tab Images is drawn by
``dev/image_story.py``.

From a real run: the real server, machine and small model in a home of their own, on a screen of their own (Xvfb).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import ImageGrab

from tlfif.gui.bridge.opening import open_core
from tlfif.gui.core import WindowCore
from tlfif.gui.look.theme import open_look
from tlfif.gui.model import intents
from tlfif.gui.model.state import StatusKind
from tlfif.gui.window import MainWindow
from tlfif.kernel.data_folder import DataFolder

SIZE = (1120, 720)
PROMPTS = ("What is a cloud computer? One sentence.", "Name three uses of it, very briefly.")
PATIENCE = 120.0
Wait = Callable[[Callable[[WindowCore], object]], None]


def main() -> int:
    """Open, ask, wait, save."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TLFIF_HOME"] = f"{folder}/home"
        screen = start_screen(SIZE)
        try:
            draw(DataFolder(Path(folder) / "home"), target)
        finally:
            subprocess.run([sys.executable, "-m", "tlfif", "serve", "--stop"], check=False, capture_output=True)
            screen.terminate()
            screen.wait()
    print(f"{target}: {target.stat().st_size // 1024} KB")
    return 0


def start_screen(pixels: tuple[int, int]) -> "subprocess.Popen[bytes]":
    """A screen as large as the window, at DISPLAY."""
    reader, writer = os.pipe()
    size = f"{pixels[0]}x{pixels[1]}x24"
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-dpi", "96", "-nolisten", "tcp"]
    screen = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    return screen


def draw(home: DataFolder, target: Path) -> None:
    """A short story, and the picture of it."""
    core = open_core(home)
    look = open_look()
    window = MainWindow(look.root, core, look)
    look.root.geometry(f"{SIZE[0]}x{SIZE[1]}+0+0")
    window.open()

    def wait(condition: Callable[[WindowCore], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition(core):
            if time.monotonic() > deadline:
                raise SystemExit(f"It took too long: {core.state.status_line.headline}")
            look.root.tk.dooneevent(0)

    wait(lambda core: core.state.status_line.kind is StatusKind.OFF and core.state.cost.report)
    talk(core, wait)
    until = time.monotonic() + 3
    wait(lambda _: time.monotonic() > until)
    look.root.update()
    picture = ImageGrab.grab(bbox=(0, 0, *SIZE), xdisplay=os.environ["DISPLAY"])
    picture.save(target, optimize=True)
    core.close()
    window.leave()


def talk(core: WindowCore, wait: Wait) -> None:
    """A short conversation."""
    core.press(intents.ChangeSettings(replace(core.state.settings.values, model="smollm2")))
    for number, prompt in enumerate(PROMPTS, start=1):
        core.press(intents.Send(prompt))
        wait(lambda core, number=number: answered(core, number))
    wait(lambda core: core.state.status_line.kind is StatusKind.IDLE and core.state.history.found)


def answered(core: WindowCore, number: int) -> bool:
    """Whether so many answers are there, with what they cost."""
    exchanges = core.state.conversation.exchanges
    last = exchanges[-1] if len(exchanges) == number else None
    return last is not None and last.stage.is_over and last.receipt is not None and bool(last.receipt.cost)


if __name__ == "__main__":
    sys.exit(main())
