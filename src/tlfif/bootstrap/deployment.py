"""The container of deploying and destroying: everything that speaks to the owner's account with the owner's own rights.

boto3 is loaded here, and nothing but the two commands imports this.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tlfif
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.installation import AwsInstallation, Build, who_calls
from tlfif.adapters.aws.deployment.lambda_package import build_package
from tlfif.adapters.aws.deployment.leftovers import AwsSweeper
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.bootstrap.deployment_plan import open_journal
from tlfif.bootstrap.doctor import Wanted, examine_all
from tlfif.deployment.deploy import Deployment
from tlfif.deployment.destroy import Destruction
from tlfif.deployment.follow_stack import Tell
from tlfif.deployment.installation import Installation
from tlfif.deployment.journal import DeploymentJournal
from tlfif.deployment.owner_profile import Desk
from tlfif.deployment.sweeper import Sweeper
from tlfif.doctor.checks import Finding, State
from tlfif.kernel.clock import Clock
from tlfif.kernel.home import Home

if TYPE_CHECKING:
    import boto3

HOME_NAME = "tlfif"
"""In front of every name in the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentContainer:
    """The ports of deploying and destroying."""

    installation: Installation
    sweeper: Sweeper
    journal: DeploymentJournal
    clock: Clock
    total: int
    """Resources of the template."""

    def deployment(self, desk: Desk, tell: Tell) -> Deployment:
        """One try to deploy."""
        return Deployment(
            installation=self.installation,
            journal=self.journal,
            desk=desk,
            clock=self.clock,
            tell=tell,
            total=self.total,
        )

    def destruction(self, desk: Desk, tell: Tell) -> Destruction:
        """One try to destroy."""
        return Destruction(
            installation=self.installation,
            sweeper=self.sweeper,
            journal=self.journal,
            desk=desk,
            clock=self.clock,
            tell=tell,
            total=self.total,
        )


async def open_deployment(
    home: Home,
    *,
    region: str,
    endpoint_url: str | None = None,
    session: "boto3.Session | None" = None,
    template: StackTemplate | None = None,
    build: Build | None = None,
) -> DeploymentContainer:
    """Everything for one region; asks AWS whose credentials these are. Raises TlfifError as
    ``deployment/installation.py`` says."""
    clients = DeploymentClients(region=region, endpoint_url=endpoint_url, session=session)
    caller = await who_calls(clients)
    place = Place(home=HOME_NAME, account_id=caller.account_id, region=region)
    template = template or StackTemplate()
    clock = SystemClock()
    return DeploymentContainer(
        installation=AwsInstallation(clients, place, template=template, build=build or build_package, clock=clock),
        sweeper=AwsSweeper(clients, place, template=template),
        journal=open_journal(home),
        clock=clock,
        total=len(template.resource_types),
    )


async def in_the_way(home: Home, region: str) -> tuple[Finding, ...]:
    """What ``tlfif doctor`` finds in the account that would keep a machine from starting. Changes nothing."""
    found = await examine_all(Wanted(home=home, region=region, ports=()), desk=())
    return tuple(one for one in found.findings if one.state is State.FAIL)


def source_fingerprint() -> str:
    """What the package is made from, in 16 digits: this version of the program, file by file."""
    root = Path(tlfif.__file__).parent
    found = hashlib.sha256(tlfif.__version__.encode())
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
