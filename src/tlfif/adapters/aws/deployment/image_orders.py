"""Orders to the images' function by whoever deploys: this program's own files go into the home's bucket, from which a
builder fetches them."""

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import tlfif
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.lambda_package import MOMENT
from tlfif.deployment.deployment import ImageOrder
from tlfif.images.image import Profile
from tlfif.images.watch_repository import PATHS
from tlfif.kernel.errors import UnavailableError

ROOT = Path(tlfif.__file__).parents[2]
"""The folder that the program was fetched into, which has all that an image is made of."""
NEEDED = "images"
SOURCES = "releases/sources/"
"""As in adapters/aws/images/codepipeline_jobs.py; a test compares."""
HERE = "the computer that deployed"


def ask_for_image(clients: DeploymentClients, place: Place, profile: Profile, *, root: Path = ROOT) -> ImageOrder:
    """Upload the files below ``root`` and ask for an image of them. Raises AWS's errors, UnavailableError
    ``image_source_missing``."""
    content = _archive(root)
    commit, subject = _commit_of(root, content)
    bucket = f"{place.home}-{place.account_id}-{place.region}"
    clients.s3.put_object(Bucket=bucket, Key=f"{SOURCES}{commit}.zip", Body=content)
    order = {"action": "build", "commit": commit, "subject": subject, "repository": HERE, "profile": profile.value}
    return _told(clients, place, order)


def look_at_image(clients: DeploymentClients, place: Place, version: str) -> ImageOrder:
    """How far the image is. Raises AWS's errors."""
    return _told(clients, place, {"action": "show", "version": version})


def _told(clients: DeploymentClients, place: Place, order: Mapping[str, str]) -> ImageOrder:
    answer = clients.functions.invoke(FunctionName=f"{place.home}-images", Payload=json.dumps(order).encode())
    said: Any = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(said, dict) or "outcome" not in said:
        raise UnavailableError(
            "The function that builds images failed. Its log says why: ./tlfif logs. The home itself stands; to try "
            "again: ./tlfif deploy --build-image.",
            code="image_failed",
        )
    outcome = said["outcome"]
    return ImageOrder(
        version=said["version"], going_on=outcome == "going_on", good=outcome == "good", said=str(said["said"])
    )


def _archive(root: Path) -> bytes:
    """A zip file of what an image is made of. The same files give the same bytes."""
    if not (root / NEEDED).is_dir():
        raise UnavailableError(
            f"The files that an image is made of are not in {root}: this TL-FIF was installed without them. Run "
            "./tlfif deploy --build-image from a clone of its repository. Nothing was built.",
            code="image_source_missing",
        )
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for file in _files(root):
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (file.stat().st_mode & 0o111 | 0o644) << 16
            package.writestr(entry, file.read_bytes())
    return packed.getvalue()


def _files(root: Path) -> Iterator[Path]:
    places = (root / name for name in PATHS)
    found = (path for place in places for path in ([place] if place.is_file() else place.rglob("*")))
    return iter(sorted(path for path in found if path.is_file() and path.parent.name != "__pycache__"))


def _commit_of(root: Path, content: bytes) -> tuple[str, str]:
    """The commit and its message's first line, where all these files are as Git has them; otherwise a name made from
    their content."""
    changed, name, subject = (
        _git(root, *words)
        for words in (
            ("status", "--porcelain", "--", *PATHS),
            ("rev-parse", "HEAD"),
            ("log", "-1", "--format=%s"),
        )
    )
    if changed == "" and name:
        return name, subject or ""
    return hashlib.sha256(content).hexdigest()[:40], "not committed"


def _git(root: Path, *words: str) -> str | None:
    """None where Git or the repository is missing."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
