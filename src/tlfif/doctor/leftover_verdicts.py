"""Verdicts on what costs money although nobody may want it. Pure. Prices are the price book's, without VAT."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlfif.doctor import checks
from tlfif.doctor.checks import Finding
from tlfif.images.retention import KEPT
from tlfif.machines.machine_types import INSTANCE_TYPES
from tlfif.money.amounts import usd_of
from tlfif.money.money import MicroUsd
from tlfif.money.prices.prices import HOURS_PER_MONTH, Item, PriceBook, running_rates

PRICED = "(EC2; list prices without VAT: ./tlfif cost prices)"
KEPT_IMAGES = KEPT
"""Nobody needs more than that."""
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Where and when prices are looked up."""

    book: PriceBook
    region: str
    at_ms: int

    def per_gb_month(self, item: Item, gb: float) -> MicroUsd:
        """``gb`` GB of disk or snapshot for a month of 730 h."""
        return round(self.book.price(item, self.region, at_ms=self.at_ms).micros * gb)

    def per_hour(self, instance_type: str) -> MicroUsd | None:
        """Micro-dollars for an hour of a machine with address and disk; None for a type without a price."""
        if instance_type not in INSTANCE_TYPES:
            return None
        return sum(running_rates(self.book, self.region, instance_type, at_ms=self.at_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFact:
    """An instance that costs money by the hour: pending, running, stopping or shutting down."""

    instance_id: str
    instance_type: str
    age_seconds: float


def machines(found: Sequence[MachineFact], priced: Priced, *, max_run_seconds: float) -> Finding:
    """Instances with the home's tag. A running one is no fault unless it is older than ``max_run_seconds``."""
    if not found:
        return checks.MACHINES.ok(f"None runs in {priced.region} (EC2, by tag).")
    hours = [priced.per_hour(one.instance_type) for one in found]
    per_hour = sum(rate or 0 for rate in hours)
    old = [one for one in found if one.age_seconds > max_run_seconds]
    shown = _shown([f"{one.instance_id} {one.instance_type} for {one.age_seconds / 3600:.1f} h" for one in found])
    unpriced = " at least" if None in hours else ""
    evidence = f"{shown}. Together {usd_of(per_hour)} an hour{unpriced} {PRICED}."
    month = per_hour * HOURS_PER_MONTH
    if old:
        return checks.MACHINES.fail(
            f"Older than {max_run_seconds / 3600:.0f} h, which no machine may be: {evidence}",
            f"End it now: in the AWS console, EC2, Instances, {old[0].instance_id}, Instance state, Terminate. It "
            "stops costing within a minute.",
            micros_per_month=month,
        )
    return checks.MACHINES.warn(
        evidence,
        "If you do not use it: ./tlfif machine stop. Left alone it ends by itself when idle.",
        micros_per_month=month,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFact:
    """A volume; ``attached``: a machine uses it. ``gb`` as AWS counts."""

    volume_id: str
    gb: int
    attached: bool
    kind: str = "gp3"


def disks(found: Sequence[DiskFact], priced: Priced) -> Finding:
    """Volumes with the home's tag. Attached ones are deleted with their machine, or kept for standby."""
    loose = [one for one in found if not one.attached]
    attached_gb = sum(one.gb for one in found if one.attached)
    if not loose:
        kept = f"{attached_gb} GB in use by machines" if attached_gb else "None"
        cost = priced.per_gb_month(Item.EBS_GP3_GB_MONTH, attached_gb) if attached_gb else None
        return checks.DISKS.ok(f"{kept} in {priced.region} (EC2, by tag).", micros_per_month=cost)
    return _loose_disks(checks.DISKS, loose, priced, "No machine uses them. If none is on its way, they are left over")


def foreign_disks(found: Sequence[DiskFact], priced: Priced) -> Finding:
    """Volumes without the home's tag that no machine uses."""
    loose = [one for one in found if not one.attached]
    if not loose:
        return checks.FOREIGN_DISKS.ok(f"None in {priced.region} (EC2, unattached, without our tag).")
    return _loose_disks(checks.FOREIGN_DISKS, loose, priced, "Not TL-FIF's, and no machine uses them")


def _loose_disks(check: checks.Check, loose: Sequence[DiskFact], priced: Priced, why: str) -> Finding:
    micros = priced.per_gb_month(Item.EBS_GP3_GB_MONTH, sum(one.gb for one in loose))
    other = "" if all(one.kind == "gp3" for one in loose) else ", counted at gp3's price"
    shown = _shown([f"{one.volume_id} {one.gb} GB" for one in loose])
    return check.warn(
        f"{why}: {shown}. Together {usd_of(micros)} a month{other} {PRICED}.",
        "Look at them in the AWS console, EC2, Volumes; what you do not need: Actions, Delete volume. That cannot be "
        "undone, is free and works at once.",
        micros_per_month=micros,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFact:
    """A machine image; ``version`` None: its tags do not say one. ``state`` as EC2 has it."""

    image_id: str
    version: str | None
    state: str


def images(found: Sequence[ImageFact], promoted: Mapping[str, str], *, region: str) -> Finding:
    """Images with the home's tag; ``promoted``: which one machines are launched from, by profile. What storing them
    costs is their snapshots' line."""
    names = {one.image_id: one.version or one.image_id for one in found}
    strange = [f"{profile} says {image_id}" for profile, image_id in promoted.items() if image_id not in names]
    if strange:
        return checks.IMAGES.fail(
            f"Machines are launched from what is no image of this home: {_shown(strange)} (Parameter Store). It was "
            "changed by hand, and nothing starts.",
            "Promote one of its images again: ./tlfif image list, then ./tlfif image promote VERSION. Free, at once.",
        )
    if not found:
        return checks.IMAGES.ok(f"None in {region} (EC2, by tag).")
    broken = [f"{names[one.image_id]} is {one.state}" for one in found if one.state not in ("available", "pending")]
    unnamed = [one.image_id for one in found if one.version is None]
    if broken or unnamed:
        return checks.IMAGES.warn(
            f"Nobody can use {_shown([*broken, *(f'{one} (without a version)' for one in unnamed)])} (EC2, by tag).",
            "The next image that is built removes what no record knows. At once: in the AWS console, EC2, AMIs, choose "
            "it, Actions, Deregister AMI, with “Delete associated snapshots”. Free.",
        )
    used = _shown([f"{profile} from {names[image_id]}" for profile, image_id in promoted.items()])
    kept = _shown(sorted(names.values()))
    launched = f"Machines are launched: {used}." if promoted else "None is promoted yet: ./tlfif image list."
    return checks.IMAGES.ok(f"{kept} in {region} (EC2, by tag). {launched}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFact:
    """A snapshot; ``gb``: what is stored, at most. ``of_image``: an image of the account needs it."""

    snapshot_id: str
    gb: float
    of_image: bool


def snapshots(found: Sequence[SnapshotFact], priced: Priced) -> Finding:
    """Snapshots with the home's tag. Those of images are wanted."""
    if not found:
        return checks.SNAPSHOTS.ok(f"None in {priced.region} (EC2, by tag).")
    micros = priced.per_gb_month(Item.SNAPSHOT_GB_MONTH, sum(one.gb for one in found))
    total = f"{len(found)} with {usd_of(micros)} a month at most {PRICED}"
    orphans = [one for one in found if not one.of_image]
    if orphans:
        lost = priced.per_gb_month(Item.SNAPSHOT_GB_MONTH, sum(one.gb for one in orphans))
        shown = _shown([f"{one.snapshot_id} {one.gb:g} GB" for one in orphans])
        return checks.SNAPSHOTS.warn(
            f"No image needs {shown}: {usd_of(lost)} a month at most, of {total}.",
            "In the AWS console, EC2, Snapshots, choose it, Actions, Delete snapshot. Free, at once, cannot be undone.",
            micros_per_month=lost,
        )
    if len(found) > KEPT_IMAGES:
        return checks.SNAPSHOTS.warn(
            f"{total}. Of each kind the newest {KEPT_IMAGES} images are kept, and what anything refers to; the one in "
            "use and the one before are enough.",
            "./tlfif image list, then ./tlfif image retire VERSION for what you do not need: it goes with its "
            "snapshots. Free, within a minute.",
            micros_per_month=micros,
        )
    return checks.SNAPSHOTS.ok(f"{total}, all of images.", micros_per_month=micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroupFact:
    """A log group without a retention; ``stored_bytes``: its size."""

    name: str
    stored_bytes: int


def log_groups(found: Sequence[LogGroupFact], *, region: str) -> Finding:
    """Log groups of the home that AWS keeps for ever."""
    if not found:
        return checks.LOG_GROUPS.ok(f"None of the home's in {region} is kept for ever (CloudWatch Logs).")
    stored = sum(one.stored_bytes for one in found) / 1e9
    return checks.LOG_GROUPS.warn(
        f"Kept for ever: {_shown([one.name for one in found])}, {stored:.3f} GB now (CloudWatch Logs).",
        "In the AWS console, CloudWatch, Log groups, choose it, Actions, “Edit retention setting”, 2 weeks. Free, at "
        "once. The first 5 GB of logs cost nothing.",
    )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
