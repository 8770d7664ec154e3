"""A deployment's plan, for a person and for a program."""

from tlfif.cli.output.tables import columns, paragraph
from tlfif.deployment.plan import DeploymentPlan
from tlfif.money.amounts import eur_of, unit_price, usd_of
from tlfif.money.money import ASSUMED_RATE, MICROS_PER_USD, MicroUsd
from tlfif.wording.figures import day

VAT = "without VAT"
ACCOUNT_SETTINGS = (
    "Two settings of your whole account are switched on: new disks are encrypted, and nothing in S3 can be made "
    "public. Both are free. How they were is remembered, and destroy puts that back. To leave them alone: "
    "--keep-account-settings."
)

STANDBY = (
    "Standby is {}. With --standby the disk of a machine that ends by itself is kept for the next start, for {} a "
    "month; a start from it fills no disk. It is tied to its zone: where that has no machine, the disk is given up and "
    "another machine is launched. Stop GPU ends a machine with its disk. Nothing of this is hibernation, which GPU "
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
        "hourly_usd": {price.instance_type: _dollars(price.micros_per_hour) for price in plan.hourly},
        "hourly_sources": {
            price.instance_type: {"source": price.source, "date": price.date, "verified": price.verified}
            for price in plan.hourly
        },
        "launch_usd": _dollars(plan.launch_micros),
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
        (item.label, f"{_marks(item.estimated, item.price.verified)}{_cents(item.micros_per_month)}")
        for item in plan.idle_items
    ]
    hours = [
        (rate.instance_type, f"{_marks(False, rate.verified)}{usd_of(rate.micros_per_hour)}") for rate in plan.hourly
    ]
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
            "What it costs in a month in which nobody asks anything (730 h), USD:",
            *columns([*items, ("Sum", _cents(idle))], right=(1,), indent="  "),
            f"  That is {eur_of(idle, ASSUMED_RATE)} at {_exchange()}, an assumption.",
            "",
            "What an hour costs while a machine runs (machine, public address, disk):",
            *columns(hours, right=(1,), indent="  "),
            f"  Each start costs {usd_of(plan.launch_micros)} more, and a minute at least.",
            "",
            "What is asked of you:",
            *(paragraph(one, first="  - ", indent="    ") for one in plan.asked),
            "",
            paragraph(STANDBY.format("on" if plan.standby else "off", usd_of(plan.standby_micros_per_month))),
            "",
            paragraph(ACCOUNT_SETTINGS if secure_account else "Your account's settings are left as they are."),
            "",
            "~ how much of it is an estimate; ? the price is not verified.",
        ]
    )


def _exchange() -> str:
    return f"1 EUR = {unit_price(ASSUMED_RATE.usd_per_eur)} USD on {day(ASSUMED_RATE.date)}"


def _dollars(micros: MicroUsd) -> float:
    return micros / MICROS_PER_USD


def _cents(micros: MicroUsd) -> str:
    return f"{_dollars(micros):.2f}"


def _marks(estimated: bool, verified: bool) -> str:
    return ("~" if estimated else "") + ("" if verified else "?")
