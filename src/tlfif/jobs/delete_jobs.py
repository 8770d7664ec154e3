"""Forget prompts and answers at once, before they expire."""

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.read_job import owned_job

PAGE = 100
"""Jobs deleted in one go: so long others wait for the store."""


async def delete_job(job_id: str, *, owner: str, jobs: JobStore) -> None:
    """One job. Raises NotFoundError, ConflictError ``job_not_ended``."""
    await owned_job(job_id, owner=owner, jobs=jobs)
    await jobs.delete(job_id)


async def delete_ended_jobs(*, owner: str, jobs: JobStore, most: int = 10 * PAGE) -> tuple[int, bool]:
    """Ended jobs of ``owner`` (empty: of everybody), ``most`` of them at a time.

    Returns how many were deleted, and whether more may be left.
    """
    deleted = 0
    while deleted < most:
        limit = min(PAGE, most - deleted)
        gone = await jobs.delete_ended(owner=owner, limit=limit)
        deleted += gone
        if gone < limit:
            return deleted, False
    return deleted, True
