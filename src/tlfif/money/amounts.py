"""How a person reads money, wherever TL-FIF shows it: in the window, in commands, in pictures, in the core's sentences.

The unit stands behind the number: ``0.0831 USD``, ``20.00 EUR``, ``0.5260 USD an hour``. From one up an amount has two
decimals and commas between thousands, below one it has four, below 0.0001 six. Nothing is ``0 USD``. Never scientific.

The price of one unit is exact (:func:`unit_price`). A column that names its unit in its head, and an axis of a picture,
have the number alone, with the same number of decimals in every row.
"""

from decimal import Decimal

from tlfif.money.money import MICROS_PER_USD, ExchangeRate, MicroUsd

Amount = float | Decimal


def amount(value: Amount) -> str:
    """The number alone: ``1,234.50``, ``0.0831``, ``0.000072``, ``0``."""
    if value == 0:
        return "0"
    size = abs(Decimal(value))
    # An amount belongs to the range that it is rounded into: 0.99996 is 1.00.
    places = 2 if round(size, 4) >= 1 else 4 if round(size, 6) >= Decimal("0.0001") else 6
    return f"{value:,.{places}f}"


def usd(value: Amount) -> str:
    """US dollars: ``0.0831 USD``."""
    return f"{amount(value)} USD"


def eur(value: Amount) -> str:
    """Euros: ``20.00 EUR``."""
    return f"{amount(value)} EUR"


def usd_and_eur(in_usd: Amount, in_eur: Amount) -> str:
    """One sum in both: ``0.0831 USD (0.0723 EUR)``."""
    return f"{usd(in_usd)} ({eur(in_eur)})"


def usd_of(micros: MicroUsd) -> str:
    """Micro-dollars as :func:`usd`."""
    return usd(Decimal(micros) / MICROS_PER_USD)


def eur_of(micros: MicroUsd, rate: ExchangeRate) -> str:
    """Micro-dollars as :func:`eur`."""
    return eur(rate.to_eur(micros))


def unit_price(value: Amount) -> str:
    """The price of one unit in dollars, exact to the micro-dollar: four decimals, six where it needs them."""
    return f"{value:,.4f}" if round(value, 4) == round(value, 6) else f"{value:,.6f}"
