"""Builds the checks of ``tlfif doctor``: this computer always, AWS only where this computer has a key for it.

AWS's library is loaded only then, because loading it takes longer than everything else here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tlfif.adapters.local.doctor_probes import (
    ClockProbe,
    FolderProbe,
    LoopbackProbe,
    ModelProbe,
    PriceProbe,
    PythonProbe,
)
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.adapters.sqlite.doctor_probe import DatabaseProbe
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_price_store import SqlitePriceStore
from tlfif.doctor.examine import Examination, examine
from tlfif.doctor.leftover_verdicts import Priced
from tlfif.doctor.probe import Probe
from tlfif.kernel.data_folder import DataFolder, aws_endpoint, aws_key_places
from tlfif.kernel.errors import UnavailableError
from tlfif.machines.policy import AWS_MACHINE_POLICY
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import PriceBook
from tlfif.money.prices.pricing import Pricing

if TYPE_CHECKING:
    from tlfif.doctor.probe import Account

LATE_SECONDS = 600.0
"""A machine may be older than its limit by this much: its drain, the schedule's minute, a slow termination."""
NO_KEY = "This computer has no key for AWS (looked in the environment and in ~/.aws)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to check. ``ports``: local ports that a sign-in's redirect may use; ``paid``: checks that cost 0.01 USD are
    allowed."""

    data_folder: DataFolder
    region: str
    ports: Sequence[int]
    paid: bool = False


async def examine_all(wanted: Wanted, *, own: Sequence[Probe] = ()) -> Examination:
    """Everything. ``own``: the caller's probes, which look at its window, server and sign-in."""
    clock = SystemClock()
    now = clock.now()
    book, problem = await _book(wanted.data_folder)
    local: list[Probe] = [
        PythonProbe(),
        FolderProbe(wanted.data_folder),
        DatabaseProbe(wanted.data_folder.database),
        ModelProbe(FileModelStore(models_dir=wanted.data_folder.models, clock=clock)),
        LoopbackProbe(wanted.ports),
        ClockProbe(aws_endpoint(wanted.region)),
        PriceProbe(book, region=wanted.region, now=now, problem=problem),
        *own,
    ]
    account = _account(wanted, book, now) if aws_key_places() else None
    return await examine(local=local, account=account, why_no_account=NO_KEY)


def _account(wanted: Wanted, book: PriceBook, now: float) -> "Account | None":
    from tlfif.adapters.aws.doctor.account import this_account

    policy = AWS_MACHINE_POLICY
    return this_account(
        priced=Priced(book=book, region=wanted.region, at_ms=int(now * 1000)),
        now=datetime.fromtimestamp(now, UTC),
        max_run_seconds=policy.max_run_seconds + policy.drain_limit_seconds + LATE_SECONDS,
        paid=wanted.paid,
    )


async def _book(data_folder: DataFolder) -> tuple[PriceBook, str]:
    """The current prices, and why they are only the built-in ones if reading the stored ones failed."""
    try:
        data_folder.check()
        if not data_folder.database.is_file():
            return BUILT_IN_PRICES, ""
        store = SqlitePriceStore(await Database.open(data_folder.database))
        try:
            return await Pricing(store).book(), ""
        finally:
            await store.close()
    except UnavailableError as error:
        return BUILT_IN_PRICES, f"The prices kept here could not be read: {error.message}"
