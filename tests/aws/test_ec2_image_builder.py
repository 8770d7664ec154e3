"""An image on AWS from the commit to its end, over the emulator. Builder and candidate are played on paper: they do
over real sockets what the script and the worker do."""

import asyncio
import base64
import io
import json
import re
import urllib.request
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.emulator import REGION, Emulator
from tests.aws.home import made_places
from tests.aws.image_cloud import (
    PAPER,
    KilledError,
    forget_images,
    images_of,
    killed_behind_each_call,
    promoted_on_paper,
    snapshots_of,
    ubuntu,
)
from tests.builders import a_beat, a_new_job
from tests.fakes.images import GOOD
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.images.image_sources import NEEDED, PINS, source_key
from tlfif.adapters.aws.machines.ec2_instances import Ec2Instance, Ec2Instances
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_images import LONGEST_WORK_SECONDS
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.container import Container, Images
from tlfif.control.local_machine_control import LocalMachineControl
from tlfif.images.decide_on_image import approve_image, promote_image, reject_image, retire_image
from tlfif.images.image import Failure, Image, ImageState, Profile, Source, Stage
from tlfif.images.run_pipeline import Pipeline
from tlfif.images.smoke_report import SmokeReport
from tlfif.kernel.clock import Clock
from tlfif.machines.machine import MachineState
from tlfif.models.catalogue import SMOLLM2, TINYLLAMA_FP16

COMMIT = "c" * 40
CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE = Source(repository="tl/fif", commit=COMMIT, subject="A change", asked_by="a push")
PROFILE = Profile.GPU_VLLM
SAID = ["tlfif-image: fetch", "fine", "machine login: tlfif-image: done"]


