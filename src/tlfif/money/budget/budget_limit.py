"""Validation of a budget's limit: what is accepted, and the error for each mistake."""

import re
from decimal import Decimal

from tlfif.kernel.errors import InvalidInputError

DEFAULT_LIMIT_EUR = Decimal(20)
MIN_LIMIT_EUR = Decimal("0.01")
MAX_LIMIT_EUR = Decimal(100_000)
MAX_DECIMALS = 4
"""Cents, and two more for small rehearsals."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(?:\.[0-9]{0,400})?", re.ASCII)
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_EUR = re.compile(r"(?:EUR(?:OS?)?|€)\s*(?P<after>[^€]*)|(?P<before>[^€]*?)\s*(?:EUR(?:OS?)?|€)", re.IGNORECASE)
_OTHER_CURRENCY = re.compile(r"[$£¥]|\b(?:USD|GBP|CHF|JPY|DOLLARS?|US)\b|[0-9]\s*[A-Z]{3}$", re.IGNORECASE)


def check_limit(value: object) -> Decimal:
    """A limit in EUR from what was typed or sent: ``20``, ``20.00``, ``20 EUR``, ``€20``; 0.01 to 100,000.

    Text or a number, at most four decimals. Raises InvalidInputError ``budget_invalid`` with a sentence of its own for
    each fault. "No limit" is not a number and is not decided here.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise _invalid("The limit must be an amount in EUR, such as 20 or 20.00.")
    if isinstance(value, str):
        return _check_amount(_without_currency(value.strip()))
    number = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    if number.is_finite() and abs(number) > MAX_LIMIT_EUR:
        raise _out_of_range(negative=number < 0)
    return _check_amount(format(number, "f"))


def _without_currency(text: str) -> str:
    if not text:
        raise _invalid("The limit is empty. Give an amount in EUR, such as 20.")
    found = _EUR.fullmatch(text)
    if found:
        text = (found["after"] if found["after"] is not None else found["before"]).strip()
    if _OTHER_CURRENCY.search(text):
        raise _invalid("The limit is in EUR; another currency is not taken. Give the amount in EUR, such as 20.")
    return text


def _check_amount(text: str) -> Decimal:
    if _NO_NUMBER.fullmatch(text):
        raise _invalid("The limit must be a real amount; infinite or not a number is none. Give one such as 20.")
    if "," in text:
        raise _invalid("Write the limit with a point and without thousands marks, such as 1250.50.")
    if not _NUMBER.fullmatch(text):
        raise _invalid("The limit is not an amount. Give one in EUR, such as 20 or 20.00.")
    amount = Decimal(text)
    if amount == 0:
        raise _invalid(
            f"A limit of zero would stop everything. The smallest is {MIN_LIMIT_EUR} EUR. "
            "Zero is not the same as no limit."
        )
    if not MIN_LIMIT_EUR <= amount <= MAX_LIMIT_EUR:
        raise _out_of_range(negative=amount < 0)
    if amount != round(amount, MAX_DECIMALS):
        raise _invalid(f"The limit has more than {MAX_DECIMALS} decimals. Round it, such as 20.00.")
    return amount


def _out_of_range(*, negative: bool) -> InvalidInputError:
    if negative:
        return _invalid("The limit is below zero. Give an amount in EUR above zero, such as 20.")
    return _invalid(f"The limit must be from {MIN_LIMIT_EUR} to {MAX_LIMIT_EUR:,} EUR.")


def _invalid(message: str) -> InvalidInputError:
    return InvalidInputError(f"{message} The budget stays as it was.", code="budget_invalid")
