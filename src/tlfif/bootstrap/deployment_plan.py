"""The plan of a deployment from what is on this computer: no account, no network, no boto3."""

from collections.abc import Sequence

from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.adapters.local.deployment_file import DeploymentFile
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.deployment.journal import DeploymentJournal
from tlfif.deployment.plan import DeploymentPlan, plan_deployment
from tlfif.kernel.data_folder import DataFolder, write_private
from tlfif.machines.machine_types import USUAL_TYPES, EngineKind
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES


def offline_plan(
    region: str,
    *,
    types: Sequence[str] = USUAL_TYPES,
    standby: bool = False,
    gpu_engine: EngineKind | None = None,
    disk_gb: int | None = None,
) -> DeploymentPlan:
    """The plan at the built-in list prices. Raises InvalidInputError: ``region_unknown``, ``instance_type_unknown``."""
    at_ms = int(SystemClock().now() * 1000)
    return plan_deployment(
        StackTemplate().resource_types,
        book=BUILT_IN_PRICES,
        region=region,
        at_ms=at_ms,
        types=types,
        standby=standby,
        gpu_engine=gpu_engine or EngineKind.VLLM,
        disk_gb=disk_gb or 0,
    )


def open_journal(data_folder: DataFolder) -> DeploymentJournal:
    """This computer's record of its home on AWS."""
    return DeploymentFile(data_folder.root, write=write_private)
