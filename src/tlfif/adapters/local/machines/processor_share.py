"""How much of this computer other programs take, while a candidate's speed is measured."""

from collections.abc import Callable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds of all processors together: in all, at work, and at work for this process and its children."""

    whole: float
    busy: float
    own: float


class ProcessorShare:
    """Counts from its making on."""

    def __init__(self, read: Callable[[], Spent] | None = None) -> None:
        self._read = read or _spent
        self._before = self._read()

    def of_others(self) -> float:
        """The share of all processors' time, 0 to 1, that other programs took; asked while all children live."""
        now, before = self._read(), self._before
        others = (now.busy - before.busy) - (now.own - before.own)
        return min(1.0, max(0.0, others / max(now.whole - before.whole, 1e-6)))


def _spent() -> Spent:
    times = psutil.cpu_times()._asdict()
    # What guests take is in "user" as well.
    whole = sum(spent for name, spent in times.items() if not name.startswith("guest"))
    return Spent(whole=whole, busy=whole - times["idle"] - times.get("iowait", 0.0), own=_own_seconds())


def _own_seconds() -> float:
    this = psutil.Process()
    own = sum(this.cpu_times()[:4])
    for child in this.children(recursive=True):
        try:
            own += sum(child.cpu_times()[:2])
        except psutil.Error:  # it has ended meanwhile
            continue
    return own
