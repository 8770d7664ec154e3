"""The prices, and the result of a refresh, for a person."""

from collections.abc import Iterable

from tlfif.cli.output.tables import columns, paragraph
from tlfif.money.amounts import unit_price
from tlfif.wire.money import CostView, PriceChangeView, RateView, RefreshView
from tlfif.wording.figures import exchange_text, how_many

_NAMES = {
    "ebs_gp3_gb_month": "disk (gp3)",
    "gp3_mibs_month": "disk throughput above 125 MiB/s",
    "snapshot_gb_month": "image snapshots",
    "public_ipv4_hour": "public address, while running",
    "s3_gb_month": "stored files (S3)",
    "cost_explorer_request": "Cost Explorer, asking for the bill",
    "volume_init_gb": "filling a disk at each start",
    "table_read_million": "table reads (DynamoDB)",
    "sqs_million": "queue requests",
    "api_million": "API requests",
    "nat_hour": "NAT gateway",
    "nlb_hour": "network load balancer",
    "cache_t3_micro_hour": "ElastiCache, smallest node",
    "interface_endpoint_hour": "interface endpoint",
    "config_item": "AWS Config, recorded changes",
    "config_evaluation": "AWS Config, rule evaluations",
    "kms_key_month": "encryption key of one's own",
    "certificate_month": "domain and certificate",
    "free_tier": "what stays within AWS's free amounts",
}


def price_name(priced: RateView | PriceChangeView) -> str:
    """What the price is for."""
    if priced["instance_type"] is not None:
        return f"machine {priced['instance_type']}"
    return _NAMES.get(priced["item"], priced["item"].replace("_", " "))


def source_numbers(rates: Iterable[RateView]) -> dict[str, int]:
    """A number for each source, in the order of their first use."""
    return {source: number for number, source in enumerate(dict.fromkeys(rate["source"] for rate in rates), start=1)}


def prices_text(cost: CostView) -> str:
    """Every price of a region in force, with source, date and whether it was checked."""
    rates = sorted(cost["rates"], key=lambda rate: (rate["instance_type"] is None, price_name(rate)))
    numbers = source_numbers(rates)
    where = rates[0]["region"] if rates else "this region"
    rows: list[tuple[str, ...]] = [("WHAT", "PRICE", "PER", "AS OF", "CHECKED", "SOURCE")]
    for rate in rates:
        checked = "yes" if rate["verified"] else "no"
        source = f"[{numbers[rate['source']]}]"
        rows.append((price_name(rate), unit_price(rate["usd"]), rate["unit"], rate["date"], checked, source))
    lines = [f"Prices in {where}, {cost['vat']}", "", *columns(rows, right=(1,)), "", "Sources"]
    lines += [paragraph(source, first=f"  [{number}] ", indent="      ") for source, number in numbers.items()]
    lines += ["", paragraph(exchange_text(cost["exchange"]), first="Exchange rate: ", indent="  ")]
    lines.append("To refresh prices and exchange rate: ./tlfif cost prices --refresh")
    return "\n".join(lines)


def refresh_text(report: RefreshView) -> str:
    """What changed, what was kept and why, what could not be read."""
    lines = []
    if not report["changed"] and not report["kept"] and not report["unchanged"]:
        lines.append("No price was read. TL-FIF keeps the prices that it has: ./tlfif cost prices")
    else:
        counts = [f"{how_many(len(report['changed']), 'price')} changed", f"{report['unchanged']} unchanged"]
        lines.append(", ".join([*counts, f"{len(report['kept'])} kept"]) + ".")
    if report["changed"]:
        lines += ["", "Changed from now on; what was spent before keeps its old price:"]
        rows = [
            (price_name(one), one["region"], unit_price(one["old_usd"]), "→", unit_price(one["new_usd"] or 0))
            for one in report["changed"]
        ]
        lines += columns(rows, right=(2, 4), indent="  ")
    if report["kept"]:
        lines += ["", "Kept, because the new price looks like a mistake:"]
        lines += [
            f"  {price_name(one)}, {one['region']}, {unit_price(one['old_usd'])}: {one['reason']}"
            for one in report["kept"]
        ]
    if report["failed"]:
        lines += ["", "Could not be read; the prices stay as they were:"]
        lines += [paragraph(one, first="  ", indent="    ") for one in report["failed"]]
    lines += ["", paragraph(exchange_text(report["exchange"]), first="Exchange rate: ", indent="  ")]
    if report["exchange_problem"] is not None:
        lines.append(paragraph(f"No new one was taken over. {report['exchange_problem']}", first="  ", indent="  "))
    return "\n".join(lines)
