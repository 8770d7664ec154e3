"""Numbers as a person types them, in a field of the window or after a command."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:[.,][0-9]{0,400})?|[.,][0-9]{1,400})", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
"""``1,250`` is 1250 to one reader and 1.25 to another."""


def typed_number(text: str) -> Decimal | None:
    """What was typed: ``7.5``, ``7,5``, ``20``, ``.5``; a comma is a decimal point. None where it is no number, or
    where the comma may mark thousands."""
    text = text.strip()
    if not _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text):
        return None
    return Decimal(text.replace(",", "."))
