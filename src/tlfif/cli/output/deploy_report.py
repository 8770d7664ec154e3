"""A deployment's plan, for a person and for a program."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.cli.output.tables import columns, paragraph
from tlfif.deployment.deploy import AccountChange
from tlfif.deployment.deployment import Stack
from tlfif.deployment.difference import Difference
from tlfif.deployment.image_prices import FREE_PIPELINE_MINUTES, PIPELINE_MICROS_PER_MINUTE, ImagePrice
from tlfif.deployment.plan import DeploymentPlan, HourlyPrice
from tlfif.deployment.stack_changes import change_rows
from tlfif.money.amounts import eur_of, unit_price, usd_of
from tlfif.money.money import ASSUMED_RATE, MICROS_PER_USD, MicroUsd
from tlfif.money.prices.prices import INCLUDED_MIBS, QUICK_MIBS
from tlfif.wording.figures import day

VAT = "without VAT"
ACCOUNT_SETTINGS = (
    "Two settings of your whole account are switched on: new disks are encrypted, and nothing in S3 can be public; the "
    "second only if no bucket of yours is. Both are free. How they were is remembered, and destroy puts that back. To "
    "leave them alone: --keep-account-settings."
)

STANDBY = (
    "Standby is {}. With --standby the disk of a machine that ends by itself is kept for the next start, for {} a "
    "month; a start from it fills no disk. It is tied to its zone: where that has no machine, the disk is given up and "
    "another machine is launched. Stopping a machine ends it with its disk. Nothing of this is hibernation, which GPU "
    "machines do not have."
)


def plan_object(plan: DeploymentPlan) -> dict[str, object]:
    """For programs. Money in USD without VAT."""
    return {
        "region": plan.region,
        "vat": VAT,
        "standby": plan.standby,
        "standby_usd_per_month": _dollars(plan.standby_micros_per_month),
        "idle_usd_per_month": _dollars(plan.idle_micros_per_month),
        "idle_eur_per_month": round(float(ASSUMED_RATE.to_eur(plan.idle_micros_per_month)), 4),
        "idle_items": [
            {
                "label": item.label,
                "quantity": float(item.quantity),
                "unit": item.unit,
                "usd_per_month": _dollars(item.micros_per_month),
                "estimated": item.estimated,
                "source": item.price.source,
                "date": item.price.date,
                "verified": item.price.verified,
            }
            for item in plan.idle_items
        ],
        "types": [price.instance_type for price in plan.hourly],
        "hourly_usd": {price.instance_type: _dollars(price.micros_per_hour) for price in plan.hourly},
        "hourly_sources": {
            price.instance_type: {"source": price.source, "date": price.date, "verified": price.verified}
            for price in plan.hourly
        },
        "other_hourly_usd": {price.instance_type: _dollars(price.micros_per_hour) for price in plan.other_hourly},
        "throughput_usd_per_hour": _dollars(plan.throughput_micros_per_hour),
        "launch_usd": _dollars(plan.launch_micros),
        "images": {
            price.profile.value: {
                "minutes": price.minutes,
                "build_usd": _dollars(price.build_micros),
                "stored_usd_per_month": _dollars(price.stored_micros),
                "estimated": True,
            }
            for price in plan.images
        },
        "resources": [
            {"count": kind.count, "what": kind.words, "idle": kind.idle, "aws_types": list(kind.aws_types)}
            for kind in plan.resources
        ],
        "resources_total": sum(kind.count for kind in plan.resources),
        "asked_of_owner": list(plan.asked),
    }


def plan_text(plan: DeploymentPlan, *, secure_account: bool = True) -> str:
    """For a person; ``secure_account``: whether the account's settings are to be changed."""
    idle = plan.idle_micros_per_month
    items = [
        (item.label, f"{_marks(item.estimated, item.price.verified)}{usd_of(item.micros_per_month)}")
        for item in plan.idle_items
    ]
    others = ", ".join(f"{rate.instance_type} {_hour(rate)}" for rate in plan.other_hourly)
    return "\n".join(
        [
            f"A home on AWS in {plan.region}. All prices are list prices {VAT}.",
            "",
            "What is made (zones that the region does not have are left out):",
            *columns([(str(kind.count), kind.words, kind.idle) for kind in plan.resources], right=(0,), indent="  "),
            paragraph(
                "one more bucket, for the programs' package, made before the rest", first="   1  ", indent="      "
            ),
            "",
            "What it costs in a month in which nobody asks anything:",
            *columns([*items, ("Sum", usd_of(idle))], right=(1,), indent="  "),
            f"  That is {eur_of(idle, ASSUMED_RATE)} at {_exchange()}, an assumption.",
            "",
            paragraph(
                "What an hour costs while a machine runs (machine, public address, disk). The types are tried in this "
                "order; where AWS has none free, or your account may not run it, it is the next one's turn:"
            ),
            *columns(
                [(rate.instance_type, _hour(rate), rate.engine.proper_name) for rate in plan.hourly],
                right=(1,),
                indent="  ",
            ),
            *([paragraph(f"Others, by --type: {others}.", first="  ", indent="  ")] if others else []),
            paragraph(_throughput(plan), first="  ", indent="  "),
            f"  Each start costs {usd_of(plan.launch_micros)} more, and a minute at least.",
            "",
            *image_lines(plan.images),
            "",
            "What you need:",
            *(paragraph(one, first="  - ", indent="    ") for one in plan.asked),
            "",
            paragraph(STANDBY.format("on" if plan.standby else "off", usd_of(plan.standby_micros_per_month))),
            "",
            paragraph(ACCOUNT_SETTINGS if secure_account else "Your account's settings are left as they are."),
            "",
            "~ how much of it is an estimate; ? the price is not checked.",
        ]
    )


