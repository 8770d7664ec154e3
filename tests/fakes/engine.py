"""Engines that answer from a script, and misbehave on request."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from tlfif.jobs.engine import Chunk, Engine, EngineAddress, EngineProcess
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.request import GenerationRequest
from tlfif.kernel.errors import EngineError, EngineGoneError

WORDS = ("A ", "cloud ", "computer ", "is ", "somebody ", "else's.")


class FakeEngine(Engine):
    """Says ``words``, one a chunk and a token, after ``thoughts``, as a thinking model does.

    ``hold_after``: waits for :attr:`go_on` once that many words of an answer are out; all of them means: before the
    last chunk. ``fault``: raised after ``fault_after`` words. The one-token proof of a machine is never disturbed.
    """

    def __init__(
        self,
        words: Sequence[str] = WORDS,
        *,
        thoughts: Sequence[str] = (),
        hold_after: int | None = None,
        fault: EngineError | None = None,
        fault_after: int = 0,
    ) -> None:
        self.words = tuple(words)
        self.thoughts = tuple(thoughts)
        self.hold_after = hold_after
        self.fault = fault
        self.fault_after = fault_after
        self.go_on = asyncio.Event()
        self.dead = False
        self.requests: list[GenerationRequest] = []
        self.streams = 0
        """Answers under way: slots in use."""
        self.most_streams = 0
        self.closed = False

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port."""
        if self.dead:
            raise EngineGoneError("The engine went away.")
        if request.max_tokens == 1:
            yield Chunk(finish_reason=FinishReason.LENGTH, prompt_tokens=1, completion_tokens=1)
            return
        self.requests.append(request)
        words = self.words[: request.max_tokens]
        reason = FinishReason.STOP if len(words) == len(self.words) else FinishReason.LENGTH
        self.streams += 1
        self.most_streams = max(self.most_streams, self.streams)
        try:
            for thought in self.thoughts:
                await asyncio.sleep(0)
                yield Chunk(reasoning=thought)
            for count in range(len(words) + 1):
                await asyncio.sleep(0)
                if count == self.hold_after:
                    await self.go_on.wait()
                if self.dead:
                    raise EngineGoneError("The engine went away.")
                if self.fault is not None and count == self.fault_after:
                    raise self.fault
                if count < len(words):
                    yield Chunk(text=words[count])
            yield Chunk(finish_reason=reason, prompt_tokens=7, completion_tokens=len(words))
        finally:
            self.streams -= 1

    async def close(self) -> None:
        """See the port."""
        self.closed = True


class FakeEngineProcess(EngineProcess):
    """A process that starts when told. ``faults`` are raised by the first starts, one each."""

    def __init__(self, *, faults: Sequence[EngineError] = ()) -> None:
        self.may_start = asyncio.Event()
        self.may_start.set()
        self._faults = list(faults)
        self._ended = asyncio.Event()
        self.why = ""
        self.starts = 0
        self.stops = 0
        self.running = False

    async def start(self) -> EngineAddress:
        """See the port."""
        self.starts += 1
        await self.may_start.wait()
        if self._faults:
            raise self._faults.pop(0)
        self._ended.clear()
        self.running = True
        return EngineAddress(base_url="http://127.0.0.1:1", api_key="key", pid=4000 + self.starts)

    async def wait(self) -> int:
        """See the port."""
        await self._ended.wait()
        return -9

    async def why_ended(self) -> str:
        """See the port."""
        return self.why

    def die(self) -> None:
        """As by kill -9."""
        self.running = False
        self._ended.set()

    async def stop(self) -> None:
        """See the port."""
        self.stops += 1
        self.die()
