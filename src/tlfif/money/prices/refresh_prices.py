"""Updates the price book and the exchange rate from the published lists."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import UnavailableError
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.price_changes import PriceChanges, compare_prices, exchange_kept_because
from tlfif.money.prices.price_source import ExchangeSource, PriceSource, Progress
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import PriceBook, check_region


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeResult:
    """``rate``: the one stored now, None where there never was one. ``changed``: it is new. ``problem``: why no new one
    was stored. ``read``: the bank answered with a rate."""

    rate: ExchangeRate | None
    changed: bool = False
    read: bool = True
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport(PriceChanges):
    """What a refresh did: the changes of all lists. ``failed``: a region of which no price could be read from a source,
    and why. ``lists_read``: how many lists were read."""

    failed: tuple[tuple[str, str], ...]
    lists_read: int
    exchange: ExchangeResult


async def refresh_prices(
    regions: Sequence[str],
    *,
    store: PriceStore,
    sources: Sequence[PriceSource],
    exchange: ExchangeSource,
    book: PriceBook,
    clock: Clock,
    progress: Progress = lambda _: None,
) -> RefreshReport:
    """Read the exchange rate and the prices of ``regions`` and store what is new and plausible.

    ``book`` is what is in force now. What cannot be read or is implausible changes nothing and is in the report. All
    lists are read at once, and the prices of one are stored even if the next one fails. ``progress`` gets the bytes
    received of each. Raises InvalidInputError ``region_unknown`` before anything is read; StorageError.
    """
    wanted = [check_region(region) for region in dict.fromkeys(regions)]
    exchange_result = await _refresh_exchange(exchange, store)
    changes = PriceChanges()
    failed: list[tuple[str, str]] = []
    lists_read = 0
    asked = [(region, source) for region in wanted for source in sources]
    fetching = [asyncio.create_task(source.fetch(region, progress)) for region, source in asked]
    try:
        for (region, _), fetch in zip(asked, fetching, strict=True):
            try:
                fetched = await fetch
            except UnavailableError as error:
                failed.append((region, error.message))
                continue
            lists_read += 1
            found = compare_prices(fetched, book, at_ms=round(clock.now() * 1000))
            if found.changed or found.confirmed:
                await store.add([*(new for _, new in found.changed), *found.confirmed])
            changes = changes.plus(found)
    finally:
        for fetch in fetching:
            fetch.cancel()
    return RefreshReport(
        changed=changes.changed,
        kept=changes.kept,
        unchanged=changes.unchanged,
        confirmed=changes.confirmed,
        failed=tuple(failed),
        lists_read=lists_read,
        exchange=exchange_result,
    )


async def _refresh_exchange(source: ExchangeSource, store: PriceStore) -> ExchangeResult:
    old = await store.exchange_rate()
    try:
        new = await source.fetch()
    except UnavailableError as error:
        return ExchangeResult(rate=old, read=False, problem=error.message)
    problem = exchange_kept_because(new, old)
    if problem is not None or new == old:
        return ExchangeResult(rate=old, problem=problem)
    await store.set_exchange_rate(new)
    return ExchangeResult(rate=new, changed=True)
