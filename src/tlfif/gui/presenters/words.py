"""Figures as a person says them. Money is in US dollars without VAT where it does not say EUR."""

from datetime import datetime
from pathlib import PurePath

from tlfif.models.catalogue import file_path_of, find_model


def seconds(value: float) -> str:
    """A duration."""
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    return countdown(value)


def countdown(value: float) -> str:
    """A duration in whole seconds."""
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def day(iso: str) -> str:
    """A date or a time of ISO 8601 as a person says it, ``1 November 2026``; as it came where it is neither."""
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{found.day} {found:%B %Y}"


def how_many(count: int, noun: str) -> str:
    """``1 answer``, ``2 answers``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def megabytes(count: int) -> str:
    """Bytes as disks and networks count them."""
    return f"{count / 1e6:.0f} MB" if count < 995_000_000 else f"{count / 1e9:.1f} GB"


def model_title(name: str) -> str:
    """A model's proper name."""
    path = file_path_of(name)
    if path is not None:
        return PurePath(path).name
    spec = find_model(name)
    return spec.title if spec is not None else name


def usd(value: float) -> str:
    """Dollars: four decimals, so that a running figure is seen to move; more for what is less than that."""
    if 0 < abs(value) < 0.0001:
        return f"${value:.6f}"
    return f"${value:,.4f}" if abs(value) < 100 else f"${value:,.2f}"


def usd_rate(value: float) -> str:
    """Dollars an hour or a month."""
    return f"${value:,.3f}" if abs(value) < 1 else f"${value:,.2f}"


def usd_second(hourly: float) -> str:
    """Dollars a second, of dollars an hour."""
    return f"${hourly / 3600:.6f}"


def eur(value: float) -> str:
    """Euros, like :func:`usd`."""
    return f"{value:,.4f} EUR" if abs(value) < 0.1 else f"{value:,.2f} EUR"


def plain(sentence: str) -> str:
    """The server's sentence without what is meant for a terminal: commands in brackets are buttons here."""
    text = sentence
    while (start := text.find(" (./tlfif")) >= 0:
        end = text.find(")", start)
        if end < 0:
            break
        text = text[:start] + text[end + 1 :]
    return text
