"""The whole story on one computer, with real processes: a push becomes the machine that answers, and one that does not
start is taken back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.stub_engine.xllamacpp import PACE
from tests.images.commits import SOUND, Repository, engine_that_says, program_repository
from tests.misbehaving.desk import Desk, a_desk
from tests.waiting import wait_until
from tlfif import __version__
from tlfif.adapters.local.images.folder_registry import FolderRegistry
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_image_store import SqliteImageStore
from tlfif.images.decide_on_image import approve_image, promote_image
from tlfif.images.image import Image, ImageState, Pointer, Profile, Stage
from tlfif.images.image_store import Watch
from tlfif.images.watch_repository import PATHS

ONLY_AS_CANDIDATE = """
import sys
if not sys.argv[sys.argv.index("--machine-id") + 1].startswith("candidate"):
    raise ImportError("libstory.so.1: cannot open shared object file")
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who follows a repository and decides, beside the server."""

    desk: Desk
    repository: Repository
    store: SqliteImageStore
    registry: FolderRegistry

    async def look(self) -> None:
        """Follow the repository; the next look is now."""
        watch = await self.store.watch() or Watch(
            repository=str(self.repository.folder), branch="main", paths=PATHS, profile=Profile.BUNDLE
        )
        await self.store.set_watch(replace(watch, looked_at=None))

    async def image_at(self, version: str, arrived: Callable[[Image], bool]) -> Image:
        async def look() -> Image | None:
            found = next((one for one in await self.store.newest(limit=1) if one.version == version), None)
            return found if found is not None and (arrived(found) or found.failure is not None) else None

        return await wait_until(look, f"{version} has come so far", timeout=120.0, every=0.1)

    async def promote(self, version: str) -> None:
        clock = SystemClock()
        await approve_image(version, by="owner", store=self.store, clock=clock)
        await promote_image(version, by="owner", store=self.store, registry=self.registry, clock=clock)

    async def pointer(self) -> Pointer:
        return await self.registry.pointer(Profile.BUNDLE)

    async def ask(self) -> dict[str, str]:
        job = await self.desk.finish(await self.desk.submit())
        return {"image": job["receipt"]["image"], "answer": job["answer"].strip(), "status": job["status"]}

    async def machine_off(self) -> None:
        assert (await self.desk.call("POST", "/v1/machine/stop", {})).status_code == 202
        await self.desk.machine_is("off")


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Owner]:
    repository = program_repository(tmp_path / "repository")
    home = tmp_path / "home"
    async with a_desk(home, **{PACE: "0"}) as desk:
        store = SqliteImageStore(await Database.open(home / "tlfif.db"))

        async def launched() -> str | None:
            return None

        try:
            yield Owner(desk, repository, store, FolderRegistry(home / "images", launched=launched))
        finally:
            await store.close()


def offered(image: Image) -> bool:
    return image.state is ImageState.OFFERED and image.cleaned


@pytest.mark.requirement("7.2.2", "7.2.5")
async def test_from_a_push_to_the_machine_that_answers_and_back(owner: Owner) -> None:
    assert (await owner.ask())["image"] == f"embedded-{__version__}", "nothing is promoted yet"
    await owner.look()
    first = await owner.image_at("v1", offered)
    assert first.failure is None, first.failure
    await owner.promote("v1")
    assert (await owner.ask())["image"].startswith("embedded"), "a running machine is never changed"
    await owner.machine_off()
    assert await owner.ask() == {"image": "v1", "answer": SOUND, "status": "succeeded"}
    assert (await owner.desk.machine())["image"] == "v1"
    await wait_until(lambda: _proven(owner), "its first start was good")

    engine = engine_that_says(SOUND) + ONLY_AS_CANDIDATE
    owner.repository.commit("Starts only while it is tested", **{"src/xllamacpp.py": engine})
    await owner.look()
    await owner.image_at("v2", lambda image: image.stage is Stage.BUILD)
    await owner.desk.kill("server")
    second = await owner.image_at("v2", offered)
    assert second.failure is None, second.failure
    await owner.promote("v2")
    await owner.desk.machine_is("ready")
    await owner.machine_off()
    assert (await owner.ask())["image"] == "v1", "the first start failed, and the one before is back"
    pointer = await owner.pointer()
    assert (pointer.version, pointer.before) == ("v1", ())
    assert "rolled back by itself: the first machine from v2 did not start" in pointer.note
    history = (await owner.desk.call("GET", "/v1/machine/history")).json()["machines"]
    reasons = [one["end_reason"] for one in history if one["image"] == "v2"]
    assert [("libstory" in why, why.endswith("rolled back by itself from v2 to v1")) for why in reasons] == [
        (True, True)
    ]


def _proven(owner: Owner) -> Awaitable[bool]:
    async def look() -> bool:
        return (await owner.pointer()).proven

    return look()
