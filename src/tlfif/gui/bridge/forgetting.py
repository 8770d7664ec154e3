"""Deletes at the server the prompts and answers of a conversation."""

from collections.abc import Sequence

from tlfif.client.endpoint import Sleep
from tlfif.client.errors import ApiError, NotPossibleError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.model.home_view import is_same_place
from tlfif.history.kept import KeptJob
from tlfif.wording.machines import HERE

LOOK_SECONDS = 0.5
LOOKS = 20
"""How often to try to delete a job that was just cancelled, before giving up."""


async def forget_at_server(
    client: TlfifClient, jobs: Sequence[KeptJob], *, place: str, everything: bool, sleep: Sleep
) -> None:
    """Delete ``jobs`` at the server, which is at ``place``; with ``everything`` all ended ones that it has.

    What it no longer has counts as deleted. Raises ApiError; NotPossibleError ``jobs_elsewhere`` where some of them are
    at another server, and then nothing was deleted.
    """
    away = [job for job in jobs if not is_same_place(job.place, place)]
    if away:
        count = "1 of its prompts is" if len(away) == 1 else f"{len(away)} of its prompts are"
        raise NotPossibleError(
            f"{count} at another place ({away[0].place or HERE}), and this window talks to {place}. Choose that place "
            "in Settings and delete again.",
            code="jobs_elsewhere",
        )
    for job in jobs:
        if job.is_open or not everything:
            await _forget(client, job, sleep)
    if everything:
        await client.delete_jobs()


async def _forget(client: TlfifClient, job: KeptJob, sleep: Sleep) -> None:
    """Delete one job. A running one is cancelled first and gets some seconds to end."""
    for look in range(1, LOOKS + 1):
        try:
            await client.delete_job(job.id)
            return
        except ApiError as error:
            if error.code == "job_not_found":
                return
            if error.code != "job_not_ended" or look == LOOKS:
                raise
        if look == 1:
            await client.cancel(job.id)
        await sleep(LOOK_SECONDS)
