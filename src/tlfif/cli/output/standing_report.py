"""What an idle month costs, this design beside RQL 1, and what other idle time-outs would have cost."""

from collections.abc import Callable, Sequence
from textwrap import wrap

from tlfif.cli.output.tables import columns, paragraph
from tlfif.money.amounts import usd
from tlfif.wire.money import AdviceView, ExchangeView, StandingLineView, StandingList, StandingView
from tlfif.wording.figures import exchange_text, seconds

Lines = Callable[[StandingView], Sequence[StandingLineView]]
Total = Callable[[StandingView], float]
LABEL_WIDTH = 44
"""Keeps three regions within 80 columns."""


def standing_text(found: StandingList, exchange: ExchangeView) -> str:
    """Line by line, one column a region, with sums in USD and EUR."""
    regions = found["regions"]
    rate = exchange["usd_per_eur"]
    head = f"An idle month: 730 hours in which no machine runs. Dollars per month, {found['vat']}."
    blank = ("",) * (len(regions) + 1)
    rows: list[tuple[str, ...]] = [
        ("", *(one["region"] for one in regions)),
        *_block("This design, a machine ends after use", regions, lambda one: one["terminate"]),
        *_sums("Sum", regions, lambda one: one["terminate_usd"], rate),
        blank,
        *_block("This design, a disk kept for a quicker start", regions, lambda one: one["standby"]),
        *_sums("Sum", regions, lambda one: one["standby_usd"], rate),
        blank,
        *_block("RQL 1 as written (§ is its section)", regions, lambda one: one["rql1"]),
        *_sums("Sum", regions, lambda one: one["rql1_usd"], rate),
        blank,
        *_block("RQL 1 read literally: also", regions, lambda one: one["rql1_extras"]),
        *_sums("Sum with all of RQL 1", regions, lambda one: one["rql1_worst_usd"], rate),
    ]
    text = columns(rows, right=range(1, len(regions) + 1))
    notes = [
        "~ how much of it is an estimate; ? the price is not checked.",
        f"{exchange_text(exchange, source=False)}.",
        "Each price's source and date: ./tlfif cost prices --region REGION",
    ]
    return "\n".join([head, "", *text, "", *notes])


def _block(title: str, regions: Sequence[StandingView], lines: Lines) -> list[tuple[str, ...]]:
    """A title and its lines. Every region has the same ones: they come from one list on the server."""
    blank = ("",) * len(regions)
    rows: list[tuple[str, ...]] = [(title, *blank)]
    for same in zip(*(lines(one) for one in regions), strict=True):
        label = f"§{same[0]['section']} {same[0]['label']}" if same[0]["section"] else same[0]["label"]
        rows += [(f"  {piece}", *blank) for piece in _wrapped(label)[:-1]]
        rows.append((f"  {_wrapped(label)[-1]}", *(_marked(line) for line in same)))
    return rows


def _wrapped(label: str) -> list[str]:
    return wrap(label, LABEL_WIDTH - 2, subsequent_indent="  ")


def _marked(line: StandingLineView) -> str:
    marks = ("~" if line["estimated"] else "") + ("" if line["verified"] else "?")
    return f"{marks}{line['usd_per_month']:.2f}"


def _sums(label: str, regions: Sequence[StandingView], total: Total, usd_per_eur: float) -> list[tuple[str, ...]]:
    in_usd = (f"  {label}, $", *(f"{total(one):.2f}" for one in regions))
    in_eur = (f"  {' ' * len(label)}  €", *(f"{total(one) / usd_per_eur:.2f}" for one in regions))
    rule = ("", *("------" for _ in regions))
    return [rule, in_usd, in_eur]


def advice_text(advice: AdviceView, *, here: bool = True) -> str:
    """The adviser's sentence and table, and what to type to follow it. ``here``: prompts stay on this computer."""
    if not advice["options"]:
        return paragraph(f"{advice['sentence']} Come back after some more questions.")
    rows: list[tuple[str, ...]] = [("IDLE TIME-OUT", "WOULD HAVE COST", "COLD STARTS", "WAITED FOR THEM", "")]
    best = advice["recommended_minutes"]
    for option in advice["options"]:
        rows.append(
            (
                f"{option['minutes']:g} min",
                usd(option["cost_usd"]),
                str(option["cold_starts"]),
                seconds(option["waited_seconds"]),
                "recommended" if option["minutes"] == best else "",
            )
        )
    lines = [
        paragraph(advice["sentence"]),
        "",
        *columns(rows, right=(0, 1, 2, 3), indent="  "),
        "",
        paragraph(
            f"Replayed from your last {advice['answers']} prompts at AWS's prices for {advice['instance_type']} in "
            f"{advice['region']}, without VAT.{' Prompts answered on this computer cost nothing.' if here else ''}"
        ),
    ]
    if best is not None:
        lines.append(f"To set it: ./tlfif machine idle-timeout {best:g}")
    return "\n".join(lines)
