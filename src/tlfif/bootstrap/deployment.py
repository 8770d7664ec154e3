"""The container of ``deploy`` and ``destroy``: everything that calls AWS with the owner's own credentials.

Only these two commands import it, because it loads AWS's library.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import tlfif
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place, session_of
from tlfif.adapters.aws.deployment.installation import AwsInstallation, Build, who_calls
from tlfif.adapters.aws.deployment.lambda_package import build_package, check_python
from tlfif.adapters.aws.deployment.leftovers import AwsSweeper
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.bootstrap.deployment_plan import open_journal
from tlfif.bootstrap.doctor import Wanted, examine_all
from tlfif.deployment.deploy import Deployment
from tlfif.deployment.destroy import Destruction
from tlfif.deployment.follow_stack import Report
from tlfif.deployment.installation import Installation
from tlfif.deployment.journal import DeploymentJournal
from tlfif.deployment.owner_profile import OwnerProfile
from tlfif.deployment.sweeper import Sweeper
from tlfif.doctor.checks import Finding, State
from tlfif.kernel.clock import Clock
from tlfif.kernel.data_folder import DataFolder

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentContainer:
    """The ports that ``deploy`` and ``destroy`` use."""

    installation: Installation
    sweeper: Sweeper
    journal: DeploymentJournal
    clock: Clock
    total: int
    """Number of resources in the template."""

    def deployment(self, profile: OwnerProfile, report: Report) -> Deployment:
        """One attempt to deploy."""
        return Deployment(
            installation=self.installation,
            journal=self.journal,
            profile=profile,
            clock=self.clock,
            report=report,
            total=self.total,
        )

    def destruction(self, profile: OwnerProfile, report: Report) -> Destruction:
        """One attempt to destroy."""
        return Destruction(
            installation=self.installation,
            sweeper=self.sweeper,
            journal=self.journal,
            profile=profile,
            clock=self.clock,
            report=report,
            total=self.total,
        )


async def open_deployment(
    data_folder: DataFolder,
    *,
    home: str,
    region: str,
    profile: str | None = None,
    endpoint_url: str | None = None,
    session: "boto3.Session | None" = None,
    template: StackTemplate | None = None,
    build: Build | None = None,
    slow_start: bool = False,
) -> DeploymentContainer:
    """The container for one home; asks AWS whose credentials these are. ``profile``: the profile in ``~/.aws`` whose
    key is used, instead of ``session``. ``slow_start``: see ``build_package``.

    Raises TlfifError as ``deployment/installation.py`` says, ``aws_profile_unknown`` too."""
    if profile is not None:
        session = session_of(profile)
    clients = DeploymentClients(region=region, endpoint_url=endpoint_url, session=session)
    caller = await who_calls(clients)
    clients.expect_owner(caller.account_id)
    place = Place(home=home, account_id=caller.account_id, region=region)
    template = template or StackTemplate()
    clock = SystemClock()
    return DeploymentContainer(
        installation=AwsInstallation(
            clients, place, template=template, build=build or partial(build_package, slow_start=slow_start), clock=clock
        ),
        sweeper=AwsSweeper(clients, place, template=template),
        journal=open_journal(data_folder),
        clock=clock,
        total=len(template.resource_types),
    )


def check_builds(*, slow_start: bool) -> None:
    """Whether the functions' package can be built on this computer. Raises UnavailableError (``python_missing``)."""
    check_python(slow_start=slow_start)


async def in_the_way(
    data_folder: DataFolder,
    *,
    home: str,
    region: str,
    profile: str | None = None,
    types: tuple[str, ...] | None = None,
) -> tuple[Finding, ...]:
    """The findings of ``tlfif doctor`` that would prevent a machine from starting: one of ``types``, where these are
    not the home's yet. Changes nothing."""
    wanted = Wanted(data_folder=data_folder, home=home, region=region, profile=profile, types=types, ports=())
    found = await examine_all(wanted)
    return tuple(one for one in found.findings if one.state is State.FAIL)


def source_fingerprint() -> str:
    """A fingerprint (16 hex digits) of what the package is built from: this version of the program, file by file."""
    root = Path(tlfif.__file__).parent
    found = hashlib.sha256(tlfif.__version__.encode())
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
