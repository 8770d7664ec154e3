"""What every builder of images owes: one thing begun once, facts at the end of each stage, and nothing left behind."""

import asyncio
import contextlib
import hashlib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.builders import T0
from tests.fakes.images import FakeBuilder, FakeRegistry
from tests.fakes.model_store import FakeModelStore
from tests.images.commits import paper_machine, paper_repository
from tests.images.units import need_systemd
from tests.waiting import wait_until
from tlfif.adapters.aws.images.image_work import limit_seconds
from tlfif.adapters.local.bundle import Bundle
from tlfif.adapters.local.images.build_steps import BuildSteps, free_bytes
from tlfif.adapters.local.images.bundle_builder import LIMITS as HOME_LIMITS
from tlfif.adapters.local.images.bundle_builder import BundleBuilder
from tlfif.adapters.local.images.folder_registry import FolderRegistry
from tlfif.adapters.local.images.git_repository import GitRepository
from tlfif.adapters.local.machines.process_machine_host import ProcessMachineHost
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.adapters.sqlite.schema import MIGRATIONS
from tlfif.api.image_views import software_of
from tlfif.images.image import STAGES, Image, ImageState, Profile, Source, Stage
from tlfif.images.image_builder import ImageBuilder, Progress
from tlfif.images.image_registry import ImageRegistry
from tlfif.images.pipeline import advanced, begun
from tlfif.images.smoke_report import why_not_offered
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import ImageError, ModelError
from tlfif.machines.policy import MachinePolicy

WORK = STAGES[:-1]


class Place(ABC):
    """A builder, its registry, and another control plane's view of the same place."""

    builder: ImageBuilder
    registry: ImageRegistry
    source: Source

    @abstractmethod
    async def kill(self) -> None:
        """End the control plane; what it works on inside of itself ends with it."""

    @abstractmethod
    def another(self) -> ImageBuilder:
        """The builder of a control plane that comes after it."""

    @abstractmethod
    def left(self) -> list[str]:
        """What works or lies there for any image."""

    def image(self) -> Image:
        return Image(number=1, profile=Profile.BUNDLE, source=self.source, created_at=T0, state=ImageState.UNDER_WAY)

    async def stage(self, image: Image, *, builder: ImageBuilder | None = None) -> Image:
        """Do the work of its stage; the image one stage on."""
        working = builder or self.builder
        image = begun(image, handle=await working.begin(image), now=T0)
        seen = image

        async def look() -> Image | None:
            nonlocal seen
            progress: Progress = await working.poll(seen)
            seen = advanced(seen, progress, promoted=None, limit_seconds=1e9, now=T0)
            return seen if seen.stage is not image.stage or seen.state is ImageState.FAILED else None

        return await wait_until(look, f"the stage {image.stage} is done", every=0.05)

    async def until(self, stage: Stage) -> Image:
        """An image whose turn this stage is."""
        image = self.image()
        while image.stage is not stage:
            image = await self.stage(image)
            assert image.failure is None, image.failure
        return image

    async def cleaned(self, image: Image, *, keep_artifact: bool = False, builder: ImageBuilder | None = None) -> None:
        async def clean() -> bool:
            return await (builder or self.builder).clean(image, keep_artifact=keep_artifact)

        await wait_until(clean, "it is clean", every=0.05)


class FakePlace(Place):
    def __init__(self) -> None:
        self.registry = self.fake = FakeRegistry()
        self.builder = FakeBuilder(self.fake)
        self.source = Source(repository="/src", commit="a" * 40, subject="", asked_by="a test")

    async def kill(self) -> None:
        pass

    def another(self) -> ImageBuilder:
        return self.builder

    def left(self) -> list[str]:
        return [*self.builder.running, *self.fake.artifacts]


