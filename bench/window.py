"""``--only window``: what the owner feels. The real window on a screen of its own; keys are pressed on its X server
(XTest) and counted as shown when the pixels say so.

* usable: from the start of ``./tlfif`` to the first letter in the prompt's box;
* pauses of the window's loop, and keys, while 100 tokens a second stream into a conversation of 10,000 lines;
* memory over a thousand answers;
* the list of a thousand conversations and a search through them, from the typed letter to the rows.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.figures import middle, percentile
from bench.stage import CLOSED_HUB, MODEL
from bench.window_screen import BACKSPACE, LETTER, Screen, open_screen, why_no_screen
from bench.window_server import Views, stand_in, text_of
from tlfif.client.local_server import LocalServer
from tlfif.history.history import History
from tlfif.kernel.data_folder import DataFolder

ROOT = Path(__file__).resolve().parent.parent
LINES, EXCHANGE_LINES = 10_000, 40
PER_SECOND, ANSWER_TOKENS = 100.0, 2000
"""Of the streams; the second is about what an answer may have."""
SHORT_TOKENS = 120
"""Of the thousand answers."""
CONVERSATION = "c-bench"
FIRST_ANSWERS = 100
CONVERSATIONS, LIST_LINES = 1000, 8
"""Of the list."""
SLACK = 60
"""Pixels by which the prompt's box moves when the first cost report comes."""
PATIENCE = 60.0
Cell = tuple[int, int, int, int]


