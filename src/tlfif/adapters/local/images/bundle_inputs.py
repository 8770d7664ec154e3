"""What a bundle is made of, each with its sha256, and the one digest over all of it."""

import hashlib
import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tlfif.adapters.local.images.parts_list import pins_of
from tlfif.images.image import Source
from tlfif.kernel.errors import ImageError
from tlfif.models.model_store import ModelFile

LOCK = "requirements/runtime.lock"
NEEDED = ("src/tlfif/__init__.py", "src/tlfif/entrypoints/machine.py", "src/tlfif/entrypoints/engine.py", LOCK)
"""Without these a commit makes no machine."""
ENGINE = "xllamacpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """``files`` are the program's, by path, with their sha256; ``manifest`` names every input."""

    digest: str
    manifest: dict[str, object]
    files: dict[str, str]


def read_inputs(tree: Path, *, source: Source, commit_time: float, model: ModelFile) -> Inputs:
    """Read a commit's files. The same commit, model and Python give the same digest, wherever and whenever it is built:
    it is taken over what goes in, not over the disk that comes out.

    Raises ImageError ``image_source_invalid`` where a file is missing that a machine needs."""
    missing = [name for name in NEEDED if not (tree / name).is_file()]
    if missing:
        raise ImageError(
            f"The commit {source.commit[:12]} lacks {', '.join(missing)}, which every machine needs. Mend the commit "
            "and push again.",
            code="image_source_invalid",
        )
    paths = sorted(path.relative_to(tree).as_posix() for path in (tree / "src").rglob("*") if path.is_file())
    files = {path: _sha256((tree / path).read_bytes()) for path in paths}
    lock = (tree / LOCK).read_bytes()
    pins = pins_of(lock.decode(errors="replace"))
    made_of = {
        "inputs": {
            "src": _sha256(sums_text(files).encode()),
            LOCK: _sha256(lock),
            f"model {model.name}": model.sha256,
        },
        "engine": {"name": ENGINE, "version": ", ".join(sorted(pins.get(ENGINE, ())))},
        "model": {"name": model.name, "sha256": model.sha256},
        "python": platform.python_version(),
    }
    digest = _sha256(json.dumps(made_of, sort_keys=True).encode())
    manifest = {
        "format": 1,
        "commit": source.commit,
        "commit_time": datetime.fromtimestamp(commit_time, UTC).isoformat(),
        "digest": digest,
        **made_of,
    }
    return Inputs(digest=digest, manifest=manifest, files=files)


def sums_text(files: dict[str, str]) -> str:
    """The list of files as ``sha256sum --check`` reads it."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
