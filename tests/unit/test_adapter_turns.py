"""Turns at an engine that answers with one adapter at a time: together where it can be, in order where not."""

import asyncio

import pytest

from tlfif.adapters.engines.adapter_turns import AdapterTurns


class Visitor:
    """A request that stays until it is told to go."""

    def __init__(self, turns: AdapterTurns, adapter: str) -> None:
        self.inside = False
        self._go = asyncio.Event()
        self._turns = turns
        self.task = asyncio.create_task(self._visit(adapter))

    async def _visit(self, adapter: str) -> None:
        async with self._turns.turn(adapter):
            self.inside = True
            try:
                await self._go.wait()
            finally:
                self.inside = False

    async def leave(self) -> None:
        self._go.set()
        await self.task
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def visitors(adapters: str) -> list[Visitor]:
    turns = AdapterTurns()
    found = [Visitor(turns, adapter) for adapter in adapters]
    await settle()
    return found


def inside(found: list[Visitor]) -> str:
    return "".join("x" if one.inside else "." for one in found)


async def test_those_who_want_the_same_go_together_and_others_in_the_order_in_which_they_came() -> None:
    found = await visitors("aabab")
    assert inside(found) == "xx..."
    await found[0].leave()
    assert inside(found) == ".x..."
    await found[1].leave()
    assert inside(found) == "..x..", "a later a does not pass the b before it"
    await found[2].leave()
    assert inside(found) == "...x."
    await found[3].leave()
    assert inside(found) == "....x"
    await found[4].leave()


@pytest.mark.parametrize("gone", [0, 1])
async def test_who_is_cancelled_holds_nobody_up(gone: int) -> None:
    found = await visitors("aba")
    found[gone].task.cancel()
    await settle()
    assert inside(found) == (".x." if gone == 0 else "x.x")
    for one in found:
        one.task.cancel()
    await settle()


async def test_who_is_cancelled_when_his_turn_comes_passes_it_on() -> None:
    found = await visitors("abc")
    found[0].task.cancel()
    await asyncio.sleep(0)  # b's turn has come, and it does not know yet
    found[1].task.cancel()
    await settle()
    assert inside(found) == "..x"
    await found[2].leave()
