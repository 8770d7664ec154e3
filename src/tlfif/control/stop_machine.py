"""A person stops the machine now, whatever runs."""

import logging

from tlfif.control.machine_control import StopResult
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import MachineError, StorageError
from tlfif.machines.machine_host import MachineHost
from tlfif.machines.machine_store import MachineStore

log = logging.getLogger(__name__)

STOPPED_BY_PERSON = "stopped by you"


async def stop_machine(
    *, requeue: bool, jobs: JobStore, machines: MachineStore, host: MachineHost, clock: Clock
) -> StopResult:
    """End the machine now, whatever runs. It has ended when a later tick confirms that it is gone.

    The machine is asked first: a thousand prompts take longer to cancel than a function on AWS may run. With
    ``requeue`` False every running and waiting job is cancelled, because a waiting job would start a new machine at
    once; until that is done, none is started. With ``requeue`` True they are kept, and no machine starts until a person
    sends a prompt or presses start.

    Raises StorageError; a machine that runs is ended all the same.
    """
    now = clock.now()
    record = await machines.active()
    handle = record.handle if record is not None else None
    try:
        await machines.set_held(True)
        if record is not None:
            await machines.mark_stopping(record.id, reason=STOPPED_BY_PERSON, now=now)
    except StorageError as error:
        # A machine may cost money, and ends also where that cannot be written down.
        if handle is None or not await _terminate(host, handle, force=True):
            raise
        raise StorageError(
            "The machine was ended, but that could not be stored, so a prompt that waits may start it again. Free some "
            "space on the disk, then stop it again.",
            details=error.details,
        ) from error
    if handle is not None:
        # Without force the worker gives its jobs back without counting an attempt, in a fraction of a second; if it
        # does not, the router's next ticks use force. The record says stopping, so the router repeats a call that
        # fails here.
        await _terminate(host, handle, force=not requeue)
    waiting = await _open_jobs(jobs)
    if not requeue:
        for job_id in waiting:
            await jobs.request_cancel(job_id, reason=STOPPED_BY_PERSON, now=now)
        if record is not None:
            await jobs.abandon(record.id, reason="the machine was stopped", now=now)
        await machines.set_held(False)
    return StopResult(
        was_running=record is not None,
        cancelled=() if requeue else tuple(waiting),
        requeued=tuple(waiting) if requeue else (),
    )


async def _terminate(host: MachineHost, handle: str, *, force: bool) -> bool:
    try:
        await host.terminate(handle, force=force)
    except MachineError as error:
        log.warning("stop: the machine could not be asked to end yet: %s", error.message)
        return False
    return True


async def _open_jobs(jobs: JobStore) -> list[str]:
    found: dict[str, None] = {}  # one that is given back meanwhile is in both lists
    for status in (JobStatus.RUNNING, JobStatus.QUEUED):
        cursor: str | None = None
        while True:
            page = await jobs.list_jobs(limit=100, cursor=cursor, status=status)
            found.update((job.id, None) for job in page.jobs)
            cursor = page.next_cursor
            if cursor is None:
                break
    return list(found)
