"""A machine as an EC2 instance that exists only while it is needed."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, AwsError, Verdict, code_of, verdict
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES, PatientCalls
from tlfif.adapters.aws.machines.capacity_search import CapacitySearch
from tlfif.adapters.aws.machines.dead_mans_switch import DeadMansSwitch
from tlfif.adapters.aws.machines.ec2_errors import (
    NOT_STARTED,
    disk_smaller_than_image,
    hinted_zones,
    hurdle_of,
    image_at_work,
    machine_error,
    no_network,
    no_schedule,
    nothing_launched,
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
from tlfif.adapters.aws.machines.image_model_store import image_file
from tlfif.adapters.aws.machines.launch_plan import (
    Attempt,
    Hurdle,
    LaunchPlan,
    Refusal,
    check_max_run,
    hinted_first,
    last_moment,
    survivor,
)
from tlfif.adapters.aws.machines.promoted_images import LaunchImage, promoted_images
from tlfif.images.image_registry import ImageRegistry
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine_host import LaunchSpec, Lifetime, MachineHost, ObservedMachine
from tlfif.machines.machine_types import USUAL_TYPES, EngineKind, check_instance_type
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import PriceBook
from tlfif.money.prices.type_offer import TypeOffer, offer_instead

log = logging.getLogger(__name__)

SEARCH_SECONDS = 18.0
"""After this time no further place is asked for capacity: AWS takes seconds to refuse in one, and several types in six
zones would take longer than the router has."""
ASKED = "What AWS was asked about is unchanged."
ENDED_BY_US = frozenset({"Client.InstanceInitiatedShutdown", "Client.UserInitiatedShutdown"})
"""EC2's codes for a machine that has switched itself off, and for one that was asked to end (API reference,
"StateReason"); any other is EC2's own doing: "Client.InternalError" for a disk that it cannot decrypt, and so on."""
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
    zone where the installation has a subnet; the type decides the kind of image, and with ``gpu_engine`` the engine,
    which the machine file names. ``disk_gb``: the size of the launch template's disk; 0: it names none, so that a disk
    is as large as its image's.
    Raises ValueError for a run time out of range or without a type, InvalidInputError ``instance_type_unknown``.
    """

    home: str
    region: str
    max_run_seconds: float
    instance_types: tuple[str, ...] = USUAL_TYPES
    standby: bool = False
    gpu_engine: EngineKind = EngineKind.VLLM
    disk_gb: int = 0
    machine_settings: Mapping[str, object] = field(default_factory=dict)
    book: PriceBook = BUILT_IN_PRICES
    """What an offered type costs."""

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
        registry: ImageRegistry,
    ) -> None:
        self._instances = instances
        self._switch = switch
        self._search = search
        self._settings = settings
        self._clock = clock
        self._registry = registry
        self._disarmed: set[str] = set()

    async def launch(self, spec: LaunchSpec) -> str:
        """See the port. A machine whose dead man's switch cannot be set is terminated again. A search for capacity
        ends after :data:`SEARCH_SECONDS`, and the next launch goes on with it.

        Each type is launched from the promoted image of its profile, as it is now.
        Raises MachineError: ``no_capacity``, ``no_quota``, ``account_plan``, ``account_pending``, ``aws_denied``,
        ``aws_busy``, ``aws_unreachable``, ``image_missing``, ``image_pointer_invalid``, ``image_failed``,
        ``disk_too_small``, ``no_schedule``, ``machine_failed``.
        """
        settings = self._settings
        images = await promoted_images(
            self._registry, settings.instance_types, gpu_engine=settings.gpu_engine, model=spec.model
        )
        return await self.launch_from(spec, images)

    async def launch_from(self, spec: LaunchSpec, images: Mapping[str, LaunchImage]) -> str:
        """The same from the image that is named for each type. Raises MachineError as :meth:`launch`."""
        return await self.launch_request(self._request(spec, images))

    async def launch_request(self, request: LaunchRequest) -> str:
        """The same for what is no machine of this home: a builder of images. Raises MachineError as :meth:`launch`."""
        calls = PatientCalls(self._clock, MACHINE_PAUSES, deadline_seconds=SEARCH_SECONDS)
        with self._translated(NOT_STARTED):
            found = await self._of_machine(request.machine_id, calls)
        with self._translated(NOT_STARTED, unsure=PERHAPS_STARTED):
            if found is None or self._over(found):
                try:
                    found = await self._search_all(request, calls)
                except MachineError as error:
                    if error.code == "no_quota":
                        await self._check_image_at_work()
                    raise
        await self._arm(request.machine_id, found)
        return (await self._sole(request.machine_id, found)).instance_id

    async def _check_image_at_work(self) -> None:
        """Raises MachineError ``no_capacity`` where the quota is used by an image that is being built or tested: that
        ends within minutes, and nobody has to ask AWS for more."""
        with self._translated(NOT_STARTED):
            working = await self._instances.at_work(PatientCalls(self._clock, MACHINE_PAUSES))
        if working:
            raise image_at_work(working[0].image or "", working[0].instance_type)

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

    async def _search_all(self, request: LaunchRequest, calls: PatientCalls) -> Ec2Instance:
        """Ask place after place: those of a quota that is used up only once, and none after :data:`SEARCH_SECONDS` of
        want of capacity. A kept machine is the first place of its type."""
        until = self._clock.monotonic() + SEARCH_SECONDS
        zones = await self._instances.zones(calls)
        if not zones:
            raise no_network(self._settings.region)
        kept = await self._kept(request, calls)
        plan = LaunchPlan(instance_types=tuple(request.images), zones=zones)
        begun = await self._search.left()
        left = plan.attempts(request.machine_id, home=self._settings.home, left=begun)
        refusals: list[Refusal] = []
        errors: dict[Hurdle, AwsError] = {}
        made: Ec2Instance | None = None
        while left and made is None and (not refusals or self._clock.monotonic() < until):
            attempt = left.pop(0)
            woken = kept.pop(attempt.instance_type, None)
            try:
                made = await self._take(request, attempt, woken, calls)
            except AWS_ERRORS as error:
                hurdle = hurdle_of(error)
                if hurdle is None:
                    raise
                errors[hurdle] = error
                log.info("ec2: %s: %s", attempt.place, code_of(error))
                if woken is not None and hurdle is Hurdle.CAPACITY:
                    await self._give_up([woken], calls)
                    left.insert(0, attempt)  # it was not asked itself: the disk is tied to its own zone
                    continue
                refusals.append(Refusal(attempt=attempt, hurdle=hurdle, code=code_of(error)))
                left = [one for one in left if not refusals[-1].rules_out(one)]
                left = hinted_first(left, instance_type=attempt.instance_type, zones=hinted_zones(error))
        goes_on = [] if made is not None else [one.place for one in left]
        if begun or goes_on:
            await self._search.keep(goes_on)
        if made is not None:
            await self._give_up(kept.values(), calls)
            return made
        offer = self._offer(on_free_plan=Hurdle.PLAN in errors)
        region, cause = self._settings.region, next(iter(errors.values()), None)
        raise nothing_launched(refusals, errors=errors, left=left, region=region, offer=offer) from cause

    def _offer(self, *, on_free_plan: bool) -> TypeOffer | None:
        settings = self._settings
        return offer_instead(
            settings.instance_types,
            book=settings.book,
            region=settings.region,
            at_ms=int(self._clock.now() * 1000),
            on_free_plan=on_free_plan,
        )

    async def _take(
        self, request: LaunchRequest, attempt: Attempt, woken: Ec2Instance | None, calls: PatientCalls
    ) -> Ec2Instance:
        """Start the kept machine, or launch a new one where there is none."""
        if woken is None:
            return await self._instances.run(request, attempt, calls)
        await self._instances.wake(woken, request, calls)
        # Until EC2 shows the new start, it reports the time of the last one.
        return replace(woken, machine_id=request.machine_id, began_at=self._clock.now(), state=PENDING)

    async def _kept(self, request: LaunchRequest, calls: PatientCalls) -> dict[str, Ec2Instance]:
        """Standby: the machine that is kept with the same image, by its type. Kept machines that cannot be used any
        more are terminated, because their disks cost rent."""
        if not self._settings.standby:
            return {}
        found = await self._instances.find({"instance-state-name": [STOPPED]}, calls)
        kept = {one.instance_type: one for one in reversed(found) if _has_image(one, request)}
        await self._give_up((one for one in found if one not in kept.values()), calls)
        return kept

    async def _give_up(self, kept: Iterable[Ec2Instance], calls: PatientCalls) -> None:
        for one in kept:
            log.info("ec2: giving up the kept machine %s", one.instance_id)
            await self._instances.terminate(one.instance_id, calls, at_once=True)

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
        return Lifetime(
            began_at=found.began_at,
            ended_at=found.ended_at,
            instance_type=found.instance_type,
            image=found.image,
            last_words="" if found.reason in ENDED_BY_US else found.last_words or found.reason,
        )

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

    def _request(self, spec: LaunchSpec, images: Mapping[str, LaunchImage]) -> LaunchRequest:
        for image in images.values():
            if 0 < self._settings.disk_gb < image.disk_gb:
                raise disk_smaller_than_image(image.version, needs_gb=image.disk_gb, disk_gb=self._settings.disk_gb)
        return LaunchRequest(
            machine_id=spec.machine_id,
            images=images,
            user_data={name: self._machine_file(spec, name, image).text() for name, image in images.items()},
            keep_disk=self._settings.standby,
        )

    def _machine_file(self, spec: LaunchSpec, instance_type: str, image: LaunchImage) -> MachineFile:
        """What the machine is told: also the engine that is in its image, and where that engine's weights are."""
        settings, engine = self._settings, image.profile.engine
        spec = replace(spec, image=image.version)
        weights = image_file(spec.model, engine)
        if weights is not None:
            spec = replace(spec, model_path=weights.path, model_sha256=weights.sha256)
        return MachineFile(
            home=settings.home,
            region=settings.region,
            spec=spec,
            ends_after_seconds=settings.max_run_seconds,
            instance_type=instance_type,
            settings={**settings.machine_settings, "engine": {"kind": engine.value}},
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


def _has_image(kept: Ec2Instance, request: LaunchRequest) -> bool:
    image = request.images.get(kept.instance_type)
    return image is not None and kept.image == image.version
