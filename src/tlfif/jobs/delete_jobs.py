"""Forget prompts and answers at once, before they expire."""

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.read_job import owned_job
from tlfif.kernel.errors import ConflictError, NotFoundError

PAGE = 100


async def delete_job(job_id: str, *, owner: str, jobs: JobStore) -> None:
    """One job. Raises NotFoundError, ConflictError ``job_not_ended``."""
    await owned_job(job_id, owner=owner, jobs=jobs)
    await jobs.delete(job_id)


async def delete_ended_jobs(*, owner: str, jobs: JobStore, most: int = 10 * PAGE) -> tuple[int, bool]:
    """All ended jobs of ``owner``, the newest ``most`` of them at a time.

    Returns how many were deleted, and whether more are left.
    """
    deleted, seen = 0, 0
    cursor: str | None = None
    while seen < most:
        page = await jobs.list_jobs(limit=min(PAGE, most - seen), cursor=cursor, owner=owner)
        for job in page.jobs:
            if not job.status.is_terminal:
                continue
            try:
                await jobs.delete(job.id)
                deleted += 1
            except (NotFoundError, ConflictError):
                continue  # another caller was faster
        seen += len(page.jobs)
        cursor = page.next_cursor
        if cursor is None:
            return deleted, False
    return deleted, True
