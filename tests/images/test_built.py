"""The pipeline on AWS with machines that boot: the builder is a booted system, too, EC2 makes the image of what it
leaves on its disk, and machines from that answer. The builder runs its real user data and every step of ``cpu-llama``
with the small model; what it would fetch lies there already, because it has no way out (``tests/images/root.py``)."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.aws.afterwards import nothing_is_left
from tests.aws.emulator import Emulator
from tests.aws.hypervisor import Guest
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
from tests.aws.journey import LOOK_SECONDS, Aws, an_aws, ledger_is_the_emulators
from tests.images.booted import BootedHypervisor, logs_of
from tests.images.root import CHECKOUT, PINS
from tests.waiting import wait_until
from tlfif.adapters.aws.deployment.image_orders import _archive
from tlfif.adapters.aws.images.build_script import SAID
from tlfif.adapters.aws.images.image_sources import NEEDED, PREFIX, source_key
from tlfif.adapters.aws.images.image_work import builder_id, candidate_id
from tlfif.adapters.aws.machines.ec2_instances import MACHINE_TAG
from tlfif.bootstrap.aws import aws_container
from tlfif.control.container import Images
from tlfif.images.build_order import ordered_image
from tlfif.images.decide_on_image import approve_image, promote_image, retire_image
from tlfif.images.image import Image, ImageState, Profile, Source, Stage
from tlfif.images.run_pipeline import Pipeline
from tlfif.images.smoke_report import why_not_offered
from tlfif.images.watch_repository import PATHS
from tlfif.jobs.jobs import JobStatus
from tlfif.machines.machine import MachineState

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROFILE, TYPE = Profile.CPU_LLAMA, "c7i.xlarge"
PROMPT = "What is a cloud computer?"
LAUNCH_TO_READY_SECONDS = 20.0
"""What it must reach (issue "the image pipeline")."""
IMAGE_SECONDS = 200.0
DAY = 86400.0
Layers = tuple[Path, ...]


def this_checkout(folder: Path) -> bytes:
    """Its files as a builder gets them, but for the profile's model: 0.67 GB are not fetched for a test."""
    for name in PATHS:
        if name.endswith("/"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / name, folder)
    pins = json.loads((folder / "images/pins.json").read_text())
    pins["profiles"][PROFILE]["model"] = "smollm2"
    (folder / "images/pins.json").write_text(json.dumps(pins))
    return _archive(folder)


