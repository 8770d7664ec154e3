"""A machine on paper: what its worker would do to the stores, and its instance to EC2, is done by the test."""

from collections.abc import Callable
from typing import Any

from tests.aws.emulator import Emulator
from tests.aws.home import MODEL
from tests.builders import a_beat, delta, succeeded
from tlfif.control.container import Container
from tlfif.jobs.jobs import Lease
from tlfif.jobs.pieces import Piece
from tlfif.jobs.policy import AWS_JOB_POLICY
from tlfif.machines.machine import MachineRecord, MachineState, Phase

LEASE_SECONDS = AWS_JOB_POLICY.lease_seconds


class PaperMachine:
    """The one of ``box``'s home that is open. ``run`` does its work, at the time ``now``; ``instances`` are EC2's."""

    def __init__(
        self,
        box: Container,
        emulator: Emulator,
        *,
        run: Callable[[Any], Any],
        now: Callable[[], float],
        instances: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self._box = box
        self._emulator = emulator
        self._run = run
        self._now = now
        self._instances = instances

    def record(self) -> MachineRecord | None:
        """The open machine's record, once its launch was confirmed and while its instance runs."""
        record = self.active()
        running = [one["InstanceId"] for one in self._instances() if one["State"]["Name"] == "running"]
        return record if record is not None and record.handle in running else None

    def active(self) -> MachineRecord | None:
        """The open machine's record."""
        return self._run(self._box.machines.active())

    def open(self) -> MachineRecord:
        """The same where there must be one."""
        record = self.active()
        assert record is not None
        return record

    def beat(self, state: MachineState = MachineState.READY, *, idle_since: float | None = None) -> None:
        """A heartbeat of the open machine."""
        phase = None if state is MachineState.READY else Phase.ENGINE_START
        beat = a_beat(self.open().id, state=state, phase=phase, idle_since=idle_since)
        self._run(self._box.machines.heartbeat(beat, now=self._now()))

    def claim(self, *, limit: int = 9) -> list[Lease]:
        """The open machine's worker takes what waits, as many as ``limit``."""
        taken = self._box.jobs.claim(
            worker_id=self.open().id, model=MODEL, limit=limit, lease_seconds=LEASE_SECONDS, now=self._now()
        )
        return [one.lease for one in self._run(taken)]

    def write(self, lease: Lease, seq: int) -> None:
        """The worker writes some text."""
        self._run(self._box.jobs.append([delta(lease, seq, "Hello, ")], now=self._now()))

    def last_event(self, job_id: str) -> int:
        """The number of the job's newest event."""
        return self._run(self._box.jobs.get(job_id)).last_seq

    def wait_for_work(self) -> None:
        """As the worker does where there is none; a message ends it."""
        self._run(self._box.jobs.wait_work(timeout=1.0))

    def answer(self, *, limit: int = 9) -> list[str]:
        """The machine is ready and answers what waits, as many as ``limit``; returns the jobs."""
        self.beat()
        leases = self.claim(limit=limit)
        for lease in leases:
            self._run(self._finish(lease))
        return [lease.job_id for lease in leases]

    async def _finish(self, lease: Lease) -> None:
        last = (await self._box.jobs.get(lease.job_id)).last_seq
        await self._box.jobs.finish(lease, seq=last + 1, rest=Piece(text="Anna."), outcome=succeeded(), now=self._now())

    def switch_off(self) -> None:
        """The open machine ends itself, or somebody does it in the console."""
        record = self.record()
        if record is not None and record.handle is not None:
            self._emulator.ec2.terminate_instances(InstanceIds=[record.handle])

    def works(self) -> None:
        """What a good machine does: it answers everything that waits, and switches itself off."""
        self.answer()
        self.switch_off()
