"""A machine from the inside: load the engine, prove it, serve, and end when idle (the first of the three stops)."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.jobs.request import GenerationRequest, Message, Sampling
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import (
    EngineError,
    EngineGoneError,
    EngineRejectedError,
    EngineStuckError,
    ModelUnusableError,
    StorageError,
)
from tlfif.machines.machine import Directive, Heartbeat, MachineState, Phase
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.worker.worker import Worker

log = logging.getLogger(__name__)

MAX_ENGINE_FAILURES = 3
"""Engine failures in a row, without one answer in between, after which the engine or the model counts as broken."""


@dataclass(slots=True, kw_only=True)
class MachineLife:
    """Runs one machine to its end. ``connect`` makes an Engine for an address; ``pid`` is this process's; ``on_ready``
    is called each time an engine has passed its first generation. ``ended_idle``: it ended for want of work."""

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
    image: str = ""
    on_ready: Callable[[], None] | None = None
    instance_type: str | None = None
    engine_kind: str | None = None
    state: MachineState = MachineState.LOADING
    phase: Phase | None = Phase.ENGINE_START
    engine_pid: int | None = None
    reason: str = ""
    broken: bool = False
    ended_idle: bool = False
    _engine: Engine | None = None
    _unusable: ModelUnusableError | None = None
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _at_once: bool = False
    _drain_seconds: float = 0.0
    _started_at: float = 0.0
    _was_ready: bool = False
    _control_seen: tuple[float | None, float] = (None, 0.0)

    def end(self, reason: str, *, drain_seconds: float) -> None:
        """Begin to end: claim no more jobs, let running ones finish for ``drain_seconds``. The first reason is kept; a
        later call can only shorten the drain."""
        if not self._end.is_set():
            self.reason, self._drain_seconds = reason, drain_seconds
            log.info("machine: ending: %s", reason)
        elif drain_seconds <= 0:
            self._at_once = True
        self._end.set()
        self.worker.stop_taking()

    async def run(self) -> str:
        """Run until the end; returns the reason. Raises nothing for faults of the engine or the store."""
        self._started_at = self.clock.monotonic()
        self._control_seen = (None, self._started_at)
        heartbeats = asyncio.create_task(self._send_heartbeats())
        working = asyncio.create_task(self.worker.run())
        serving = asyncio.create_task(self._serve())
        try:
            await self._wait_for_end(serving, working, heartbeats)
            await self._drain()
        finally:
            for task in (serving, working, heartbeats):
                task.cancel()
            await asyncio.gather(serving, working, heartbeats, return_exceptions=True)
            await self._shut_down()
        return self.reason

    async def _wait_for_end(self, *tasks: "asyncio.Task[None]") -> None:
        """Wait until the end is requested. None of ``tasks`` ends normally, so one that ended has failed."""
        end = asyncio.create_task(self._end.wait())
        await asyncio.wait({end, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        for task in tasks:
            if task.done() and not self._end.is_set():
                self._end_broken(str(task.exception() or "a part of the machine ended"))

    def _end_broken(self, reason: str) -> None:
        self.broken = True
        self.end(reason, drain_seconds=0)

    async def _serve(self) -> None:
        """Keep an engine running: start it, prove it, wait until it fails, start it again."""
        failures, answered = 0, 0
        while True:
            try:
                await self._start_engine()
                await self._wait_for_failure()
                fault = await self.process.why_ended() or "the engine died"
            except ModelUnusableError as error:
                self._unusable = error
                raise
            except EngineError as error:
                fault = await self.process.why_ended() or error.message
            self.worker.engine_down()
            await self.process.stop()
            self.engine_pid = None
            failures = 1 if self.worker.answered > answered else failures + 1
            answered = self.worker.answered
            log.warning("machine: %s (%d in a row)", fault, failures)
            if failures >= MAX_ENGINE_FAILURES or self.phase is not None:
                raise EngineGoneError(f"{fault} ({failures} times in a row)" if failures > 1 else fault)
            await self._report(MachineState.LOADING, Phase.ENGINE_START)

    async def _start_engine(self) -> None:
        address = await self.process.start()
        self.engine_pid = address.pid
        await self._report(MachineState.LOADING, Phase.PROVE)
        if self._engine is not None:
            await self._engine.close()
        self._engine = await self.connect(address)
        await self._prove(self._engine)
        self.worker.engine_up(self._engine)
        if self.on_ready is not None:
            self.on_ready()
        gc.freeze()  # objects made at start-up stay; the collector then need not visit them during an answer
        self._was_ready = True
        await self._report(MachineState.READY, None)

    async def _wait_for_failure(self) -> None:
        """Wait until the process ends, or a job finds that the engine does not answer."""
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
        """Ready means that a real generation succeeded. Raises ModelUnusableError where none ever will."""
        request = GenerationRequest(
            model=self.model,
            messages=(Message(role="user", content="Hi"),),
            max_tokens=1,
            sampling=Sampling(temperature=0.0),
        )
        try:
            async with contextlib.aclosing(engine.generate(request)) as chunks:
                async for _ in chunks:
                    pass
        except (EngineRejectedError, EngineStuckError) as error:
            raise ModelUnusableError(f"The model {self.model} is loaded but cannot answer: {error.message}") from error

    async def _report(self, state: MachineState, phase: Phase | None) -> None:
        self.state, self.phase = state, phase
        await self._heartbeat()

    async def _send_heartbeats(self) -> None:
        while True:
            await self._heartbeat()
            await self.clock.sleep(self.policy.heartbeat_seconds)

    async def _heartbeat(self) -> None:
        """Send one heartbeat. If the store fails the machine goes on, until the limit for silence is reached."""
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
            code="" if self._unusable is None else self._unusable.code,
            instance_type=self.instance_type,
            engine=self.engine_kind,
            image=self.image,
        )
        try:
            self._apply(await self.machines.heartbeat(beat, now=now), idle)
        except StorageError as error:
            log.warning("machine: no heartbeat: %s", error.message)
            self._check_control(self._control_seen[0])
        limit = self.policy.launch_limit_seconds
        if not self._was_ready and self.clock.monotonic() - self._started_at > limit and not self._end.is_set():
            self._end_broken(f"not ready within {limit:.0f} s")

    def _idle_seconds(self) -> float | None:
        since = self.worker.idle_from
        if since is None or self.worker.active or self.state is not MachineState.READY:
            return None
        return self.clock.monotonic() - since

    def _apply(self, directive: Directive, idle: float | None) -> None:
        if not directive.owned:
            self.end("this machine's record is closed", drain_seconds=0)
            return
        if directive.drain and not self._end.is_set():
            self.end("asked to drain", drain_seconds=self.policy.drain_limit_seconds)
        limit = directive.idle_timeout_seconds or self.idle_timeout_seconds
        if idle is not None and idle >= limit and not self._end.is_set():
            self.ended_idle = True
            self.end(f"idle for {limit / 60:.4g} minutes", drain_seconds=self.policy.drain_limit_seconds)
        self._check_control(directive.control_seen_at)

    def _check_control(self, seen_at: float | None) -> None:
        """End when the control plane is gone. Measured from the last change of ``seen_at``, so a clock that jumps does
        not matter."""
        now = self.clock.monotonic()
        if seen_at != self._control_seen[0]:
            self._control_seen = (seen_at, now)
        elif now - self._control_seen[1] > self.policy.control_gone_seconds and not self._end.is_set():
            self.end("the server is gone", drain_seconds=self.policy.control_gone_drain_seconds)

    async def _drain(self) -> None:
        await self.worker.settle()
        if self._drain_seconds > 0 and self.worker.active:
            await self._heartbeat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._drain_seconds):
                    while self.worker.active and not self._at_once:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(0.25):
                                await self.worker.wait_empty()
        await self.worker.release_all()

    async def _shut_down(self) -> None:
        self.state, self.phase = MachineState.BROKEN if self.broken else MachineState.STOPPING, None
        await self._heartbeat()
        if self._unusable is not None:
            # After the heartbeat, which has the reason: with its prompts gone the machine would be asked to end for
            # another. And it is the model's fault, not the machine's.
            await self.worker.refuse_waiting(self._unusable)
            with contextlib.suppress(StorageError):
                await self.machines.reset_failures()
        if self._engine is not None:
            await self._engine.close()
        await self.process.stop()
