"""Messages on their way from the bridge's thread to the window's: a bounded queue that merges what belongs together."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tlfif.gui.model.messages import (
    AnswerDelayed,
    AnswerExtended,
    AnswerModelUpdated,
    CostUpdated,
    HomeUpdated,
    ImagesUpdated,
    MachineUpdated,
    Message,
    ModelUpdated,
)

CAPACITY = 1000
"""Messages that may wait. A window that hangs stops reading, not the answers."""
MAX_CHARACTERS = 256 * 1024
"""Characters of answers that may wait as well."""


@dataclass(slots=True)
class _Slot:
    """One item; a delta that waits grows in ``pieces`` instead of becoming many."""

    item: Message
    pieces: list[str] = field(default_factory=list)
    key: tuple[str, str] | None = None


class MessageQueue:
    """Safe to use from two threads. Keeps the order within each answer. Of reports, only the newest one stays."""

    def __init__(self, *, on_space: Callable[[], None] = lambda: None) -> None:
        """``on_space`` is called in the reader's thread when there is space again after there was none."""
        self._lock = threading.Lock()
        self._slots: deque[_Slot] = deque()
        self._latest: dict[tuple[str, str], _Slot] = {}
        self._characters = 0
        self._was_full = False
        self._on_space = on_space

    def put(self, item: Message) -> bool:
        """Add a message; never waits and never drops one. False: the queue is full, wait before the next one."""
        with self._lock:
            if isinstance(item, AnswerExtended):
                self._put_delta(item)
            else:
                self._put_other(item)
            self._was_full = self._was_full or self._is_full()
            return not self._was_full

    def take(self, limit: int) -> list[Message]:
        """The oldest ``limit`` items at most."""
        taken: list[Message] = []
        with self._lock:
            while self._slots and len(taken) < limit:
                slot = self._slots.popleft()
                if slot.key is not None and self._latest.get(slot.key) is slot:
                    del self._latest[slot.key]
                if isinstance(slot.item, AnswerExtended):
                    text = "".join(slot.pieces)
                    self._characters -= len(text)
                    taken.append(AnswerExtended(exchange_id=slot.item.exchange_id, text=text, seq=slot.item.seq))
                else:
                    taken.append(slot.item)
            freed = self._was_full and not self._is_full()
            self._was_full = self._was_full and not freed
        if freed:
            self._on_space()
        return taken

    def _is_full(self) -> bool:
        return len(self._slots) >= CAPACITY or self._characters >= MAX_CHARACTERS

    def _put_delta(self, item: AnswerExtended) -> None:
        key = ("answer", item.exchange_id)
        self._characters += len(item.text)
        slot = self._latest.get(key)
        if slot is not None and isinstance(slot.item, AnswerExtended):
            slot.pieces.append(item.text)
            slot.item = item
            return
        self._append(_Slot(item, [item.text], key))

    def _put_other(self, item: Message) -> None:
        key = _newest_only(item)
        if isinstance(item, HomeUpdated):
            self._latest.clear()  # what comes after it is another server's, and must not be put in front of it
        if key is None:
            exchange_id = getattr(item, "exchange_id", None)
            if exchange_id is not None:
                # Deltas that come after this one must not be put in front of it.
                self._latest.pop(("answer", exchange_id), None)
            self._append(_Slot(item))
            return
        slot = self._latest.get(key)
        if slot is not None:
            slot.item = item
            return
        self._append(_Slot(item, key=key))

    def _append(self, slot: _Slot) -> None:
        self._slots.append(slot)
        if slot.key is not None:
            self._latest[slot.key] = slot


def _newest_only(item: Message) -> tuple[str, str] | None:
    """The key under which a newer message replaces a waiting older one; None where each counts."""
    match item:
        case MachineUpdated() | CostUpdated():
            return (type(item).__name__, "")
        case ImagesUpdated(acted=acted):
            return ("ImagesUpdated", str(acted))
        case ModelUpdated(model=model):
            return ("ModelUpdated", model["name"])
        case AnswerDelayed(exchange_id=exchange_id) | AnswerModelUpdated(exchange_id=exchange_id):
            return (type(item).__name__, exchange_id)
        case _:
            return None
