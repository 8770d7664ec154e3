"""The router's loop: a fault that makes its ticks fail goes on to whoever waits, until a tick succeeds."""

import asyncio

import pytest

from tests.unit.test_reconcile import World
from tlfif.control.reconcile import Pace
from tlfif.control.router_loop import RouterLoop
from tlfif.kernel.errors import StorageError

FULL = StorageError("The disk is full. Free some space, then try again; nothing was changed.")


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [(FULL, "storage_failed", "The disk is full."), (KeyError("x"), "internal_error", "logs")],
)
async def test_what_keeps_ticks_from_succeeding_is_stated_until_one_does(
    fault: Exception, code: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    ticks: list[Exception | None] = [fault, None, fault, fault, fault, None]
    stated: list[str | None] = []
    over = asyncio.Event()

    async def tick(*, launch: bool = True) -> Pace:
        now = world.router.fault
        stated.append(None if now is None else now.code)
        assert now is None or says in now.message
        if not ticks:
            over.set()
            await asyncio.Event().wait()
        found = ticks.pop(0)
        if found is not None:
            raise found
        return Pace.WATCH

    monkeypatch.setattr(type(world.router), "tick", lambda self, *, launch=True: tick(launch=launch))
    running = asyncio.create_task(RouterLoop(reconciler=world.router, tick_seconds=1.0).run())
    await over.wait()
    running.cancel()
    assert stated == [None, None, None, None, code, code, None], "one tick alone may fail: a file was locked"
