"""Validation of a budget's limit: what is accepted, and the error for each mistake."""

import re
from decimal import Decimal

from tlfif.kernel.errors import InvalidInputError
from tlfif.kernel.typed_number import typed_number
from tlfif.money.amounts import eur

DEFAULT_LIMIT_EUR = Decimal(20)
MIN_LIMIT_EUR = Decimal("0.01")
MAX_LIMIT_EUR = Decimal(100_000)
MAX_DECIMALS = 4
"""Cents, and two more to practise with."""

_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_EUR = re.compile(r"(?:EUR(?:OS?)?|€)\s*(?P<after>[^€]*)|(?P<before>[^€]*?)\s*(?:EUR(?:OS?)?|€)", re.IGNORECASE)
_OTHER_CURRENCY = re.compile(r"[$£¥]|\b(?:USD|GBP|CHF|JPY|DOLLARS?|US)\b|[0-9]\s*[A-Z]{3}$", re.IGNORECASE)


def check_limit(value: object) -> Decimal:
    """A limit in euros from what was typed or sent: ``20``, ``20.00``, ``20 €``, ``€20``, ``0,1``; 0.01 to 100,000.

    Text or a number, at most four decimals. Raises InvalidInputError ``budget_invalid`` with a sentence of its own for
    each fault. "No limit" is not a number and is not decided here.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise _invalid("The limit must be an amount in euros, such as 20 or 20.00.")
    if isinstance(value, str):
        return _check_amount(_without_currency(value.strip()))
    number = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    if number.is_finite() and abs(number) > MAX_LIMIT_EUR:
        raise _out_of_range(negative=number < 0)
    return _check_amount(format(number, "f"))


def _without_currency(text: str) -> str:
    if not text:
        raise _invalid("The limit is empty. Give an amount in euros, such as 20.")
    found = _EUR.fullmatch(text)
    if found:
        text = (found["after"] if found["after"] is not None else found["before"]).strip()
    if _OTHER_CURRENCY.search(text):
        raise _invalid("The limit is in euros; another currency is not taken. Give the amount in euros, such as 20.")
    return text


def _check_amount(text: str) -> Decimal:
    if _NO_NUMBER.fullmatch(text):
        raise _invalid("The limit must be a real amount; infinite or not a number is none. Give one such as 20.")
    amount = typed_number(text)
    if amount is None and "," in text:
        raise _invalid("Write the limit without thousands marks, such as 1250.50.")
    if amount is None:
        raise _invalid("The limit is not an amount. Give one in euros, such as 20 or 20.00.")
    if amount == 0:
        raise _invalid(
            f"A limit of zero would stop everything. The smallest is {eur(MIN_LIMIT_EUR)}. "
            "Zero is not the same as no limit."
        )
    if not MIN_LIMIT_EUR <= amount <= MAX_LIMIT_EUR:
        raise _out_of_range(negative=amount < 0)
    if amount != round(amount, MAX_DECIMALS):
        raise _invalid(f"The limit has more than {MAX_DECIMALS} decimals. Round it, such as 20.00.")
    return amount


def _out_of_range(*, negative: bool) -> InvalidInputError:
    if negative:
        return _invalid("The limit is below zero. Give an amount in euros above zero, such as 20.")
    return _invalid(f"The limit must be from {eur(MIN_LIMIT_EUR)} to {eur(MAX_LIMIT_EUR)}.")


def _invalid(message: str) -> InvalidInputError:
    return InvalidInputError(f"{message} The budget stays as it was.", code="budget_invalid")
