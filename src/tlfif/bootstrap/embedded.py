"""The container of the embedded home: everything on this computer."""

import logging

from pydantic import AnyHttpUrl

from tlfif import __version__
from tlfif.adapters.aws.money.price_list_source import AwsPriceListSource
from tlfif.adapters.http.exchange_source import EcbExchangeSource
from tlfif.adapters.local.machines.process_machine_host import ProcessMachineHost
from tlfif.adapters.local.models.adapter_folder import AdapterFolder
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.steady_clock import HomeClock, boot_id, seconds_slept
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.adapters.sqlite.stores import SqliteStores, open_all_sqlite_stores
from tlfif.bootstrap.embedded_images import embedded_images
from tlfif.bootstrap.job_store import open_job_store
from tlfif.bootstrap.money import build_money
from tlfif.bootstrap.settings import Settings
from tlfif.control.container import Container, Money
from tlfif.control.local_machine_control import LocalMachineControl
from tlfif.control.reconcile import Reconciler
from tlfif.jobs.job_store import JobStore
from tlfif.kernel.clock import Clock, Ids
from tlfif.models.personal_models import PersonalModels
from tlfif.money.prices.prices import REGIONS
from tlfif.money.prices.pricing import Pricing
from tlfif.money.prices.refresh_prices import RefreshReport, refresh_prices
from tlfif.money.spend.meter import Meter
from tlfif.money.spend.tariff import Tariff

log = logging.getLogger(__name__)

IMAGE = f"embedded-{__version__}"


async def embedded_container(settings: Settings) -> Container:
    """Open the stores and connect the adapters. Raises StorageError."""
    system, ids, data_folder = SystemClock(), SystemIds(), settings.data_folder
    stores = await open_all_sqlite_stores(
        data_folder.database,
        ids,
        default_idle_timeout=settings.machine.idle_timeout_seconds,
        since_ms=int(system.now() * 1000),
    )
    timeline = stores.timeline
    clock = HomeClock(system, boot_id=boot_id(), kept=await timeline.load(), keep=timeline.keep, slept=seconds_slept)
    jobs, machines = await _jobs(settings, stores, ids), stores.machines
    models = FileModelStore(models_dir=data_folder.models, hub_url=_address(settings.hub_url), clock=clock)
    host = _host(settings, clock)
    images, launched = embedded_images(settings, stores=stores, models=models, clock=clock, installed=IMAGE)
    money, meter = _money(settings, stores, jobs, clock)
    reconciler = Reconciler(
        jobs=jobs,
        machines=machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=settings.job,
        machine_policy=settings.machine,
        image=IMAGE,
        meter=meter,
        budget=money.budget,
        launched=launched,
    )

    async def close() -> None:
        await models.close()
        await jobs.close()
        await stores.close()

    return Container(
        jobs=jobs,
        machines=machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=settings.job,
        machine_policy=settings.machine,
        image=IMAGE,
        place="this computer",
        reconciler=reconciler,
        control=LocalMachineControl(reconciler=reconciler),
        money=money,
        close=close,
        images=images,
        personal=_personal_models(settings, stores, models, clock),
        model_names=settings.model_names,
    )


def _host(settings: Settings, clock: HomeClock) -> ProcessMachineHost:
    return ProcessMachineHost(
        settings.data_folder.root,
        job_policy=settings.job,
        machine_policy=settings.machine,
        clock_offset=lambda: clock.offset,
        bundles=settings.data_folder.images,
        store=settings.store.to_json() if settings.store else None,
    )


async def _jobs(settings: Settings, stores: SqliteStores, ids: Ids) -> JobStore:
    """In the file, or in the server that is set."""
    if settings.store is None:
        return stores.jobs
    try:
        left = await stores.jobs.counts()
        jobs = await open_job_store(settings.store, ids)
    except BaseException:
        await stores.close()
        raise
    if left.queued + left.running:
        log.warning(
            "%d prompts wait in the job file and are not answered while TLFIF_STORE_URL is set: unset it, and they are",
            left.queued + left.running,
        )
    return jobs


def _personal_models(settings: Settings, stores: SqliteStores, models: FileModelStore, clock: Clock) -> PersonalModels:
    files = AdapterFolder(settings.data_folder.adapters, clock)
    return PersonalModels(store=stores.personal_models, files=files, models=models, clock=clock)


def _money(settings: Settings, stores: SqliteStores, jobs: JobStore, clock: Clock) -> tuple[Money, Meter]:
    pricing = Pricing(stores.prices)

    async def refresh() -> RefreshReport:
        report = await refresh_prices(
            REGIONS,
            store=stores.prices,
            sources=[AwsPriceListSource(base_url=_address(settings.price_list_url))],
            exchange=EcbExchangeSource(clock=SystemClock(), base_url=_address(settings.exchange_url)),
            book=await pricing.book(),
            clock=clock,
        )
        pricing.reload()
        return report

    return build_money(
        jobs=jobs,
        machines=stores.machines,
        ledger=stores.ledger,
        pricing=pricing,
        clock=clock,
        image=IMAGE,
        job_policy=settings.job,
        machine_policy=settings.machine,
        tariff=None,
        simulated=Tariff(region=settings.aws_region, instance_type=settings.aws_instance_type),
        refresh=refresh,
    )


def _address(url: AnyHttpUrl) -> str:
    return str(url).rstrip("/")
