"""What images are made from, in the home's bucket: a commit's files as ``releases/sources/COMMIT.zip``, and beside them
what a builder has said, ``releases/sources/VERSION.json``."""

import asyncio
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.adapters.aws.images.build_script import BuildResult
from tlfif.images.image import Image
from tlfif.images.watch_repository import PATHS
from tlfif.kernel.errors import ImageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "releases/sources/"
MOST_BYTES = 64 << 20
"""A function has 512 MB. The project's own files are 5 MB."""
NEEDED = ("images/provision/provision.sh", "images/provision/clean.sh", "requirements/build.lock", "pyproject.toml")
ADDRESS_SECONDS = 3600
"""How long a builder's two addresses are good for; its function's own credentials may end them sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The files of a commit that an image is made from, each with its sha256, and that of the zip file itself."""

    zip_sha256: str
    files: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The sha256 over all inputs, in the order of their names: two commits with the same give the same image."""
        listed = json.dumps(self.files, sort_keys=True).encode()
        return hashlib.sha256(listed).hexdigest()


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
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError, NotImplementedError) as error:
        raise _invalid(commit, f"its files are no zip file that can be read ({error})") from error
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise _invalid(commit, f"it lacks {', '.join(missing)}")
    return Inputs(zip_sha256=hashlib.sha256(content).hexdigest(), files=files)


def _invalid(commit: str, why: str) -> ImageError:
    return ImageError(
        f"No image can be made from the commit {commit[:12]}: {why}. Mend it and push again.",
        code="image_source_invalid",
    )
