"""When machines ran, and what is set aside for them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tlfif.money.spend.spans import MachineSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """What changes seldom, in one look.

    ``revision`` rises with every change of a span. ``since_ms`` (epoch milliseconds) is when this ledger was begun:
    standing costs count from then. ``reserved`` is what is set aside in micro-dollars, by machine.
    """

    revision: int
    since_ms: int
    reserved: dict[str, int]


class Ledger(ABC):
    """The book that money is counted by. It holds times, not amounts: a price that changes later changes no history.

    Duties, proven by ``tests/contract/test_ledger.py``: a machine has one span; what is written once survives power
    loss; telling something twice, or in another order, ends in the same book. Times are epoch milliseconds.
    Every method raises StorageError when the medium fails; then nothing of that call was stored.
    """

    @abstractmethod
    async def state(self) -> LedgerState:
        """The present state."""

    @abstractmethod
    async def open_span(self, span: MachineSpan) -> None:
        """The cloud says running. A machine that has a span keeps it."""

    @abstractmethod
    async def mark_ready(self, machine_id: str, *, at_ms: int) -> None:
        """The machine can answer; see ``spans.ready``. Nothing happens without a span."""

    @abstractmethod
    async def close_span(self, machine_id: str, *, at_ms: int) -> None:
        """The cloud says not running; see ``spans.closed``. What was set aside is free again."""

    @abstractmethod
    async def correct_span(self, machine_id: str, *, real_stop_ms: int) -> None:
        """The real stop time turned up; see ``spans.corrected``."""

    @abstractmethod
    async def span(self, machine_id: str) -> MachineSpan | None:
        """The machine's span."""

    @abstractmethod
    async def open_spans(self) -> list[MachineSpan]:
        """Spans without an end, oldest first."""

    @abstractmethod
    async def spans_after(self, revision: int, *, from_ms: int) -> list[tuple[int, MachineSpan]]:
        """Spans that changed after ``revision`` and had not ended before ``from_ms``, each with its own revision,
        in order of change."""

    @abstractmethod
    async def reserve(self, machine_id: str, *, micros: int, room_micros: int | None) -> bool:
        """Set ``micros`` aside for a machine's start, unless that together with all else set aside is more than
        ``room_micros`` (None: no limit). Checked and written in one step; asking again for the same machine replaces
        what it had."""

    @abstractmethod
    async def release(self, machine_id: str) -> None:
        """Free what was set aside for a machine."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of files and threads."""
