"""What the owner decides about images, at the server."""

from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.model import commands
from tlfif.gui.model.commands import Command
from tlfif.gui.model.images_panel import ImageDecision

COMMANDS = (commands.DecideOnImage, commands.BuildImage, commands.FollowRepository, commands.LeaveRepository)


async def act_on_images(client: TlfifClient, command: Command) -> None:
    """Do one of :data:`COMMANDS`. Raises ApiError."""
    match command:
        case commands.BuildImage(repository=repository, branch=branch, commit=commit):
            await client.build_image(repository=repository, branch=branch, commit=commit)
        case commands.FollowRepository(repository=repository, branch=branch, promotes=promotes):
            await client.follow_repository(repository, branch=branch, promotes=promotes)
        case commands.LeaveRepository():
            await client.leave_repository()
        case commands.DecideOnImage(version=version, decision=decision, profile=profile):
            await _decide(client, version, decision, profile)


async def _decide(client: TlfifClient, version: str, decision: ImageDecision, profile: str) -> None:
    match decision:
        case ImageDecision.APPROVE:
            await client.decide_on_image(version, "approve")
        case ImageDecision.REJECT:
            await client.decide_on_image(version, "reject")
        case ImageDecision.RETIRE:
            await client.decide_on_image(version, "retire")
        case ImageDecision.PROMOTE:
            await client.promote_image(version)
        case ImageDecision.ROLL_BACK:
            await client.roll_back_image(profile=profile)