@dataclass(slots=True)
class Paper:
    """A home with its pipeline, and the hands that play its instances. ``result``: what the builder says; None: it
    switches off without a word. ``report``: the candidate's; None: it ends untested. ``kept``: both stay on
    after their word."""

    emulator: Emulator
    settings: AwsSettings
    container: Container
    result: dict[str, Any] | None = field(default_factory=lambda: {"status": 0, "step": "done", "lines": SAID})
    report: SmokeReport | None = GOOD
    kept: bool = False

    @property
    def home(self) -> str:
        return self.settings.home_name

    @property
    def images(self) -> Images:
        assert self.container.images is not None
        return self.container.images

    @property
    def clock(self) -> Clock:
        return self.container.clock

    @property
    def pipeline(self) -> Pipeline:
        images = self.images
        return Pipeline(store=images.store, registry=images.registry, builder=images.builder, clock=self.clock)

    def instances(self, *, work: bool = True) -> list[dict[str, Any]]:
        """Those that build and test images, or those that answer; none that is terminated."""
        ours: Any = [{"Name": "tag:tlfif:home", "Values": [self.home]}]
        found = self.emulator.ec2.describe_instances(Filters=ours)["Reservations"]
        living = [one for group in found for one in group["Instances"] if one["State"]["Name"] != "terminated"]
        return [dict(one) for one in living if ("tlfif:image-work" in _tags(one)) == work]

    def schedules(self) -> list[str]:
        found = self.emulator.scheduler.list_schedules(GroupName=self.home)["Schedules"]
        return [one["Name"] for one in found]

    def user_data(self, instance_id: str) -> str:
        found = self.emulator.ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        return base64.b64decode(found["UserData"]["Value"]).decode()

    async def ask(self, profile: Profile = PROFILE, *, keep_minutes: int = 0) -> Image:
        source = replace(SOURCE, keep_minutes=keep_minutes)
        return await self.images.store.create(profile=profile, source=source, now=self.clock.now())

    async def prompt(self) -> None:
        """A prompt waits for a machine."""
        job = a_new_job(now=self.clock.now(), wait_seconds=600.0, model=self.settings.model)
        await self.container.jobs.submit(job, now=self.clock.now(), max_queued=9)

    async def play(self) -> None:
        """What the instances do between two ticks."""
        for one in self.instances():
            if one["State"]["Name"] != "running":
                continue
            name = _tags(one)["tlfif:image-work"]
            if name.endswith("-builder"):
                self._build(one["InstanceId"])
            else:
                await self._test(one["InstanceId"])

    def _build(self, instance_id: str) -> None:
        """As the script: fetch by the first address, report by the second, switch off."""
        script = self.user_data(instance_id)
        source, result = (re.search(rf"{flag} '?(http\S+?)'?\n", script) for flag in ("source.zip", "built.json"))
        assert source is not None
        assert result is not None
        with urllib.request.urlopen(source[1]) as fetched:
            assert zipfile.is_zipfile(io.BytesIO(fetched.read()))
        if self.result is not None:
            body = json.dumps(self.result).encode()
            plain = {"Content-Type": "application/octet-stream"}  # else the emulator takes it for a form
            urllib.request.urlopen(urllib.request.Request(result[1], data=body, method="PUT", headers=plain)).close()
        if not self.kept or (self.result or {}).get("status") == 0:
            self.emulator.ec2.stop_instances(InstanceIds=[instance_id])

    async def _test(self, instance_id: str) -> None:
        """As the worker with ``smoke_test``: report, end."""
        version = json.loads(self.user_data(instance_id))["smoke_test"]
        if self.report is not None:
            await self.images.store.report(version, self.report)
        if not self.kept:
            self.emulator.ec2.terminate_instances(InstanceIds=[instance_id])

    def user_datas(self) -> list[str]:
        """Of all instances there ever were."""
        ours: Any = [{"Name": "tag:tlfif:home", "Values": [self.home]}]
        found = self.emulator.ec2.describe_instances(Filters=ours)["Reservations"]
        return [self.user_data(one["InstanceId"]) for group in found for one in group["Instances"]]

    async def run(self, ticks: int = 20) -> Image:
        """Tick until nothing is under way; the newest image."""
        for _ in range(ticks):
            if not await self.pipeline.tick():
                break
            await self.play()
        return (await self.images.store.newest(limit=1))[0]

    async def survived(self) -> tuple[Image, int]:
        """The same with kills; and how many instances were launched for it."""
        for _ in range(40):
            try:
                if not await self.pipeline.tick():
                    break
            except KilledError:
                continue
            await self.play()
        ours: Any = [{"Name": "tag:tlfif:home", "Values": [self.home]}]
        found = self.emulator.ec2.describe_instances(Filters=ours)["Reservations"]
        return (await self.images.store.newest(limit=1))[0], len([one for group in found for one in group["Instances"]])

    async def promoted(self, profile: Profile = PROFILE) -> Image:
        await self.ask(profile)
        image = await self.run()
        assert image.state is ImageState.OFFERED, (image.failure, image)
        await approve_image(image.version, by="owner", store=self.images.store, clock=self.clock)
        await promote_image(
            image.version, by="owner", store=self.images.store, registry=self.images.registry, clock=self.clock
        )
        return await self.images.store.get(image.version)

    async def promoted_on_paper(self) -> None:
        """An image that nobody has built was approved and promoted."""
        await promoted_on_paper(self.emulator, self.home, self.images, await self.ask(), self.clock)

    async def nothing_works(self) -> bool:
        state = await self.container.money.ledger.state()
        works = [one for one in state.reserved if one.startswith("image-")]
        return not (self.instances() or self.schedules() or works or await self.container.money.ledger.open_spans())

    def own_images(self) -> list[str]:
        """Without the one that the home was born with."""
        return [one["ImageId"] for one in images_of(self.emulator, self.home) if _tags(one)["tlfif:image"] != PAPER]


def _tags(one: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}


def put_source(emulator: Emulator, bucket: str, names: tuple[str, ...] = NEEDED) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for name in names:
            files.writestr(name, (CHECKOUT / name).read_text() if name == PINS else "#")
    emulator.s3.put_object(Bucket=bucket, Key=source_key(COMMIT), Body=packed.getvalue())


