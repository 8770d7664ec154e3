"""Amounts of money and what an answer cost, as a person reads them. Everything is without VAT."""

from tlfif.wire.money import CostShareView


def amount(value: float) -> str:
    """Two decimals from one up, four below, and as many as it takes to show that it is not nothing."""
    if value == 0 or abs(value) >= 0.995:
        return f"{value:.2f}"
    return f"{value:.4f}" if abs(value) >= 0.00005 else f"{value:.6f}"


def usd(value: float) -> str:
    """``0.0831 USD``."""
    return f"{amount(value)} USD"


def eur(value: float) -> str:
    """``0.0723 EUR``."""
    return f"{amount(value)} EUR"


def limit_eur(value: float) -> str:
    """A limit as somebody would type it: ``20.00 EUR``, ``0.05 EUR``, ``0.0125 EUR``."""
    return f"{value:,.2f} EUR" if abs(value - round(value, 2)) < 0.00005 else f"{value:,.4f} EUR"


def answer_cost(cost: CostShareView | None, as_if_aws: CostShareView | None, *, place: str, here: bool = True) -> str:
    """What an answer cost, for its receipt: on the owner's own computer nothing, and what AWS would have cost.

    ``cost`` None: it could not be asked for; only that the owner's own computer costs nothing is known then. An empty
    ``place`` is left out. ``here`` False: the machine was on AWS, where nothing is free.
    """
    if cost is not None and cost["usd"] > 0:
        return f"{usd(cost['usd'])} ({eur(cost['eur'])}){'' if cost['final'] else ' so far'}"
    if not here:
        counted = cost is not None and cost["final"]
        return f"{usd(0)} ({eur(0)})" if counted else "its cost is not known yet: ./tlfif cost"
    nothing = f"costs nothing: {place}" if place else "costs nothing"
    if as_if_aws is None:
        return nothing
    return f"{nothing} (on AWS{'' if as_if_aws['final'] else ' so far'} {usd(as_if_aws['usd'])})"


def parts_line(cost: CostShareView, *, as_if: bool) -> str:
    """The parts of an answer's cost, which add up to it; ``as_if``: what AWS would have charged."""
    parts = [
        f"{amount(value)} {label}"
        for label, value in (
            ("starting the machine", cost["boot_usd"] + cost["start_usd"]),
            ("working", cost["working_usd"]),
            ("idle afterwards", cost["idle_usd"]),
            ("up to the first minute, which is always charged", cost["minimum_usd"]),
        )
        if value
    ]
    title = "on AWS " if as_if else "cost "
    text = f"{title}{usd(cost['usd'])} ({eur(cost['eur'])}) without VAT"
    text += f" = {' + '.join(parts)}" if parts else ""
    if not cost["final"]:
        text += f"; the machine still runs: up to {usd(cost['idle_at_most_usd'])} more while it is idle"
    return text
