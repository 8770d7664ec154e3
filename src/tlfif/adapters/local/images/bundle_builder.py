"""Builds bundles on this computer, and has each one test itself before it is offered."""

import asyncio
import contextlib
import errno
import json
import logging
import math
import os
import shutil
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from tlfif.adapters.local.bundle import REF, Bundle, remove_tree
from tlfif.adapters.local.images.build_steps import BuildSteps
from tlfif.adapters.local.images.bundle_inputs import LOCK, read_inputs, sums_text
from tlfif.adapters.local.images.candidate_folder import CandidateFolder
from tlfif.adapters.local.images.git_repository import GitRepository
from tlfif.adapters.local.images.machine_files import check_machine_files
from tlfif.adapters.local.images.parts_list import packages_folder, parts_list
from tlfif.adapters.local.images.program import last_words
from tlfif.adapters.local.machines.process_machine_host import ProcessMachineHost
from tlfif.images.image import Artifact, Failure, Image, Profile, Stage
from tlfif.images.image_builder import Estimate, ImageBuilder, Progress
from tlfif.images.smoke_report import SmokeReport
from tlfif.kernel.errors import ImageError, InvalidInputError, MachineError, ModelError
from tlfif.kernel.plain_text import clean
from tlfif.kernel.redacted_traceback import redacted_traceback
from tlfif.machines.machine_host import LaunchSpec
from tlfif.models.model_store import ModelFile, ModelStore

log = logging.getLogger(__name__)

LIMITS = {Stage.SOURCE: 360.0, Stage.BUILD: 900.0, Stage.BOOT: 240.0, Stage.SMOKE_TEST: 300.0}
USUAL_SECONDS = 45.0
"""The first build here, with the installed packages, on two cores that have something else to do, too."""
SUMS = "inputs.sha256"
LOG_BYTES = 64 * 1024
"""Of a candidate's log, at each look."""
NOT_READY = "The candidate ended before it was ready"
NO_REPORT = "The candidate ended without a report; it was killed, or its program did not come so far"


@dataclass(slots=True)
class _Work:
    """The work of one image: its folder, and what this process does for it."""

    root: Path
    stage: Stage | None = None
    task: "asyncio.Task[Progress] | None" = None
    host: ProcessMachineHost | None = None
    handle: str | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        """The commit's files."""
        return self.root / "tree"

    @property
    def candidate(self) -> CandidateFolder:
        return CandidateFolder(self.root / "candidate")

    @property
    def machine_log(self) -> Path:
        return self.candidate.root / "logs" / "machine.log"