@asynccontextmanager
async def a_home(emulator: Emulator, **chosen: str) -> AsyncIterator[Paper]:
    places = made_places(emulator, emulator.unique("home"))
    places |= {
        "INSTANCE_TYPES": "g4dn.xlarge",
        "BUILDER_TEMPLATE": places["LAUNCH_TEMPLATE"],
        "MODEL": "tinyllama",
        **chosen,
    }
    settings = AwsSettings(
        AWS_REGION=REGION, endpoint_url=emulator.endpoint, **{key.lower(): value for key, value in places.items()}
    )
    ubuntu(emulator)
    put_source(emulator, settings.bucket)
    container = aws_container(settings, session=emulator.session)
    yield Paper(emulator, settings, container)
    await container.close()


@pytest.fixture
async def paper(emulator: Emulator) -> AsyncIterator[Paper]:
    async with a_home(emulator) as made:
        yield made


async def test_a_home_with_llama_cpp_on_its_gpus_and_another_model(emulator: Emulator) -> None:
    async with a_home(emulator, GPU_ENGINE="llama", MODEL="smollm2") as paper:
        image = await paper.promoted(Profile.GPU_LLAMA)
        builder, candidate = paper.user_datas()
        assert "TLFIF_PROFILE=gpu-llama TLFIF_MODEL=smollm2 " in builder
        tested = json.loads(candidate)
        assert (tested["settings"]["engine"], tested["model"]) == ({"kind": "llama"}, "smollm2")
        assert image.manifest["model"] == {"name": "smollm2", "sha256": SMOLLM2.sha256}
        await paper.prompt()
        await paper.container.reconciler.tick()
        (machine,) = paper.instances(work=False)
        file = json.loads(paper.user_data(machine["InstanceId"]))
        assert (machine["InstanceType"], file["image"]) == ("g4dn.xlarge", "v1")
        assert (file["settings"]["engine"], file["model_sha256"]) == ({"kind": "llama"}, SMOLLM2.sha256)
        pointer = await paper.images.registry.pointer(Profile.GPU_LLAMA)
        assert (pointer.disk_gb > 0, pointer.model) == (True, "smollm2")


@pytest.mark.requirement("11.1.2")
async def test_a_model_without_pinned_weights_for_the_engine_is_refused_before_anything_is_launched(
    emulator: Emulator,
) -> None:
    async with a_home(emulator, MODEL="smollm2") as paper:
        await paper.ask()
        image = await paper.run()
        assert image.failure is not None
        assert (image.failure.code, image.failure.stage) == ("image_model_unknown", Stage.SOURCE)
        assert "no weights of the model smollm2 for vLLM in its list of pins (images/pins.json); it has tinyllama" in (
            image.failure.message
        )
        assert await paper.nothing_works()
        assert paper.user_datas() == []


async def test_the_whole_story(paper: Paper) -> None:
    store = paper.images.store
    first = await paper.promoted()
    assert first.artifact is not None
    assert (first.artifact.ref in paper.own_images(), first.digest and len(first.digest)) == (True, 64)
    inputs: Any = first.manifest["inputs"]
    assert set(inputs) == set(NEEDED), "every input has its sha256"
    said = [line.text for line in await store.log_lines("v1", after=0, limit=99) if line.stage == Stage.BUILD]
    assert said[1:3] == ["fetch", "done"], "the builder's own steps, whatever else is on its console"
    assert first.manifest["model"] == {"name": "tinyllama", "sha256": TINYLLAMA_FP16.sha256}
    assert (first.report, await paper.nothing_works(), first.cost_micros > 0) == (GOOD, True, True)
    spans = {span.machine_id for _, span in await paper.container.money.ledger.spans_after(0, from_ms=0)}
    assert spans == {"image-v1-builder", "image-v1-candidate"}, "builders are on the bill"

    await paper.prompt()
    await paper.container.reconciler.tick()
    (machine,) = paper.instances(work=False)
    file = json.loads(paper.user_data(machine["InstanceId"]))
    assert (machine["ImageId"], _tags(machine)["tlfif:image"], file["image"], file["smoke_test"]) == (
        first.artifact.ref,
        "v1",
        "v1",
        None,
    )
    paper.emulator.ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])

    second = await paper.promoted()
    assert second.artifact is not None
    assert (await paper.images.registry.pointer(PROFILE)).before == (PAPER, "v1")
    await retire_image("v1", store=store, registry=paper.images.registry, clock=paper.clock)
    await paper.run()
    assert paper.own_images() == [second.artifact.ref]
    assert snapshots_of(paper.emulator, paper.home) == list(second.artifact.snapshots)