async def window(rounds: int) -> dict[str, Any]:
    """All of it; about three and a half minutes at 12 rounds. ``rounds`` below that shorten streams and answers."""
    missing = why_no_screen()
    if missing:
        say(missing)
        return {}
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-") as folder, open_screen() as screen:
        home = DataFolder(Path(folder) / "home")
        views = await _views_of_a_server(home)
        streamed, cell, picture = await streaming(screen, Path(folder), views, seconds=min(120.0, rounds * 10.0))
        answers = 1000 if rounds >= 12 else FIRST_ANSWERS + 75 * rounds
        return {
            **await usable(screen, home, cell, picture, starts=max(3, rounds // 2)),
            **streamed,
            **await memory(screen, Path(folder), views, answers=answers),
            **await listing(screen, Path(folder), views),
        }


def say(text: str) -> None:
    """How far it is, beside the report."""
    print(text, file=sys.stderr, flush=True)


async def _views_of_a_server(home: DataFolder) -> Views:
    """Makes the home, as a first start does, and takes down what its server says; then with a machine that runs."""
    server = LocalServer(home, spawn=_spawn)
    endpoint = await server.ensure()
    headers = {"Authorization": f"Bearer {endpoint.token}"}
    async with httpx2.AsyncClient(base_url=endpoint.base_url, headers=headers, trust_env=False) as raw:
        paths = ("/v1/machine", "/v1/cost", "/v1/models", "/v1/machine/history", "/v1/cost/advice")
        views = {path: (await raw.get(path)).json() for path in paths}
    await server.stop()
    views["/v1/machine"] |= {"state": "ready", "machine_id": "m-bench", "model": MODEL, "since": time.time()}
    for model in views["/v1/models"]["models"]:
        model["state"] = "ready"
    for sums in (views["/v1/cost"], views["/v1/cost"]["simulated_aws"]):
        sums["running_usd_per_hour"] = 0.66
    return views


def _spawn(home: DataFolder, _arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "tlfif.entrypoints.server"]
    return subprocess.Popen(command, env=_environment(home), stdout=subprocess.DEVNULL, start_new_session=True)


def _environment(home: DataFolder) -> dict[str, str]:
    return {**os.environ, "TLFIF_HOME": str(home.root), "TLFIF_HUB_URL": CLOSED_HUB}


async def usable(screen: Screen, home: DataFolder, cell: Cell, picture: bytes, *, starts: int) -> dict[str, float]:
    """Seconds to the first letter: with the server still to be started, and with one that runs."""
    server = LocalServer(home)
    alone, beside, processor = [], [], []
    for number in range(starts + 1):
        first, used = await _first_letter(screen, home, cell, picture)
        second, _ = await _first_letter(screen, home, cell, picture)
        await server.stop()
        say(f"  start {number}: {first:.2f} s ({used:.2f} s of a core), server there {second:.2f} s")
        if number:  # the first one reads everything from the disk
            alone.append(first)
            beside.append(second)
            processor.append(used)
    return {
        "window_usable_s": middle(alone, 3),
        "window_usable_max_s": round(max(alone), 3),
        "window_usable_processor_s": middle(processor, 3),
        "window_usable_server_up_s": middle(beside, 3),
    }


async def _first_letter(
    screen: Screen, home: DataFolder, cell: Cell, picture: bytes, command: Sequence[str] = ()
) -> tuple[float, float]:
    """Seconds from the command to the letter, and what the process had of a core by then.

    The letter is pressed fifty times a second, because nobody knows when it will be heard.
    """
    python = getattr(sys, "_base_executable", sys.executable) if (ROOT / ".venv").exists() else sys.executable
    command = command or (python, str(ROOT / "tlfif"))
    environment = {**_environment(home), "DISPLAY": screen.name}
    begun = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)  # noqa: ASYNC220  # it only starts it
    try:
        pressed = 0.0
        while not screen.shows(picture, cell, SLACK):
            now = time.perf_counter()
            if now - begun > PATIENCE or process.poll() is not None:
                raise TimeoutError(f"no letter shows in the prompt's box (exit {process.poll()})")
            if now - pressed >= 0.02:
                screen.press(LETTER)
                pressed = now
            await asyncio.sleep(0.001)
        took, times = time.perf_counter() - begun, psutil.Process(process.pid).cpu_times()
        await asyncio.sleep(0.7)  # let it find its server
        return took, times.user + times.system
    finally:
        process.terminate()
        process.wait(20)


async def streaming(
    screen: Screen, folder: Path, views: Views, *, seconds: float
) -> tuple[dict[str, Any], Cell, bytes]:
    """Pauses and keys; also where the first letter of the prompt's box is, and how it looks."""
    home = DataFolder(folder / "long")
    fill(home)
    async with (
        stand_in(views, answer_tokens=ANSWER_TOKENS, per_second=PER_SECOND) as server,
        _inside(
            screen, home, kind="stream", url=server.url, seconds=seconds, conversation=CONVERSATION, lines=LINES,
            calm_ms=3500,
        ) as told,
    ):  # fmt: skip
        ready = await told.line()
        cell: Cell = tuple(ready["cell"])
        picture = await _learn_letter(screen, cell)
        ending = asyncio.create_task(told.line())
        keys = await _keys(screen, cell, picture, ending)
        done = await ending
    print(
        f"  long pauses (at second, ms, own ms on a core, ms in the queue for one): {done['pauses']['long']}",
        file=sys.stderr,
        flush=True,
    )
    say(f"  opening: {ready['opening']}")
    report = {
        "window_pause_ms": done["pauses"]["max"],
        "window_pause_own_ms": done["pauses"]["own"],  # without the time in which other programs had the cores
        "window_pause_p99_ms": done["pauses"]["p99"],
        "window_pauses_over_50_ms": done["pauses"]["over_50"],
        "window_key_ms": middle(keys, 1),
        "window_key_p95_ms": round(percentile(keys, 0.95), 1),
        "window_key_max_ms": round(max(keys), 1),
        "window_opening_pause_ms": ready["opening"]["max"],
    }
    return report, cell, picture


async def _learn_letter(screen: Screen, cell: Cell) -> bytes:
    """How the letter looks there; nothing streams yet."""
    before = screen.look(cell)
    pictures = []
    for key in (LETTER, BACKSPACE):
        await asyncio.sleep(0.2)
        screen.press(key)
        await asyncio.sleep(1.0)
        pictures.append(screen.look(cell))
    if pictures[0] in (before, pictures[1]):
        raise RuntimeError("a key that was pressed does not show in the prompt's box")
    return pictures[0]


async def _keys(screen: Screen, cell: Cell, picture: bytes, ending: "asyncio.Task[dict[str, Any]]") -> list[float]:
    """Milliseconds from key to pixels, twice a second, until the stream ends."""
    chance = random.Random(1)
    took: list[float] = []
    await asyncio.sleep(2.0)
    while not ending.done():
        begun = time.perf_counter()
        screen.press(LETTER)
        while not screen.shows(picture, cell) and not ending.done():
            if time.perf_counter() - begun > PATIENCE:
                raise TimeoutError("a key does not show")
            await asyncio.sleep(0.0005)
        if not ending.done():
            took.append((time.perf_counter() - begun) * 1000)
        screen.press(BACKSPACE)
        await asyncio.sleep(chance.uniform(0.3, 0.6))
    return took


async def memory(screen: Screen, folder: Path, views: Views, *, answers: int) -> dict[str, Any]:
    """What the window's process grows by after the first hundred answers, in MB per thousand."""
    home = DataFolder(folder / "many")
    async with (
        stand_in(views, answer_tokens=SHORT_TOKENS, per_second=0) as server,
        _inside(
            screen, home, kind="memory", url=server.url, seconds=150.0, answers=answers, conversation="", lines=0,
            calm_ms=100,
        ) as told,
    ):  # fmt: skip
        await told.line()
        done = await told.line()
    say(f"  {done}")
    found = {int(number): mb for number, mb in done["memory"].items()}
    if done["failed"] or done["answers"] < answers:
        raise RuntimeError(f"too few answers came: {done['answers']}, {done['failed']} of them failed")
    last = max(found)
    growth = (found[last] - found[FIRST_ANSWERS]) / (last - FIRST_ANSWERS) * 1000
    return {
        "window_memory_mb_per_1000_answers": round(growth, 1),
        "window_mb": round(found[last], 1),
        "window_answers": done["answers"],
    }


async def listing(screen: Screen, folder: Path, views: Views) -> dict[str, float]:
    """Of a thousand conversations: milliseconds from what was typed to the list on the screen."""
    home = DataFolder(folder / "listed")
    fill_list(home)
    queries = ["salt", "", *("s", "sa", "sal"), "", *("no such words", "old letters", ""), *("question 7", "")]
    async with (
        stand_in(views, answer_tokens=1, per_second=0) as server,
        _inside(
            screen, home, kind="history", url=server.url, seconds=60.0, conversation="", lines=0, calm_ms=1000,
            queries=queries,
        ) as told,
    ):  # fmt: skip
        await told.line()
        searched = (await told.line())["searched"]
    say(f"  {searched}")
    if [rows for query, rows, _ in searched if not query] != [CONVERSATIONS] * queries.count(""):
        raise RuntimeError(f"the list is not whole: {searched}")
    took = [ms for _, _, ms in searched]
    return {"window_history_ms": middle(took, 1), "window_history_max_ms": round(max(took), 1)}


def fill_list(home: DataFolder) -> None:
    """A thousand conversations of four answers each, as the window keeps them."""
    history = History(home.root / "history.db")
    texts = [text_of(LIST_LINES, number) for number in range(40)]
    for number in range(CONVERSATIONS):
        for part in range(4):
            name, at = f"x{number}-{part}", time.time() - 3600 * number
            history.add(
                conversation_id=f"c{number}", exchange_id=name, key=name, prompt=f"Question {number}, part {part}?",
                model=MODEL, asked_at=at,
            )  # fmt: skip
            history.accepted(name, job_id=f"job_{name}", model=MODEL)
            history.finish(name, status="succeeded", seq=9, answer=texts[(number + part) % len(texts)])
    history.close()


def fill(home: DataFolder, lines: int = LINES) -> None:
    """A conversation of so many lines, in the history as the window keeps it."""
    history = History(home.root / "history.db")
    for number in range(lines // EXCHANGE_LINES):
        name, at = f"x-old{number}", time.time() - 86_400 + number * 60
        prompt = f"Question {number} of yesterday, in a line of its own?"
        history.add(conversation_id=CONVERSATION, exchange_id=name, key=name, prompt=prompt, model=MODEL, asked_at=at)
        history.accepted(name, job_id=f"job_{name}", model=MODEL)
        receipt = "First word after 0.3 s, 100 tokens a second, 500 tokens"
        history.finish(name, status="succeeded", seq=9, receipt=receipt, answer=text_of(EXCHANGE_LINES, number))
    history.close()


class _Told:
    """What the window's process says, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> dict[str, Any]:
        """The next one."""
        assert self._process.stdout is not None
        found = await self._process.stdout.readline()
        if not found:
            raise RuntimeError(f"the window's process ended early (exit {await self._process.wait()})")
        told: dict[str, Any] = json.loads(found)
        return told


@asynccontextmanager
async def _inside(screen: Screen, home: DataFolder, **job: Any) -> AsyncIterator[_Told]:
    job = {"home": str(home.root), "answers": 0, **job}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "bench" / "window_inside.py"), json.dumps(job),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "DISPLAY": screen.name},
    )  # fmt: skip
    try:
        yield _Told(process)
        await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
