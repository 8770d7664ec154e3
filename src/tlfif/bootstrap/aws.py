"""The containers of the home on AWS: for the API and the router, and the stores of a machine's worker."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.clients import (
    BILL_CONFIG,
    MACHINE_CONFIG,
    POLL_CONFIG,
    ROUTER_CONFIG,
    STORE_CONFIG,
    TABLE_CONFIG,
    AwsClients,
)
from tlfif.adapters.aws.calls.dynamo_table import DynamoTable
from tlfif.adapters.aws.calls.lambda_clock import LambdaClock
from tlfif.adapters.aws.jobs.dynamo_job_opening import JobClients, JobPlaces, open_dynamo_job_store
from tlfif.adapters.aws.machines.capacity_search import CapacitySearch
from tlfif.adapters.aws.machines.dynamo_machine_store import DynamoMachineStore
from tlfif.adapters.aws.machines.ec2_instances import Ec2Instances
from tlfif.adapters.aws.machines.ec2_machine_host import Ec2MachineHost, Ec2Settings
from tlfif.adapters.aws.machines.image_model_store import IN_IMAGES, ImageModelStore
from tlfif.adapters.aws.machines.machine_log import MachineLog
from tlfif.adapters.aws.machines.router_calls import RouterCalls
from tlfif.adapters.aws.money.cost_explorer_bill_source import BILL_REGION, CostExplorerBillSource
from tlfif.adapters.aws.money.dynamo_bill_store import DynamoBillStore
from tlfif.adapters.aws.money.dynamo_ledger import DynamoLedger
from tlfif.adapters.aws.money.dynamo_price_store import DynamoPriceStore
from tlfif.adapters.aws.sign_in.cognito_authority import CognitoAuthority
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.bootstrap.aws_images import aws_images, dead_mans_switch, image_registry, launched_by_type
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.bootstrap.money import build_money
from tlfif.control.container import Container, Money
from tlfif.control.local_machine_control import LocalMachineControl
from tlfif.control.machine_control import MachineControl
from tlfif.control.reconcile import Reconciler
from tlfif.images.image_registry import ImageRegistry
from tlfif.jobs.job_store import JobStore
from tlfif.kernel.clock import Clock, Ids
from tlfif.machines.machine_host import MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.machine_types import disks_of
from tlfif.models.catalogue import find_model
from tlfif.money.bill.query_bill import DailyBill
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import REGIONS
from tlfif.money.prices.pricing import Pricing
from tlfif.money.prices.refresh_prices import RefreshReport, refresh_prices
from tlfif.money.spend.meter import Meter
from tlfif.money.spend.tariff import Tariff

if TYPE_CHECKING:
    import boto3

LONGEST_WAIT_SECONDS = 20.0
"""API Gateway ends a request after 30 s (surprise 9 in docs/surprises)."""
TICK_SECONDS = 75.0
"""The router ticks once a minute; a tick may come some seconds late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsStores:
    """The stores that the API, the router and the machines share."""

    jobs: JobStore
    machines: MachineStore
    state: DynamoTable

    async def close(self) -> None:
        """Close connections."""
        await self.jobs.close()
        await self.machines.close()


def open_aws_stores(settings: AwsSettings, *, clients: AwsClients, clock: Clock, ids: Ids, rng: Random) -> AwsStores:
    """The stores that ``settings`` names. Makes no request yet."""
    dynamodb = clients.make("dynamodb", TABLE_CONFIG)
    jobs = open_dynamo_job_store(
        JobClients(
            dynamodb=dynamodb,
            s3=clients.make("s3", STORE_CONFIG),
            sqs=clients.make("sqs", STORE_CONFIG),
            poller=clients.make("sqs", POLL_CONFIG),
        ),
        JobPlaces(table=settings.jobs_table, queue_url=settings.queue_url, bucket=settings.bucket),
        clock=clock,
        ids=ids,
        rng=rng,
        keep_seconds=settings.job.retention_seconds,
    )
    state = DynamoTable(dynamodb, settings.state_table, clock=clock, ids=ids, rng=rng)
    machines = DynamoMachineStore(state, default_idle_timeout=settings.machine.idle_timeout_seconds)
    return AwsStores(jobs=jobs, machines=machines, state=state)


def aws_container(settings: AwsSettings, *, session: "boto3.Session | None" = None) -> Container:
    """Everything that the API and the router use. Their roles decide what they may do: the API's may end machines, only
    the router's may launch them."""
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url, session=session)
    clock, ids, rng = LambdaClock(), SystemIds(), Random()
    stores = open_aws_stores(settings, clients=clients, clock=clock, ids=ids, rng=rng)
    registry = image_registry(settings, clients, stores.state, clock)
    host = _host(settings, clients, CapacitySearch(stores.state, clock), clock, registry)
    money, meter = _money(settings, stores, host, clock)
    spec = find_model(settings.model, IN_IMAGES[settings.profiles[0].engine])
    models = ImageModelStore((spec,)) if spec is not None else ImageModelStore()
    reconciler = Reconciler(
        jobs=stores.jobs,
        machines=stores.machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=settings.job,
        machine_policy=settings.machine,
        image=settings.image,
        meter=meter,
        budget=money.budget,
        launched=launched_by_type(settings, stores.state, registry, host, clock),
        last_words=MachineLog(clients.make("logs", MACHINE_CONFIG), home=settings.home_name).last_words,
    )
    control: MachineControl = LocalMachineControl(reconciler=reconciler)
    if settings.router_function:
        caller = clients.make("lambda", ROUTER_CONFIG)
        control = RouterCalls(caller, settings.router_function, here=control, machines=stores.machines)
    return Container(
        jobs=stores.jobs,
        machines=stores.machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=settings.job,
        machine_policy=settings.machine,
        image=settings.image,
        place=f"AWS {settings.region}",
        reconciler=reconciler,
        control=control,
        money=money,
        close=stores.close,
        images=aws_images(
            settings,
            clients,
            stores.state,
            registry,
            money=money,
            models=models,
            machine_settings=machine_settings(settings),
            clock=clock,
        ),
        gpu_engine=settings.gpu_engine,
        streams=False,
        longest_wait_seconds=LONGEST_WAIT_SECONDS,
    )


