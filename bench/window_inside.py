"""The window itself, in a process of its own, with a clock in its loop; told what to do and asked by ``bench.window``.

Everything is the real thing but the address of the server: bridge, message queue, core, presenters and views.
"""

import gc
import json
import logging
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import psutil

from bench.figures import percentile
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.gui.bridge.opening import open_core
from tlfif.gui.bridge.server_bridge import bridge_over
from tlfif.gui.main import show
from tlfif.gui.model import intents
from tlfif.gui.model.state import WindowState
from tlfif.gui.window import MainWindow
from tlfif.kernel.data_folder import DataFolder

TICK_MS = 5
"""The clock's beat: a pause is what comes on top of it."""
FIRST_ANSWERS = 100
"""From here on memory is looked at; then every 300 answers and at the end."""
HURRY_MS = 2
"""Where a thousand answers must come in a minute, the window polls so often."""
WAITED = Path("/proc/thread-self/schedstat")
LONG_MS = 25.0
"""Pauses from here on are told one by one."""


class Inside:
    """Asks one prompt after the other, and measures."""

    def __init__(self, window: MainWindow, job: dict[str, Any]) -> None:
        self.window = window
        self.root = window.root
        self.core = window.core
        self.job = job
        self.pauses: list[float] = []
        self.own: list[float] = []
        self.long: list[tuple[float, ...]] = []
        self.memory: dict[int, float] = {}
        self.answers = 0
        self.searched: list[tuple[str, int, float]] = []
        self._searched_at = 0.0
        self._next_ms = HURRY_MS if job["kind"] == "memory" else 20
        self._last = self._began = time.perf_counter()
        self._own, self._waited = time.process_time(), waited()

    def start(self) -> None:
        """The first step, once everything is drawn. A callback that raises ends the measurement."""
        self.root.report_callback_exception = self._failed
        self.root.after(300, self._open)

    def _failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.error("a callback of the window failed", exc_info=(kind, error, trace))
        self.window.leave()

    def _open(self) -> None:
        if self.core.state.connection.link != "connected":
            self.root.after(20, self._open)
            return
        self._reset()
        self._tick()
        if self.job["conversation"]:
            self.core.press(intents.OpenConversation(self.job["conversation"]))
        self.root.after(20, self._wait_for_lines)

    def _wait_for_lines(self) -> None:
        """Until the conversation stands there, and the first cost: it moves the prompt's box."""
        if self.lines() < self.job["lines"] or self.core.state.cost.report is None:
            self.root.after(50, self._wait_for_lines)
        else:
            self.root.after(300, self._tell_ready)

    def _tell_ready(self) -> None:
        opened = self.figures()
        box = self.window.chat.composer.text
        x, y, _, height = box.bbox("1.0") or (0, 0, 0, 0)
        width = self.window.look.width("m") - 2  # the cursor's place is left out
        cell = (box.winfo_rootx() + x, box.winfo_rooty() + y, width, height)
        tell(ready=True, cell=cell, lines=self.lines(), opening=opened)
        self.root.after(self.job["calm_ms"], self._begin)

    def lines(self) -> int:
        """How many the conversation has, shown or not."""
        kept = sum(str(one.answer).count("\n") + 2 for one in self.core.state.conversation.exchanges)
        return kept if self.window.chat.conversation.is_drawn else 0

    def _begin(self) -> None:
        self._reset()
        if self.job["kind"] == "history":
            self.core.subscribe(self._listed)
            self._search()
            return
        if self.job["kind"] == "memory":
            self._hurry()
        self._ask()

    def _search(self) -> None:
        """The next search, once the list is at rest: typed text to rows on the screen."""
        if len(self.searched) == len(self.job["queries"]):
            tell(done=True, searched=self.searched)
            self.window.leave()
            return
        self._searched_at = time.perf_counter()
        self.window.context.press(intents.SearchHistory(self.job["queries"][len(self.searched)]))

    def _listed(self, old: WindowState, new: WindowState) -> None:
        """The window has been drawn already when this hears of it."""
        if old.history.found is not new.history.found:
            self.root.update_idletasks()
            took, rows = (time.perf_counter() - self._searched_at) * 1000, len(new.history.found)
            self.searched.append((new.history.query, rows, round(took, 1)))
            self.root.after(150, self._search)

    def _hurry(self) -> None:
        self.core.poll()
        self.root.after(HURRY_MS, self._hurry)

    def _ask(self) -> None:
        self.core.press(intents.Send(f"Question {self.answers}: what comes next, and why does it come now?"))
        self.root.after(self._next_ms, self._listen)

    def _listen(self) -> None:
        if time.perf_counter() - self._began > self.job["seconds"]:
            self._end()
        elif not self.core.state.composer.can_send:
            self.root.after(self._next_ms, self._listen)
        else:
            self.answers += 1
            if self.answers == self.job["answers"] or self.answers % 300 == FIRST_ANSWERS:
                gc.collect()
                self.memory[self.answers] = psutil.Process().memory_info().rss / 2**20
            if self.answers == self.job["answers"]:
                self._end()
            else:
                self._ask()

    def _end(self) -> None:
        stages = [str(one.stage) for one in self.core.state.conversation.exchanges]
        failed = sum(1 for stage in stages if stage == "failed")
        end = self.core.state.conversation.exchanges[-1]
        tell(
            done=True,
            answers=self.answers,
            failed=failed,
            characters=end.answer.count,
            memory=self.memory,
            pauses=self.figures(),
            seconds=round(time.perf_counter() - self._began, 1),
        )
        self.window.leave()

    def _tick(self) -> None:
        now, own, queued = time.perf_counter(), time.process_time(), waited()
        pause, queue = (now - self._last) * 1000 - TICK_MS, queued - self._waited
        self.pauses.append(pause)
        self.own.append(pause - queue)
        if pause > LONG_MS:
            parts = (now - self._began, pause, 1000 * (own - self._own), queue)
            self.long.append(tuple(round(one, 1) for one in parts))
        self._last, self._own, self._waited = now, own, queued
        self.root.after(TICK_MS, self._tick)

    def _reset(self) -> None:
        self.pauses, self.own, self.long = [], [], []
        self._last = self._began = time.perf_counter()
        self._own, self._waited = time.process_time(), waited()

    def figures(self) -> dict[str, Any]:
        """Of the pauses so far, in milliseconds. ``long``: when, how long, in it the process's own time on a
        core, and how long its first thread stood in the queue for one: other programs' doing."""
        pauses = self.pauses or [0.0]
        return {
            "max": round(max(pauses), 1),
            "own": round(max(self.own or [0.0]), 1),
            "p99": round(percentile(pauses, 0.99), 1),
            "over_50": sum(1 for one in pauses if one > 50),
            "long": sorted(self.long, key=lambda one: -one[1])[:12],
        }


def waited() -> float:
    """Milliseconds that this thread was ready to run and had no core, so far; 0 where the system does not say."""
    try:
        return int(WAITED.read_text().split()[1]) / 1e6
    except OSError:
        return 0.0


def tell(**facts: Any) -> None:
    """One line for who started this."""
    print(json.dumps(facts), flush=True)


def main() -> int:
    """The window, until its work is done."""
    job = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.WARNING)
    locator = FixedEndpoint(endpoint=Endpoint(base_url=job["url"], token="bench"))
    core = open_core(DataFolder(Path(job["home"])), lambda home: bridge_over(home, connect=locator, watch=locator))
    return show(core, shown=lambda window: Inside(window, job).start())


if __name__ == "__main__":
    sys.exit(main())
