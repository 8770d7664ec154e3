"""Amounts of money as whole micro-dollars, what a rate costs over time, and EUR beside USD.

One micro-dollar is a millionth of a US dollar; whole numbers add up without an error of rounding. All sums are list
prices without VAT.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeAlias

MicroUsd: TypeAlias = int
"""Millionths of a US dollar, without VAT."""
MICROS_PER_USD = 1_000_000
MS_PER_HOUR = 3_600_000
_SIX_PLACES = Decimal("0.000001")


def charge(rate_micros_per_hour: MicroUsd, ms: int) -> MicroUsd:
    """What ``ms`` milliseconds cost at a rate in micro-dollars per hour, rounded down; nothing for a negative time."""
    return rate_micros_per_hour * ms // MS_PER_HOUR if ms > 0 else 0


def time_cost(rate_micros_per_hour: MicroUsd, from_ms: int, to_ms: int, *, since_ms: int | None = None) -> MicroUsd:
    """The cost of ``[from_ms, to_ms)`` (epoch milliseconds) as a piece of what began at ``since_ms``.

    ``since_ms`` None: the piece begins at ``from_ms``. Each piece is the difference of two sums since the beginning,
    so adjacent pieces with one ``since_ms`` add up to the cost of the whole, however often it is cut. Never negative.
    """
    begin = from_ms if since_ms is None else since_ms
    return max(0, charge(rate_micros_per_hour, to_ms - begin) - charge(rate_micros_per_hour, from_ms - begin))


def share(total: MicroUsd, weights: Sequence[int]) -> list[MicroUsd]:
    """``total`` divided in proportion to ``weights``, to the last micro-dollar (largest remainder, Hamilton's method).

    What is left after rounding down goes to the largest remainders, the earlier first. All weights zero: equal shares.
    Raises ValueError for a negative total or weight, and for a total above zero without weights.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("amounts and weights must not be negative")
    if not weights:
        if total:
            raise ValueError("an amount cannot be shared among none")
        return []
    whole = sum(weights)
    if whole == 0:
        return share(total, [1] * len(weights))
    parts = [total * weight // whole for weight in weights]
    left = total - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in by_remainder[:left]:
        parts[at] += 1
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRate:
    """How many US dollars one euro costs: a number above zero, with its day (ISO date) and its source. ``verified``
    False: the number is an assumption.

    Raises ValueError where ``usd_per_eur`` is not a finite number above zero.
    """

    usd_per_eur: Decimal
    date: str
    source: str
    verified: bool

    def __post_init__(self) -> None:
        if not self.usd_per_eur.is_finite() or self.usd_per_eur <= 0:
            raise ValueError("an exchange rate is a finite number above zero")

    def to_eur(self, micros: MicroUsd) -> Decimal:
        """Micro-dollars in EUR, rounded half-up to six decimals."""
        return (Decimal(micros) / MICROS_PER_USD / self.usd_per_eur).quantize(_SIX_PLACES, rounding=ROUND_HALF_UP)

    def to_usd_micros(self, eur: Decimal) -> MicroUsd:
        """EUR in micro-dollars, rounded half-up."""
        return int((eur * self.usd_per_eur * MICROS_PER_USD).to_integral_value(rounding=ROUND_HALF_UP))


ASSUMED_RATE = ExchangeRate(
    usd_per_eur=Decimal("1.15"),
    date="2026-11-22",
    source="an assumption; the European Central Bank was not asked yet",
    verified=False,
)
"""Used until the European Central Bank's reference rate has been read."""
