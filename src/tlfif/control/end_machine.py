"""Ends the machine when its control plane ends."""

from tlfif.control.reconcile import Reconciler

PAUSE_SECONDS = 0.1


async def end_machine(reconciler: Reconciler, *, reason: str, limit_seconds: float) -> bool:
    """End the machine, give its jobs back, and wait until it is confirmed gone. Nothing new is launched.

    True when it is gone. False after ``limit_seconds``: the machine then ends itself, because the control plane's
    heartbeat stops.
    """
    clock = reconciler.clock
    record = await reconciler.machines.active()
    if record is None:
        return True
    await reconciler.machines.mark_stopping(record.id, reason=reason, now=clock.now())
    if record.handle is not None:
        await reconciler.terminate(record.handle, force=False)
    deadline = clock.monotonic() + limit_seconds
    while await reconciler.machines.active() is not None:
        if clock.monotonic() > deadline:
            return False
        await reconciler.tick_running(launch=False)
        await clock.sleep(PAUSE_SECONDS)
    return True
