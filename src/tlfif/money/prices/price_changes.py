"""Which prices of a new list take the place of the old ones."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tlfif.kernel.errors import InvalidInputError
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.prices import Price, PriceBook, check_refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChanges:
    """What a new list means for the book.

    ``changed``: pairs of the old price and the new one, in force from the moment of the refresh. ``kept``: old prices
    that stay although something was wrong with the new ones, and what. ``unchanged``: how many new prices are the old
    ones.
    """

    changed: tuple[tuple[Price, Price], ...] = ()
    kept: tuple[tuple[Price, str], ...] = ()
    unchanged: int = 0
    confirmed: tuple[Price, ...] = ()

    def and_also(self, more: "PriceChanges") -> "PriceChanges":
        """Both together."""
        return PriceChanges(
            changed=self.changed + more.changed,
            kept=self.kept + more.kept,
            unchanged=self.unchanged + more.unchanged,
            confirmed=self.confirmed + more.confirmed,
        )


def compare_prices(fetched: Iterable[Price], book: PriceBook, *, at_ms: int) -> PriceChanges:
    """What becomes of ``fetched``, one region's new prices, at ``at_ms`` (epoch milliseconds).

    A new price of zero, or one ten times the old or a tenth of it, is a mistake in the list: the old one is kept. So is
    that of a machine type which the list leaves out although it has others. A price of what the book does not know is
    left out: nothing could tell whether it is right.
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
    """Why ``old`` stays although ``new`` was read; None where ``new`` takes its place (or is the same)."""
    if old is None or not old.verified or new.date >= old.date:
        return None
    return f"The rate that was read is of {new.date}, older than the one known, of {old.date}, which is kept."


def _old(price: Price, book: PriceBook, at_ms: int) -> Price | None:
    try:
        return book.price(price.item, price.region, price.instance_type, at_ms=at_ms)
    except (LookupError, InvalidInputError):
        return None