def aws_authority(settings: AwsSettings) -> CognitoAuthority:
    """Checks the API's sign-ins. Raises ValueError where the settings are incomplete."""
    if not (settings.issuer and settings.client_id and settings.scope):
        raise ValueError("the API needs the issuer, the client and the scope of its sign-ins")
    return CognitoAuthority(
        issuer=settings.issuer,
        client_id=settings.client_id,
        scope=settings.scope,
        clock=LambdaClock(),
        keys_url=settings.keys_url,
    )


def aws_daily_bill(
    settings: AwsSettings, container: Container, *, session: "boto3.Session | None" = None
) -> DailyBill | None:
    """The router's daily bill query; no other role may read the bill. None where nothing is billed."""
    if container.money.bills is None:
        return None
    clients = AwsClients(region=BILL_REGION, endpoint_url=settings.endpoint_url, session=session)
    return DailyBill(
        store=container.money.bills,
        source=CostExplorerBillSource(clients.make("ce", BILL_CONFIG)),
        clock=container.clock,
        ids=container.ids,
    )


def machine_settings(settings: AwsSettings) -> dict[str, object]:
    """The settings of a machine's worker; plain JSON values."""
    return {
        "jobs_table": settings.jobs_table,
        "state_table": settings.state_table,
        "queue_url": settings.queue_url,
        "bucket": settings.bucket,
        "endpoint_url": settings.endpoint_url,
        "job": asdict(settings.job),
        "machine": asdict(settings.machine),
    }


def _money(settings: AwsSettings, stores: AwsStores, host: MachineHost, clock: Clock) -> tuple[Money, Meter]:
    prices = DynamoPriceStore(stores.state)
    pricing = Pricing(prices)
    first, *others = settings.instance_types
    tariff = Tariff(
        region=settings.region,
        instance_type=first,
        fallbacks=tuple(others),
        kept_disk_gb=disks_of((first,), settings.gpu_engine, settings.disk_gb)[first] if settings.standby else 0,
        gpu_engine=settings.gpu_engine,
        disk_gb=settings.disk_gb,
    )
    return build_money(
        jobs=stores.jobs,
        machines=stores.machines,
        ledger=DynamoLedger(stores.state, since_ms=int(clock.now() * 1000)),
        pricing=pricing,
        clock=clock,
        image=settings.image,
        job_policy=settings.job,
        machine_policy=settings.machine,
        tariff=tariff,
        simulated=replace(tariff, fallbacks=()),
        refresh=_refresh(prices, pricing, clock),
        host=host,
        tick_seconds=TICK_SECONDS,
        bills=DynamoBillStore(stores.state),
    )


def _host(
    settings: AwsSettings, clients: AwsClients, search: CapacitySearch, clock: Clock, registry: ImageRegistry
) -> Ec2MachineHost:
    policy = settings.machine
    return Ec2MachineHost(
        instances=Ec2Instances(
            clients.make("ec2", MACHINE_CONFIG),
            home=settings.home_name,
            launch_template=settings.launch_template,
        ),
        switch=dead_mans_switch(settings, clients, clock),
        search=search,
        settings=Ec2Settings(
            home=settings.home_name,
            region=settings.region,
            instance_types=settings.instance_types,
            max_run_seconds=policy.max_run_seconds + policy.drain_limit_seconds,
            machine_settings=machine_settings(settings),
            # Only the router, which launches, keeps disks: what a person stops through the API is ended for good.
            standby=settings.standby and bool(settings.launch_template),
            gpu_engine=settings.gpu_engine,
            disk_gb=settings.disk_gb,
        ),
        clock=clock,
        registry=registry,
    )


def _refresh(prices: PriceStore, pricing: Pricing, clock: Clock) -> Callable[[], Awaitable[RefreshReport]]:
    async def refresh() -> RefreshReport:
        """Refresh the exchange rate only: AWS's lists are hundreds of megabytes, too much for a function to read."""
        from tlfif.adapters.http.exchange_source import EcbExchangeSource  # seldom needed, and slow to load

        report = await refresh_prices(
            REGIONS,
            store=prices,
            sources=[],
            exchange=EcbExchangeSource(clock=clock),
            book=await pricing.book(),
            clock=clock,
        )
        pricing.reload()
        return report

    return refresh