@pytest.mark.requirement("7.2.7")
async def test_a_promoted_image_whose_first_machine_does_not_start_is_taken_back_by_itself(paper: Paper) -> None:
    for _ in range(2):
        await paper.promoted_on_paper()
    await paper.prompt()
    router = paper.container.reconciler
    await router.tick()
    (machine,) = paper.instances(work=False)
    paper.emulator.ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    await router.tick()
    record = await paper.container.machines.latest()
    assert record is not None
    assert (record.state, record.image) == (MachineState.BROKEN, "v2")
    assert record.reason == "ended before it was ready; rolled back by itself from v2 to v1"
    pointer = await paper.images.registry.pointer(PROFILE)
    assert (pointer.version, pointer.proven, "did not start" in pointer.note) == ("v1", True, True)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"status": 7, "step": "provision", "lines": ["no such wheel"]}, "“provision” ended with 7:\nno such wheel"),
        ({"status": 1, "step": "provision", "lines": ["w.gguf is not the pinned file"]}, "image_input_wrong"),
        (None, "without a word"),
    ],
)
async def test_a_build_that_fails_says_its_last_lines(paper: Paper, result: dict[str, Any] | None, why: str) -> None:
    paper.result = result
    await paper.ask()
    image = await paper.run()
    assert isinstance(image.failure, Failure)
    assert image.failure.stage is Stage.BUILD
    assert why in f"{image.failure.code}: {image.failure.message}"
    assert (paper.own_images(), await paper.nothing_works()) == ([], True)


@pytest.mark.requirement("7.1.5")
@pytest.mark.parametrize("fails", ["builder", "candidate"])
async def test_what_fails_is_kept_as_long_as_was_asked_and_on_the_bill(paper: Paper, fails: str) -> None:
    paper.kept = True
    if fails == "builder":
        paper.result = {"status": 7, "step": "provision", "lines": ["no such wheel"]}
    else:
        paper.report = replace(GOOD, error="No GPU.")
    await paper.ask(keep_minutes=30)
    image = await paper.run()
    failed_at, store, ledger = image.ended_at, paper.images.store, paper.container.money.ledger
    assert (image.state, image.kept_until) == (ImageState.FAILED, (failed_at or 0.0) + 1800.0)
    (one,) = paper.instances()
    name = f"image-v1-{fails}"
    assert (one["State"]["Name"], _tags(one)["tlfif:image-work"]) == ("running", name)
    assert ("sleep $((30 * 60))" in paper.user_datas()[0]) is True
    schedule = paper.emulator.scheduler.get_schedule(GroupName=paper.home, Name=paper.schedules()[0])
    at = datetime.fromisoformat(schedule["ScheduleExpression"][3:-1]).replace(tzinfo=UTC).timestamp()
    assert at - one["LaunchTime"].timestamp() == pytest.approx(LONGEST_WORK_SECONDS + 1800.0, abs=61.0)
    hourly = paper.images.builder.estimate(PROFILE).kept_hourly_micros
    assert (await ledger.state()).reserved["image-v1-candidate"] > hourly // 2 > 0
    assert name in {span.machine_id for span in await ledger.open_spans()}
    said = [line.text for line in await store.log_lines("v1", after=0, limit=99)]
    assert "where it fails, its machine is kept 30 min at" in said[0]
    assert "./tlfif image reject v1 ends it at once" in said[-1]
    assert await paper.pipeline.tick() is False, "no tick after the other only to wait"
    await paper.pipeline.sweep()
    assert len(paper.instances()) == 1
    if fails == "builder":  # its owner has seen enough
        await reject_image("v1", by="me", store=store, clock=paper.clock)
    else:  # the time is over
        assert failed_at is not None
        assert await store.replace(replace(image, ended_at=failed_at - 1801.0))
    for _ in range(9):
        await paper.pipeline.tick()
    ended = await store.get("v1")
    assert (ended.state, ended.kept_until, await paper.nothing_works()) == (ImageState.FAILED, None, True)
    assert (paper.own_images(), snapshots_of(paper.emulator, paper.home)) == ([], [])


