"""Where a machine is tried to be launched, in which order, and until when it may run at most. Pure."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlfif.money.prices.prices import check_instance_type

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between repetitions of a call that the cloud put off; together 15.5 s, well inside a router's minute."""
SHORTEST_RUN_SECONDS = 60.0
LONGEST_RUN_SECONDS = 24 * 3600.0
"""No machine lives longer than a day, whatever the settings say."""
LATE_SECONDS = 60.0
"""A schedule fires to the minute; one for a moment that has passed would never fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A part of a region with capacity of its own, and the subnet in it where machines go."""

    name: str
    subnet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request for one machine. ``token`` (64 hex digits) is the same whenever and wherever this very attempt is
    repeated, so that the cloud answers a repetition with the machine that it has made already."""

    instance_type: str
    zone: Zone
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """Each instance type in the order of preference, and for each type every zone.

    Which zone is first differs from machine to machine, so that a zone without capacity does not cost every start the
    same lost request, and is always the same for one machine. Repeated types and zones count once.

    Raises ValueError without a type or without a zone, InvalidInputError ``instance_type_unknown``.
    """

    instance_types: tuple[str, ...]
    zones: tuple[Zone, ...]

    def __post_init__(self) -> None:
        if not self.instance_types or not self.zones:
            raise ValueError("a launch plan needs at least one instance type and one zone")
        for name in self.instance_types:
            check_instance_type(name)
        object.__setattr__(self, "instance_types", tuple(dict.fromkeys(self.instance_types)))
        object.__setattr__(self, "zones", tuple({zone.subnet_id: zone for zone in self.zones}.values()))

    def attempts(self, machine_id: str, *, home: str) -> Iterator[Attempt]:
        """What to try for this machine of this installation, one after the other."""
        first = int(_digest(machine_id)[:8], 16) % len(self.zones)
        for instance_type in self.instance_types:
            for zone in (*self.zones[first:], *self.zones[:first]):
                token = _digest(f"{home}/{machine_id}/{instance_type}/{zone.subnet_id}")
                yield Attempt(instance_type=instance_type, zone=zone, token=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """One machine that the cloud made under an id. ``began_at`` is the cloud's own time; ``ending``: on its way out."""

    handle: str
    began_at: float
    ending: bool = False


def survivor(found: Sequence[Launched]) -> str | None:
    """Which of the machines made under one id is kept; None where there is none.

    Two launchers that do not know of each other choose the same: the oldest, of those that are not ending already.
    """
    return min(found, key=lambda one: (one.ending, one.began_at, one.handle)).handle if found else None


def check_max_run(seconds: float) -> float:
    """``seconds`` if a machine may run that long at most. Raises ValueError: nothing means for ever."""
    if not math.isfinite(seconds) or not SHORTEST_RUN_SECONDS <= seconds <= LONGEST_RUN_SECONDS:
        raise ValueError(
            f"the longest run of a machine is {SHORTEST_RUN_SECONDS:.0f} to {LONGEST_RUN_SECONDS:.0f} seconds"
        )
    return seconds


def last_moment(*, began_at: float, max_run_seconds: float, now: float) -> int:
    """When the machine is ended from outside, in whole epoch seconds.

    Counted from the cloud's own word about its beginning, so that a wrong clock here neither kills it early nor lets
    it run on; where that has passed by ``now``, in a minute.
    """
    return math.ceil(max(began_at + check_max_run(max_run_seconds), now + LATE_SECONDS))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
