"""The inference server that a worker drives, and the process it runs in."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.pieces import Piece
from tlfif.jobs.request import GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk(Piece):
    """A piece of an answer as it comes. The last one carries ``finish_reason`` and the counts, and may be empty
    otherwise."""

    finish_reason: FinishReason | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Engine(ABC):
    """Generates text. Speaks OpenAI-style HTTP to llama.cpp and vLLM alike."""

    @asynccontextmanager
    async def turn(self, request: GenerationRequest) -> AsyncGenerator[None]:  # noqa: ARG002 - others look at it
        """Wait until ``request`` can be generated, and see to it that it stays so. An engine that takes any request at
        any time has nothing to do here. Raises as :meth:`generate`."""
        yield

    @abstractmethod
    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Stream the answer; closing the iterator frees the engine's slot.

        Raises:
            EngineRejectedError: this request is bad for this engine; repeating it is pointless.
            EngineGoneError: the engine does not answer or died half-way.
            EngineStuckError: the engine hangs on this request.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """Where a running engine listens (loopback) and the key it wants."""

    base_url: str
    api_key: str
    pid: int | None


class EngineProcess(ABC):
    """An engine in a process of its own. One engine at a time; it must not outlive its supervisor."""

    @abstractmethod
    async def start(self) -> EngineAddress:
        """Start the engine and return when it listens with the model loaded.

        Raises EngineGoneError if it ends before that, ModelUnusableError if the model is why; the message has the
        reason."""

    @abstractmethod
    async def wait(self) -> int:
        """Return the exit status once the process has ended."""

    async def why_ended(self) -> str:
        """Why the process ended unasked, and what to do about it; empty where that is not known."""
        return ""

    @abstractmethod
    async def stop(self) -> None:
        """End the process and return when it is gone. No error where there is none."""
