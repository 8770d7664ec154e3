"""The ledger: when machines ran, and what is reserved for their starts."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from tlfif.money.spend.spans import MachineSpan, closed, corrected, ready

SpanChange = Callable[[MachineSpan | None], MachineSpan | None]
"""From a machine's span, None where it has none, to the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """What changes seldom, in one read.

    ``revision`` rises with every change of a span. ``since_ms`` (epoch milliseconds) is when this ledger was created:
    standing costs count from then. ``reserved`` is what is reserved in micro-dollars, by machine.
    """

    revision: int
    since_ms: int
    reserved: dict[str, int]


class Ledger(ABC):
    """The record that costs are computed from. It holds times, not amounts: a price that changes later changes no
    history.

    Contract, tested by ``tests/contract/test_ledger.py``: a machine has one span; what was written survives power loss;
    repeated calls, or calls in another order, give the same ledger. Times are epoch milliseconds.
    Every method raises StorageError when the medium fails; then nothing of that call was stored.
    """

    @abstractmethod
    async def state(self) -> LedgerState:
        """The present state."""

    async def open_span(self, span: MachineSpan) -> None:
        """The host reports that the machine runs. A machine that has a span keeps it."""
        await self.change(span.machine_id, lambda present: present or span)

    async def mark_ready(self, machine_id: str, *, at_ms: int) -> None:
        """The machine can answer; see ``spans.ready``. Nothing happens without a span."""
        await self.change(machine_id, lambda present: present and ready(present, at_ms))

    async def close_span(self, machine_id: str, *, at_ms: int) -> None:
        """The host reports that the machine has ended; see ``spans.closed``. Its reservation is released."""
        await self.change(machine_id, lambda present: present and closed(present, at_ms), release=True)

    async def correct_span(self, machine_id: str, *, real_stop_ms: int) -> None:
        """The host reports the real stop time; see ``spans.corrected``."""
        await self.change(machine_id, lambda present: present and corrected(present, real_stop_ms))

    async def release(self, machine_id: str) -> None:
        """Release a machine's reservation."""
        await self.change(machine_id, lambda present: present, release=True)

    @abstractmethod
    async def change(self, machine_id: str, change: SpanChange, *, release: bool = False) -> None:
        """Apply ``change`` to the machine's span, and with ``release`` release its reservation, in one step. What it
        leaves as it was keeps its revision."""

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
    async def reserve(self, machine_id: str, *, micros: int, headroom_micros: int | None) -> bool:
        """Reserve ``micros`` for a machine's start, unless all reservations together would exceed ``headroom_micros``
        (None: no limit). Checked and written in one step; a second call for the same machine replaces its
        reservation."""

    @abstractmethod
    async def close(self) -> None:
        """Close files and threads."""
