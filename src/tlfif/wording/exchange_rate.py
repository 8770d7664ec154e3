"""Euros beside dollars."""

from tlfif.money.amounts import unit_price
from tlfif.wire.money import ExchangeView
from tlfif.wording.figures import day


def exchange_text(exchange: ExchangeView, *, source: bool = True) -> str:
    """One euro in dollars, of which day, whether that was checked, and where it comes from."""
    checked = "verified" if exchange["verified"] else "not verified"
    where = f" ({exchange['source']})" if source else ""
    return f"1 EUR = {unit_price(exchange['usd_per_eur'])} USD on {day(exchange['date'])}, {checked}{where}"
