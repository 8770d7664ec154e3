"""The images of the home on AWS: what builds, keeps and promotes them."""

from collections.abc import Mapping
from functools import partial

from botocore.config import Config

from tlfif.adapters.aws.calls.clients import MACHINE_CONFIG, STORE_CONFIG, AwsClients
from tlfif.adapters.aws.calls.dynamo_table import DynamoTable
from tlfif.adapters.aws.images.dynamo_image_store import DynamoImageStore
from tlfif.adapters.aws.images.ec2_image_builder import BuildTools, Ec2ImageBuilder
from tlfif.adapters.aws.images.ec2_images import Ec2Images
from tlfif.adapters.aws.images.image_sources import ImageSources
from tlfif.adapters.aws.images.launched_by_type import LaunchedByType
from tlfif.adapters.aws.images.ssm_image_registry import SsmImageRegistry
from tlfif.adapters.aws.images.work_meter import WorkMeter
from tlfif.adapters.aws.machines.capacity_search import CapacitySearch
from tlfif.adapters.aws.machines.dead_mans_switch import DeadMansSwitch
from tlfif.adapters.aws.machines.ec2_instances import Ec2Instances
from tlfif.adapters.aws.machines.ec2_machine_host import Ec2MachineHost, Ec2Settings
from tlfif.bootstrap.aws_image_function import rollback_letters
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.container import Images, Money
from tlfif.images.image import Profile
from tlfif.images.image_registry import ImageRegistry
from tlfif.kernel.clock import Clock
from tlfif.machines.machine_host import MachineHost
from tlfif.models.model_store import ModelStore

PROFILES = (Profile.CPU_LLAMA, Profile.GPU_VLLM, Profile.GPU_LLAMA)
LONGEST_WORK_SECONDS = 5400.0
"""The dead man's switch of builders and candidates; beyond the limits of all their stages. One
that is kept where it fails has that much longer from the start: a schedule is never moved to a later time."""
SIGNING_CONFIG = STORE_CONFIG.merge(Config(signature_version="s3v4"))
"""S3, to sign addresses: the older signatures are not taken everywhere."""


def image_registry(settings: AwsSettings, clients: AwsClients, state: DynamoTable, clock: Clock) -> SsmImageRegistry:
    """Which image machines are launched from. Makes no request yet."""
    images = Ec2Images(clients.make("ec2", MACHINE_CONFIG), home=settings.home_name, clock=clock)
    ssm = clients.make("ssm", MACHINE_CONFIG)
    return SsmImageRegistry(ssm, images, state, home=settings.home_name, region=settings.region, clock=clock)


def launched_by_type(
    settings: AwsSettings, state: DynamoTable, registry: ImageRegistry, host: MachineHost, clock: Clock
) -> LaunchedByType:
    """What the router asks about the image of the next machine, and tells about the last one."""
    return LaunchedByType(
        store=DynamoImageStore(state),
        registry=registry,
        profile=settings.profiles[0],
        profiles=settings.profiles,
        installed=settings.image,
        host=host,
        clock=clock,
        say=rollback_letters(settings),
    )


def dead_mans_switch(settings: AwsSettings, clients: AwsClients, clock: Clock) -> DeadMansSwitch:
    """That of machines, builders and candidates alike."""
    return DeadMansSwitch(
        clients.make("scheduler", MACHINE_CONFIG),
        home=settings.home_name,
        group=settings.schedule_group,
        role_arn=settings.schedule_role,
        dead_letters_arn=settings.schedule_dead_letters,
        clock=clock,
    )


def aws_images(
    settings: AwsSettings,
    clients: AwsClients,
    state: DynamoTable,
    registry: ImageRegistry,
    *,
    money: Money,
    models: ModelStore,
    machine_settings: Mapping[str, object],
    clock: Clock,
) -> Images:
    """All of it. Makes no request yet."""
    ec2, home = clients.make("ec2", MACHINE_CONFIG), settings.home_name
    store, switch = DynamoImageStore(state), dead_mans_switch(settings, clients, clock)

    def works(template: str) -> Ec2Instances:
        return Ec2Instances(ec2, home=home, launch_template=template, work=True)

    def host(template: str, types: tuple[str, ...], keep_minutes: int) -> Ec2MachineHost:
        return Ec2MachineHost(
            instances=works(template),
            switch=switch,
            search=CapacitySearch(state, clock, of="IMAGE"),
            settings=Ec2Settings(
                home=home,
                region=settings.region,
                instance_types=types,
                max_run_seconds=LONGEST_WORK_SECONDS + 60.0 * keep_minutes,
                machine_settings=machine_settings,
                gpu_engine=settings.gpu_engine,
                disk_gb=settings.disk_gb,
            ),
            clock=clock,
            registry=registry,
        )

    tools = BuildTools(
        ec2=ec2,
        ssm=clients.make("ssm", MACHINE_CONFIG),
        works=works(settings.launch_template),
        machines=Ec2Instances(ec2, home=home, launch_template=settings.launch_template),
        builders=partial(host, settings.builder_template or settings.launch_template, settings.instance_types),
        candidates=partial(host, settings.launch_template),
        switch=switch,
        images=Ec2Images(ec2, home=home, clock=clock),
        sources=ImageSources(clients.make("s3", SIGNING_CONFIG), settings.bucket),
        store=store,
        models=models,
        meter=WorkMeter(
            ledger=money.ledger, budget=money.budget, pricing=money.pricing, region=settings.region, clock=clock
        ),
        clock=clock,
    )
    builder = Ec2ImageBuilder(
        tools, region=settings.region, instance_types=settings.instance_types, model=settings.model
    )
    return Images(store=store, registry=registry, builder=builder, repository=None, profiles=PROFILES)
