"""What the owner is told about images by e-mail, and how often."""

from dataclasses import dataclass, field, replace

import pytest

from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.fakes.images import GOOD, FakeBuilder, FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.images.image import Artifact, Failure, Image, ImageState, Pointer, Profile, Source, Stage
from tlfif.images.image_store import new_image
from tlfif.images.run_pipeline import Pipeline
from tlfif.images.smoke_report import SmokeReport
from tlfif.wording.image_letters import Letter, letter_about, letter_about_rollback

SOURCE = Source(
    repository="owner/name", commit="0f1e2d3c4b" + "a" * 30, subject="Faster\x1b[2J start", asked_by="a push"
)
OFFERED = replace(
    new_image(7, profile=Profile.CPU_LLAMA, source=SOURCE, now=T0),
    state=ImageState.OFFERED,
    stage=Stage.APPROVAL,
    stage_started_at=T0,
    stage_seconds={"build": 300.0, "boot": 42.0},
    report=GOOD,
    artifact=Artifact(ref="ami-1", size_bytes=2_600_000_000),
    cost_micros=61_000,
)


@pytest.mark.requirement("7.2.4")
def test_an_offer_says_what_it_is_what_it_costs_until_when_and_what_to_type() -> None:
    letter = letter_about(OFFERED, storage_micros=140_400)
    assert letter is not None
    assert letter.subject == "TL-FIF: image v7 waits for your approval"
    for part in (
        "0f1e2d3c4b Faster",
        "10 of 10 prompts, 100 tokens a second",
        "build 5 min, boot 42.0 s",
        "2.6 GB",
        "Cost so far: $0.061 without VAT. Storing it: $0.14 a month.",
        "./tlfif image approve v7",
        "./tlfif image promote v7",
        "./tlfif image reject v7",
        "22 January 2027, 08:00 UTC it is deleted",
    ):
        assert part in letter.text, letter.text
    assert "\x1b" not in letter.text
    assert "http" not in letter.text, "a link that decides would let everybody decide who reads the mailbox"


def test_a_failure_says_where_why_and_that_nothing_changed() -> None:
    failure = Failure(stage=Stage.BOOT, code="image_boot_failed", message="The candidate did not start.")
    letter = letter_about(
        replace(OFFERED, state=ImageState.FAILED, stage=Stage.BOOT, failure=failure), storage_micros=0
    )
    assert letter is not None
    assert "at the stage boot: The candidate did not start. [image_boot_failed]" in letter.text
    assert "The image in use stays in use." in letter.text
    assert "./tlfif image logs v7" in letter.text


def test_an_image_that_went_back_by_itself_says_so() -> None:
    note = "rolled back by itself: the first machine from v7 did not start (engine broken)"
    letter = letter_about_rollback(Pointer(profile=Profile.CPU_LLAMA, version="v6", note=note))
    assert letter.subject.isascii()
    assert "from image v6 again (cpu-llama)" in letter.text
    assert f"Why: {note}." in letter.text


@dataclass
class Mailbox:
    """Keeps each letter that a pipeline writes."""

    letters: list[Letter] = field(default_factory=list)

    async def say(self, image: Image) -> None:
        letter = letter_about(image, storage_micros=0)
        if letter is not None:
            self.letters.append(letter)


async def _run(report: SmokeReport = GOOD) -> list[str]:
    store, registry, mailbox = MemoryImageStore(), FakeRegistry(), Mailbox()
    builder = FakeBuilder(registry, report=report)
    pipeline = Pipeline(store=store, registry=registry, builder=builder, clock=FakeClock(T0), say=mailbox.say)
    await store.create(profile=Profile.CPU_LLAMA, source=SOURCE, now=T0)
    while await pipeline.tick():
        pass
    return [letter.subject for letter in mailbox.letters]


@pytest.mark.requirement("7.2.2")
async def test_each_image_brings_one_letter_whatever_becomes_of_it() -> None:
    assert await _run() == ["TL-FIF: image v1 waits for your approval"]
    assert await _run(replace(GOOD, error="It babbles.")) == ["TL-FIF: image v1 was not built"]