class BundleBuilder(ImageBuilder):
    """Works in a folder of each version's own, which is removed at the end, and puts the bundle to its place whole.

    Sources and builds run in this process and in programs that it starts; where it was killed, they begin anew. A
    candidate is a machine of its own, which goes on. Every program's command line names its work folder: so it is
    found again. ``host`` makes the host of a candidate, by the folder that is its home.
    """

    def __init__(
        self,
        folder: Path,
        *,
        repository: GitRepository,
        models: ModelStore,
        steps: BuildSteps,
        host: Callable[[Path], ProcessMachineHost],
    ) -> None:
        self._folder = folder
        self._repository = repository
        self._models = models
        self._steps = steps
        self._host = host
        self._works: dict[str, _Work] = {}

    def estimate(self, profile: Profile) -> Estimate:  # noqa: ARG002  # there is one profile here
        return Estimate(seconds=USUAL_SECONDS, cost_micros=0)

    def limit_seconds(self, profile: Profile, stage: Stage) -> float:  # noqa: ARG002  # there is one profile here
        return LIMITS[stage]

    async def begin(self, image: Image) -> str | None:
        work = self._work(image)
        if image.stage is Stage.SOURCE:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._steps.check_space(self._folder)
            self._start(work, image)
        elif image.stage is Stage.BUILD:
            self._start(work, image)
        elif image.stage is Stage.BOOT:
            work.handle = await self._launch(work, image)
            return work.handle
        return None

    async def poll(self, image: Image) -> Progress:
        work = self._work(image)
        if image.stage in (Stage.SOURCE, Stage.BUILD):
            return self._poll_task(work, image)
        return await self._poll_candidate(work, image)

    async def clean(self, image: Image, *, keep_artifact: bool) -> bool:
        work = self._work(image)
        if work.task is not None:
            work.task.cancel()
            await asyncio.wait({work.task})
        if await asyncio.to_thread(_end_programs, work.root):
            return False  # they are ending; look again at the next tick
        if work.host is not None and work.handle is not None and await work.host.alive(work.handle):
            return False
        try:
            await asyncio.to_thread(remove_tree, work.root)
            if not keep_artifact:
                await asyncio.to_thread(remove_tree, self._folder / image.version)
        except OSError as error:
            raise ImageError(f"What is left of {image.version} cannot be removed: {error}.") from error
        del self._works[image.version]
        return True

    async def sweep(self, known: Collection[str]) -> bool:
        await asyncio.to_thread(self._sweep, frozenset(known))
        return True

    def _sweep(self, known: frozenset[str]) -> None:
        """Remove what belongs to no known image, and end what a killed server was fetching. Runs in a thread."""
        _end_programs(self._folder / "repositories", before=psutil.Process().create_time())
        for folder in (self._folder / "work", self._folder):
            with contextlib.suppress(FileNotFoundError):
                for left in [one for one in folder.iterdir() if REF.fullmatch(one.name) and one.name not in known]:
                    log.warning("images: removing what a killed build left: %s", left.name)
                    _end_programs(left)
                    remove_tree(left)

    def _work(self, image: Image) -> _Work:
        return self._works.setdefault(image.version, _Work(self._folder / "work" / image.version))

    def _start(self, work: _Work, image: Image) -> None:
        """Begin the stage's task, once."""
        if work.stage is image.stage and work.task is not None:
            return
        doing = self._read_source if image.stage is Stage.SOURCE else self._build
        work.stage, work.task = image.stage, asyncio.create_task(_settled(doing, work, image))

    def _poll_task(self, work: _Work, image: Image) -> Progress:
        if work.task is None or work.stage is not image.stage:
            # Begun by a server that was killed. Its folder is begun anew, so this is safe.
            work.lines.append("the server was started anew; so is this stage")
            self._start(work, image)
        lines = tuple(work.lines)
        work.lines.clear()
        if work.task is None or not work.task.done():
            return Progress(lines=lines)
        found = work.task.result()
        return replace(found, lines=(*lines, *found.lines))

    async def _read_source(self, work: _Work, image: Image) -> Progress:
        await asyncio.to_thread(_end_programs, work.root)  # of a server that was killed
        await asyncio.to_thread(remove_tree, work.root)
        work.root.mkdir(mode=0o700, parents=True)
        source = image.source
        work.lines.append(f"fetching {source.commit[:12]}")
        time = await self._repository.tree(source.repository, source.commit, into=work.tree)
        model = await self._model()
        inputs = await asyncio.to_thread(read_inputs, work.tree, source=source, commit_time=time, model=model)
        (work.root / SUMS).write_text(sums_text(inputs.files), encoding="utf-8")
        work.lines.append(f"{len(inputs.files)} files, model {model.name}; all inputs: {inputs.digest}")
        return Progress(done=True, digest=inputs.digest, manifest=inputs.manifest)

    async def _build(self, work: _Work, image: Image) -> Progress:
        await asyncio.to_thread(_end_programs, work.root)
        if not (work.root / SUMS).exists():
            await self._read_source(work, image)
        time = max(0, int((work.tree / LOCK).stat().st_mtime))  # git gives every file the commit's time
        model = await self._model()
        inputs = await asyncio.to_thread(read_inputs, work.tree, source=image.source, commit_time=time, model=model)
        if inputs.digest != image.digest:
            raise ImageError(
                "The inputs are not those that were read at first: a file, the model or Python was changed meanwhile. "
                "Build again.",
                code="image_input_wrong",
            )
        bundle, final = Bundle(work.root / "bundle"), self._folder / image.version
        await asyncio.to_thread(remove_tree, bundle.folder)
        await asyncio.to_thread(shutil.copytree, work.tree / "src", bundle.code, symlinks=True)
        shutil.copyfile(work.tree / LOCK, bundle.lock)
        shutil.copyfile(work.root / SUMS, bundle.folder / SUMS)
        await check_machine_files(work.tree / "images", scratch=work.root / "units", say=work.lines.append)
        await self._steps.provide_packages(bundle, work.lines.append)
        work.lines.append("compiling, importing")
        await self._steps.compile(bundle, final=final, commit_time=time)
        await self._steps.check_imports(bundle)
        own = packages_folder(bundle.own_environment) if bundle.own_environment.is_dir() else None
        parts = parts_list(
            digest=inputs.digest,
            commit=image.source.commit,
            built_from=time,
            lock=bundle.lock_text(),
            model={"name": model.name, "sha256": model.sha256},
            search=own,
        )
        bundle.parts_list.write_text(parts, encoding="utf-8")
        manifest = {**inputs.manifest, "store_schema": self._steps.schema, "own_packages": own is not None}
        bundle.write_manifest(manifest)
        size = await asyncio.to_thread(self._put, bundle, final)
        work.lines.append(f"{final.name}: {size / 1e6:.1f} MB")
        shown = {**manifest, "sbom": json.loads(parts)}  # the record's: who asks what is in it need not open the bundle
        return Progress(done=True, manifest=shown, artifact=Artifact(ref=final.name, size_bytes=size))

    def _put(self, bundle: Bundle, final: Path) -> int:
        """Put the bundle to its place, whole. Runs in a thread."""
        size = bundle.size_bytes()
        bundle.protect()
        remove_tree(final)  # of a build that was killed between this and its record
        bundle.folder.chmod(0o700)  # a folder that is moved is written to
        bundle.folder.rename(final)
        final.chmod(0o500)
        return size

    async def _model(self) -> ModelFile:
        try:
            return await self._models.checked_file((await self._models.resolve(None)).name)
        except (ModelError, InvalidInputError) as error:
            code = "image_input_wrong" if error.code == "model_corrupt" else "image_build_failed"
            raise ImageError(error.message, code=code) from error

    async def _launch(self, work: _Work, image: Image) -> str | None:
        """Launch the candidate, once. Raises ImageError ``image_build_refused`` where the system starts no process."""
        host, files = self._candidate_host(work), work.candidate
        if image.artifact is None:
            raise ImageError(f"Nothing was built for {image.version}.", code="image_build_refused")
        for found in await host.find_all():
            return found.handle
        if files.report.exists():
            return image.handle
        await asyncio.to_thread(remove_tree, files.root)
        files.root.mkdir(mode=0o700, parents=True)
        model = await self._model()
        spec = LaunchSpec(
            machine_id=f"candidate-{image.version}",
            model=model.name,
            model_path=model.path,
            model_sha256=model.sha256,
            context_tokens=model.context_tokens,
            image=image.version,
            idle_timeout_seconds=LIMITS[Stage.SMOKE_TEST],
            image_ref=image.artifact.ref,
            smoke_test=image.version,
        )
        try:
            return await host.launch(spec)
        except MachineError as error:
            raise ImageError(error.message, code="image_build_refused") from error

    def _candidate_host(self, work: _Work) -> ProcessMachineHost:
        if work.host is None:
            work.host = self._host(work.candidate.root)
        return work.host

    async def _poll_candidate(self, work: _Work, image: Image) -> Progress:
        alive = image.handle is not None and await self._candidate_host(work).alive(image.handle)
        report = work.candidate.read_report()  # after the look whether it lives: it is the last thing that it writes
        lines, cursor = self._log_lines(work, image, image.log_cursor)
        seen = Progress(lines=lines, log_cursor=cursor)
        if image.stage is Stage.BOOT:
            if report is not None and not work.candidate.ready.exists():
                return replace(seen, failure=self._fault(work, image, report.error or NOT_READY))
            if work.candidate.ready.exists():
                return replace(seen, done=True)
            return seen if alive else replace(seen, failure=self._fault(work, image, NOT_READY))
        if alive:
            return seen
        if report is None:
            return replace(seen, failure=self._fault(work, image, NO_REPORT))
        return replace(seen, done=True, report=report, lines=(*lines, *_answers(report)))

    def _log_lines(self, work: _Work, image: Image, cursor: str) -> tuple[tuple[str, ...], str]:
        """The candidate's own, behind the cursor; its files by their names in the commit."""
        lines, cursor = _new_lines(work.machine_log, cursor)
        return tuple(line.replace(f"{self._folder / image.version}{os.sep}", "") for line in lines), cursor

    def _fault(self, work: _Work, image: Image, what: str) -> Failure:
        said = last_words(self._log_lines(work, image, "")[0])
        code = "image_boot_failed" if image.stage is Stage.BOOT else "image_test_failed"
        message = f"{what.rstrip('.')}. Its log ends with: {said or '(it is empty)'}."
        return Failure(stage=image.stage, code=code, message=message)


