"""How a person reads money, wherever TL-FIF shows it: in the window, in commands, in pictures, in letters.

Dollars have their sign before the number, euros behind it, and a sum in both is ``$0.083 · 0.072 €``. From one up an
amount has cents and commas between thousands; below one it has two significant digits, and cents at least. Nothing is
``$0``. Never scientific, and no amount that is something looks like nothing.

The price of one unit is exact (:func:`unit_price`). A column that names its unit in its head, and an axis of a picture,
have the number alone. What programs read (JSON) has plain numbers and does not come through here.
"""

from decimal import Decimal

from tlfif.money.money import MICROS_PER_USD, ExchangeRate, MicroUsd

Amount = float | Decimal


def amount(value: Amount) -> str:
    """The number alone: ``1,234.50``, ``0.083``, ``0.000072``, ``0``."""
    number = Decimal(value)
    return _trimmed(number, max(2, 1 - number.adjusted())) if number else "0"


def usd(value: Amount) -> str:
    """US dollars: ``$0.083``."""
    return _dollars(amount(value))


def eur(value: Amount) -> str:
    """Euros: ``20.00 €``."""
    return f"{amount(value)} €"


def usd_and_eur(in_usd: Amount, in_eur: Amount) -> str:
    """One sum in both: ``$0.083 · 0.072 €``."""
    return f"{usd(in_usd)} · {eur(in_eur)}"


def usd_of(micros: MicroUsd) -> str:
    """Micro-dollars as :func:`usd`."""
    return usd(Decimal(micros) / MICROS_PER_USD)


def eur_of(micros: MicroUsd, rate: ExchangeRate) -> str:
    """Micro-dollars as :func:`eur`."""
    return eur(rate.to_eur(micros))


def both_of(micros: MicroUsd, rate: ExchangeRate) -> str:
    """Micro-dollars as :func:`usd_and_eur`."""
    return f"{usd_of(micros)} · {eur_of(micros, rate)}"


def unit_price(value: Amount) -> str:
    """The price of one unit in dollars, exact to the micro-dollar: ``$0.526``."""
    return _dollars(unit_number(value))


def unit_number(value: Amount) -> str:
    """The same without its sign, for a column that has it in its head: ``0.526``."""
    number = round(Decimal(value), 6)
    return _trimmed(number, 6) if number else "0"


def _trimmed(number: Decimal, places: int) -> str:
    """Without zeros at its end, but with two decimals."""
    whole, _, decimals = f"{number:,.{places}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def _dollars(number: str) -> str:
    return f"-${number[1:]}" if number.startswith("-") else f"${number}"
