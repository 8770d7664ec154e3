"""Durations, sizes, counts, dates and the exchange rate as a person reads them. Money: :mod:`tlfif.money.amounts`."""

from datetime import datetime

from tlfif.money.amounts import unit_price
from tlfif.wire.money import ExchangeView


def seconds(value: float) -> str:
    """A duration: ``0.42 s``, ``3.1 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    return countdown(value)


def countdown(value: float) -> str:
    """A duration in whole seconds: ``42 s``."""
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def day(iso: str) -> str:
    """A date or time in ISO 8601 as ``1 November 2026``; any other text unchanged."""
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{found.day} {found:%B %Y}"


def size(count: int) -> str:
    """Bytes in decimal units, as disks and networks count them: ``98.4 MB``."""
    if count < 1000:
        return f"{count} B"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"


def how_many(count: int, noun: str) -> str:
    """``1 prompt``, ``2 prompts``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def exchange_text(exchange: ExchangeView, *, source: bool = True) -> str:
    """One euro in dollars, of which day, whether that was checked, and where it comes from."""
    checked = "checked" if exchange["verified"] else "not checked"
    where = f" ({exchange['source']})" if source else ""
    return f"1 € = {unit_price(exchange['usd_per_eur'])} on {day(exchange['date'])}, {checked}{where}"
