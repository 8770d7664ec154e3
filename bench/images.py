"""Images on one computer: from a push to a tested candidate, from a promotion to its effect."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tlfif.adapters.local.bundle import remove_tree
from tlfif.bootstrap.embedded import embedded_container
from tlfif.bootstrap.settings import load_settings
from tlfif.control.container import Container, Images
from tlfif.control.images_loop import ImagesLoop
from tlfif.images.decide_on_image import approve_image, promote_image, roll_back
from tlfif.images.image import Image, ImageState, Profile
from tlfif.images.image_store import Watch
from tlfif.images.watch_repository import PATHS

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 300.0
ROUNDS = 3
"""Pushes; the first one is cold: its repository is cloned."""


async def images() -> dict[str, Any]:
    """A clone of this program is followed, as ``tlfif image watch`` does, with the real engine and the real model."""
    folder = Path(tempfile.mkdtemp(prefix="tlfif-bench-"))
    before = os.environ.get("TLFIF_HOME")
    os.environ["TLFIF_HOME"] = str(folder / "home")
    try:
        settings = load_settings()
        settings.data_folder.create()
        container = await embedded_container(settings)
        try:
            return await _measure(container, folder / "repository")
        finally:
            await container.close()
    finally:
        os.environ.pop("TLFIF_HOME") if before is None else os.environ.update(TLFIF_HOME=before)
        remove_tree(folder)


async def _measure(container: Container, repository: Path) -> dict[str, Any]:
    made = container.images
    if made is None:
        raise SystemExit("this home makes no images")
    _clone(repository)
    await made.store.set_watch(Watch(repository=str(repository), branch="main", paths=PATHS, profile=Profile.BUNDLE))
    loop = asyncio.create_task(ImagesLoop(images=made, clock=container.clock).run())
    seen, tested, offered = [], [], []
    try:
        for number in range(1, ROUNDS + 1):
            pushed = time.time()
            if number > 1:
                _push(repository, number)
            image = await _offered(made, f"v{number}")
            offered.append(image)
            seen.append(image.created_at - pushed)
            tested.append(sum(image.stage_seconds.values()))
            print(f"  v{number}: {image.stage_seconds}", file=sys.stderr, flush=True)
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
    return {
        "image_push_seen_s": round(max(seen[1:]), 2),
        "image_build_cold_s": round(tested[0], 2),
        "image_build_warm_s": round(max(tested[1:]), 2),
        "image_push_to_tested_s": round(max(a + b for a, b in zip(seen[1:], tested[1:], strict=True)), 2),
        **await _pointer_moves(container, made, offered),
    }


async def _pointer_moves(container: Container, made: Images, offered: list[Image]) -> dict[str, Any]:
    """How long a promotion and a rollback take; the next launch follows."""
    promoted: list[float] = []
    for image in offered:
        await approve_image(image.version, by="bench", store=made.store, clock=container.clock)
        begun = time.perf_counter()
        await promote_image(image.version, by="bench", store=made.store, registry=made.registry, clock=container.clock)
        promoted.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    await roll_back(Profile.BUNDLE, why="bench", store=made.store, registry=made.registry, clock=container.clock)
    back = time.perf_counter() - begun
    return {"image_promotion_ms": round(max(promoted) * 1000, 1), "image_rollback_ms": round(back * 1000, 1)}


async def _offered(made: Images, version: str) -> Image:
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        for image in await made.store.newest(limit=1):
            if image.version == version and image.failure is not None:
                raise SystemExit(f"{version} failed: {image.failure.message}")
            if image.version == version and image.state is ImageState.OFFERED and image.cleaned:
                return image
        await asyncio.sleep(0.1)
    raise SystemExit(f"{version} was not offered within {LIMIT_SECONDS:.0f} s")


def _clone(repository: Path) -> None:
    """This checkout as it is, also what is not committed."""
    for name in ("src", "requirements"):
        shutil.copytree(ROOT / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    _git(repository, "init", "--quiet", "--initial-branch=main")
    _commit(repository, "The program")


def _push(repository: Path, number: int) -> None:
    main = repository / "src" / "tlfif" / "__init__.py"
    main.write_text(main.read_text(encoding="utf-8") + f"\n# change {number}\n", encoding="utf-8")
    _commit(repository, f"Change {number}")


def _commit(repository: Path, subject: str) -> None:
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", subject)


def _git(repository: Path, *arguments: str) -> None:
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    subprocess.run(["git", *who, *arguments], cwd=repository, check=True, stdout=subprocess.DEVNULL)
