"""Which prices of a new list replace the old ones."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tlfif.kernel.errors import InvalidInputError
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.prices import Price, PriceBook, check_refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChanges:
    """The differences between a new list and the price book.

    ``changed``: pairs of the old price and the new one, in force from the moment of the refresh. ``kept``: old prices
    that stay because the new one is wrong, each with the reason. ``unchanged``: how many new prices equal the
    old ones. ``confirmed``: unverified prices that the list confirms.
    """

    changed: tuple[tuple[Price, Price], ...] = ()
    kept: tuple[tuple[Price, str], ...] = ()
    unchanged: int = 0
    confirmed: tuple[Price, ...] = ()

    def plus(self, more: "PriceChanges") -> "PriceChanges":
        """The changes of both."""
        return PriceChanges(
            changed=self.changed + more.changed,
            kept=self.kept + more.kept,
            unchanged=self.unchanged + more.unchanged,
            confirmed=self.confirmed + more.confirmed,
        )


def compare_prices(fetched: Iterable[Price], book: PriceBook, *, at_ms: int) -> PriceChanges:
    """Compare ``fetched``, one region's new prices, with the book at ``at_ms`` (epoch milliseconds).

    A new price of zero, or of ten times the old one or a tenth of it, counts as a mistake in the list: the old one is
    kept. The old price is also kept for a machine type that is missing from the list although others are in it. A price
    of something that is not in the book is ignored, because nothing could check it.
    """
    new = {price.key: price for price in fetched}
    changed: list[tuple[Price, Price]] = []
    kept: list[tuple[Price, str]] = []
    confirmed: list[Price] = []
    unchanged = 0
    for price in new.values():
        old = _old(price, book, at_ms)
        if old is None:
            continue
        if old.micros == price.micros:
            unchanged += 1
            if not old.verified:
                confirmed.append(replace(price, valid_from_ms=at_ms))
        else:
            try:
                check_refresh(old, price.micros)
                changed.append((old, replace(price, valid_from_ms=at_ms)))
            except InvalidInputError as error:
                kept.append((old, error.message))
    listed = {(price.item, price.region) for price in new.values() if price.instance_type is not None}
    kept += [
        (old, f"The new list has no price for {old.instance_type} in {old.region}. The old one is kept.")
        for old in book.current()
        if (old.item, old.region) in listed and old.key not in new
    ]
    return PriceChanges(changed=tuple(changed), kept=tuple(kept), unchanged=unchanged, confirmed=tuple(confirmed))


def exchange_kept_because(new: ExchangeRate, old: ExchangeRate | None) -> str | None:
    """Why ``old`` is kept although ``new`` was read; None where ``new`` replaces it (or is the same)."""
    if old is None or not old.verified or new.date >= old.date:
        return None
    return f"The rate that was read is of {new.date}, older than the one known, of {old.date}, which is kept."


def _old(price: Price, book: PriceBook, at_ms: int) -> Price | None:
    try:
        return book.price(price.item, price.region, price.instance_type, at_ms=at_ms)
    except (LookupError, InvalidInputError):
        return None
