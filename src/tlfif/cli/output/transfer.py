"""The progress of a fetch: bytes, rate and time left."""

from collections import deque
from dataclasses import dataclass, field

from tlfif.wording.figures import seconds, size

WINDOW_SECONDS = 10.0
BAR_CELLS = 20


@dataclass(slots=True)
class Transfer:
    """Progress of one file. The rate is that of the last ten seconds, so that a pause shows."""

    total: int | None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, received: int, now: float) -> None:
        """``received`` bytes in all at the monotonic time ``now``."""
        self._seen.append((now, received))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Bytes a second; 0 before it is known."""
        if len(self._seen) < 2:
            return 0.0
        (began, had), (now, has) = self._seen[0], self._seen[-1]
        return (has - had) / (now - began) if now > began else 0.0

    def line(self, *, bar: bool) -> str:
        """Bytes, rate and time left; with a bar for a terminal."""
        received = self._seen[-1][1] if self._seen else 0
        text = size(received)
        if self.total:
            share = min(1.0, received / self.total)
            text = f"{share:4.0%}  {text} of {size(self.total)}"
            if bar:
                full = int(share * BAR_CELLS)
                text = f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {text}"
        if self.rate > 0:
            text += f"  {size(int(self.rate))}/s"
            if self.total and received < self.total:
                left = max(1, round((self.total - received) / self.rate))
                text += f"  {left} s left" if left < 60 else f"  {seconds(left)} left"
        return text