async def _settled(doing: Callable[[_Work, Image], Awaitable[Progress]], work: _Work, image: Image) -> Progress:
    """What became of the work, faults as failures."""
    stage = image.stage
    try:
        return await doing(work, image)
    except ImageError as error:
        lines = error.details.get("lines")
        return Progress(
            failure=Failure(stage=stage, code=error.code, message=error.message),
            lines=tuple(map(str, lines)) if isinstance(lines, list) else (),
        )
    except OSError as error:
        code = "image_build_refused" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "image_build_failed"
        what = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}."
        return Progress(failure=Failure(stage=stage, code=code, message=what))
    except Exception as error:
        # A fault of this program ends the build, not the server.
        log.error("images: unexpected fault: %s", redacted_traceback(error))
        message = f"TL-FIF made a mistake while it built ({type(error).__name__}). The server's log says where."
        return Progress(failure=Failure(stage=stage, code="image_build_failed", message=message))


def _answers(report: SmokeReport) -> list[str]:
    """The report for people: what was asked, whether it passed, and the answer."""
    return [
        *(f"{'passed' if one.passed else 'FAILED'}: {one.name}: {clean(one.answer)!r}" for one in report.prompts),
        f"{report.passed} of {len(report.prompts)}; {report.tokens_per_second:.0f} tokens a second; first token after "
        f"{report.first_token_seconds:.2f} s; ended by itself: {'yes' if report.idle_end else 'no'}",
        *([f"other programs took {report.others_share:.0%} of the computer: its speed is not compared"] * report.busy),
    ]


