"""Builds images on EC2. A builder is just another machine: launched by the product's own host, from Ubuntu's own image,
with a script that provisions, reports and switches off; its disk becomes the image. The candidate is a machine launched
from that, of a type that machines have, which tests itself.

What :meth:`poll` says follows from what EC2, S3 and the table show, so that any control plane goes on where another one
was killed. Both instances have the tag ``tlfif:image-work``, ids that nobody else has, a dead man's switch, a span in
the ledger and a reservation in the budget.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, code_of
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES, PatientCalls
from tlfif.adapters.aws.images import image_work
from tlfif.adapters.aws.images.build_script import SAID, build_script
from tlfif.adapters.aws.images.ec2_images import AVAILABLE, PENDING, Ec2Images
from tlfif.adapters.aws.images.image_errors import image_errors
from tlfif.adapters.aws.images.image_sources import ImageSources, Inputs, PinnedModel, source_key
from tlfif.adapters.aws.images.image_work import builder_id, candidate_id, version_of
from tlfif.adapters.aws.images.work_meter import WorkMeter
from tlfif.adapters.aws.machines.dead_mans_switch import DeadMansSwitch
from tlfif.adapters.aws.machines.ec2_instances import MACHINE_TAG, STOPPED, TERMINATED, Ec2Instance, Ec2Instances
from tlfif.adapters.aws.machines.ec2_instances import LaunchRequest as Launch
from tlfif.adapters.aws.machines.ec2_machine_host import Ec2MachineHost
from tlfif.adapters.aws.machines.promoted_images import LaunchImage
from tlfif.images.effort import EFFORTS
from tlfif.images.image import Failure, Image, Profile, Stage
from tlfif.images.image_builder import Estimate, ImageBuilder, Progress
from tlfif.images.image_store import ImageStore
from tlfif.images.smoke_report import why_not_offered
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError, MachineError
from tlfif.machines.machine_host import LaunchSpec
from tlfif.machines.machine_types import INSTANCE_TYPES, MACHINE_TYPES
from tlfif.models.model_store import ModelStore
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.spend.spans import WORK_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ssm import SSMClient

log = logging.getLogger(__name__)

BASE_PARAMETER = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
"""The newest Ubuntu 24.04, as Canonical publishes it (Ubuntu on AWS, "Find Ubuntu images on AWS")."""
LATE_SECONDS = 120.0
"""EC2 shows an instance that long after its launch at the latest."""
IDLE_SECONDS = 60.0
LAST_LINES = 6
"""Of the console, in the reason for a failure."""
_WRONG_INPUT = re.compile(r"is not the pinned file|[Hh]ash mismatch|source\.zip: FAILED")
"""What provisioning, uv and sha256sum say of an input that is another than the pinned one."""
FOR_GOOD = frozenset({"no_quota", "account_plan", "account_pending", "aws_denied", "image_missing"})
"""Refusals of a launch that only a person changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTools:
    """What a builder works with. ``builders`` launches from the template without a role, ``candidates`` (for types)
    from the machines' own, both given the minutes that a failed one is kept; ``works`` are the instances of both,
    ``machines`` those that answer."""

    ec2: "EC2Client"
    ssm: "SSMClient"
    works: Ec2Instances
    machines: Ec2Instances
    builders: Callable[[int], Ec2MachineHost]
    candidates: Callable[[tuple[str, ...], int], Ec2MachineHost]
    switch: DeadMansSwitch
    images: Ec2Images
    sources: ImageSources
    store: ImageStore
    models: ModelStore
    meter: WorkMeter
    clock: Clock


