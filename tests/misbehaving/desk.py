"""A whole embedded system of real processes in a home of its own, and what may be done to it."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.fakes.stub_engine.xllamacpp import PACE
from tests.waiting import PATIENCE, wait_until

MakeDesk = Callable[..., contextlib.AbstractAsyncContextManager["Desk"]]

SOURCE = Path(__file__).parents[2] / "src"
STUB_PATH = os.pathsep.join([str(Path(__file__).parents[1] / "fakes" / "stub_engine"), str(SOURCE)])
"""PYTHONPATH of a system whose engine is a fake, for tests of what is around it; for its own, it is ``SOURCE``."""
MACHINE_MODULE = "tlfif.entrypoints.machine"
ENGINE_MODULE = "tlfif.entrypoints.engine"
MODEL = "smollm2"
STORY_TOKENS = 1500
LOOK_SECONDS = 0.1
"""Between two looks at the machine, which cost the server and the computer something."""
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})

QUICK = {
    "TLFIF_TICK_SECONDS": "0.2",
    "TLFIF_MACHINE__HEARTBEAT_SECONDS": "0.3",
    "TLFIF_MACHINE__CONTROL_GONE_SECONDS": "8",
    "TLFIF_MACHINE__CONTROL_GONE_DRAIN_SECONDS": "2",
    "TLFIF_MACHINE__STOP_PATIENCE_SECONDS": "3",
    "TLFIF_MACHINE__FAILED_START_BACKOFF_SECONDS": "0.3",
    "TLFIF_MACHINE__ENGINE_SLOTS": "1",
    # Tests run side by side; engines whose threads wait for each other would starve each other.
    "TLFIF_MACHINE__ENGINE_THREADS": "1",
    "TLFIF_JOB__LEASE_SECONDS": "5",
    "TLFIF_JOB__HEARTBEAT_SECONDS": "0.5",
    PACE: "0.02",
}
"""The policy's numbers, made small. One slot, so that a second prompt waits."""


@dataclass(slots=True)
class Reader:
    """Follows one job as a person's program does: by cursor, across whatever happens to the server."""

    job_id: str
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cursor(self) -> int:
        """The number of the last event read."""
        return int(self.seen[-1]["seq"]) if self.seen else 0

    @property
    def kinds(self) -> list[str]:
        """What was read, in order."""
        return [event["kind"] for event in self.seen]

    @property
    def text(self) -> str:
        """The answer as this reader shows it: dropped when told to start over."""
        parts: list[str] = []
        for event in self.seen:
            if event["kind"] == "restarted":
                parts.clear()
            elif event["kind"] == "delta":
                parts.append(event["data"]["text"])
        return "".join(parts)

    @property
    def ended(self) -> bool:
        """Whether the last event has come."""
        return bool(self.seen) and self.seen[-1]["kind"] in TERMINAL

    def take(self, events: list[dict[str, Any]]) -> None:
        """Keep news; each number must follow the one before."""
        for event in events:
            assert event["seq"] == self.cursor + 1, f"event {event['seq']} after {self.cursor}"
            assert not self.ended, "an event after the last one"
            self.seen.append(event)


