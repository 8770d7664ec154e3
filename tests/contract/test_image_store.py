"""Image records, their logs, reports and the watch, in every adapter."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.aws.dynamo_state import open_state_table
from tests.builders import T0
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.adapters.aws.images.dynamo_image_store import DynamoImageStore
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_image_store import SqliteImageStore
from tlfif.images.image import Artifact, Failure, Image, ImageState, Profile, Source, Stage
from tlfif.images.image_store import MOST_LOG_LINES, ImageStore, Watch
from tlfif.images.smoke_report import PromptResult, SmokeReport
from tlfif.kernel.errors import NotFoundError

SOURCE = Source(repository="/src", commit="a" * 40, subject="Grüße from the branch", asked_by="a push")
REPORT = SmokeReport(
    prompts=(PromptResult(name="capital", passed=True, answer="Paris."),),
    tokens_per_second=91.5,
    first_token_seconds=0.1,
    phase_seconds={"launch": 1.0},
    versions={"engine": "1"},
    idle_end=True,
)
WATCH = Watch(repository="/src", branch="main", paths=("src/",), profile=Profile.BUNDLE)


@pytest.fixture(params=["memory", "sqlite", "aws"])
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ImageStore]:
    """An empty image store."""
    opened: ImageStore
    if request.param == "memory":
        opened = MemoryImageStore()
    elif request.param == "aws":
        opened = DynamoImageStore(open_state_table(request.getfixturevalue("emulator")))
    else:
        opened = SqliteImageStore(await Database.open(tmp_path_factory.mktemp("images") / "tlfif.db"))
    yield opened
    await opened.close()


async def asked(store: ImageStore, profile: Profile = Profile.BUNDLE) -> Image:
    return await store.create(profile=profile, source=SOURCE, now=T0)


async def test_an_image_is_kept_whole(store: ImageStore) -> None:
    image = await asked(store)
    assert (image.version, image.state, image.revision) == ("v1", ImageState.WAITING, 0)
    full = replace(
        image,
        state=ImageState.FAILED,
        stage=Stage.SMOKE_TEST,
        stage_started_at=T0 + 1,
        begun=True,
        handle="h",
        digest="d" * 64,
        manifest={"inputs": {"a": "b"}},
        artifact=Artifact(ref="/images/v1", size_bytes=7, snapshots=("s1", "s2")),
        report=REPORT,
        stage_seconds={"source": 0.5},
        log_cursor="9",
        cost_micros=12,
        failure=Failure(stage=Stage.SMOKE_TEST, code="image_test_failed", message="why"),
        decided_by="somebody",
        decided_at=T0 + 2,
        ended_at=T0 + 3,
    )
    assert await store.replace(full)
    assert await store.get("v1") == replace(full, revision=1)


async def test_numbers_count_up_and_the_newest_comes_first(store: ImageStore) -> None:
    for _ in range(3):
        await asked(store)
    assert [one.version for one in await store.newest(limit=2)] == ["v3", "v2"]
    assert await store.newest(limit=0) == []


async def test_a_newer_commit_supersedes_what_waits_of_its_profile(store: ImageStore) -> None:
    first, other = await asked(store), await asked(store, Profile.CPU_LLAMA)
    second = await asked(store)
    assert (await store.get(first.version)).state is ImageState.SUPERSEDED
    assert {one.version for one in await store.unfinished()} >= {other.version, second.version}


async def test_a_newer_commit_leaves_alone_what_is_under_way(store: ImageStore) -> None:
    first = await asked(store)
    await store.replace(replace(first, state=ImageState.UNDER_WAY))
    await asked(store)
    assert [(one.version, one.state) for one in await store.unfinished()] == [
        ("v1", ImageState.UNDER_WAY),
        ("v2", ImageState.WAITING),
    ]


async def test_unfinished_is_what_somebody_must_still_look_at(store: ImageStore) -> None:
    states = [*ImageState]
    for state in states:
        image = await asked(store, Profile.GPU_VLLM)
        await store.replace(replace(image, state=state, cleaned=state is ImageState.RETIRED))
    # The last one waits no more, so nothing was superseded on the way but the first, by the second.
    found = {one.state for one in await store.unfinished()}
    assert found == set(states) - {ImageState.APPROVED, ImageState.RETIRED} - {ImageState.WAITING}


async def test_of_two_writers_one_is_told_that_the_other_was_first(store: ImageStore) -> None:
    image = await asked(store)
    assert await store.replace(replace(image, handle="one"))
    assert not await store.replace(replace(image, handle="two"))
    assert (await store.get("v1")).handle == "one"


async def test_a_log_is_read_from_a_number_on(store: ImageStore) -> None:
    await asked(store)
    await store.log("v1", stage="build", lines=["one", "two"], now=T0)
    await store.log("v1", stage="boot", lines=["three"], now=T0 + 1)
    lines = await store.log_lines("v1", after=1, limit=10)
    assert [(line.number, line.stage, line.text, line.at) for line in lines] == [
        (2, "build", "two", T0),
        (3, "boot", "three", T0 + 1),
    ]
    assert len(await store.log_lines("v1", after=0, limit=1)) == 1


async def test_a_log_keeps_its_newest_lines(store: ImageStore) -> None:
    await asked(store)
    await store.log("v1", stage="build", lines=[str(n) for n in range(MOST_LOG_LINES + 5)], now=T0)
    lines = await store.log_lines("v1", after=0, limit=MOST_LOG_LINES * 2)
    assert (len(lines), lines[0].number, lines[-1].text) == (MOST_LOG_LINES, 6, str(MOST_LOG_LINES + 4))


async def test_what_the_candidate_reports_is_kept_beside_its_image(store: ImageStore) -> None:
    image = await asked(store)
    assert await store.reported("v1") is None
    await store.report("v1", REPORT)
    assert await store.reported("v1") == REPORT
    assert await store.replace(image), "a report is no other writer"


async def test_a_watch_is_kept_and_taken_away(store: ImageStore) -> None:
    assert await store.watch() is None
    await store.set_watch(WATCH)
    seen = replace(WATCH, seen="b" * 40, looked_at=T0, problem="why")
    await store.set_watch(seen)
    assert await store.watch() == seen
    await store.set_watch(None)
    assert await store.watch() is None


async def test_an_unknown_version_is_not_found(store: ImageStore) -> None:
    with pytest.raises(NotFoundError) as refused:
        await store.get("v7")
    assert refused.value.code == "image_not_found"
    for call in (store.log("v7", stage="build", lines=["x"], now=T0), store.report("v7", REPORT), store.reported("v7")):
        with pytest.raises(NotFoundError):
            await call
