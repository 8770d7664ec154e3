"""Verdicts on what costs money, with the sums."""

import pytest

from tlfif.doctor import leftover_verdicts as verdicts
from tlfif.doctor.checks import Finding, State
from tlfif.doctor.leftover_verdicts import DiskFact, ImageFact, LogGroupFact, MachineFact, Priced, SnapshotFact
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import running_rates

PRICED = Priced(book=BUILT_IN_PRICES, region="eu-central-1", at_ms=0)
HOUR = sum(running_rates(BUILT_IN_PRICES, "eu-central-1", "g4dn.xlarge", at_ms=0))
MAX_RUN = 4 * 3600.0


def machine(hours: float, kind: str = "g4dn.xlarge") -> MachineFact:
    return MachineFact(instance_id="i-1", instance_type=kind, age_seconds=hours * 3600)


def machines(*found: MachineFact) -> Finding:
    return verdicts.machines(found, PRICED, max_run_seconds=MAX_RUN)


def disk(gb: int, *, attached: bool = False, kind: str = "gp3") -> DiskFact:
    return DiskFact(volume_id=f"vol-{gb}", gb=gb, attached=attached, kind=kind)


def snapshot(gb: float, *, of_image: bool) -> SnapshotFact:
    return SnapshotFact(snapshot_id=f"snap-{gb:g}", gb=gb, of_image=of_image)


def image(version: str | None, state: str = "available") -> ImageFact:
    return ImageFact(image_id=f"ami-{version}", version=version, state=state)


CASES = [
    (machines(), State.OK, "None runs", None),
    (machines(machine(4)), State.WARN, "$0.69 an hour", 730 * HOUR),
    (machines(machine(1), machine(4.1)), State.FAIL, "Older than 4 h", 730 * 2 * HOUR),
    (machines(machine(1, "p5.48xlarge")), State.WARN, "$0 an hour at least", 0),
    (verdicts.disks([], PRICED), State.OK, "None", None),
    (verdicts.disks([disk(40, attached=True)], PRICED), State.OK, "40 GB in use", 40 * 95_200),
    (verdicts.disks([disk(40), disk(8, attached=True)], PRICED), State.WARN, "vol-40 40 GB", 40 * 95_200),
    (verdicts.foreign_disks([], PRICED), State.OK, "None", None),
    (verdicts.foreign_disks([disk(9, attached=True)], PRICED), State.OK, "None", None),
    (verdicts.foreign_disks([disk(10, kind="io2")], PRICED), State.WARN, "at gp3's price", 10 * 95_200),
    (verdicts.foreign_disks([disk(n) for n in range(1, 8)], PRICED), State.WARN, "and 2 more", 28 * 95_200),
    (verdicts.images([], {}, region="eu-central-1"), State.OK, "None", None),
    (verdicts.images([image("v2")], {}, region="eu-central-1"), State.OK, "None is promoted yet", None),
    (verdicts.images([image("v2")], {"cpu-llama": "ami-v2"}, region="r"), State.OK, "cpu-llama from v2", None),
    (verdicts.images([image("v2")], {"cpu-llama": "ami-x"}, region="r"), State.FAIL, "cpu-llama says ami-x", None),
    (verdicts.images([image("v2", "failed")], {}, region="r"), State.WARN, "v2 is failed", None),
    (verdicts.images([image(None)], {}, region="r"), State.WARN, "ami-None (without a version)", None),
    (verdicts.snapshots([], PRICED), State.OK, "None", None),
    (verdicts.snapshots([snapshot(20, of_image=True)] * 2, PRICED), State.OK, "$2.16 a month", 40 * 54_000),
    (verdicts.snapshots([snapshot(20, of_image=True)] * 6, PRICED), State.WARN, "the newest 5 images", 120 * 54_000),
    (
        verdicts.snapshots([snapshot(20, of_image=True), snapshot(5, of_image=False)], PRICED),
        State.WARN,
        "No image needs snap-5 5 GB: $0.27",
        5 * 54_000,
    ),
    (verdicts.log_groups([], region="eu-central-1"), State.OK, "None", None),
    (
        verdicts.log_groups([LogGroupFact(name="/tlfif/machine", stored_bytes=2_000_000)], region="eu-central-1"),
        State.WARN,
        "/tlfif/machine, 0.002 GB",
        None,
    ),
]


@pytest.mark.parametrize(("found", "state", "words", "micros"), CASES)
def test_what_is_there_gives_its_verdict_and_sum(found: Finding, state: State, words: str, micros: int | None) -> None:
    assert found.state is state
    assert words in found.evidence
    assert found.micros_per_month == micros
    assert bool(found.cure) == (state is not State.OK)