def _hour(rate: HourlyPrice) -> str:
    return f"{_marks(False, rate.verified)}{usd_of(rate.micros_per_hour)}"


def _throughput(plan: DeploymentPlan) -> str:
    if plan.standby:
        return f"The disk, being kept, reads {INCLUDED_MIBS} MiB/s, which costs nothing more."
    return (
        f"{usd_of(plan.throughput_micros_per_hour)} of it is for a disk that reads {QUICK_MIBS} MiB/s instead of "
        f"{INCLUDED_MIBS}, so that a start waits less."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceReport:
    """What a deployment would change. ``stack`` None: nothing stands; ``found`` None: AWS was not asked, because there
    is nothing to compare with or AWS is at work on it. ``idle_before``: an idle month of what stands, in micro-dollars.
    """

    home: str
    stack: Stack | None
    found: Difference | None
    account: AccountChange
    idle_before: MicroUsd
    plan: DeploymentPlan

    def as_object(self) -> dict[str, object]:
        """For programs. Money in USD without VAT."""
        changes = self.found.changes if self.found is not None else ()
        return {
            "home": self.home,
            "stands": self.stack.status if self.stack is not None else None,
            "changes": [
                {
                    "resource": one.named,
                    "aws_type": one.resource_type,
                    "fate": one.fate.value,
                    "certain": one.certain,
                    "loses_data": one.loses,
                    "properties": list(one.properties),
                }
                for one in changes
            ],
            "parameters": {name: list(both) for name, both in self.found.parameters.items()} if self.found else {},
            "same_package": self.found.same_package if self.found is not None else False,
            "account_settings_change": self.account.now != self.account.wanted,
            "open_buckets": list(self.account.open_buckets),
            "idle_usd_per_month": {
                "before": _dollars(self.idle_before) if self.stack is not None else 0.0,
                "after": _dollars(self.plan.idle_micros_per_month),
            },
            "vat": VAT,
        }

    def text(self) -> str:
        """For a person."""
        return "\n".join([*self._stack_lines(), *account_lines(self.account)])

    def _stack_lines(self) -> list[str]:
        after = usd_of(self.plan.idle_micros_per_month)
        if self.stack is None or self.found is None:
            state = (
                "does not exist yet" if self.stack is None else f"cannot be compared now (AWS says {self.stack.status})"
            )
            return [paragraph(f"The home {self.home} {state}. ./tlfif deploy --plan shows what a whole one has.")]
        found = self.found
        if not (found.changes or found.parameters):
            lines = [f"Nothing changes in the home {self.home} that stands."]
        else:
            lines = [f"What would change in the home {self.home} that stands:"]
            lines += columns(change_rows(found.changes), indent="  ")
            lines += [
                f"  {name}: {old or 'not set'} becomes {new or 'not set'}"
                for name, (old, new) in found.parameters.items()
            ]
        if not found.same_package:
            lines.append("  The programs' package is built anew; only then is it known whether it differs.")
        before = usd_of(self.idle_before)
        cost = f"stays at {after}" if before == after else f"goes from {before} to {after}"
        lines.append(paragraph(f"Changing costs nothing. An idle month {cost}, list price {VAT}."))
        return lines


def image_lines(prices: Sequence[ImagePrice]) -> list[str]:
    """What an image costs before it is built, and what builds one unasked."""
    rows = [
        (one.profile.value, f"~{one.minutes} min", f"~{usd_of(one.build_micros)}", f"~{usd_of(one.stored_micros)}")
        for one in prices
    ]
    pipeline = usd_of(PIPELINE_MICROS_PER_MINUTE)
    return [
        "What an image costs (a machine starts from one; a test of it is included):",
        *columns([("", "takes", "to build", "stored, a month"), *rows], right=(1, 2, 3), indent="  "),
        paragraph(
            "The newest five of a kind are kept, and what is in use. Rebuilding each month is off: --monthly-rebuild "
            "adds one build a month of each kind in use. Pushes build nothing until you name a connection to GitHub: "
            f"--connection. Following a push costs {pipeline} a minute; {FREE_PIPELINE_MINUTES} minutes a month are "
            "free.",
            first="  ",
            indent="  ",
        ),
    ]


def account_lines(account: AccountChange) -> list[str]:
    """What a deployment does to the account's own settings, and to whose harm."""
    names = ", ".join(account.open_buckets)
    blocks = account.wanted.blocks_public and not account.now.blocks_public
    if account.open_buckets and blocks:
        told = f"S3's block on public access takes these buckets offline for everybody outside your account: {names}."
    elif account.open_buckets:
        told = (
            "S3's block on public access of your account is left as it is, because these buckets are public, or may "
            f"hold public files, and it would take them offline: {names}. To switch it on all the same: "
            "--block-public-buckets."
        )
    elif account.now != account.wanted:
        told = "Your account's two safety settings are switched on. No bucket of yours is public."
    else:
        told = "Your account's settings stay as they are."
    return [paragraph(told)]


def _exchange() -> str:
    return f"1 € = {unit_price(ASSUMED_RATE.usd_per_eur)} on {day(ASSUMED_RATE.date)}"


def _dollars(micros: MicroUsd) -> float:
    return micros / MICROS_PER_USD


def _marks(estimated: bool, verified: bool) -> str:
    return ("~" if estimated else "") + ("" if verified else "?")
