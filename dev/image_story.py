"""Play the whole story of machine images on the real product, and draw its pictures: ``python dev/image_story.py
docs/images``. What is not as the story says ends it with a sentence.

A clone of this checkout is followed by ``tlfif image watch`` in a terminal; commits are pushed to it; the owner sits
before the real window, on a screen of its own (Xvfb), with a mouse and a keyboard (xdotool). Server, machines and the
small model are real. Needs git, Xvfb and xdotool (Debian: xvfb, xdotool); takes about five minutes.
"""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tkinter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tkinter import ttk
from typing import Any

from picture import draw, rows_of
from PIL import Image, ImageDraw, ImageFont, ImageGrab
from window_picture import start_screen

from tlfif.gui.bridge.opening import open_core
from tlfif.gui.look.theme import open_look
from tlfif.gui.model import intents
from tlfif.gui.model.state import StatusKind, WindowState
from tlfif.gui.window import MainWindow
from tlfif.kernel.data_folder import DataFolder
from tlfif.wording.images import OPEN

ROOT = Path(__file__).resolve().parents[1]
SIZE = (1120, 1000)
PATIENCE = 300.0
ADDRESS = "https://github.com/YOU/tl-fif"
"""What git takes the clone for, so that no picture shows a folder of whoever made it."""
PROMPT = "What is a cloud computer? One sentence."
TLFIF = (sys.executable, "-m", "tlfif")

GOOD = "src/tlfif/__init__.py", "", "# Answers begin sooner.\n"
UNIT = "images/systemd/tlfif-worker.service", "Type=exec\n", "Type=exce\n"
WORKER = "src/tlfif/worker/lifecycle.py", "await life.run()", "await life.lead()"
PROMPTS = (
    "src/tlfif/entrypoints/engine.py",
    "    params.warmup = False\n",
    "    params.warmup = False\n    params.rope_freq_base = 10.0\n",
)
"""Each a file, what stands in it, and what stands there after the commit. The last one lets the model babble."""


class StoryError(Exception):
    """Something is not as the story says."""


@dataclass(slots=True)
class Clone:
    """The repository that is pushed to."""

    folder: Path

    def push(self, subject: str, *change: str) -> None:
        """A commit of the program as it is here, with one change."""
        self.git("checkout", "--quiet", "base", "--", ".")
        if change:
            name, old, new = change
            text = (self.folder / name).read_text("utf-8")
            if old not in text:
                raise StoryError(f"{name} lacks “{old.strip()}”, which a commit of the story changes.")
            (self.folder / name).write_text(text.replace(old, new, 1) if old else text + new, "utf-8")
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        self.git(*who, "commit", "--quiet", "--allow-empty", "--all", "--message", subject)

    def git(self, *words: str) -> None:
        """Run it."""
        subprocess.run(["git", "-C", str(self.folder), *words], check=True)