class Desk:
    """One home. ``settings`` are environment variables over :data:`QUICK`."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TLFIF_")},
            "PYTHONPATH": STUB_PATH,
            "TLFIF_HOME": str(home),
            "TLFIF_HUB_URL": "http://127.0.0.1:9",
            **QUICK,
            **settings,
        }
        self.server: subprocess.Popen[bytes] | None = None
        self._since = time.time() - 60.0  # no process of this home is older, also if the clock is set a little
        self._client: httpx2.AsyncClient | None = None
        self._watching: asyncio.Task[None] | None = None
        self.most_workers = 0
        self.answers: dict[str, Any] = {}

    async def start(self) -> None:
        """Start the server and return when it listens."""
        self.server = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-P", "-m", "tlfif.entrypoints.server"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await self._enter()

    async def visit(self) -> None:
        """As :meth:`start`; a server that runs already is the one."""
        if self.server is None or self.server.poll() is not None:
            await self.start()
        else:
            await self._enter()

    async def _enter(self) -> None:
        address = await wait_until(self._address, "the server listens")
        token = (self.home / "api-token").read_text()
        await self._drop_client()
        self._client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{address['port']}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=15.0,
            trust_env=False,
        )
        if self._watching is None:
            self._watching = asyncio.create_task(self._count_workers())

    def _address(self) -> dict[str, Any] | None:
        assert self.server is not None
        assert self.server.poll() is None, f"the server ended with {self.server.returncode}"
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.home / "server.json").read_text())
            if found["pid"] == self.server.pid:
                return found
        return None

    async def _count_workers(self) -> None:
        while True:
            self.most_workers = max(self.most_workers, len(self.processes(MACHINE_MODULE)))
            await asyncio.sleep(0.25)

    async def _drop_client(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """One request to the server that runs now."""
        assert self._client is not None
        return await self._client.request(method, path, json=body, headers=headers)

    async def submit(
        self, prompt: str = "What is a cloud computer?", *, key: str | None = None, **asked: object
    ) -> Reader:
        """Have a prompt accepted. Temperature 0 and a fixed seed, so that answers can be compared."""
        response = await self.call(
            "POST",
            "/v1/infer",
            {"prompt": prompt, "max_tokens": 40, "temperature": 0, "seed": 1, "model": MODEL, **asked},
            **{"Idempotency-Key": key or uuid.uuid4().hex},
        )
        assert response.status_code == 202, response.text
        return Reader(response.json()["job_id"])

    async def submit_story(self) -> Reader:
        """A prompt whose answer takes longer than any test looks at it."""
        return await self.submit("Write a very long story about a king and his 100 sons.", max_tokens=STORY_TOKENS)

    async def streaming(self) -> Reader:
        """Such an answer, begun."""
        reader = await self.submit_story()
        await self.read_while(reader, lambda: reader.kinds.count("delta") < 2)
        assert not reader.ended
        return reader

    async def cancel(self, reader: Reader) -> None:
        """Cancel it and see that it ends so."""
        assert (await self.call("POST", f"/v1/jobs/{reader.job_id}/cancel")).status_code == 200
        assert (await self.finish(reader))["status"] == "cancelled"

    async def read(self, reader: Reader, *, wait: float = 1.0) -> None:
        """One long-poll. A server that is gone is no error: the reader comes back with its cursor."""
        try:
            response = await self.call("GET", f"/v1/jobs/{reader.job_id}/events?after={reader.cursor}&wait={wait}")
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
            return
        assert response.status_code == 200, response.text
        reader.take(response.json()["events"])

    async def read_while(self, reader: Reader, going_on: Callable[[], bool], timeout: float = PATIENCE) -> None:
        """Read until the job has ended or ``going_on`` is false. Fails after ``timeout`` seconds without news."""
        news, news_at = reader.cursor, time.monotonic()
        while going_on() and not reader.ended:
            await self.read(reader)
            if reader.cursor != news:
                news, news_at = reader.cursor, time.monotonic()
            assert time.monotonic() < news_at + timeout, f"stuck after {reader.kinds[-3:]}"

    async def finish(self, reader: Reader, timeout: float = PATIENCE) -> dict[str, Any]:
        """Read to the end and return the job; the reader's text must be the job's answer."""
        await self.read_while(reader, lambda: True, timeout)
        response = await self.call("GET", f"/v1/jobs/{reader.job_id}")
        job: dict[str, Any] = response.json()
        assert job["status"] == reader.kinds[-1]
        assert sum(kind in TERMINAL for kind in reader.kinds) == 1
        assert job["answer"] == reader.text
        assert job["last_seq"] == reader.cursor
        return job

    async def machine(self) -> dict[str, Any]:
        """What the server says of the machine."""
        found: dict[str, Any] = (await self.call("GET", "/v1/machine")).json()
        return found

    async def machine_is(self, *states: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait for one of ``states``."""

        async def look() -> dict[str, Any] | None:
            found = await self.machine()
            return found if found["state"] in states else None

        return await wait_until(look, f"machine {' or '.join(states)}", timeout, every=LOOK_SECONDS)

    def processes(self, *modules: str) -> list[psutil.Process]:
        """Living processes that carry this home on their command line; all modules where none is named."""
        found = []
        commands: dict[int, list[str]] = {}
        for process in psutil.process_iter():  # ten times a second: only what is new is looked at closely
            with contextlib.suppress(psutil.Error):
                if process.create_time() < self._since:
                    continue
                command = process.cmdline()
                if str(self.home) not in command or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if commands.get(process.ppid()) == command:
                    continue  # a fork of the one before that has not become its own program yet
                commands[process.pid] = command
                if not modules or any(module in command for module in modules):
                    found.append(process)
        return found

    async def process(self, module: str) -> psutil.Process:
        """The one process that runs ``module``, as soon as there is one."""
        found = await wait_until(lambda: self.processes(module), f"a process {module}", every=0.05)
        return found[0]

    def kill_server(self) -> None:
        """kill -9, and collect it."""
        assert self.server is not None
        self.server.kill()
        self.server.wait(10)

    async def kill(self, victim: str) -> None:
        """kill -9 of ``server``, ``worker`` or ``engine``; a server is started again, as the client does."""
        if victim == "server":
            self.kill_server()
            await self.start()
        else:
            (await self.process(MACHINE_MODULE if victim == "worker" else ENGINE_MODULE)).kill()

    async def gone(self, timeout: float = PATIENCE) -> None:
        """Wait until no process of a machine is left."""
        await wait_until(lambda: not self.processes(), "no machine process is left", timeout, every=LOOK_SECONDS)

    async def stop(self) -> None:
        """End the server as the client does; nothing may stay behind."""
        assert self.server is not None
        if self.server.poll() is None:
            with contextlib.suppress(httpx2.TransportError):  # a test may have asked already
                await self.call("POST", "/v1/server/stop")
            await wait_until(lambda: self.server is None or self.server.poll() is not None, "the server ended", 20.0)
        await self.gone(timeout=5.0)

    async def leave(self) -> None:
        """The server goes on; whoever comes next may have another event loop."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        await self._drop_client()

    async def abolish(self) -> None:
        """After a test, whatever its end: leave no process."""
        await self.leave()
        if self.server is not None and self.server.poll() is None:
            self.kill_server()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()


@contextlib.asynccontextmanager
async def a_desk(home: Path, **settings: str) -> AsyncIterator[Desk]:
    """A running system; at the end it is stopped and must have left nothing, and never had two machines at once."""
    desk = Desk(home, **settings)
    try:
        await desk.start()
        yield desk
        await desk.stop()
        assert desk.most_workers <= 1, "two machines at a time"
    finally:
        await desk.abolish()
