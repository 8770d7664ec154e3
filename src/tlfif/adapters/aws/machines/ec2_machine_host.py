"""A machine as an EC2 instance that exists only while it is needed."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, Verdict, code_of, verdict
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES, PatientCalls
from tlfif.adapters.aws.machines.capacity_search import CapacitySearch
from tlfif.adapters.aws.machines.dead_mans_switch import DeadMansSwitch
from tlfif.adapters.aws.machines.ec2_errors import (
    NOT_STARTED,
    Refusal,
    hinted_zones,
    machine_error,
    no_capacity,
    no_network,
    no_schedule,
)
from tlfif.adapters.aws.machines.ec2_instances import (
    MISMATCH,
    PENDING,
    STOPPED,
    TERMINATED,
    Ec2Instance,
    Ec2Instances,
    LaunchRequest,
)
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.adapters.aws.machines.launch_plan import LaunchPlan, check_max_run, hinted_first, last_moment, survivor
from tlfif.kernel.clock import Clock
from tlfif.machines.machine_host import LaunchSpec, Lifetime, MachineHost, ObservedMachine
from tlfif.money.prices.prices import INSTANCE_TYPES, check_instance_type

log = logging.getLogger(__name__)

SEARCH_SECONDS = 18.0
"""After this time no further place is asked for capacity: AWS takes seconds to refuse in one, and three types in six
zones would take longer than the router has."""
ASKED = "What AWS was asked about is unchanged."
PERHAPS_STARTED = (
    "Whether a machine was started is not known: if so, it is found by its tag and terminated within some minutes, "
    "which costs some cents."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2Settings:
    """How machines are launched. ``max_run_seconds``: the dead man's switch terminates an instance this long after its
    launch.

    ``standby``: a machine that ends is stopped, and its disk is kept for the next one, which costs rent; if its zone
    has no capacity then, the disk is given up and a new machine is launched. ``machine_settings`` (plain JSON values,
    nothing secret) reach the worker through its machine file. ``instance_types`` are tried in this order, each in every
    zone where the installation has a subnet. Raises ValueError for a run time out of range or without a type,
    InvalidInputError ``instance_type_unknown``.
    """

    home: str
    region: str
    max_run_seconds: float
    instance_types: tuple[str, ...] = INSTANCE_TYPES
    standby: bool = False
    machine_settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_max_run(self.max_run_seconds)
        if not self.instance_types:
            raise ValueError("at least one instance type is needed")
        for name in self.instance_types:
            check_instance_type(name)


class Ec2MachineHost(MachineHost):
    """Launches instances from the installation's launch template. A handle is an instance id.

    A polite termination lets the operating system shut down, so that the worker gives its jobs back; ``force`` skips
    the shutdown. Neither costs more: EC2 stops counting once the instance leaves the state running. Finishing answers
    first is not this class's business: the store tells the worker to drain.

    The dead man's switch of a machine is removed only once EC2 reports it as terminated, by the next call of
    :meth:`alive` or :meth:`find_all`: removed earlier, a machine that is stuck in its shutdown would go on running.
    """

    def __init__(
        self,
        *,
        instances: Ec2Instances,
        switch: DeadMansSwitch,
        search: CapacitySearch,
        settings: Ec2Settings,
        clock: Clock,
    ) -> None:
        self._instances = instances
        self._switch = switch
        self._search = search
        self._settings = settings
        self._clock = clock
        self._disarmed: set[str] = set()

    async def launch(self, spec: LaunchSpec) -> str:
        """See the port. A machine whose dead man's switch cannot be set is terminated again. A search for capacity
        ends after :data:`SEARCH_SECONDS`, and the next launch goes on with it.

        An image that begins with "ami-" is used as it is; for any other, the launch template names the image.
        Raises MachineError: ``no_capacity``, ``no_quota``, ``account_plan``, ``account_pending``, ``aws_denied``,
        ``aws_busy``, ``aws_unreachable``, ``image_missing``, ``no_schedule``, ``machine_failed``.
        """
        calls = PatientCalls(self._clock, MACHINE_PAUSES, deadline_seconds=SEARCH_SECONDS)
        until = self._clock.monotonic() + SEARCH_SECONDS
        request = self._request(spec)
        with self._translated(NOT_STARTED):
            found = await self._of_machine(spec.machine_id, calls)
        with self._translated(NOT_STARTED, unsure=PERHAPS_STARTED):
            if found is None or self._over(found):
                found = await self._wake(request, calls) or await self._run(request, calls, until)
        await self._arm(spec.machine_id, found)
        return (await self._sole(spec.machine_id, found)).instance_id

    async def _of_machine(self, machine_id: str, calls: PatientCalls) -> Ec2Instance | None:
        """The machine's instance, launched by a call whose answer was lost or by another control plane."""
        found = {one.instance_id: one for one in await self._instances.of_machine(machine_id, calls)}
        kept = survivor([one.launched for one in found.values()])
        return found[kept] if kept is not None else None

    async def _sole(self, machine_id: str, made: Ec2Instance) -> Ec2Instance:
        """Terminate all but one, in case two launchers have got one each in different zones at the same time.

        Both choose the same one to keep. If looking fails, the next launch of this machine does it.
        """
        calls = PatientCalls(self._clock, MACHINE_PAUSES)
        try:
            found = {one.instance_id: one for one in await self._instances.of_machine(machine_id, calls)}
            found.setdefault(made.instance_id, made)  # EC2 shows a new one late
            kept = found[survivor([one.launched for one in found.values()]) or made.instance_id]
            if kept is not made and kept.instance_id != made.instance_id:
                await self._arm(machine_id, kept)
            for instance_id in found.keys() - {kept.instance_id}:
                log.warning("ec2: ending %s, a second instance of one machine", instance_id)
                await self._instances.terminate(instance_id, calls, at_once=True)
        except AWS_ERRORS as error:
            log.warning("ec2: could not look for a second instance of one machine: %s", code_of(error))
            return made
        return kept

    async def _run(self, request: LaunchRequest, calls: PatientCalls, until: float) -> Ec2Instance:
        """Ask place after place, none once it is ``until`` by the monotonic clock."""
        zones = await self._instances.zones(calls)
        if not zones:
            raise no_network(self._settings.region)
        plan = LaunchPlan(instance_types=self._settings.instance_types, zones=zones)
        begun = await self._search.left()
        left = plan.attempts(request.machine_id, home=self._settings.home, left=begun)
        refusals: list[Refusal] = []
        made: Ec2Instance | None = None
        while left and made is None and (not refusals or self._clock.monotonic() < until):
            attempt = left.pop(0)
            try:
                made = await self._instances.run(request, attempt, calls)
            except AWS_ERRORS as error:
                if verdict(error) is not Verdict.NEXT:
                    raise
                log.info("ec2: %s: %s", attempt.place, code_of(error))
                refusals.append(Refusal(attempt=attempt, code=code_of(error)))
                left = hinted_first(left, instance_type=attempt.instance_type, zones=hinted_zones(error))
        goes_on = [] if made is not None else [one.place for one in left]
        if begun or goes_on:
            await self._search.keep(goes_on)
        if made is None:
            raise no_capacity(refusals, left)
        return made

    async def _wake(self, request: LaunchRequest, calls: PatientCalls) -> Ec2Instance | None:
        """Standby: start a kept machine with the same image. Kept machines that cannot be used any more are terminated,
        because their disks cost rent."""
        if not self._settings.standby:
            return None
        kept = await self._instances.find({"instance-state-name": [STOPPED]}, calls)
        chosen = next((one for one in kept if one.image == request.image), None)
        woken = None
        if chosen is not None:
            try:
                await self._instances.wake(chosen, request, calls)
                # Until EC2 shows the new start, it reports the time of the last one.
                woken = replace(chosen, machine_id=request.machine_id, began_at=self._clock.now(), state=PENDING)
            except AWS_ERRORS as error:
                if verdict(error) is not Verdict.NEXT:
                    raise
        for one in kept:
            if woken is None or one is not chosen:
                log.info("ec2: giving up the kept machine %s", one.instance_id)
                await self._instances.terminate(one.instance_id, calls, at_once=True)
        return woken

    async def _arm(self, machine_id: str, found: Ec2Instance) -> None:
        at = last_moment(began_at=found.began_at, max_run_seconds=self._settings.max_run_seconds, now=self._clock.now())
        try:
            await self._switch.arm(machine_id, instance_id=found.instance_id, at=at)
        except AWS_ERRORS as error:
            ended = await self._end_unarmed(found.instance_id)
            raise no_schedule(error, instance_id=found.instance_id, ended=ended) from error

    async def _end_unarmed(self, instance_id: str) -> bool:
        try:
            await self._instances.terminate(instance_id, PatientCalls(self._clock, MACHINE_PAUSES), at_once=True)
        except AWS_ERRORS as error:
            log.error("ec2: %s has no schedule and could not be ended: %s", instance_id, code_of(error))
            return False
        return True

    async def alive(self, handle: str) -> bool | None:
        """See the port. A stopped instance is not gone: somebody stopped it by hand, and its disk costs rent. With
        standby it is gone: its run is over, and its disk is kept for the next machine."""
        with self._translated(ASKED):
            found = await self._instances.describe(handle, PatientCalls(self._clock, MACHINE_PAUSES))
        if found is None:
            return None
        if not self._over(found):
            return True
        if found.reason:
            log.info("ec2: %s ended: %s", handle, found.reason)
        await self._disarm(found.machine_id)
        return False

    async def lifetime(self, handle: str) -> Lifetime | None:
        """See the port. EC2 forgets an instance about an hour after its end."""
        with self._translated(ASKED):
            found = await self._instances.describe(handle, PatientCalls(self._clock, MACHINE_PAUSES))
        if found is None:
            return None
        return Lifetime(began_at=found.began_at, ended_at=found.ended_at, instance_type=found.instance_type)

    async def terminate(self, handle: str, *, force: bool) -> None:
        """See the port, and the class for what polite means. With standby a polite end keeps the disk, ``force`` does
        not. Raises MachineError if EC2 refuses."""
        calls = PatientCalls(self._clock, MACHINE_PAUSES)
        with self._translated("The machine may still run; ending it is tried again."):
            if self._settings.standby and not force:
                await self._instances.stop(handle, calls)
            else:
                await self._instances.terminate(handle, calls, at_once=force)

    async def find_all(self) -> list[ObservedMachine]:
        """See the port. Also removes the switches of machines that EC2 still shows as terminated."""
        with self._translated(ASKED):
            found = await self._instances.find({}, PatientCalls(self._clock, MACHINE_PAUSES))
        kept = max((one for one in found if one.state == STOPPED), key=lambda one: one.began_at, default=None)
        # One kept disk is wanted and its rent is shown; the sweep terminates any further one.
        living = [one for one in found if not self._over(one) or (one.state == STOPPED and one is not kept)]
        gone = {one.machine_id for one in found if one.machine_id} - {one.machine_id for one in living}
        self._disarmed &= gone
        for machine_id in sorted(gone - self._disarmed):
            await self._disarm(machine_id)
        return [
            ObservedMachine(handle=one.instance_id, machine_id=one.machine_id, began_at=one.began_at) for one in living
        ]

    async def _disarm(self, machine_id: str | None) -> None:
        if machine_id is not None and machine_id not in self._disarmed and await self._switch.disarm(machine_id):
            self._disarmed.add(machine_id)

    def _over(self, one: Ec2Instance) -> bool:
        return one.state == TERMINATED or (self._settings.standby and one.state == STOPPED)

    def _request(self, spec: LaunchSpec) -> LaunchRequest:
        settings = self._settings
        file = MachineFile(
            home=settings.home,
            region=settings.region,
            spec=spec,
            ends_after_seconds=settings.max_run_seconds,
            settings=settings.machine_settings,
        )
        return LaunchRequest(
            machine_id=spec.machine_id,
            image=spec.image,
            image_id=spec.image if spec.image.startswith("ami-") else None,
            user_data=file.text(),
            keep_disk=settings.standby,
        )

    @contextmanager
    def _translated(self, outcome: str, *, unsure: str | None = None) -> Iterator[None]:
        """Translate AWS's errors for the owner. ``unsure`` is the outcome if the call may have been executed."""
        try:
            yield
        except AWS_ERRORS as error:
            lost = verdict(error) is Verdict.REPEAT or code_of(error) == MISMATCH
            words = unsure if lost and unsure is not None else outcome
            raise machine_error(error, region=self._settings.region, outcome=words) from error