@dataclass(slots=True)
class Terminal:
    """One in which ``image watch`` runs, and what it was sent."""

    shown: bytes = b""
    child: "subprocess.Popen[bytes] | None" = None
    _reading: threading.Thread | None = None

    def begin(self, *words: str) -> None:
        """Start the command."""
        leader, follower = pty.openpty()
        self.child = subprocess.Popen([*TLFIF, *words], stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        self._reading = threading.Thread(target=self._read, args=(leader,), daemon=True)
        self._reading.start()

    def _read(self, leader: int) -> None:
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if not piece:
                break
            self.shown += piece

    def end(self) -> None:
        """Ctrl-C."""
        if self.child is not None and self._reading is not None:
            self.child.send_signal(signal.SIGINT)
            self.child.wait(30)
            self._reading.join(10)


@dataclass(slots=True)
class Owner:
    """Who sits before the window, with mouse and keyboard, and takes pictures of parts of it."""

    window: MainWindow
    panels: list[tuple[str, Image.Image]] = field(default_factory=list)

    @property
    def state(self) -> WindowState:
        """What the window shows."""
        return self.window.core.state

    def wait(self, condition: Callable[[WindowState], object], what: str) -> None:
        """Until the window shows it."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.state):
            if time.monotonic() > deadline:
                says = self.state.status_line.headline
                raise StoryError(f"Not within {PATIENCE:.0f} s: {what}. The window says: {says}")
            self.window.root.tk.dooneevent(0)

    def image_that_is_done(self, version: str) -> Any:
        """The newest image, once nothing more is done to it before somebody decides."""
        self.wait(lambda state: _newest(state)["version"] == version and _newest(state)["state"] not in OPEN, version)
        return _newest(self.state)

    def rest(self, seconds: float = 0.7) -> None:
        """Look at it for a moment."""
        until = time.monotonic() + seconds
        self.wait(lambda _: time.monotonic() > until, "a moment")

    def hand(self, *words: str) -> None:
        """What the mouse and the keyboard do."""
        subprocess.run(["xdotool", *words], check=True)
        self.rest()

    def click(self, widget: tkinter.Misc, x: int | None = None, y: int | None = None) -> None:
        """The left button on it, in its middle or at a place in it."""
        self.window.root.update()
        right = widget.winfo_rootx() + (widget.winfo_width() // 2 if x is None else x)
        down = widget.winfo_rooty() + (widget.winfo_height() // 2 if y is None else y)
        self.hand("mousemove", str(right), str(down), "click", "1")

    def press(self, label: str) -> None:
        """The button that says so; the last one drawn where there are two, as a question lies over what asked it."""
        found = [one for one in _inside(self.window.root) if isinstance(one, ttk.Button) and one.cget("text") == label]
        able = [one for one in found if one.winfo_viewable() and one.instate(["!disabled"])]
        if not able:
            raise StoryError(f"There is no button “{label}” that can be pressed.")
        self.click(able[-1])
        self.hand("mousemove", "4", str(SIZE[1] - 4))  # so that no hint lies over what is looked at next

    def turn_to(self, name: str) -> None:
        """The tab."""
        tabs = self.window.tabs
        place = list(self.window._pages).index(name)
        x = next(x for x in range(4, tabs.winfo_width(), 4) if tabs.tk.call(tabs, "identify", "tab", x, 14) == place)
        self.click(tabs, x + 10, 14)
        self.wait(lambda state: state.tab == name, f"the tab {name}")

    def ask(self, panel: str, image: str) -> None:
        """Type the prompt; the receipt must name the image."""
        self.turn_to("chat")
        self.press("New conversation")
        self.click(self.window.chat.composer.text)
        self.hand("type", "--delay", "15", PROMPT)
        self.hand("key", "ctrl+Return")
        self.wait(lambda state: _receipt(state) is not None, "an answer")
        line = _receipt(self.state).line
        if f"image {image} " not in line:
            raise StoryError(f"The receipt does not name {image}: {line}")
        self.window.core.press(intents.ShowDetails(self.state.conversation.exchanges[-1].id))
        self.rest(1.5)
        self.take(panel, 86, 440)

    def take(self, caption: str, top: int = 0, bottom: int | None = None) -> Image.Image:
        """A picture of the window between two heights, kept as a panel."""
        self.hand("mousemove", "4", str(SIZE[1] - 4))
        self.window.root.update()
        whole = ImageGrab.grab(bbox=(0, 0, *SIZE), xdisplay=os.environ["DISPLAY"])
        part = whole.crop((0, top, SIZE[0], bottom or SIZE[1]))
        self.panels.append((caption, part))
        return part


def play(owner: Owner, clone: Clone, terminal: Terminal, pictures: Path) -> None:
    """The story."""
    owner.window.core.press(
        intents.ChangeSettings(replace(owner.state.settings.values, model="smollm2"))  # it is there without a download
    )
    clone.push("The program as it is")
    terminal.begin("image", "watch", ADDRESS)
    offered(owner, "v1")
    owner.press("Approve")
    owner.wait(lambda state: _newest(state)["state"] == "approved", "v1 is approved")
    promote(owner)
    owner.ask("", "v1")
    clone.push("Answers begin sooner", *GOOD)
    owner.turn_to("images")
    owner.wait(lambda state: (_newest(state)["version"], _newest(state)["stage"]) == ("v2", "smoke_test"), "its test")
    owner.rest(4)
    save(owner.take(""), pictures / "images.png")
    owner.panels.clear()
    owner.turn_to("chat")
    offered(owner, "v2")
    owner.take("1   A commit was built, booted and tested. It is offered in whatever tab is in front.", 0, 230)
    owner.press("Approve")
    owner.wait(lambda state: any(one.problem.code == "image_approved" for one in state.notices), "what comes next")
    owner.take("2   Approved: nothing has changed yet.", 86, 190)
    promote(owner, "3   What promoting does is said before it is done.")
    owner.turn_to("images")
    owner.rest(3)
    owner.take("4   Promoted. The machine that answers is not exchanged under an answer.", 0, 390)
    owner.press("Stop machine")
    owner.wait(lambda state: state.status_line.kind is StatusKind.OFF, "the machine has ended")
    owner.ask("5   The next machine starts from it, and the receipt names it.", "v2")
    save(strip(owner.panels), pictures / "image-approved.png")
    owner.panels.clear()
    refused(owner, clone, pictures)
    rolled_back(owner, pictures)


def promote(owner: Owner, caption: str = "") -> None:
    """From the notice, by its question."""
    owner.press("Promote")
    owner.wait(lambda state: state.dialog, "it asks first")
    owner.rest()
    if caption:
        owner.take(caption, 320, 530)
    owner.press("Promote")
    owner.wait(lambda state: _newest(state)["in_use"], "it is promoted")


def offered(owner: Owner, version: str) -> None:
    """It passed its tests."""
    image = owner.image_that_is_done(version)
    if image["state"] != "offered":
        raise StoryError(f"{version} is {image['state']}: {image['failure']}")
    owner.rest(2)


def refused(owner: Owner, clone: Clone, pictures: Path) -> None:
    """Three commits that are not good."""
    broken = (
        ("v3", "Tidy the worker's unit", UNIT, "build", "ignoring: exce", "tlfif-worker.service:"),
        ("v4", "A clearer name for a machine's life", WORKER, "boot", "has no attribute 'lead'", "Traceback ("),
        ("v5", "Room for longer conversations", PROMPTS, "smoke_test", "of 10 golden prompts", "FAILED: capital"),
    )
    captions = (
        "1   A unit that systemd does not read: refused while it is built, in systemd's own words.",
        "2   A worker that does not start: refused at its boot, with the machine's own log.",
        "3   A model that babbles: refused by its test, with what it answered.",
    )
    owner.turn_to("images")
    for (version, subject, change, stage, said, in_log), caption in zip(broken, captions, strict=True):
        clone.push(subject, *change)
        image = owner.image_that_is_done(version)
        failure = image["failure"] or {"stage": "", "message": ""}
        if failure["stage"] != stage or said not in failure["message"]:
            raise StoryError(f"{version} is {image['state']} instead of refused: {failure}")
        if in_log not in run("image", "logs", version):
            raise StoryError(f"The log of {version} does not say why.")
        owner.rest(3)
        owner.press("Show images")
        owner.press("Dismiss")
        card = owner.window.views["images"].build
        owner.rest()
        owner.take(caption, card.winfo_rooty() - 4, card.winfo_rooty() + card.winfo_height() + 4)
    save(strip(owner.panels), pictures / "image-refused.png")
    owner.panels.clear()


def rolled_back(owner: Owner, pictures: Path) -> None:
    """The old one answers again: by the window, then by the command."""
    owner.press("Roll back")
    owner.wait(lambda state: state.dialog, "it asks first")
    owner.rest()
    owner.take("1   Roll back: what follows is said first.", 86, 620)
    owner.press("Roll back")
    owner.wait(lambda state: "from v1" in state.images.in_use, "v1 is back")
    owner.rest(3)
    owner.take("2   Machines start from the one before again.", 86, 400)
    owner.press("Stop machine")
    owner.wait(lambda state: state.status_line.kind is StatusKind.OFF, "the machine has ended")
    owner.ask("3   The next receipt names it.", "v1")
    save(strip(owner.panels), pictures / "image-rollback.png")
    run("image", "promote", "v2")
    said = run("image", "rollback")
    if "v1" not in said or json.loads(run("image", "list", "--json"))["pointers"][0]["version"] != "v1":
        raise StoryError("The command did not roll back.")


def run(*words: str) -> str:
    """A command, and what it printed."""
    done = subprocess.run([*TLFIF, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StoryError(f"tlfif {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _inside(widget: tkinter.Misc) -> Iterator[tkinter.Misc]:
    for child in widget.winfo_children():
        yield child
        yield from _inside(child)


def _newest(state: WindowState) -> Any:
    """The newest image; one of nothing where there is none."""
    report = state.images.report
    nothing = {"version": "", "state": "", "stage": "", "in_use": False}
    return report["images"][0] if report and report["images"] else nothing


def _receipt(state: WindowState) -> Any:
    """The receipt of the last answer, once it is complete."""
    exchanges = state.conversation.exchanges
    last = exchanges[-1] if exchanges else None
    return last.receipt if last is not None and last.stage.is_over and last.receipt and last.receipt.cost else None


def strip(panels: list[tuple[str, Image.Image]]) -> Image.Image:
    """Panels below each other, each with its caption."""
    font, gap, head = ImageFont.truetype("DejaVuSans-Bold.ttf", 17), 14, 38
    height = sum(part.height + head + gap for _, part in panels)
    whole = Image.new("RGB", (SIZE[0] + 2 * gap, height + gap), "#dfe3ec")
    pen, y = ImageDraw.Draw(whole), gap
    for caption, part in panels:
        pen.text((gap, y + 6), caption, fill="#1b1d27", font=font)
        whole.paste(part, (gap, y + head))
        y += part.height + head + gap
    return whole


def save(picture: Image.Image, target: Path) -> None:
    """Small: the window has few colours."""
    picture.quantize(96, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size // 1024} KB", flush=True)


@contextmanager
def a_home(folder: Path) -> Iterator[None]:
    """An empty one, in which git takes the clone for a repository on the network."""
    (folder / "gitconfig").write_text(f'[url "{folder / "tl-fif"}"]\n\tinsteadOf = {ADDRESS}\n', "utf-8")
    os.environ |= {"TLFIF_HOME": str(folder / "home"), "GIT_CONFIG_GLOBAL": str(folder / "gitconfig")}
    try:
        yield
    finally:
        subprocess.run([*TLFIF, "serve", "--stop"], check=False, capture_output=True)


def main() -> int:
    """Play it, draw it."""
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    absent = [name for name in ("git", "Xvfb", "xdotool") if shutil.which(name) is None]
    if absent:
        print(f"The story needs what is not installed here: {', '.join(absent)}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, a_home(Path(name)):
        folder, terminal = Path(name), Terminal()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder / "tl-fif")], check=True)
        clone = Clone(folder / "tl-fif")
        clone.git("checkout", "--quiet", "-B", "main")
        clone.git("tag", "base")
        screen = start_screen(SIZE)
        try:
            core = open_core(DataFolder(folder / "home"))
            look = open_look()
            window = MainWindow(look.root, core, look)
            look.root.geometry(f"{SIZE[0]}x{SIZE[1]}+0+0")
            window.open()
            owner = Owner(window)
            owner.wait(lambda state: state.status_line.kind is StatusKind.OFF, "the window is open")
            play(owner, clone, terminal, pictures)
            core.close()
            window.leave()
        except StoryError as error:
            print(f"The story does not hold: {error}", file=sys.stderr)
            return 1
        finally:
            terminal.end()
            screen.terminate()
            screen.wait()
        rows = [("command", f"$ ./tlfif image watch {ADDRESS}"), *rows_of(terminal.shown)]
        (pictures / "image-watch.svg").write_text(draw(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