def commit_whose_wheel(does: str) -> bytes:
    """A commit whose build comes as far as its wheel, and ``does`` that there."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for name in NEEDED:
            files.writestr(name, (CHECKOUT / name).read_bytes() if name == "images/pins.json" else "#")
        files.writestr("images/provision/lib.sh", f"{does}\n")
    return packed.getvalue()


@dataclass(kw_only=True)
class Line:
    """The images' control plane, which is another one after each kill. ``reserved``: whatever ever was, in the
    budget."""

    aws: Aws
    reserved: set[str] = field(default_factory=set)

    @property
    def images(self) -> Images:
        assert self.aws.container.images is not None
        return self.aws.container.images

    async def ordered(self, content: bytes) -> Image:
        """An image was asked for; its commit is there, and named by its content."""
        commit = hashlib.sha256(content).hexdigest()[:40]
        bucket, clock = self.aws.settings.bucket, self.aws.container.clock
        self.aws.home.emulator.s3.put_object(Bucket=bucket, Key=source_key(commit), Body=content)
        source = Source(repository="tl/fif", commit=commit, subject="A change", asked_by="a push")
        return await ordered_image(source, PROFILE, store=self.images.store, clock=clock)

    async def carried(self, version: str, done: Callable[[Image], bool]) -> Image:
        """The image once it is ``done``: one control plane after another carries it on."""
        while True:
            container = aws_container(self.aws.settings, session=self.aws.home.emulator.session)
            pipeline = self._pipeline(container.images)

            async def look(pipeline: Pipeline = pipeline) -> Image | None:
                await pipeline.tick()
                self.reserved |= set((await self.aws.container.money.ledger.state()).reserved)
                image = await self.images.store.get(version)
                return image if done(image) else None

            try:
                what = f"{version} is done\n{self.aws.hypervisor.logs()}"
                return await wait_until(look, what, timeout=IMAGE_SECONDS, every=LOOK_SECONDS)
            except KilledError:
                continue
            finally:
                await container.close()

    async def swept(self) -> None:
        """What no record knows is gone."""
        await wait_until(self._pipeline(self.images).sweep, "all is swept", every=LOOK_SECONDS)

    def _pipeline(self, images: Images | None) -> Pipeline:
        assert images is not None
        clock = self.aws.container.clock
        return Pipeline(store=images.store, registry=images.registry, builder=images.builder, clock=clock)

    def guest(self, work_id: str) -> Guest:
        """The system of a builder or a candidate."""
        return self.aws.hypervisor.guests[self._instances()[work_id]]

    def console(self, work_id: str) -> str:
        """What its system has written on the console; empty where there is none yet."""
        guest = self.aws.hypervisor.guests.get(self._instances().get(work_id, ""))
        return "" if guest is None else (guest.folder / "console.log").read_text(errors="replace")

    def _instances(self) -> dict[str, str]:
        return {_tags(one)[MACHINE_TAG]: name for name, one in self.aws.hypervisor.record().items()}


def _tags(one: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in one["Tags"]}


async def nothing_of_images_is_left(aws: Aws, *, but: Image | None = None) -> None:
    """No system runs, and at AWS there is nothing that costs; ``but`` the image of that one."""
    await wait_until(lambda: not [one for one in aws.hypervisor.guests.values() if one.family()], "all systems are off")
    home, emulator = aws.home.name, aws.home.emulator
    instances = [*aws.hypervisor.record().values()]
    await nothing_is_left(aws.container, instances, aws.home.schedules())
    assert emulator.ec2.describe_volumes(Filters=[{"Name": "tag:tlfif:home", "Values": [home]}])["Volumes"] == []
    kept = but.artifact if but is not None else None
    own = [one["ImageId"] for one in images_of(emulator, home) if _tags(one)["tlfif:image"] != PAPER]
    assert own == ([kept.ref] if kept else [])
    assert snapshots_of(emulator, home) == list(kept.snapshots if kept else ())
    ledger = aws.container.money.ledger
    assert (await ledger.open_spans(), (await ledger.state()).reserved) == ([], {})


def nothing_of_the_builder_is_on(disk: Path) -> None:
    """``disk``: what the builder has written. Where it has removed what was there, there is no file nor folder."""
    assert (disk / "etc/machine-id").read_bytes() == b""
    assert not list((disk / "var/log/journal").iterdir())
    assert not [path for path in disk.glob("var/tmp/*") if path.is_dir()]
    assert not [path for path in disk.glob("etc/ssh/ssh_host_*") if path.is_file()]
    for name in ("root/.cache", "var/lib/cloud/instance", "etc/tlfif/machine.json"):
        assert not (disk / name).is_dir()
        assert not (disk / name).is_file()


@pytest.mark.requirement("5.2.4", "7.1.3")
@pytest.mark.timeout(300)
async def test_an_image_made_by_a_booted_builder_answers_and_is_followed_by_a_newer_one(
    emulator: Emulator, base: Layers, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = partial(BootedHypervisor, image=base, keep=memory)
    ubuntu(emulator)
    async with an_aws(emulator, tmp_path, kind=kind, types=(TYPE,)) as aws:
        line, money, clock = Line(aws=aws), aws.container.money, aws.container.clock
        store, registry = line.images.store, line.images.registry
        await money.budget.set_limit(50.0, simulated_aws=False)
        killed = killed_behind_each_call(monkeypatch)
        await line.ordered(this_checkout(tmp_path / "commit"))

        image = await line.carried("v1", lambda image: image.cleaned)
        assert (image.state, image.failure) == (ImageState.OFFERED, None), aws.hypervisor.logs()
        assert len(killed) == 9, "killed behind the first call of each kind in each stage, with the machines alive"
        assert len(aws.hypervisor.guests) == 2, "and nothing was launched twice"
        said = [one.text for one in await store.log_lines("v1", after=0, limit=99) if one.stage == Stage.BUILD]
        steps = ["fetch", "wheel", "provision", "clean", "done", "ended at done with 0"]
        assert [text for text in said if text in steps] == steps
        assert all(f"{SAID}{text}" in line.console(builder_id("v1")) for text in steps), "whoever logs in there"
        assert image.report is not None
        assert (len(image.report.prompts), why_not_offered(image.report, promoted=None)) == (10, "")
        nothing_of_the_builder_is_on(memory / line.guest(builder_id("v1")).instance_id)
        await nothing_of_images_is_left(aws, but=image)
        works = {builder_id("v1"), candidate_id("v1")}
        assert line.reserved == works, "the budget keeps what both may cost"
        assert {span.machine_id for _, span in await money.ledger.spans_after(0, from_ms=0)} == works
        assert 0 < image.cost_micros <= (await money.budget.status()).headroom.spent

        await approve_image("v1", by="owner", store=store, clock=clock)
        await promote_image("v1", by="owner", store=store, registry=registry, clock=clock)
        job = await aws.finished(await aws.submit(PROMPT))
        assert (job.status, job.error_code) == (JobStatus.SUCCEEDED, None)
        assert (await aws.answer(job.id)).strip()
        assert job.receipt is not None
        assert (job.receipt.image, job.receipt.model_sha256) == ("v1", PINS["models"]["smollm2"]["sha256"])
        record = await aws.over()
        assert (record.state, record.reason) == (MachineState.OFF, "idle for 0.01 minutes"), aws.hypervisor.logs()
        assert record.ready_at is not None
        assert record.ready_at - record.created_at < LAUNCH_TO_READY_SECONDS
        await ledger_is_the_emulators(aws, record)
        lines = await logs_of(aws, record)
        assert any(line.startswith("tlfif-llama: llama.cpp serves smollm2") for line in lines), lines
        assert "tlfif-worker: INFO instance: ended: idle for 0.01 minutes" in lines, lines[-8:]
        assert not [line for line in lines if "cloud computer" in line or line.startswith("why:")]

        newer = await line.ordered(b"not built")
        await promoted_on_paper(emulator, aws.home.name, line.images, newer, clock)
        assert (await registry.pointer(PROFILE)).before == (PAPER, "v1")
        await retire_image("v1", store=store, registry=registry, clock=clock)
        await line.carried("v1", lambda image: image.gone)
        await nothing_of_images_is_left(aws, but=await store.get(newer.version))


async def test_a_booted_builder_that_fails_says_why_and_is_gone(
    emulator: Emulator, base: Layers, tmp_path: Path
) -> None:
    ubuntu(emulator)
    async with an_aws(emulator, tmp_path, kind=partial(BootedHypervisor, image=base), types=(TYPE,)) as aws:
        line = Line(aws=aws)
        await line.ordered(commit_whose_wheel("echo no such wheel; exit 7"))
        image = await line.carried("v1", lambda image: image.cleaned)
        assert image.failure is not None, aws.hypervisor.logs()
        assert (image.failure.stage, image.failure.code) == (Stage.BUILD, "image_build_failed")
        assert "The step “wheel” ended with 7:\n" in image.failure.message
        assert "\nno such wheel\n" in image.failure.message
        await nothing_of_images_is_left(aws)


async def test_what_booted_machines_leave_when_their_control_plane_is_gone(
    emulator: Emulator, base: Layers, memory: Path, tmp_path: Path
) -> None:
    kind = partial(BootedHypervisor, image=base, keep=memory)
    ubuntu(emulator)
    async with an_aws(emulator, tmp_path, kind=kind, types=(TYPE,)) as aws:
        line = Line(aws=aws)
        store, born = line.images.store, images_of(emulator, aws.home.name)

        async def built_for_ever(image: Image) -> Image:
            work_id = builder_id(image.version)
            return await line.carried(image.version, lambda _: f"{SAID}wheel" in line.console(work_id))

        # Dead for a day: the next one finds a stage that has taken too long.
        image = await built_for_ever(await line.ordered(commit_whose_wheel("exec sleep 600")))
        assert await store.replace(replace(image, stage_started_at=image.created_at - DAY))
        image = await line.carried(image.version, lambda image: image.cleaned)
        assert image.failure is not None
        assert (image.failure.stage, image.failure.code) == (Stage.BUILD, "image_stage_timeout")
        await nothing_of_images_is_left(aws)

        # The record is lost as well. A candidate, its image and the snapshot are of no use to anybody; the builder of
        # the next image is.
        image = await built_for_ever(await line.ordered(commit_whose_wheel("exec sleep 601")))
        done = json.dumps({"status": 0, "step": "done", "lines": []})
        emulator.s3.put_object(Bucket=aws.settings.bucket, Key=f"{PREFIX}{image.version}.json", Body=done.encode())
        emulator.ec2.stop_instances(InstanceIds=[line.guest(builder_id(image.version)).instance_id])
        old = await line.carried(image.version, lambda image: line.console(candidate_id(image.version)) != "")
        assert old.artifact is not None
        assert old.artifact.snapshots
        new = await line.ordered(commit_whose_wheel("exec sleep 602"))
        forget_images(emulator, aws.settings.state_table, number=old.number)
        await built_for_ever(new)
        await line.swept()
        await wait_until(lambda: not line.guest(candidate_id(old.version)).family(), "the candidate is off")
        assert line.guest(builder_id(new.version)).family()
        assert (images_of(emulator, aws.home.name), snapshots_of(emulator, aws.home.name)) == (born, [])
        forget_images(emulator, aws.settings.state_table)
        await line.swept()
        await nothing_of_images_is_left(aws)
