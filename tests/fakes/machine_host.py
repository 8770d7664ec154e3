"""A place where machines run that exists in memory only, and misbehaves on request."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tlfif.kernel.errors import MachineError
from tlfif.machines.machine_host import LaunchSpec, Lifetime, MachineHost, ObservedMachine


class Obedience(StrEnum):
    """What a machine does when asked to end."""

    PROMPT = "prompt"
    """It is gone at once."""
    DEAF = "deaf"
    """Only force ends it."""


@dataclass(slots=True)
class FakeMachine:
    """One machine: that it exists, and how it was asked to end."""

    handle: str
    spec: LaunchSpec
    obedience: Obedience = Obedience.PROMPT
    exists: bool = True
    asked: int = 0
    forced: int = 0

    @property
    def machine_id(self) -> str:
        """Its mark."""
        return self.spec.machine_id


class FakeMachineHost(MachineHost):
    """``refusals`` are raised by the first launches, one each; None lets that launch through.

    ``on_launch`` is told of every new machine, ``on_end`` of every end by :meth:`terminate`.
    """

    def __init__(
        self,
        *,
        refusals: list[MachineError | None] | None = None,
        obedience: Obedience = Obedience.PROMPT,
        on_launch: Callable[[FakeMachine], None] | None = None,
        on_end: Callable[[FakeMachine, bool], None] | None = None,
    ) -> None:
        self._refusals = list(refusals or [])
        self._obedience = obedience
        self._on_launch = on_launch
        self._on_end = on_end
        self.machines: list[FakeMachine] = []
        self.launches = 0
        self.invisible: set[str] = set()
        """Handles that this host knows nothing of, for now."""
        self.lifetimes: dict[str, Lifetime] = {}
        """What it tells of its machines' times, by handle."""
        self.silent = False
        """It answers no question and takes no order."""

    @property
    def existing(self) -> list[FakeMachine]:
        """Machines that exist now."""
        return [machine for machine in self.machines if machine.exists]

    async def launch(self, spec: LaunchSpec) -> str:
        """See the port."""
        for machine in self.existing:
            if machine.machine_id == spec.machine_id:
                return machine.handle
        self.launches += 1
        refusal = self._refusals.pop(0) if self._refusals else None
        if refusal is not None:
            raise refusal
        machine = FakeMachine(handle=f"{self.launches}:0.000", spec=spec, obedience=self._obedience)
        self.machines.append(machine)
        if self._on_launch is not None:
            self._on_launch(machine)
        return machine.handle

    async def alive(self, handle: str) -> bool | None:
        """See the port."""
        self._answer()
        if handle in self.invisible:
            return None
        return any(machine.handle == handle for machine in self.existing)

    async def lifetime(self, handle: str) -> Lifetime | None:
        """See the port."""
        self._answer()
        return self.lifetimes.get(handle)

    async def terminate(self, handle: str, *, force: bool) -> None:
        """See the port."""
        self._answer()
        for machine in self.existing:
            if machine.handle != handle:
                continue
            machine.asked += not force
            machine.forced += force
            if force or machine.obedience is Obedience.PROMPT:
                machine.exists = False
                if self._on_end is not None:
                    self._on_end(machine, force)

    async def find_all(self) -> list[ObservedMachine]:
        """See the port."""
        self._answer()
        return [
            ObservedMachine(handle=m.handle, machine_id=m.machine_id, began_at=self._began(m)) for m in self.existing
        ]

    def _began(self, machine: FakeMachine) -> float | None:
        known = self.lifetimes.get(machine.handle)
        return known.began_at if known is not None else None

    def _answer(self) -> None:
        if self.silent:
            raise MachineError("The host does not answer.")