class BundlePlace(Place):
    def __init__(self, folder: Path, how: str = "good") -> None:
        self.folder = folder / "images"
        self.builders: list[BundleBuilder] = []
        repository = paper_repository(folder / "repository")
        commit = repository.commit("A machine", **paper_machine(how))
        self.source = Source(repository=str(repository.folder), commit=commit, subject="", asked_by="a test")
        self.builder = self.another()

        async def launched() -> str | None:
            return None

        self.registry = FolderRegistry(self.folder, launched=launched)

    async def kill(self) -> None:
        for builder in self.builders:
            for work in builder._works.values():
                if work.task is not None:
                    work.task.cancel()
                    await asyncio.wait({work.task})

    def another(self) -> BundleBuilder:
        def host(home: Path) -> ProcessMachineHost:
            return ProcessMachineHost(
                home,
                job_policy=JobPolicy(),
                machine_policy=MachinePolicy(),
                clock_offset=lambda: 0.0,
                bundles=self.folder,
            )

        models = FileModelStore(models_dir=self.folder.parent / "models", clock=SystemClock())
        (self.folder.parent / "models").mkdir(exist_ok=True)
        builder = BundleBuilder(
            self.folder,
            repository=GitRepository(self.folder / "repositories"),
            models=models,
            steps=BuildSteps(free=free_bytes, schema=len(MIGRATIONS)),
            host=host,
        )
        self.builders.append(builder)
        return builder

    def processes(self) -> list[psutil.Process]:
        """Whatever names the folder and lives."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and any(str(self.folder) in part for part in process.info["cmdline"] or [])
        ]

    def left(self) -> list[str]:
        folders = [*self.folder.glob("v*"), *self.folder.glob("work/*")]
        return [*(str(folder) for folder in folders), *(str(process) for process in self.processes())]

    def abolish(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for builder in self.builders:
            for host in [work.host for work in builder._works.values() if work.host is not None]:
                for child in host._children.values():
                    child.wait(10)


@pytest.fixture(params=["fake", "bundle"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "fake":
        yield FakePlace()
        return
    opened = BundlePlace(tmp_path)
    yield opened
    opened.abolish()


async def test_each_stage_finds_its_facts_and_the_end_leaves_the_artifact_alone(place: Place) -> None:
    image = await place.stage(place.image())
    assert image.digest is not None
    assert len(image.digest) == 64
    image = await place.stage(image)
    assert image.artifact is not None
    assert image.artifact.size_bytes > 0
    assert [one.artifact.ref for one in await place.registry.stored()] == [image.artifact.ref]
    image = await place.stage(await place.stage(image))
    assert image.state is ImageState.OFFERED
    assert image.report is not None
    assert why_not_offered(image.report, promoted=None) == ""
    await place.cleaned(image, keep_artifact=True)
    assert [one.version for one in await place.registry.stored()] == ["v1"]
    await place.cleaned(image)
    await place.cleaned(image)
    assert place.left() == []


@pytest.mark.requirement("7.1.2")
def test_the_limits_are_those_that_were_promised() -> None:
    assert {stage: HOME_LIMITS[stage] for stage in WORK} == dict(zip(WORK, (360, 900, 240, 300), strict=True))
    there = {
        Profile.CPU_LLAMA: (300, 1080, 720, 720),
        Profile.GPU_LLAMA: (300, 1440, 720, 720),
        Profile.GPU_VLLM: (300, 3240, 1260, 1260),
    }
    for profile, limits in there.items():
        assert tuple(limit_seconds(profile, stage) for stage in WORK) == limits


def test_every_stage_has_a_limit_and_the_whole_an_estimate(place: Place) -> None:
    assert all(0 < place.builder.limit_seconds(Profile.BUNDLE, stage) < 86400 for stage in WORK)
    estimate = place.builder.estimate(Profile.BUNDLE)
    assert estimate.seconds > 0
    assert estimate.cost_micros >= 0


async def test_beginning_twice_begins_once(place: Place) -> None:
    image = await place.until(Stage.BOOT)
    first = await place.builder.begin(image)
    assert await place.builder.begin(image) == first
    assert await place.another().begin(image) in (first, None), "None: it has ended already"
    await place.cleaned(image)
    assert place.left() == []


async def test_killed_at_each_stage_who_comes_after_goes_on(place: Place) -> None:
    image, builder = place.image(), place.builder
    while image.stage in WORK:
        await builder.begin(image)
        await place.kill()
        builder = place.another()
        image = await place.stage(image, builder=builder)
        assert image.failure is None
    assert image.state is ImageState.OFFERED
    await place.cleaned(image, builder=builder)
    await place.cleaned(image)
    assert place.left() == []


@pytest.mark.parametrize("stage", [Stage.BUILD, Stage.BOOT])
async def test_cleaning_ends_the_work_of_any_stage(place: Place, stage: Stage) -> None:
    image = await place.until(stage)
    await place.builder.begin(image)
    await place.kill()
    await place.cleaned(image, builder=place.another())
    await place.cleaned(image)
    assert place.left() == []


async def test_a_sweep_leaves_what_is_known(tmp_path: Path) -> None:
    place = BundlePlace(tmp_path)
    image = await place.until(Stage.BOOT)
    for version in ("v7", "v8"):
        (place.folder / "work" / version).mkdir(parents=True)
        (place.folder / version / "src").mkdir(parents=True)
    await place.another().sweep({image.version, "v8"})
    assert sorted(one.name for one in place.folder.glob("v*")) == ["v1", "v8"]
    assert sorted(one.name for one in place.folder.glob("work/*")) == ["v1", "v8"]


@pytest.mark.parametrize(
    ("how", "stage", "code", "said"),
    [
        ("dies", Stage.BOOT, "image_boot_failed", "libpaper.so.1"),
        ("does not load", Stage.BOOT, "image_boot_failed", "it is paper"),
        ("babbles", Stage.SMOKE_TEST, "image_test_failed", "Only 3 of 10"),
        ("killed", Stage.SMOKE_TEST, "image_test_failed", "without a report"),
    ],
)
async def test_a_candidate_that_is_not_good_is_refused_with_its_reason(
    tmp_path: Path, how: str, stage: Stage, code: str, said: str
) -> None:
    place = BundlePlace(tmp_path, how)
    image = await place.until(Stage.BOOT)
    while image.state is ImageState.UNDER_WAY:
        image = await place.stage(image)
    assert image.failure is not None
    assert (image.failure.stage, image.failure.code) == (stage, code)
    assert said in image.failure.message
    await place.cleaned(image)
    assert place.left() == []


@pytest.mark.requirement("7.1.2")
@pytest.mark.parametrize("how", ["never ready", "never ends"])
async def test_a_candidate_that_never_comes_to_an_end_is_ended(tmp_path: Path, how: str) -> None:
    place = BundlePlace(tmp_path, how)
    image = await place.until(Stage.BOOT)
    image = replace(image, begun=True, handle=await place.builder.begin(image))
    log = place.folder / "work" / "v1" / "candidate" / "logs" / "machine.log"
    await wait_until(lambda: log.exists() and how in log.read_text(), "it runs")
    assert (await place.builder.poll(image)).failure is None
    await place.cleaned(image)
    assert place.left() == []


LOCK = "requirements/runtime.lock"


@pytest.mark.requirement("7.1.4")
@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"src/tlfif/entrypoints/engine.py": None}, "image_source_invalid", "lacks src/tlfif/entrypoints/engine.py"),
        ({LOCK: None}, "image_source_invalid", f"lacks {LOCK}"),
        ({"src/tlfif/worker.py": "def f(:\n"}, "image_build_failed", "cannot be compiled"),
        (
            {"src/tlfif/bootstrap/embedded_worker.py": "import no_such_thing"},
            "image_build_failed",
            "No module named 'no_such_thing' (src/tlfif/bootstrap/embedded_worker.py, line 1).",
        ),
        ({"src/tlfif/adapters/sqlite/schema.py": "MIGRATIONS = ()"}, "image_build_failed", "version 0 of the job file"),
        (
            {"images/bin/it": "#!/bin/sh\n", "images/pins.json": "{"},
            "image_build_failed",
            "images/pins.json cannot be read: Expecting",
        ),
        ({"images/provision/users.sh": "if true\n"}, "image_build_failed", "images/provision/users.sh cannot be read"),
        ({"images/bin/tlfif-boot": "#!/usr/bin/python3 -I\nf(\n"}, "image_build_failed", "'(' was never closed"),
        ({LOCK: "tlfif-paper==1.0 --hash=sha256:" + "0" * 64 + "\n"}, "image_build_refused", "not enough room"),
    ],
    ids=[
        "an entry",
        "the lock",
        "a typing error",
        "an import",
        "another job file",
        "the pins",
        "a script",
        "a program",
        "the disk",
    ],
)
async def test_a_commit_that_is_not_good_is_refused_with_its_reason(
    tmp_path: Path, changed: dict[str, str | None], code: str, said: str
) -> None:
    place = BundlePlace(tmp_path)
    repository = paper_repository(tmp_path / "other")
    commit = repository.commit("Broken", **{**paper_machine("good"), "images/pins.json": "{}", **changed})
    place.source = replace(place.source, repository=str(repository.folder), commit=commit)
    place.builder._steps = replace(place.builder._steps, free=lambda _: 1 << 30)
    image = place.image()
    while image.state is ImageState.UNDER_WAY:
        image = await place.stage(image)
    assert image.failure is not None
    assert image.failure.code == code
    assert said in image.failure.message
    await place.cleaned(image)
    assert place.left() == []


UNIT = "[Service]\nType=exec\nExecStart=/opt/tlfif/worker/bin/python\n"


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (UNIT, ""),
        (UNIT.replace("exec", "exectly"), "tlfif-paper.service:2: Failed to parse service type"),
        ("[Unit]\nRequires=tlfif-gone.service\n" + UNIT, "Unit tlfif-gone.service not found"),
        (UNIT.replace("/opt", "opt"), "tlfif-paper.service"),
    ],
    ids=["good", "a wrong word", "a unit that is not there", "no whole path"],
)
async def test_units_that_systemd_refuses_are_refused_at_the_desk(tmp_path: Path, unit: str, said: str) -> None:
    """Though a bundle has none: the same commit is a machine on AWS."""
    need_systemd()
    place = BundlePlace(tmp_path)
    files = {"images/pins.json": "{}", "images/systemd/tlfif-paper.service": unit}
    repository = paper_repository(tmp_path / "other")
    commit = repository.commit("Units", **{**paper_machine("good"), **files})
    place.source = replace(place.source, repository=str(repository.folder), commit=commit)
    image = await place.stage(await place.stage(place.image()))
    failure = image.failure
    assert (failure.code if failure is not None else "") == ("image_build_failed" if said else "")
    assert said in (failure.message if failure is not None else "")
    assert str(tmp_path) not in (failure.message if failure is not None else "")
    await place.cleaned(image)


async def test_without_room_nothing_is_begun(tmp_path: Path) -> None:
    place = BundlePlace(tmp_path)
    place.builder._steps = replace(place.builder._steps, free=lambda _: 0)
    with pytest.raises(ImageError, match="not enough room") as caught:
        await place.builder.begin(place.image())
    assert caught.value.code == "image_build_refused"
    assert place.left() == []


@pytest.mark.requirement("7.1.4")
async def test_weights_that_are_not_the_pinned_ones_are_not_used(tmp_path: Path) -> None:
    place = BundlePlace(tmp_path)
    place.builder._models = FakeModelStore(faults={"smollm2": ModelError("It is another file.", code="model_corrupt")})
    image = await place.stage(place.image())
    assert image.failure is not None
    assert (image.failure.code, image.failure.message) == ("image_input_wrong", "It is another file.")
    await place.cleaned(image)
    assert place.left() == []


@pytest.mark.parametrize("right", [True, False])
async def test_a_commit_with_another_lock_gets_its_own_packages_by_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: bool
) -> None:
    wheel = paper_wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    place = BundlePlace(tmp_path)
    repository = paper_repository(tmp_path / "other")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest() if right else "0" * 64
    files = {LOCK: f"tlfif-paper==1.0 --hash=sha256:{digest}\n", "src/xllamacpp.py": "import tlfif_paper\n"}
    commit = repository.commit("Its own lock", **{**paper_machine("good"), **files})
    place.source = replace(place.source, repository=str(repository.folder), commit=commit)
    image = await place.stage(await place.stage(place.image()))
    if right:
        assert image.manifest["own_packages"] is True
        assert "pkg:pypi/tlfif-paper@1.0" in Bundle(place.folder / "v1").parts_list.read_text()
        assert "tlfif-paper 1.0" in software_of(image.manifest)
        assert Bundle(place.folder / "v1").python.startswith(str(place.folder))
        image = await place.stage(image)
        assert image.failure is None
    else:
        assert image.failure is not None
        assert image.failure.code == "image_input_wrong"
    await place.cleaned(image)
    assert place.left() == []


def paper_wheel(folder: Path) -> Path:
    """A package with one empty module."""
    wheel = folder / "tlfif_paper-1.0-py3-none-any.whl"
    about = "tlfif_paper-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("tlfif_paper.py", "")
        made.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tlfif-paper\nVersion: 1.0\n")
        made.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{about}/RECORD", "")
    return wheel


@pytest.mark.requirement("7.1.4")
async def test_the_same_inputs_give_the_same_image(tmp_path: Path) -> None:
    place = BundlePlace(tmp_path)
    image = await place.until(Stage.BOOT)
    folder = place.folder / "v1"
    first = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"manifest.json", "sbom.cdx.json", "inputs.sha256"} <= {str(name) for name in first}
    await place.cleaned(image)
    again = await place.until(Stage.BOOT)
    second = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert again.digest == image.digest
    assert {str(name) for name in first if first[name] != second.get(name)} == set()
