"""A builder and a registry in memory, for the pipeline's own tests."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from tlfif.images.image import UNREADABLE, Artifact, Failure, Image, Pointer, Profile, Stage
from tlfif.images.image_builder import Estimate, ImageBuilder, Progress
from tlfif.images.image_registry import ImageRegistry, StoredImage
from tlfif.images.smoke_report import PromptResult, SmokeReport
from tlfif.images.source_repository import Push, SourceRepository
from tlfif.kernel.errors import ImageError

GOOD = SmokeReport(
    prompts=tuple(PromptResult(name=str(n), passed=True, answer="yes") for n in range(10)),
    tokens_per_second=100.0,
    idle_end=True,
)


@dataclass(slots=True)
class FakeBuilder(ImageBuilder):
    """Each stage is done at the ``polls``-th look. ``failures`` by stage; ``refuses``, ``report``, ``uncleanable`` and
    ``sweepable`` as they say; ``swept`` has what each sweep was told."""

    registry: "FakeRegistry"
    polls: int = 1
    failures: dict[Stage, Failure] = field(default_factory=dict)
    refuses: str = ""
    report: SmokeReport = GOOD
    hangs: bool = False
    begun: list[tuple[str, Stage]] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    uncleanable: frozenset[str] = frozenset()
    sweepable: bool = True
    swept: list[set[str]] = field(default_factory=list)

    def estimate(self, profile: Profile) -> Estimate:
        return Estimate(seconds=60.0, cost_micros=0)

    def limit_seconds(self, profile: Profile, stage: Stage) -> float:
        return 100.0

    async def begin(self, image: Image) -> str | None:
        if self.refuses:
            raise ImageError(self.refuses, code="image_build_refused")
        if (image.version, image.stage) not in self.begun:
            self.begun.append((image.version, image.stage))
            self.running[image.version] = 0
        return f"work-{image.version}"

    async def poll(self, image: Image) -> Progress:
        if image.version not in self.running:
            gone = Failure(stage=image.stage, code="image_build_failed", message="the work has vanished")
            return Progress(failure=gone)
        self.running[image.version] += 1
        if self.hangs or self.running[image.version] < self.polls:
            return Progress(lines=("works",))
        failure = self.failures.get(image.stage)
        if failure is not None:
            return Progress(failure=failure)
        facts = Progress(done=True, lines=("done",), cost_micros=10)
        if image.stage is Stage.SOURCE:
            return replace(facts, digest="d" * 64)
        if image.stage is Stage.BUILD:
            artifact = Artifact(ref=f"image-{image.version}", size_bytes=1000, snapshots=(f"snap-{image.version}",))
            self.registry.artifacts[artifact.ref] = StoredImage(version=image.version, artifact=artifact)
            return replace(facts, artifact=artifact)
        if image.stage is Stage.SMOKE_TEST:
            return replace(facts, report=self.report)
        return facts

    async def clean(self, image: Image, *, keep_artifact: bool) -> bool:
        if image.version in self.uncleanable:
            raise ImageError(f"What is left of {image.version} cannot be removed.")
        self.running.pop(image.version, None)
        if not keep_artifact:
            self.registry.artifacts.pop(f"image-{image.version}", None)
        return True

    async def sweep(self, known: Collection[str]) -> bool:
        if not self.sweepable:
            raise ImageError("What a killed build left cannot be removed.")
        self.swept.append(set(known) - {""})
        return True


@dataclass(slots=True)
class FakeRegistry(ImageRegistry):
    """See the port."""

    artifacts: dict[str, StoredImage] = field(default_factory=dict)
    pointers: dict[Profile, Pointer] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)

    async def pointer(self, profile: Profile) -> Pointer:
        found = self.pointers.get(profile, Pointer(profile=profile))
        if found.ref is not None and found.ref not in self.artifacts:
            raise ImageError("The pointer names no image.", code="image_pointer_invalid")
        return found

    async def move(self, pointer: Pointer) -> bool:
        stored = self.pointers.get(pointer.profile, Pointer(profile=pointer.profile))
        readable = stored.ref is None or stored.ref in self.artifacts
        if (stored.revision if readable else UNREADABLE) != pointer.revision:
            return False
        if pointer.ref is not None and pointer.ref not in self.artifacts:
            raise ImageError("The image is gone.", code="image_gone")
        self.pointers[pointer.profile] = replace(pointer, revision=pointer.revision + 1)
        return True

    async def stored(self) -> list[StoredImage]:
        return list(self.artifacts.values())

    async def referenced(self) -> Collection[str]:
        return set(self.needed)

    async def delete(self, artifact: Artifact) -> None:
        self.artifacts.pop(artifact.ref, None)


@dataclass(slots=True)
class FakeRepository(SourceRepository):
    """Its newest commit is ``commit``; ``problem``: it cannot be reached."""

    commit: str = "a" * 40
    subject: str = "A change"
    problem: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)

    async def newest(self, repository: str, *, branch: str, since: str | None, paths: tuple[str, ...]) -> Push:
        self.asked.append((repository, branch))
        if self.problem:
            raise ImageError(self.problem, code="repository_unreachable")
        return Push(commit=self.commit, subject=self.subject, relevant=self.commit != since, rewritten=False)

    async def keep_only(self, repositories: Collection[str]) -> None:
        self.kept = set(repositories)