async def test_a_candidate_that_never_tests_itself_leaves_neither_image_nor_snapshot(paper: Paper) -> None:
    paper.report = None
    await paper.ask()
    image = await paper.run()
    assert image.failure is not None
    assert image.failure.code == "image_boot_failed"
    assert (paper.own_images(), snapshots_of(paper.emulator, paper.home)) == ([], [])
    assert await paper.nothing_works()
    assert (await paper.images.registry.pointer(PROFILE)).version == PAPER, "the pointer is where it was"


@pytest.mark.requirement("7.2.8")
async def test_without_room_in_the_budget_nothing_is_launched_and_the_figures_are_said(paper: Paper) -> None:
    await paper.container.money.budget.set_limit(0.01, simulated_aws=False)
    await paper.ask()
    image = await paper.run()
    assert image.failure is not None
    assert image.failure.code == "image_build_refused"
    assert re.search(r"Image v1 was not begun: [$].* free .* may cost [$]", image.failure.message)
    assert await paper.nothing_works()


async def test_a_commit_without_what_images_need_is_refused(paper: Paper) -> None:
    put_source(paper.emulator, paper.settings.bucket, names=NEEDED[1:])
    await paper.ask()
    image = await paper.run()
    assert image.failure is not None
    assert (image.failure.code, NEEDED[0] in image.failure.message) == ("image_source_invalid", True)


@pytest.mark.requirement("7.2.8")
async def test_the_owners_machine_comes_first(paper: Paper) -> None:
    machine = paper.emulator.ec2.run_instances(
        ImageId=ubuntu(paper.emulator),
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "tlfif:home", "Value": paper.home}]}],
    )["Instances"][0]["InstanceId"]
    await paper.ask()
    image = await paper.run(ticks=6)
    assert (image.state, image.begun, machine in image.waits_for) == (ImageState.UNDER_WAY, False, True)
    said = [line.text for line in await paper.images.store.log_lines("v1", after=0, limit=99)]
    assert len([line for line in said if line.startswith("waits: the machine")]) == 1, "said once"
    paper.emulator.ec2.terminate_instances(InstanceIds=[machine])
    image = await paper.run()
    assert (image.state, image.waits_for) == (ImageState.OFFERED, "")


@pytest.mark.requirement("7.2.8")
async def test_a_prompt_that_comes_while_an_image_is_tested_waits_for_minutes_not_for_a_quota(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper.emulator.ec2.run_instances(
        ImageId=ubuntu(paper.emulator),
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "tlfif:home", "Value": paper.home}, {"Key": "tlfif:image-work", "Value": "image-v1"}],
            }
        ],
    )

    async def full(*_: object) -> Ec2Instance:
        error = {"Code": "VcpuLimitExceeded", "Message": "You have requested more vCPU capacity than your limit"}
        raise ClientError({"Error": error}, "RunInstances")

    monkeypatch.setattr(Ec2Instances, "run", full)
    await paper.prompt()
    await paper.container.reconciler.tick()
    record = await paper.container.machines.latest()
    assert record is not None
    assert (record.state, "is being tested" in record.reason) == (MachineState.NO_CAPACITY, True)


