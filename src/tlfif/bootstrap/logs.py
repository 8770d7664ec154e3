"""The logs of the home on AWS, read with the owner's own key. Imported only for that: it loads AWS's library."""

from collections.abc import Sequence

from tlfif.adapters.aws.deployment.clients import DeploymentClients, ask, session_of
from tlfif.adapters.aws.deployment.log_reader import read_logs
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.wording.log_lines import LogLine


async def aws_logs(
    *, home: str, region: str, profile: str | None, sources: Sequence[str], minutes: int, most: int
) -> list[LogLine]:
    """The newest ``most`` lines of the last ``minutes``. Raises TlfifError as ``deployment/installation.py`` says."""
    clients = DeploymentClients(region=region, session=session_of(profile) if profile else None)
    since = SystemClock().now() - minutes * 60
    return await ask("logs", lambda: read_logs(clients.logs, home, sources, since=since, most=most))
