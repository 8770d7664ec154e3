"""What images are made from, in the home's bucket: a commit's files as ``releases/sources/COMMIT.zip``, and beside them
what a builder has said, ``releases/sources/VERSION.json``."""

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.adapters.aws.images.build_script import BuildResult
from tlfif.images.image import Image, Profile
from tlfif.images.watch_repository import PATHS
from tlfif.kernel.errors import ImageError
from tlfif.machines.machine_types import EngineKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "releases/sources/"
MOST_BYTES = 64 << 20
"""A function has 512 MB. The project's own files are 5 MB."""
PINS = "images/pins.json"
NEEDED = (
    "images/provision/provision.sh",
    "images/provision/clean.sh",
    PINS,
    "requirements/build.lock",
    "pyproject.toml",
)
ADDRESS_SECONDS = 3600
"""How long a builder's two addresses are good for; its function's own credentials may end them sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedModel:
    """Weights in the list of pins, where they are called ``key``; several keys may hold one model, one an engine."""

    key: str
    name: str
    sha256: str
    engine: EngineKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The files of a commit that an image is made from, each with its sha256, and that of the zip file itself.
    ``models`` are those of its list of pins."""

    zip_sha256: str
    files: dict[str, str] = field(default_factory=dict)
    models: Mapping[str, PinnedModel] = field(default_factory=dict)

    def digest(self, profile: Profile, model: str) -> str:
        """The sha256 over all inputs, in the order of their names: two commits with the same give the same image of
        that profile with that model."""
        listed = json.dumps({"files": self.files, "profile": profile, "model": model}, sort_keys=True).encode()
        return hashlib.sha256(listed).hexdigest()

    def model_for(self, name: str, engine: EngineKind, *, commit: str) -> PinnedModel:
        """The pinned weights of the model ``name`` that ``engine`` reads. Raises ImageError ``image_model_unknown``."""
        fitting = [one for one in self.models.values() if one.engine is engine]
        found = next((one for one in fitting if one.name == name), None)
        if found is None:
            raise ImageError(
                f"The commit {commit[:12]} has no weights of the model {name} for {engine.proper_name} in its list of "
                f"pins ({PINS}); it has {', '.join(one.name for one in fitting) or 'none'}. Add them to the list, or "
                "choose another model: ./tlfif deploy --model NAME. Nothing was started.",
                code="image_model_unknown",
            )
        return found


def source_key(commit: str) -> str:
    """Where a commit's files are."""
    return f"{PREFIX}{commit}.zip"


class ImageSources:
    """Raises AWS's errors."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    async def inputs(self, commit: str) -> Inputs | None:
        """The commit's inputs; None where its files are not there (yet). Raises ImageError ``image_source_invalid``."""
        key = source_key(commit)

        def read() -> bytes | None:
            found = unless_absent(lambda: self._s3.get_object(Bucket=self._bucket, Key=key))
            return None if found is None else found["Body"].read(MOST_BYTES + 1)

        content = await asyncio.to_thread(read)
        return None if content is None else await asyncio.to_thread(_inputs, content, commit)

    async def addresses(self, image: Image) -> tuple[str, str]:
        """Where the builder of ``image`` fetches the commit, and where it puts what it says; each signed for that."""
        place = {"Bucket": self._bucket}
        source, result = {**place, "Key": source_key(image.source.commit)}, {**place, "Key": _result_key(image)}
        sign = self._s3.generate_presigned_url
        return (
            await asyncio.to_thread(sign, "get_object", Params=source, ExpiresIn=ADDRESS_SECONDS),
            await asyncio.to_thread(sign, "put_object", Params=result, ExpiresIn=ADDRESS_SECONDS),
        )

    async def result(self, image: Image) -> BuildResult | None:
        """What the builder of ``image`` has said; None where it has not, or nothing that can be read."""

        def read() -> bytes | None:
            found = unless_absent(lambda: self._s3.get_object(Bucket=self._bucket, Key=_result_key(image)))
            return None if found is None else found["Body"].read()

        content = await asyncio.to_thread(read)
        try:
            return None if content is None else BuildResult.parse(content.decode("utf-8", "replace"))
        except (ValueError, LookupError, TypeError):
            return None


def _result_key(image: Image) -> str:
    return f"{PREFIX}{image.version}.json"


def _inputs(content: bytes, commit: str) -> Inputs:
    if len(content) > MOST_BYTES:
        raise _invalid(commit, f"its files are larger than {MOST_BYTES >> 20} MB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = sorted(name for name in packed.namelist() if name.startswith(PATHS) and not name.endswith("/"))
            files = {name: hashlib.sha256(packed.read(name)).hexdigest() for name in names}
            pins = packed.read(PINS) if PINS in files else b"{}"
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError, NotImplementedError) as error:
        raise _invalid(commit, f"its files are no zip file that can be read ({error})") from error
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise _invalid(commit, f"it lacks {', '.join(missing)}")
    return Inputs(zip_sha256=hashlib.sha256(content).hexdigest(), files=files, models=_pinned(pins, commit))


def _pinned(pins: bytes, commit: str) -> dict[str, PinnedModel]:
    try:
        return {
            key: PinnedModel(
                key=key,
                name=str(one.get("name", key)),
                sha256=str(one["sha256"]),
                engine=EngineKind.LLAMA if str(one["file"]).endswith(".gguf") else EngineKind.VLLM,
            )
            for key, one in json.loads(pins)["models"].items()
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _invalid(commit, f"its list of pins {PINS} cannot be read ({type(error).__name__})") from error


def _invalid(commit: str, why: str) -> ImageError:
    return ImageError(
        f"No image can be made from the commit {commit[:12]}: {why}. Mend it and push again.",
        code="image_source_invalid",
    )
