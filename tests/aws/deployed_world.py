"""A home that ``tlfif deploy`` made at the emulator, with the computer that did it."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.aws.deployments import EmulatedHome
from tests.aws.home import CLIENT_ID, SCOPE, made_grounds
from tests.aws.image_cloud import promote_paper_images
from tests.fakes.aws_account import FakeOwnerProfile, MemoryJournal
from tlfif.cli.main import main
from tlfif.deployment.deploy import Deployed, Deployment
from tlfif.deployment.deployment import DeployRequest
from tlfif.deployment.destroy import Destroyed, Destruction

OF_THE_STACK = {
    "JOBS_TABLE": "StoreJobs",
    "STATE_TABLE": "StoreState",
    "QUEUE_URL": "StoreWork",
    "BUCKET": "StoreBucket",
}
"""What the functions are told of, and how the stack's resources for it begin."""


async def deploy(
    home: EmulatedHome, *, journal: MemoryJournal, profile: FakeOwnerProfile, installation: Any = None, **chosen: Any
) -> Deployed:
    """One ``tlfif deploy``; ``chosen`` are the request's further fields."""
    cloud = installation or home.installation
    request = DeployRequest(
        home=home.place.home, region=home.place.region, email="me@example.com", release="r", **chosen
    )
    deployment = Deployment(
        installation=cloud,
        journal=journal,
        profile=profile,
        clock=home.clock,
        report=lambda text, passing=False: None,
        total=len(home.template.resource_types),
    )
    return await deployment.run(request, await cloud.caller())


class World:
    """Deploys it and destroys it."""

    def __init__(self, home: EmulatedHome) -> None:
        self.home = home
        self.journal = MemoryJournal()
        self.profile = FakeOwnerProfile()

    async def deploy(self, **chosen: Any) -> Deployed:
        """One ``tlfif deploy``."""
        return await deploy(self.home, journal=self.journal, profile=self.profile, **chosen)

    def destruction(self) -> Destruction:
        """One try to destroy."""
        return Destruction(
            installation=self.home.installation,
            sweeper=self.home.sweeper,
            journal=self.journal,
            profile=self.profile,
            clock=self.home.clock,
            report=lambda text, passing=False: None,
            total=3,
        )

    async def destroy(self) -> Destroyed:
        """One ``tlfif destroy``."""
        return await self.destruction().run()

    async def ours(self) -> list[str]:
        """Everything in the account that is this home's."""
        found = await self.destruction().survey()
        return [f"{kind}: {one.name}" for kind, some in found.items() for one in some if one.ours]

    def places(self) -> dict[str, str]:
        """What the stack made, as the functions' settings name it; and beside it what the emulator's CloudFormation
        does not know: the network, the pattern of machines, the group of timers."""
        stack = self.home.clients.cloudformation.describe_stack_resources(StackName=self.home.place.home)
        made = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in stack["StackResources"]}
        own = {
            setting: next(place for logical, place in made.items() if logical.startswith(start))
            for setting, start in OF_THE_STACK.items()
        }
        promote_paper_images(self.home.emulator, self.home.place.home, own["STATE_TABLE"])
        return {**made_grounds(self.home.emulator, self.home.place.home), **own, "CLIENT_ID": CLIENT_ID, "SCOPE": SCOPE}


def run_tlfif(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command itself, on a computer whose folder is ``folder``, with nobody at the terminal. In this process: one
    of its own would take a second to read what AWS's library knows of each service."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    own = {"TLFIF_HOME": str(folder), "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", **environment}
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(os, "environ", kept | own)
        patch.setattr(sys, "stdin", io.StringIO())
        code = main([*arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