def _new_lines(file: Path, cursor: str) -> tuple[tuple[str, ...], str]:
    """Whole lines behind the cursor, which counts bytes, and the new cursor."""
    start = int(cursor) if cursor.isdecimal() else 0
    try:
        with file.open("rb") as reader:
            reader.seek(start)
            found = reader.read(LOG_BYTES)
    except OSError:
        return (), cursor
    whole = found[: found.rfind(b"\n") + 1] if len(found) < LOG_BYTES else found
    return tuple(clean(line)[:500] for line in whole.decode(errors="replace").splitlines()), str(start + len(whole))


def _end_programs(folder: Path, *, before: float = math.inf) -> bool:
    """Kill every program of ours whose command line names ``folder`` and that began before then (epoch seconds);
    whether there was any. A person may look at a log in it with a program of his own."""
    inside, found = f"{folder}{os.sep}", False
    for process in psutil.process_iter(["cmdline", "name", "status"]):
        command = process.info["cmdline"] or []
        ours = (process.info["name"] or "").lower().startswith(("python", "git"))
        if not ours or process.pid == os.getpid() or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        if any(inside in part or part == str(folder) for part in command):
            with contextlib.suppress(psutil.Error):
                if process.create_time() < before:
                    found = True
                    process.kill()
    return found
