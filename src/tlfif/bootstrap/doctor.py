"""Builds the checks of ``tlfif doctor``: this computer always, AWS only where this computer has a key for it.

AWS's library is loaded only then, because loading it takes longer than everything else here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tlfif.adapters.local.doctor_probes import (
    ClockJumpProbe,
    ClockProbe,
    FactsProbe,
    FolderProbe,
    LoopbackProbe,
    ModelProbe,
    PriceProbe,
    PythonProbe,
    SettingsProbe,
    WayOutProbe,
)
from tlfif.adapters.local.models.file_model_store import HUB_URL, FileModelStore
from tlfif.adapters.local.steady_clock import Step
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.adapters.redis.doctor_probe import StoreProbe
from tlfif.adapters.sqlite.doctor_probe import DatabaseProbe
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_price_store import SqlitePriceStore
from tlfif.adapters.sqlite.sqlite_timeline import SqliteTimeline
from tlfif.bootstrap.variables import misspelt
from tlfif.doctor.examine import Examination, examine
from tlfif.doctor.leftover_verdicts import Priced
from tlfif.doctor.probe import Probe
from tlfif.kernel.data_folder import DataFolder, aws_endpoint, aws_key_places, other_settings
from tlfif.kernel.errors import InvalidInputError, UnavailableError
from tlfif.machines.policy import AWS_MACHINE_POLICY
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import PriceBook
from tlfif.money.prices.pricing import Pricing

if TYPE_CHECKING:
    from tlfif.doctor.probe import Account

NO_KEY = "This computer has no key for AWS (looked in the environment and in ~/.aws)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to check. ``home``: its name on AWS; ``profile``: the profile in ``~/.aws`` whose key is used; ``types``: of
    machines, where others are meant than the home's; ``ports``: local ports that a sign-in's redirect may use;
    ``paid``: checks that cost $0.01 are allowed."""

    data_folder: DataFolder
    region: str
    home: str
    profile: str | None = None
    types: tuple[str, ...] | None = None
    ports: Sequence[int]
    paid: bool = False


async def examine_all(wanted: Wanted, *, own: Sequence[Probe] = ()) -> Examination:
    """Everything. ``own``: the caller's probes, which look at its window, server and sign-in."""
    clock = SystemClock()
    now = clock.now()
    book, problem = await _book(wanted.data_folder)
    steps, unread = await _steps(wanted.data_folder)
    local: list[Probe] = [
        PythonProbe(),
        SettingsProbe(misspelt(other_settings())),
        FolderProbe(wanted.data_folder),
        DatabaseProbe(wanted.data_folder.database),
        _store_probe(),
        ModelProbe(FileModelStore(models_dir=wanted.data_folder.models, clock=clock)),
        LoopbackProbe(wanted.ports),
        WayOutProbe(HUB_URL),
        ClockProbe(aws_endpoint(wanted.region)),
        ClockJumpProbe(steps, now=now, problem=unread),
        PriceProbe(book, region=wanted.region, now=now, problem=problem),
        FactsProbe(now=now),
        *own,
    ]
    account = _account(wanted, book, now) if wanted.profile or aws_key_places() else None
    return await examine(local=local, account=account, why_no_account=NO_KEY)


def _account(wanted: Wanted, book: PriceBook, now: float) -> "Account | None":
    from tlfif.adapters.aws.doctor.account import this_account

    return this_account(
        priced=Priced(book=book, region=wanted.region, at_ms=int(now * 1000)),
        now=datetime.fromtimestamp(now, UTC),
        max_run_seconds=AWS_MACHINE_POLICY.longest_life_seconds,
        paid=wanted.paid,
        home=wanted.home,
        types=wanted.types,
        profile=wanted.profile,
    )


def _store_probe() -> StoreProbe:
    """The settings are read only where one of them chooses a server: it takes a tenth of a second."""
    if not {"TLFIF_STORE_URL", "TLFIF_STORE_PASSWORD_FILE"}.intersection(other_settings()):
        return StoreProbe(None)
    from tlfif.bootstrap.settings import load_settings

    try:
        return StoreProbe(load_settings().store)
    except InvalidInputError as error:
        return StoreProbe(None, refused=error.message)


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


async def _steps(data_folder: DataFolder) -> tuple[Sequence[Step], str]:
    """What the home's clock has noticed, and why it is not known if it could not be read."""
    try:
        data_folder.check()
        if not data_folder.database.is_file():
            return (), ""
        store = SqliteTimeline(await Database.open(data_folder.database))
        try:
            timeline = await store.load()
        finally:
            await store.close()
    except UnavailableError as error:
        return (), f"What the clock did could not be read: {error.message}"
    return (timeline.steps if timeline is not None else ()), ""
