"""The store of machine records, through which the control plane and the machines communicate."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from tlfif.machines.machine import Directive, Heartbeat, MachineRecord, MachineState, PhaseTiming, Situation
from tlfif.machines.transitions import asked_to_drain, asked_to_stop, closed, launched


class MachineStore(ABC):
    """Machine records, heartbeats and settings, shared by the control plane and the machine.

    At most one record is open (``ended_at`` None) at any time; the store itself enforces this, so that two control
    planes cannot both launch. Tested by ``tests/contract/test_machine_store.py``.
    Every method raises StorageError when the medium fails; those that change a record raise NotFoundError (code
    ``machine_not_found``) for an unknown id and change nothing once it is ended.
    """

    @abstractmethod
    async def create_intent(self, record: MachineRecord) -> bool:
        """Write the intent to launch, before anything is launched. False where a record is open already."""

    async def commit_launch(self, machine_id: str, *, handle: str) -> None:
        """The launch was accepted; store the host's handle."""
        await self.change(machine_id, lambda record: launched(record, handle=handle))

    @abstractmethod
    async def active(self) -> MachineRecord | None:
        """The open record, if any."""

    @abstractmethod
    async def latest(self) -> MachineRecord | None:
        """The newest record, open or ended."""

    @abstractmethod
    async def situation(self) -> Situation:
        """:meth:`latest`, :meth:`held` and :meth:`idle_timeout` in one read, for every prompt and every tick."""

    @abstractmethod
    async def history(self, *, limit: int) -> list[MachineRecord]:
        """Records newest first."""

    @abstractmethod
    async def phases_of(self, machine_ids: Sequence[str]) -> dict[str, list[PhaseTiming]]:
        """Completed phases of these machines' starts, in the order in which they were completed.

        Every id that was asked for has an entry, an empty one where nothing was measured or no such machine is known.
        """

    @abstractmethod
    async def heartbeat(self, beat: Heartbeat, *, now: float) -> Directive:
        """Store a heartbeat and answer with the directive for the machine.

        Binds ``boot_id`` on the first beat. Closes the running phase and opens the next when ``phase`` changes
        (to None at ready), keeping its seconds for :meth:`phase_timings`. The state is taken over unless the
        record says stopping. A beat for a record that is closed or has another boot id changes nothing and
        answers ``owned=False``. ``drain`` is true for a record that is stopping, too. Where no person ever set an idle
        time-out, the answer carries the one that the store was opened with."""

    async def request_drain(self, machine_id: str, *, reason: str) -> None:
        """Ask the machine, through its next heartbeat, to take no more jobs, finish and end."""
        await self.change(machine_id, lambda record: asked_to_drain(record, reason=reason))

    async def mark_stopping(self, machine_id: str, *, reason: str, now: float) -> None:
        """The end was asked for; the first reason and time are kept, and so is the state ``broken``."""
        await self.change(machine_id, lambda record: asked_to_stop(record, reason=reason, now=now))

    async def mark_ended(
        self, machine_id: str, *, state: MachineState, reason: str, now: float, code: str = ""
    ) -> None:
        """The host reports that it is gone. ``state`` is shown from now on: off, broken, no_capacity or
        no_quota. Empty, ``reason`` and ``code`` keep what was known. A second call changes nothing."""
        await self.change(machine_id, lambda record: closed(record, state=state, reason=reason, now=now, code=code))

    @abstractmethod
    async def change(self, machine_id: str, change: Callable[[MachineRecord], MachineRecord]) -> None:
        """Apply ``change`` to the record, in one step that survives a power failure."""

    @abstractmethod
    async def phase_timings(self, *, model: str, image: str, limit: int) -> list[PhaseTiming]:
        """Seconds of completed phases of the newest starts of this model and image, newest first;
        ``limit`` counts starts that have any."""

    @abstractmethod
    async def failed_starts(self) -> int:
        """How many of the newest ended machines in a row were ``broken`` before they were ready; any other end, or
        a ready one, or :meth:`reset_failures`, sets it to 0."""

    @abstractmethod
    async def reset_failures(self) -> None:
        """Set :meth:`failed_starts` to 0, because a person tries again."""

    @abstractmethod
    async def idle_timeout(self) -> float | None:
        """Idle seconds before the machine ends itself, as last set by a person; None where never set."""

    @abstractmethod
    async def set_idle_timeout(self, seconds: float) -> None:
        """Store a checked idle time-out."""

    @abstractmethod
    async def held(self) -> bool:
        """Whether a person stopped the machine while jobs stayed queued: no start until a person asks again."""

    @abstractmethod
    async def set_held(self, held: bool) -> None:
        """Set :meth:`held`."""

    @abstractmethod
    async def control_alive(self, *, now: float) -> None:
        """The control plane's own heartbeat; without it machines end themselves."""

    @abstractmethod
    async def close(self) -> None:
        """Close files and threads."""
