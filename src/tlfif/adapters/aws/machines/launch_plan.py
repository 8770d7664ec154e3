"""In which order zones and types are tried at a launch, and until when a machine may run. Pure."""

import hashlib
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tlfif.machines.machine_types import MACHINE_TYPES, check_instance_type

SHORTEST_RUN_SECONDS = 60.0
LONGEST_RUN_SECONDS = 24 * 3600.0
"""The upper limit of the setting: no machine runs longer than a day."""
LATE_SECONDS = 60.0
"""A schedule fires to the minute; one for a time in the past would never fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone of the region with capacity of its own, and the subnet in it that machines are launched in."""

    name: str
    subnet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request for one machine. ``token`` (64 hex digits) is the same whenever this very attempt is repeated, by
    whomever, so that EC2 answers a repetition with the instance that it has launched already."""

    instance_type: str
    zone: Zone
    token: str

    @property
    def place(self) -> str:
        """The type and the zone, in words."""
        return f"{self.instance_type} {self.zone.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """Each instance type in the order of preference, and for each type every zone.

    The first zone differs between machines, so that not every start begins with the same zone without capacity, and is
    always the same for one machine. Repeated types and zones count once.

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

    def attempts(self, machine_id: str, *, home: str, left: Collection[str] = ()) -> list[Attempt]:
        """The attempts for this machine of this installation, in order. ``left``: the places that a search before it
        had no time for, which is gone on with; where none of them is in the plan, every place."""
        all_of_them = list(self._all(machine_id, home))
        return [one for one in all_of_them if one.place in left] or all_of_them

    def _all(self, machine_id: str, home: str) -> Iterator[Attempt]:
        first = int(_digest(machine_id)[:8], 16) % len(self.zones)
        for instance_type in self.instance_types:
            for zone in (*self.zones[first:], *self.zones[:first]):
                token = _digest(f"{home}/{machine_id}/{instance_type}/{zone.subnet_id}")
                yield Attempt(instance_type=instance_type, zone=zone, token=token)


class Hurdle(StrEnum):
    """Why an attempt came to nothing although another may succeed."""

    CAPACITY = "capacity"
    """AWS has no such machine free in this zone."""
    QUOTA = "quota"
    """The account may not run so many processors of such machines: the same for all types of that quota."""
    PLAN = "plan"
    """The account's plan does not permit this type."""
    IMAGE = "image"
    """There is no image for it: the same for all types of that profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One attempt that came to nothing; ``code`` is AWS's."""

    attempt: Attempt
    hurdle: Hurdle
    code: str

    def rules_out(self, other: Attempt) -> bool:
        """Whether ``other`` need not be asked any more."""
        mine, others = MACHINE_TYPES[self.attempt.instance_type], MACHINE_TYPES[other.instance_type]
        match self.hurdle:
            case Hurdle.QUOTA:
                return mine.quota == others.quota
            case Hurdle.PLAN:
                return mine == others
            case Hurdle.IMAGE:
                return mine.has_gpu == others.has_gpu
            case _:
                return self.attempt == other


def hinted_first(rest: Sequence[Attempt], *, instance_type: str, zones: Collection[str]) -> list[Attempt]:
    """``rest`` in the order in which to go on, where AWS has said that ``instance_type`` has capacity in ``zones``:
    these first, and its other zones last. Without zones the order stays."""

    def rank(one: Attempt) -> int:
        return 1 if one.instance_type != instance_type else 0 if one.zone.name in zones else 2

    return sorted(rest, key=rank) if zones else list(rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """One instance that was launched for a machine id. ``began_at`` is EC2's own time; ``ending``: it is being
    terminated."""

    handle: str
    began_at: float
    ending: bool = False


def survivor(found: Sequence[Launched]) -> str | None:
    """Which of the instances launched for one machine id is kept; None if there is none.

    Two launchers that do not know of each other choose the same one: the oldest that is not ending already.
    """
    return min(found, key=lambda one: (one.ending, one.began_at, one.handle)).handle if found else None


def check_max_run(seconds: float) -> float:
    """``seconds`` if it is a permitted longest run time. Raises ValueError; there is no value for "unlimited"."""
    if not math.isfinite(seconds) or not SHORTEST_RUN_SECONDS <= seconds <= LONGEST_RUN_SECONDS:
        raise ValueError(
            f"the longest run of a machine is {SHORTEST_RUN_SECONDS:.0f} to {LONGEST_RUN_SECONDS:.0f} seconds"
        )
    return seconds


def last_moment(*, began_at: float, max_run_seconds: float, now: float) -> int:
    """When the dead man's switch fires, in whole epoch seconds.

    Counted from EC2's own launch time, so that a wrong clock here neither ends the machine early nor lets it run on; if
    that is past at ``now``, in a minute.
    """
    return math.ceil(max(began_at + check_max_run(max_run_seconds), now + LATE_SECONDS))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
