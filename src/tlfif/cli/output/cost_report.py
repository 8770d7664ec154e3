"""The text of ``tlfif cost``: pure functions from the API's answer."""

from collections.abc import Sequence

from tlfif.cli.output.price_report import price_name
from tlfif.cli.output.tables import columns, moment, paragraph
from tlfif.money.amounts import amount, eur, unit_price, usd, usd_and_eur
from tlfif.wire.money import AnswerCostView, CostView, SumsView
from tlfif.wording.figures import exchange_text
from tlfif.wording.machines import types_text

COUNTED = (
    "gpu_hour",
    "public_ipv4_hour",
    "ebs_gp3_gb_month",
    "gp3_mibs_month",
    "volume_init_gb",
    "snapshot_gb_month",
    "s3_gb_month",
    "cost_explorer_request",
)
"""The prices that the sums rest on, in the order they are shown."""


def cost_text(cost: CostView, *, now: float) -> str:
    """The whole report. ``now`` in epoch seconds."""
    simulated = cost["simulated_aws"]
    parts = [f"What TL-FIF costs: {cost['month']}, {cost['vat']}"]
    if simulated is not None:
        parts.append(f"{cost['place'].capitalize()}   costs nothing: {usd_and_eur(0, 0)}")
    parts += [
        _sums_text(simulated or cost, cost, simulated=simulated is not None),
        *_types_text(cost),
        *billed_text(cost),
        budget_text(cost),
        receipts_text(cost["receipts"], now=now, simulated=simulated is not None),
        _rates_text(cost, simulated or cost),
    ]
    return "\n\n".join(parts)


def _sums_text(sums: SumsView, cost: CostView, *, simulated: bool) -> str:
    where = f"{sums['instance_type']} in {sums['region']}"
    title = f"On AWS this would have cost ({where}):" if simulated else f"On AWS ({where}):"
    rate = cost["exchange"]["usd_per_eur"]
    spent = f"machines {usd(sums['machines_usd'])}, standing items {usd(sums['standing_usd'])}"
    running = sums["running_usd_per_hour"]
    pace = f"an hour, {usd(running / 3600)} a second" if running else "an hour; no machine is running"
    standing = sums["standing_usd_per_month"]
    rows = [
        _row("Month to date", sums["month_to_date_usd"], sums["month_to_date_eur"], spent),
        _row("Running now", running, running / rate, pace),
        _row("Standing costs", standing, standing / rate, "a month, even if no machine ever runs"),
        _row("Forecast", sums["forecast_usd"], sums["forecast_eur"], "at the month's end, at this pace"),
    ]
    bill = "not a bill" if simulated else "an estimate, AWS's bill counts"
    since = f"  Counted since {cost['since'][:16].replace('T', ' ')} UTC by TL-FIF's own meter: {bill}."
    return "\n".join([title, *columns(rows, right=(1, 2), indent="  "), since])


def _row(label: str, in_usd: float, in_eur: float, note: str) -> tuple[str, str, str, str]:
    return label, usd(in_usd), eur(in_eur), note


def _types_text(cost: CostView) -> list[str]:
    """Which machines a start may get, and their prices; empty on the owner's own computer."""
    text = types_text(cost.get("types", []))  # a home that was deployed earlier does not send it
    return [paragraph(text, first="Machines   ", indent="           ")] if text else []


def billed_text(cost: CostView) -> list[str]:
    """AWS's own figure, in a part of its own; empty where AWS bills nothing."""
    billed = cost.get("billed")  # a home that was deployed earlier does not send it
    if billed is None:
        return []
    title = billed["title"]
    if billed["usd"] is not None and billed["eur"] is not None:
        title += f": {usd_and_eur(billed['usd'], billed['eur'])}"
    return [f"{title}\n{paragraph(billed['sentence'], first='  ', indent='  ')}"]


def budget_text(cost: CostView) -> str:
    """The budget's sentence, and what it means on the owner's own computer, which costs nothing."""
    budget = cost["budget"]
    indent = " " * len("Budget   ")
    lines = [paragraph(budget["sentence"], first="Budget   ", indent=indent)]
    if cost["simulated_aws"] is not None and not budget["simulated_aws"]:
        real = f"It counts real money only; {cost['place']} costs nothing. To practise it, without real charges:"
        lines += [paragraph(real, first=indent, indent=indent), f"{indent}./tlfif budget set 0.05 --simulated-aws"]
    return "\n".join(lines)


def receipts_text(receipts: Sequence[AnswerCostView], *, now: float, simulated: bool) -> str:
    """The last answers with the parts of their cost, which add up to it."""
    title = f"Last answers{', and what each would have cost on AWS' if simulated else ''}, in dollars"
    if not receipts:
        return f"{title}\n  None yet."
    rows: list[tuple[str, ...]] = [("ASKED", "TOKENS", "SECONDS", "COST", "STARTING", "WORKING", "IDLE", "ENDED")]
    running = 0.0
    for one in receipts:
        cost = one["simulated_aws"] if simulated else one["cost"]
        took, tokens = one["total_seconds"], one["completion_tokens"]
        row = [
            moment(one["created_at"], now=now),
            "-" if tokens is None else str(tokens),
            "-" if took is None else f"{took:.1f}",
        ]
        if cost is None:
            row += ["0", "-", "-", "-"]
        else:
            starting, idle = cost["boot_usd"] + cost["start_usd"], cost["idle_usd"] + cost["minimum_usd"]
            row += [amount(value) for value in (cost["usd"], starting, cost["working_usd"], idle)]
            row[3] += "" if cost["final"] else "+"
            running = max(running, cost["idle_at_most_usd"])
        rows.append((*row, one["status"]))
    notes = [
        "  Starting: boot and filling the disk, shared by the answers that waited for it.",
        "  Idle: the time afterwards, and what is missing to the minute always charged.",
    ]
    if any(row[3].endswith("+") for row in rows[1:]):
        notes.append(f"  + The machine still runs; being idle may add up to {usd(running)}.")
    return "\n".join([title, *columns(rows, right=(1, 2, 3, 4, 5, 6), indent="  "), *notes])


def _rates_text(cost: CostView, sums: SumsView) -> str:
    """The prices behind the sums, and the ones that nobody has checked."""
    by_item = {rate["item"]: rate for rate in cost["rates"]}
    used = [by_item[item] for item in COUNTED if item in by_item]
    unsure = [price_name(rate) for rate in used if not rate["verified"]]
    rows = [(price_name(one), unit_price(one["usd"]), f"per {one['unit']}", one["date"]) for one in used]
    lines = [f"Prices counted with, {sums['region']}", *columns(rows, right=(1,), indent="  ")]
    rate = exchange_text(cost["exchange"], source=False)
    lines.append(paragraph(f"{rate}.", first="  Exchange rate: ", indent="      "))
    if not cost["exchange"]["verified"]:
        unsure.append("the exchange rate")
    if unsure:
        lines.append(paragraph(f"{', '.join(unsure)}.", first="  Not checked: ", indent="      "))
        lines.append("  To refresh prices and exchange rate: ./tlfif cost prices --refresh")
    lines.append("  Where each comes from: ./tlfif cost prices")
    return "\n".join(lines)