async def test_a_pointer_that_cannot_be_read_keeps_nobody_from_stopping_the_machine(paper: Paper) -> None:
    await paper.prompt()
    router = paper.container.reconciler
    await router.tick()
    record = await paper.container.machines.active()
    assert record is not None
    ready = a_beat(record.id, state=MachineState.READY, phase=None)
    await paper.container.machines.heartbeat(ready, now=paper.clock.now())
    paper.emulator.ssm.delete_parameter(Name=image_parameter(paper.home, PROFILE))
    await LocalMachineControl(reconciler=router).stop(requeue=True)
    await router.tick()
    assert await paper.container.machines.active() is None


def refusing(code: str, *, times: int) -> Callable[..., Awaitable[Ec2Instance]]:
    """EC2 refuses the first launches."""
    plain, left = Ec2Instances.run, iter([code] * times)

    async def run(self: Ec2Instances, *request: Any) -> Ec2Instance:
        refused = next(left, None)
        if refused is None:
            return await plain(self, *request)
        raise ClientError({"Error": {"Code": refused, "Message": "Not now."}}, "RunInstances")

    return run


async def test_a_builder_that_gets_no_place_is_asked_for_again(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ec2Instances, "run", refusing("InsufficientInstanceCapacity", times=2))  # in both zones
    await paper.ask()
    while not paper.instances():
        await paper.pipeline.tick()
    assert (await paper.images.store.get("v1")).failure is None
    said = [line.text for line in await paper.images.store.log_lines("v1", after=0, limit=99)]
    assert [line for line in said if line.startswith("could not be begun: AWS has no")]
    assert re.fullmatch(r"takes about 25 min and costs about [$][0-9.]+, without VAT", said[0]), (
        "said before anything began"
    )


async def test_a_builder_that_no_quota_allows_is_not_tried_again(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ec2Instances, "run", refusing("VcpuLimitExceeded", times=99))
    await paper.ask()
    image = await paper.run()
    assert image.failure is not None
    assert (image.failure.code, "quota" in image.failure.message) == ("image_build_refused", True)
    assert await paper.nothing_works()


@pytest.mark.requirement("7.1.1")
async def test_two_control_planes_at_once_have_one_builder(paper: Paper) -> None:
    await paper.ask()
    for _ in range(3):
        await asyncio.gather(paper.pipeline.tick(), paper.pipeline.tick(), return_exceptions=True)
    assert len(paper.instances()) == len(paper.schedules()) == 1


async def test_what_no_record_knows_is_swept(paper: Paper) -> None:
    await paper.ask()
    while not paper.instances():
        await paper.pipeline.tick()
    forget_images(paper.emulator, paper.settings.state_table)
    assert paper.schedules()
    assert await paper.container.reconciler.sweep_orphans() == [], "the router leaves it to the pipeline"
    await paper.pipeline.sweep()
    assert await paper.nothing_works()


@pytest.mark.requirement("7.3.1")
async def test_an_image_and_a_snapshot_that_no_record_knows_are_swept(paper: Paper) -> None:
    await paper.ask()
    image = await paper.run()
    assert image.artifact is not None
    forget_images(paper.emulator, paper.settings.state_table)
    await paper.pipeline.sweep()
    assert (paper.own_images(), snapshots_of(paper.emulator, paper.home)) == ([], [])
    assert (await paper.images.registry.pointer(PROFILE)).version == PAPER, "what is promoted is kept in any case"


async def test_killed_at_each_stage_another_control_plane_goes_on(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = killed_behind_each_call(monkeypatch)
    await paper.ask()
    image, launched = await paper.survived()
    assert (image.state, launched, len(killed)) == (ImageState.OFFERED, 2, 9), image.failure
    assert await paper.nothing_works()
    assert len(paper.own_images()) == len(snapshots_of(paper.emulator, paper.home)) == 1
