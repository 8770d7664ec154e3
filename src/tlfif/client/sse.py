"""Parses server-sent events, as far as TL-FIF sends them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from tlfif.jobs.events import Event, EventKind
from tlfif.wire.jobs import FollowUpdate, JobAccepted, MachineUpdate


@dataclass(slots=True)
class SseReader:
    """Collects bytes and yields whole messages.

    Lines end at line feeds only: the text of an answer may hold characters that other line splitters take for line
    ends (U+2028, U+0085). A message cut off by a broken connection is never yielded.
    """

    _rest: bytes = b""
    _fields: dict[str, str] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> Iterator[FollowUpdate | JobAccepted | None]:
        """The messages completed by ``chunk``; None for a keep-alive.

        Raises ValueError for a message that no TL-FIF server sends.
        """
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8")
            if not line:
                if self._fields:
                    fields, self._fields = self._fields, {}
                    yield _update_from(fields)
            elif line.startswith(":"):
                yield None
            else:
                name, _, value = line.partition(":")
                self._fields[name] = value.removeprefix(" ")


def _update_from(fields: dict[str, str]) -> FollowUpdate | JobAccepted | None:
    kind, data = fields.get("event", ""), json.loads(fields.get("data", "null"))
    if not isinstance(data, dict):
        raise ValueError("an event without data")
    if kind == "machine":
        return MachineUpdate(machine=data)  # type: ignore[arg-type]  # the server guarantees the shape
    if kind == "accepted":
        return JobAccepted(accepted=data)  # type: ignore[arg-type]  # as above
    if kind not in EventKind.__members__.values():
        return None  # from a newer server; no number is lost, because the next event has a higher one
    at = float(data.pop("at", 0.0))
    return Event(seq=int(fields["id"]), kind=EventKind(kind), at=at, data=data)