class Ec2ImageBuilder(ImageBuilder):
    """See the port. ``instance_types``: the home's, in its order; a candidate is launched on those of its profile.
    ``model``: what images hold."""

    def __init__(self, tools: BuildTools, *, region: str, instance_types: tuple[str, ...], model: str) -> None:
        self._tools = tools
        self._region = region
        self._types = instance_types
        self._model = model

    def estimate(self, profile: Profile) -> Estimate:
        cost = sum(self._costs(profile))
        hourly = sum(self._costs(profile, keep_minutes=60)) - cost
        return Estimate(seconds=EFFORTS[profile].seconds, cost_micros=cost, kept_hourly_micros=hourly)

    def limit_seconds(self, profile: Profile, stage: Stage) -> float:
        return image_work.limit_seconds(profile, stage)

    async def waits(self, image: Image) -> str:
        if image.stage not in (Stage.BUILD, Stage.BOOT):
            return ""
        wanted = self._builder_type() if image.stage is Stage.BUILD else self._candidate_types(image.profile)[0]
        with image_errors(self._region):
            running = await self._tools.machines.find({}, self._calls())
        for one in running:
            if one.state not in (STOPPED, TERMINATED) and image_work.in_the_way(wanted, one.instance_type):
                return (
                    f"the machine {one.instance_id} ({one.instance_type}) answers, and a new account's quota allows "
                    "one such machine. It goes on when that has ended: when it is idle, or ./tlfif machine stop"
                )
        return ""

    async def begin(self, image: Image) -> str | None:
        try:
            with image_errors(self._region):
                if image.stage is Stage.SOURCE:
                    await self._reserve(image)
                elif image.stage is Stage.BUILD:
                    return await self._begin_build(image)
                elif image.stage is Stage.BOOT:
                    return await self._begin_boot(image)
        except MachineError as error:
            code = "image_build_refused" if error.code in FOR_GOOD else ImageError.code
            raise ImageError(error.message, code=code, details=error.details) from error
        return None

    async def poll(self, image: Image) -> Progress:
        with image_errors(self._region):
            if image.stage is Stage.SOURCE:
                return await self._poll_source(image)
            if image.stage is Stage.BUILD:
                progress = await self._poll_build(image)
            else:
                progress = await self._poll_candidate(image)
        cost = await self._tools.meter.cost(builder_id(image.version), candidate_id(image.version))
        return replace(progress, cost_micros=cost)

    async def clean(self, image: Image, *, keep_artifact: bool) -> bool:
        tools, done = self._tools, True
        with image_errors(self._region, "What is left is ended by the next tries."):
            if await self._keeps(image):
                return False
            for work_id in (builder_id(image.version), candidate_id(image.version)):
                done &= await self._end(work_id)
            if done and not keep_artifact:
                for made in await tools.images.of_version(image.version):
                    done &= await tools.images.delete(await tools.images.artifact(made))
        return done

    async def _keeps(self, image: Image) -> bool:
        """Whether a machine on which it failed runs on, to be looked at."""
        if image.kept_until is None or image.kept_until <= self._tools.clock.now():
            return False
        found = [await self._instance(name(image.version)) for name in (builder_id, candidate_id)]
        return any(one is not None and one.state not in (STOPPED, TERMINATED) for one in found)

    async def sweep(self, known: Collection[str]) -> bool:
        """Instances with their schedules, reservations and spans, images, and snapshots whose image is gone."""
        tools, done = self._tools, True
        with image_errors(self._region, "What is left is ended by the next tries."):
            for work_id in await self._works():
                if version_of(work_id) not in known:
                    log.warning("images: ending what is left of %s", work_id)
                    done &= await self._end(work_id)
            for image in await tools.images.all():
                if image.version not in known:
                    log.warning("images: deleting %s, which no record knows", image.image_id)
                    done &= await tools.images.delete(await tools.images.artifact(image))
            images = await tools.images.all()
            if not any(one.state == PENDING for one in images):  # until then EC2 does not say which snapshot is whose
                for snapshot in await tools.images.loose_snapshots([name for one in images for name in one.snapshots]):
                    log.warning("images: deleting %s, a snapshot without its image", snapshot)
                    await tools.images.delete_snapshot(snapshot)
        return done

    async def _works(self) -> list[str]:
        """What works on images, or is reserved or metered as if it did."""
        ledger = self._tools.meter.ledger
        found = await self._tools.works.find({}, self._calls())
        running = {one.machine_id for one in found if one.state != TERMINATED and one.machine_id}
        metered = {*(await ledger.state()).reserved, *(span.machine_id for span in await ledger.open_spans())}
        return sorted(running | {one for one in metered if one.startswith(WORK_PREFIX)})

    # Source

    async def _reserve(self, image: Image) -> None:
        builder, candidate = self._costs(image.profile, keep_minutes=image.source.keep_minutes)
        work = {builder_id(image.version): builder, candidate_id(image.version): candidate}
        await self._tools.meter.reserve(work, what=f"Image {image.version}")

    async def _poll_source(self, image: Image) -> Progress:
        found = await self._tools.sources.inputs(image.source.commit)
        if found is None:
            return Progress(lines=(f"{source_key(image.source.commit)} is not in the home's bucket yet",))
        model = self._pinned(image, found)
        manifest = {
            "commit": image.source.commit,
            "repository": image.source.repository,
            "profile": image.profile.value,
            "inputs": found.files,
            "base": BASE_PARAMETER,
            "model": {"name": model.name, "sha256": model.sha256},
        }
        digest = found.digest(image.profile, model.key)
        lines = (f"{len(found.files)} files, the model {model.name}, {digest}",)
        return Progress(done=True, digest=digest, manifest=manifest, lines=lines)

    def _pinned(self, image: Image, inputs: Inputs) -> PinnedModel:
        return inputs.model_for(self._model, image.profile.engine, commit=image.source.commit)

    # Build

    async def _begin_build(self, image: Image) -> str:
        tools, work_id = self._tools, builder_id(image.version)
        inputs = await tools.sources.inputs(image.source.commit)
        base_id = await self._base()
        base = await tools.images.public(base_id)
        if inputs is None or base is None:
            gone = source_key(image.source.commit) if inputs is None else f"Ubuntu's image {base_id}"
            raise ImageError(f"{gone} is gone. Build the image again.", code="image_gone")
        source_url, result_url = await tools.sources.addresses(image)
        script = build_script(
            profile=image.profile,
            model=self._pinned(image, inputs).key,
            commit=image.source.commit,
            name=image.version,
            source_url=source_url,
            sha256=inputs.zip_sha256,
            result_url=result_url,
            keep_minutes=image.source.keep_minutes,
        )
        builder_type, profile = self._builder_type(), image.profile
        # A disk cannot be smaller than the image that it is filled from (InvalidBlockDeviceMapping).
        disk_gb = max(profile.disk_gb, base.disk_gb)
        return await tools.builders(image.source.keep_minutes).launch_request(
            Launch(
                machine_id=work_id,
                images={
                    builder_type: LaunchImage(
                        version=image.version, image_id=base_id, profile=profile, disk_gb=base.disk_gb
                    )
                },
                user_data={builder_type: script},
                keep_disk=True,  # what it was made into is its disk
                root_device=base.root_device,
                disk_gb=disk_gb,
            )
        )

    async def _base(self) -> str:
        found = await self._calls().do(lambda: self._tools.ssm.get_parameter(Name=BASE_PARAMETER))
        return str(found["Parameter"].get("Value", ""))

    async def _poll_build(self, image: Image) -> Progress:
        tools, work_id = self._tools, builder_id(image.version)
        made = await tools.images.of_version(image.version)
        if made and made[0].state == AVAILABLE:
            if not await self._end(work_id):
                return Progress()  # its schedule goes with it: without a record nobody would find that
            artifact = await tools.images.artifact(made[0])
            return Progress(done=True, artifact=artifact, lines=(f"{made[0].image_id} is there",))
        if made and made[0].state != PENDING:
            return _failed(image, f"AWS could not make the image: {made[0].state} {made[0].reason}")
        builder = await self._instance(work_id)
        if builder is None:
            return self._nothing_shown(image)
        await tools.meter.seen(work_id, builder)
        if builder.state == TERMINATED:
            return _failed(image, f"The builder was ended: {await self._last_words(builder)}")
        off, keep = builder.state == STOPPED, image.source.keep_minutes
        result = await tools.sources.result(image) if off or keep else None
        if made or (not off and (result is None or result.status == 0)):  # one that is kept stays on, and has said why
            return await self._under_way(image, builder)
        if result is None:
            return _failed(image, f"The builder switched off without a word: {await self._last_words(builder)}")
        if result.status != 0:
            told = "\n".join(result.lines[-LAST_LINES:])
            code = "image_input_wrong" if any(map(_WRONG_INPUT.search, result.lines)) else "image_build_failed"
            failed = _failed(image, f"The step “{result.step}” ended with {result.status}:\n{told}", code=code)
            return replace(failed, lines=result.lines)
        await tools.images.create(builder.instance_id, version=image.version, model=self._model)
        heard = _said(image, result.lines)
        return replace(heard, lines=(*heard.lines, f"{builder.instance_id} is provisioned; its disk becomes the image"))

    # Candidate

    async def _begin_boot(self, image: Image) -> str:
        if image.artifact is None:
            raise ImageError("There is no image to test.", code="image_gone")
        file = await self._tools.models.checked_file(self._model)
        spec = LaunchSpec(
            machine_id=candidate_id(image.version),
            model=file.name,
            model_path=file.path,
            model_sha256=file.sha256,
            context_tokens=file.context_tokens,
            image=image.version,
            image_ref=image.artifact.ref,
            idle_timeout_seconds=IDLE_SECONDS,
            smoke_test=image.version,
            keep_seconds=60.0 * image.source.keep_minutes,
        )
        types, made = self._candidate_types(image.profile), await self._tools.images.own(image.artifact.ref)
        if made is None:
            raise ImageError(f"The image {image.artifact.ref} is gone. Build it again.", code="image_gone")
        from_it = LaunchImage(
            version=image.version, image_id=made.image_id, profile=image.profile, disk_gb=made.disk_gb
        )
        return await self._tools.candidates(types, image.source.keep_minutes).launch_from(
            spec, dict.fromkeys(types, from_it)
        )

    async def _poll_candidate(self, image: Image) -> Progress:
        """Booted once EC2 calls it running; tested once it has reported and is gone."""
        tools, work_id = self._tools, candidate_id(image.version)
        report = await tools.store.reported(image.version)
        candidate = await self._instance(work_id)
        if candidate is None:
            return self._nothing_shown(image)
        await tools.meter.seen(work_id, candidate)
        over = candidate.state in (STOPPED, TERMINATED)
        if over and report is None:
            why = await self._last_words(candidate)
            said = f"The candidate ended without having tested itself: {why}"
            return Progress(failure=Failure(stage=image.stage, code="image_boot_failed", message=said))
        if image.stage is Stage.BOOT:
            booted = over or report is not None or candidate.state == "running"
            return replace(await self._under_way(image, candidate), done=booted)
        kept = report is not None and image.source.keep_minutes and why_not_offered(report, promoted=None)
        if report is None or not (over or kept):
            return await self._under_way(image, candidate)
        if over and not await self._end(work_id):
            return Progress()
        lines = tuple(f"{one.name}: {'passed' if one.passed else 'failed'}: {one.answer}" for one in report.prompts)
        return Progress(done=True, report=report, lines=lines)

    # Both

    async def _instance(self, work_id: str) -> Ec2Instance | None:
        """Its instance; the one that lives, where there are several."""
        found = await self._tools.works.find({f"tag:{MACHINE_TAG}": [work_id]}, self._calls())
        return min(found, key=lambda one: (one.state == TERMINATED, one.began_at), default=None)

    def _nothing_shown(self, image: Image) -> Progress:
        since = image.stage_started_at if image.stage_started_at is not None else self._tools.clock.now()
        if self._tools.clock.now() - since < LATE_SECONDS:
            return Progress()
        return _failed(image, "AWS does not show the machine that it launched; somebody has ended it.")

    async def _under_way(self, image: Image, instance: Ec2Instance) -> Progress:
        """With the lines of its console that are new."""
        return _said(image, await self._console(instance))

    async def _console(self, instance: Ec2Instance) -> list[str]:
        """Its lines; none where EC2 does not say them: they are a help, and decide nothing."""
        try:
            found = await self._calls().do(
                lambda: self._tools.ec2.get_console_output(InstanceId=instance.instance_id, Latest=True)
            )
        except AWS_ERRORS as error:
            log.info("images: no console of %s: %s", instance.instance_id, code_of(error))
            return []
        lines = found.get("Output", "").splitlines()  # decoded by botocore
        return ["".join(letter for letter in line if letter.isprintable()) for line in lines]

    async def _last_words(self, instance: Ec2Instance) -> str:
        console = [line for line in await self._console(instance) if line.strip()]
        return "\n".join([instance.last_words or instance.reason or instance.state, *console[-LAST_LINES:]])

    async def _end(self, work_id: str) -> bool:
        """End its instances; True once EC2 shows none, and then nothing else of it is left either."""
        found = await self._tools.works.find({f"tag:{MACHINE_TAG}": [work_id]}, self._calls())
        living = [one for one in found if one.state != TERMINATED]
        for one in living:
            await self._tools.works.terminate(one.instance_id, self._calls(), at_once=True)
        if living:
            found = await self._tools.works.find({f"tag:{MACHINE_TAG}": [work_id]}, self._calls())
        for one in found:
            await self._tools.meter.seen(work_id, one)
        if any(one.state != TERMINATED for one in found):
            return False
        await self._tools.switch.disarm(work_id)
        await self._tools.meter.over(work_id)
        return True

    def _costs(self, profile: Profile, *, keep_minutes: int = 0) -> tuple[int, int]:
        return image_work.cost_of(
            profile,
            candidate_type=self._candidate_types(profile)[0],
            book=BUILT_IN_PRICES,
            region=self._region,
            at_ms=int(self._tools.clock.now() * 1000),
            keep_minutes=keep_minutes,
        )

    def _builder_type(self) -> str:
        return image_work.builder_type(BUILT_IN_PRICES, self._region, at_ms=int(self._tools.clock.now() * 1000))

    def _candidate_types(self, profile: Profile) -> tuple[str, ...]:
        """Those of the home's types that are launched from such images; where it has none, any such type."""
        for types in (self._types, INSTANCE_TYPES):
            found = tuple(name for name in types if MACHINE_TYPES[name].has_gpu == profile.needs_gpu)
            if found:
                return found
        return self._types

    def _calls(self) -> PatientCalls:
        return PatientCalls(self._tools.clock, MACHINE_PAUSES)


def _said(image: Image, lines: Iterable[str]) -> Progress:
    """What the builder's script says there and was not read before. The console may have begun a line with something
    else: it asks for a login."""
    said = [line[line.index(SAID) :] for line in lines if SAID in line]
    cursor = image.log_cursor if image.log_cursor in said else ""
    new = said[said.index(cursor) + 1 :] if cursor else said
    told = tuple(line.removeprefix(SAID) for line in new)
    return Progress(lines=told, log_cursor=new[-1] if new else image.log_cursor)


def _failed(image: Image, message: str, *, code: str = "image_build_failed") -> Progress:
    return Progress(failure=Failure(stage=image.stage, code=code, message=message))
