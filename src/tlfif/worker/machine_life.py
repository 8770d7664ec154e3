"""The life of a machine from the inside: load, prove, serve, and end by itself (the first of the three stops)."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.jobs.jobs import GenerationRequest, Message
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import EngineError, EngineGoneError, StorageError
from tlfif.machines.machine import Directive, Heartbeat, MachineState, Phase
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.worker.worker import Worker

log = logging.getLogger(__name__)

MAX_ENGINE_DEATHS = 3
"""Deaths in a row without one answer in between: the engine or the model is broken."""


@dataclass(slots=True, kw_only=True)
class MachineLife:
    """Runs one machine to its end. ``connect`` makes an Engine for an address; ``pid`` is this process's; ``on_ready``
    is called each time an engine has passed its first generation."""

    machine_id: str
    boot_id: str
    model: str
    pid: int
    machines: MachineStore
    worker: Worker
    process: EngineProcess
    connect: Callable[[EngineAddress], Awaitable[Engine]]
    policy: MachinePolicy
    clock: Clock
    idle_timeout_seconds: float
    on_ready: Callable[[], None] | None = None
    state: MachineState = MachineState.LOADING
    phase: Phase | None = Phase.ENGINE_START
    engine_pid: int | None = None
    reason: str = ""
    broken: bool = False
    _engine: Engine | None = None
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _at_once: bool = False
    _drain_seconds: float = 0.0
    _born: float = 0.0
    _was_ready: bool = False
    _control: tuple[float | None, float] = (None, 0.0)

    def end(self, reason: str, *, drain_seconds: float) -> None:
        """Ask for the end: take no more jobs, let running ones finish for ``drain_seconds``. The first reason
        stays; a later call can only shorten the drain."""
        if not self._end.is_set():
            self.reason, self._drain_seconds = reason, drain_seconds
            log.info("machine: ending: %s", reason)
        elif drain_seconds <= 0:
            self._at_once = True
        self._end.set()
        self.worker.stop_taking()

    async def run(self) -> str:
        """Live and end; returns the reason. Never raises for what the outside does."""
        self._born = self.clock.monotonic()
        self._control = (None, self._born)
        beating = asyncio.create_task(self._beat_until_told())
        working = asyncio.create_task(self.worker.run())
        serving = asyncio.create_task(self._serve())
        try:
            await self._until_told(serving, working, beating)
            await self._drain()
        finally:
            for task in (serving, working, beating):
                task.cancel()
            await asyncio.gather(serving, working, beating, return_exceptions=True)
            await self._goodbye()
        return self.reason

    async def _until_told(self, *tasks: "asyncio.Task[None]") -> None:
        """Until the end is asked for. None of ``tasks`` ends by itself, so one that did has failed."""
        told = asyncio.create_task(self._end.wait())
        await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        for task in tasks:
            if task.done() and not self._end.is_set():
                self._break(str(task.exception() or "a part of the machine ended"))

    def _break(self, reason: str) -> None:
        self.broken = True
        self.end(reason, drain_seconds=0)

    async def _serve(self) -> None:
        """Keep an engine alive: start, prove, wait for its death, start again."""
        deaths, answered = 0, 0
        while True:
            try:
                await self._bring_up()
                await self._until_dead()
                fault = "the engine died"
            except EngineError as error:
                fault = error.message
            self.worker.engine_down()
            await self.process.stop()
            self.engine_pid = None
            deaths = 1 if self.worker.answered > answered else deaths + 1
            answered = self.worker.answered
            log.warning("machine: %s (%d in a row)", fault, deaths)
            if deaths >= MAX_ENGINE_DEATHS or self.phase is not None:
                raise EngineGoneError(f"{fault} ({deaths} times in a row)" if deaths > 1 else fault)
            await self._say(MachineState.LOADING, Phase.ENGINE_START)

    async def _bring_up(self) -> None:
        address = await self.process.start()
        self.engine_pid = address.pid
        await self._say(MachineState.LOADING, Phase.PROVE)
        if self._engine is not None:
            await self._engine.close()
        self._engine = await self.connect(address)
        await self._prove(self._engine)
        self.worker.engine_up(self._engine)
        if self.on_ready is not None:
            self.on_ready()
        gc.freeze()  # what start-up made stays; the collector need not walk through it during an answer
        self._was_ready = True
        await self._say(MachineState.READY, None)

    async def _until_dead(self) -> None:
        """Until the process ends, or a job found that the engine does not answer."""
        waits: set[asyncio.Task[object]] = {
            asyncio.create_task(self.process.wait()),
            asyncio.create_task(self.worker.engine_failed.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    async def _prove(self, engine: Engine) -> None:
        """Ready means that a real generation succeeded."""
        request = GenerationRequest(
            model=self.model, messages=(Message(role="user", content="Hi"),), max_tokens=1, temperature=0.0
        )
        async with contextlib.aclosing(engine.generate(request)) as chunks:
            async for _ in chunks:
                pass

    async def _say(self, state: MachineState, phase: Phase | None) -> None:
        self.state, self.phase = state, phase
        await self._beat()

    async def _beat_until_told(self) -> None:
        while True:
            await self._beat()
            await self.clock.sleep(self.policy.heartbeat_seconds)

    async def _beat(self) -> None:
        """One heartbeat. A store that fails is no reason to end: the silence limit decides."""
        idle = self._idle_seconds()
        now = self.clock.now()
        state = MachineState.DRAINING if self._end.is_set() and self.state is MachineState.READY else self.state
        beat = Heartbeat(
            machine_id=self.machine_id,
            boot_id=self.boot_id,
            state=state,
            phase=self.phase,
            idle_since=now - idle if idle is not None else None,
            worker_pid=self.pid,
            engine_pid=self.engine_pid,
            reason=self.reason,
        )
        try:
            self._obey(await self.machines.heartbeat(beat, now=now), idle)
        except StorageError as error:
            log.warning("machine: no heartbeat: %s", error.message)
            self._check_control(self._control[0])
        limit = self.policy.launch_limit_seconds
        if not self._was_ready and self.clock.monotonic() - self._born > limit and not self._end.is_set():
            self._break(f"not ready within {limit:.0f} s")

    def _idle_seconds(self) -> float | None:
        since = self.worker.idle_from
        if since is None or self.worker.active or self.state is not MachineState.READY:
            return None
        return self.clock.monotonic() - since

    def _obey(self, wanted: Directive, idle: float | None) -> None:
        if not wanted.owned:
            self.end("this machine's record is closed", drain_seconds=0)
            return
        if wanted.drain and not self._end.is_set():
            self.end("asked to drain", drain_seconds=self.policy.drain_limit_seconds)
        limit = wanted.idle_timeout_seconds or self.idle_timeout_seconds
        if idle is not None and idle >= limit and not self._end.is_set():
            self.end(f"idle for {limit / 60:.4g} minutes", drain_seconds=self.policy.drain_limit_seconds)
        self._check_control(wanted.control_seen_at)

    def _check_control(self, seen_at: float | None) -> None:
        """End when the control plane shows no life. Measured by change, so that a clock jump means nothing."""
        now = self.clock.monotonic()
        if seen_at != self._control[0]:
            self._control = (seen_at, now)
        elif now - self._control[1] > self.policy.control_gone_seconds and not self._end.is_set():
            self.end("the server is gone", drain_seconds=self.policy.control_gone_drain_seconds)

    async def _drain(self) -> None:
        await self.worker.settle()
        if self._drain_seconds > 0 and self.worker.active:
            await self._beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._drain_seconds):
                    while self.worker.active and not self._at_once:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(0.25):
                                await self.worker.wait_empty()
        await self.worker.release_all()

    async def _goodbye(self) -> None:
        self.state, self.phase = MachineState.BROKEN if self.broken else MachineState.STOPPING, None
        await self._beat()
        if self._engine is not None:
            await self._engine.close()
        await self.process.stop()
