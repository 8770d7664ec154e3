"""Downloading a model from a hub on loopback that breaks off, lies, stalls and falls silent."""

import errno
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.functional.fake_hub import Answer, FakeHub, fake_hub
from tests.functional.model_builders import BLOCK, BODY, SPEC, WRONG, Make, info, model_stores, pulled, reached, refused
from tlfif.adapters.local.models.file_model_store import SPARE_BYTES, FileModelStore
from tlfif.adapters.local.models.part_file import PartFile
from tlfif.models.model_store import ModelState


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub(BODY) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto_advance=True)


@pytest.fixture
async def make(tmp_path: Path, clock: FakeClock, hub: FakeHub) -> AsyncIterator[Make]:
    async with model_stores(tmp_path / "models", hub, clock) as build:
        yield build


def file(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny.gguf"


def part(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny.gguf.part"


async def test_a_pull_follows_the_redirect_checks_and_stores(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    store = make()
    assert (await info(store)).state is ModelState.ABSENT
    done = await pulled(store)
    assert (done.state, done.problem, done.received_bytes) == (ModelState.READY, "", 0)
    assert file(tmp_path).read_bytes() == BODY
    assert sorted(entry.name for entry in (tmp_path / "models").iterdir()) == ["checked", "tiny.gguf"]
    assert [request.path for request in hub.hub_requests] == [f"/someone/tiny/resolve/{'a' * 40}/tiny.gguf"]
    checked = await store.checked_file("TINY-chat")
    assert (checked.name, checked.sha256, checked.path) == ("tiny", SPEC.sha256, str(file(tmp_path)))


@pytest.mark.requirement("8.6.2")
async def test_no_token_and_no_statistics_are_sent(
    make: Make, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    await pulled(make())
    for request in hub.hub_requests + hub.requests:
        assert set(request.headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
        assert request.headers["user-agent"] == "tlfif"


async def test_breaks_are_resumed_where_they_happened(make: Make, hub: FakeHub, clock: FakeClock) -> None:
    hub.answers = [Answer(cut_after=10 * BLOCK), Answer(cut_after=BLOCK // 2), Answer(cut_after=20 * BLOCK)]
    done = await pulled(make())
    assert done.state is ModelState.READY
    begins = [0 if asked is None else int(asked[6:-1]) for asked in hub.ranges]
    assert begins[0] == 0
    assert begins == sorted(begins)
    assert begins[1] == 10 * BLOCK
    assert begins[-1] >= 30 * BLOCK
    assert clock.monotonic() - 1000.0 < 10  # each try brought something: no long pauses


async def test_a_stalled_body_counts_as_a_break(make: Make, hub: FakeHub) -> None:
    hub.answers = [Answer(hang_after=5 * BLOCK)]
    assert (await pulled(make())).state is ModelState.READY
    assert hub.ranges[1] == f"bytes={5 * BLOCK}-"


async def test_progress_shows_and_a_second_pull_joins(make: Make, hub: FakeHub) -> None:
    hub.answers = [Answer(hang_after=8 * BLOCK)]
    store = make(stall_seconds=5.0)
    first = await store.start_pull("tiny")
    second = await store.start_pull("Tiny", force=True)
    assert first.state is second.state is ModelState.PULLING
    await reached(store, 8 * BLOCK)
    assert len(hub.requests) == 1
    error = await refused(store.checked_file("tiny"))
    assert error.code == "model_absent"
    assert "still being fetched" in error.message


async def test_a_closed_store_resumes_in_the_next_one(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    hub.answers = [Answer(hang_after=8 * BLOCK)]
    store = make(stall_seconds=5.0)
    await store.start_pull("tiny")
    await reached(store, 8 * BLOCK)
    await store.close()
    assert part(tmp_path).stat().st_size == 8 * BLOCK
    again = make()
    assert (await info(again)).received_bytes == 8 * BLOCK
    assert (await pulled(again)).state is ModelState.READY
    assert hub.ranges[-1] == f"bytes={8 * BLOCK}-"


async def test_a_server_without_ranges_makes_it_start_over(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    hub.answers = [Answer(cut_after=9 * BLOCK), Answer(ignore_range=True)]
    assert (await pulled(make())).state is ModelState.READY
    assert file(tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("second", [Answer(wrong_range=True), Answer(status=416), Answer(status=500)])
async def test_nonsense_for_a_range_is_survived(make: Make, hub: FakeHub, tmp_path: Path, second: Answer) -> None:
    hub.answers = [Answer(cut_after=9 * BLOCK), second]
    assert (await pulled(make())).state is ModelState.READY
    resumed = f"bytes={9 * BLOCK}-"
    assert hub.ranges == [None, resumed, None if second.status == 416 else resumed]
    assert file(tmp_path).read_bytes() == BODY


async def test_another_etag_makes_it_start_over(make: Make, hub: FakeHub) -> None:
    hub.hub_answers = [Answer(redirect=None, etag='"v1"'), Answer(etag='"v2"')]
    hub.answers = [Answer(cut_after=9 * BLOCK)]
    assert (await pulled(make())).state is ModelState.READY
    assert hub.ranges == [None, f"bytes={9 * BLOCK}-", None]


async def test_a_spoilt_part_is_noticed_and_fetched_anew_once(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    part(tmp_path).write_bytes(bytes(BLOCK))
    notes = {"etag": f'"{SPEC.sha256}"', "sha256": SPEC.sha256}
    (models / "tiny.gguf.part.json").write_text(json.dumps(notes))
    assert (await pulled(make())).state is ModelState.READY
    assert hub.ranges == [f"bytes={BLOCK}-", None]
    assert file(tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("notes", ["", "[]", '{"etag": null, "sha256": "other"}'])
async def test_a_part_of_something_else_is_dropped(make: Make, hub: FakeHub, tmp_path: Path, notes: str) -> None:
    models = tmp_path / "models"
    models.mkdir()
    part(tmp_path).write_bytes(bytes(BLOCK))
    (models / "tiny.gguf.part.json").write_text(notes)
    assert (await pulled(make())).state is ModelState.READY
    assert hub.ranges == [None]


async def test_force_throws_the_part_away(make: Make, hub: FakeHub) -> None:
    hub.answers = [Answer(hang_after=8 * BLOCK)]
    store = make(stall_seconds=5.0)
    await store.start_pull("tiny")
    await reached(store, 8 * BLOCK)
    await store.close()
    assert (await pulled(make(), force=True)).state is ModelState.READY
    assert hub.ranges == [None, None]


async def test_closing_right_after_the_start_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    store = make()
    await store.start_pull("tiny")
    await store.close()
    assert (await info(store)).state is ModelState.ABSENT
    assert (await pulled(make())).state is ModelState.READY


@pytest.mark.requirement("5.2.1")
async def test_wrong_bytes_are_refused_and_removed(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    hub.answers = [Answer(body=WRONG)]
    done = await pulled(make())
    assert done.state is ModelState.ABSENT
    assert "thrown away" in done.problem
    assert not part(tmp_path).exists()
    assert not file(tmp_path).exists()


async def test_a_body_without_end_is_cut_off(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    hub.answers = [Answer(unsized=True, body=BODY + bytes(4 * BLOCK), hang_after=len(BODY) + 2 * BLOCK)]
    done = await pulled(make(stall_seconds=5.0))
    assert (done.state, len(hub.requests)) == (ModelState.ABSENT, 1)
    assert "thrown away" in done.problem
    assert not part(tmp_path).exists()


async def test_a_body_of_untold_length_is_taken(make: Make, hub: FakeHub) -> None:
    hub.answers = [Answer(unsized=True)]
    assert (await pulled(make())).state is ModelState.READY


async def test_more_bytes_than_pinned_are_refused(make: Make, hub: FakeHub) -> None:
    hub.answers = [Answer(body=BODY + b"more")]
    assert (await refused(make().start_pull("tiny"))).code == "hub_refused"


@pytest.mark.parametrize(
    "described",
    [
        Answer(etag=f'"{"0" * 64}"'),
        Answer(headers=(("X-Linked-Size", "1234"),)),
    ],
)
async def test_another_file_on_offer_is_refused_before_the_first_byte(
    make: Make, hub: FakeHub, tmp_path: Path, described: Answer
) -> None:
    hub.hub_answers = [described]
    error = await refused(make().start_pull("tiny"))
    assert error.code == "hub_refused"
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("status", [401, 403, 404, 410, 400])
async def test_a_refusal_is_said_at_once(make: Make, hub: FakeHub, status: int) -> None:
    hub.hub_answers = [Answer(status=status)]
    store = make()
    assert (await refused(store.start_pull("tiny"))).code == "hub_refused"
    assert (await info(store)).state is ModelState.ABSENT
    await pulled(store)  # a refusal is not silence: the next request is sent
    assert len(hub.hub_requests) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_come_back_later_counts_as_unreachable_at_first(make: Make, hub: FakeHub, status: int) -> None:
    hub.hub_answers = [Answer(status=status)]
    error = await refused(make().start_pull("tiny"))
    assert error.code == "hub_unreachable"
    assert "./tlfif model pull tiny" in error.message


async def test_retry_after_is_heeded_in_the_middle(make: Make, hub: FakeHub, clock: FakeClock) -> None:
    hub.answers = [Answer(cut_after=BLOCK), Answer(status=429, headers=(("Retry-After", "17"),))]
    assert (await pulled(make())).state is ModelState.READY
    assert 17 <= clock.monotonic() - 1000.0 <= 30


async def test_endless_breaks_end_and_keep_what_came(make: Make, hub: FakeHub, clock: FakeClock) -> None:
    hub.answers = [Answer(cut_after=4 * BLOCK), *[Answer(status=503)] * 20]
    done = await pulled(make())
    assert done.state is ModelState.ABSENT
    assert done.received_bytes == 4 * BLOCK
    assert "goes on from there" in done.problem
    assert len(hub.requests) == 7
    assert clock.monotonic() - 1000.0 < 120


async def test_a_hub_that_never_answers_is_known_in_time_and_remembered(
    make: Make, hub: FakeHub, clock: FakeClock
) -> None:
    hub.hub_answers = [Answer(silent=True)]
    store = make(answer_seconds=0.2)
    error = await refused(store.start_pull("tiny"))
    assert error.code == "hub_unreachable"
    assert "did not answer within 0.2 seconds" in error.message
    again = await refused(store.start_pull("tiny", automatic=True))
    assert "was not asked again" in again.message
    assert "did not answer within 0.2 seconds" in again.message
    assert len(hub.hub_requests) == 1
    clock.advance(599)
    await refused(store.start_pull("tiny", automatic=True))
    assert len(hub.hub_requests) == 1
    clock.advance(2)
    await store.start_pull("tiny", automatic=True)
    assert len(hub.hub_requests) == 2


async def test_a_persons_own_request_always_tries(make: Make, hub: FakeHub) -> None:
    hub.hub_answers = [Answer(silent=True)]
    store = make(answer_seconds=0.2)
    await refused(store.start_pull("tiny"))
    assert (await pulled(store)).state is ModelState.READY


async def test_a_silent_second_server_is_known_in_time(make: Make, hub: FakeHub) -> None:
    hub.answers = [Answer(silent=True)]
    assert (await refused(make(answer_seconds=0.2).start_pull("tiny"))).code == "hub_unreachable"


async def test_nobody_listening_is_unreachable(make: Make) -> None:
    assert (await refused(make(hub_url="http://127.0.0.1:9").start_pull("tiny"))).code == "hub_unreachable"


async def test_a_name_server_that_never_answers_is_known_in_time(make: Make) -> None:
    release = threading.Event()
    store = make(hub_url="https://hub.invalid", answer_seconds=0.2, resolver=lambda host, port: release.wait())
    try:
        error = await refused(store.start_pull("tiny"))
    finally:
        release.set()
    assert error.code == "hub_unreachable"
    assert "did not answer within 0.2 seconds" in error.message


async def test_an_unknown_host_is_unreachable(make: Make) -> None:
    def fail(host: str, port: int) -> object:
        raise OSError(f"no such host: {host}:{port}")

    store = make(hub_url="https://hub.invalid", resolver=fail)
    assert (await refused(store.start_pull("tiny"))).code == "hub_unreachable"


@pytest.mark.parametrize("target", ["http://hub.invalid/bytes", "ftp://127.0.0.1/bytes", "file:///bytes"])
async def test_a_redirect_off_the_safe_road_is_not_followed(make: Make, hub: FakeHub, target: str) -> None:
    hub.hub_answers = [Answer(redirect=target)]
    error = await refused(make().start_pull("tiny"))
    assert error.code == "hub_unreachable"
    assert "not encrypted" in error.message


async def test_redirects_in_circles_end(make: Make, hub: FakeHub) -> None:
    hub.hub_answers = [Answer(redirect=f"{hub.url}/again")] * 20
    assert (await refused(make().start_pull("tiny"))).code == "hub_unreachable"
    assert len(hub.hub_requests) == 6


@pytest.mark.parametrize("url", ["http://hub.invalid", "hub.invalid", "ftp://127.0.0.1", ""])
def test_a_hub_without_encryption_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        FileModelStore(models_dir=tmp_path, clock=FakeClock(), hub_url=url)


async def test_too_little_room_is_said_before_the_first_byte(make: Make, hub: FakeHub) -> None:
    error = await refused(make(free=lambda folder: len(BODY) + SPARE_BYTES - 1).start_pull("tiny"))
    assert error.code == "disk_full"
    assert not hub.hub_requests


async def test_a_full_disk_keeps_what_was_written(
    make: Make, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = PartFile.append

    class Full:
        def __init__(self, real: object) -> None:
            self.real = real

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def __getattr__(self, name: str) -> object:
            return getattr(self.real, name)

    def append(self: PartFile, data: bytes) -> None:
        if self.received >= 4 * BLOCK:
            self._file = Full(self._file)
        written(self, data)

    monkeypatch.setattr(PartFile, "append", append)
    store = make()
    done = await pulled(store)
    assert done.state is ModelState.ABSENT
    assert "disk is full" in done.problem
    assert part(tmp_path).read_bytes() == BODY[: 4 * BLOCK]
    monkeypatch.undo()
    assert (await pulled(store)).state is ModelState.READY
    assert hub.ranges[-1] == f"bytes={4 * BLOCK}-"
