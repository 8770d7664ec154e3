"""What this computer says to an exchange's prompt while a machine on AWS starts. Runs in the bridge's loop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from tlfif.client.answer_here import AnswerHere
from tlfif.client.tlfif_client import TlfifClient
from tlfif.control.bridging import BridgeBegun, BridgeExtended, BridgeOver, asks_for_prose, waits_for_start
from tlfif.gui.model.messages import AnswerBridged, Message
from tlfif.wire.jobs import Asking
from tlfif.wire.machines import MachineView
from tlfif.wording.bridge import answered_words, answering_words, not_answered_words

OpenHere = Callable[[], TlfifClient | None]
"""Makes a client of this computer's server; None where it is not to answer. Reads a file."""


class Bridging:
    """Begun once its prompt is stored on AWS, and over once that answers or nobody wants an answer."""

    def __init__(
        self, exchange_id: str, open_here: OpenHere | None, emit: Callable[[Message], Awaitable[None]]
    ) -> None:
        self._id = exchange_id
        self._open_here = open_here
        self._emit = emit
        self._answer: AnswerHere | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._gave_way = False
        self.text = ""
        """What it has said; empty once it gave way to the GPU's words."""
        self.line = ""
        """What there is to be said of it: who answered, and its receipt."""

    def begin(self, machine: MachineView, asking: Asking, *, key: str) -> None:
        """Answer here, if the owner wants that and the prompt has to wait."""
        if self._open_here is not None and not self._gave_way and waits_for_start(machine) and asks_for_prose(asking):
            self._task = asyncio.create_task(self._run(asking, key))

    def give_way(self) -> None:
        """AWS's answer takes its place, at once; this computer's ends beside it."""
        self.text = ""
        if self._ending is None and not self._gave_way and self._task is not None:
            self._ending = asyncio.create_task(self.cancel())

    async def cancel(self) -> None:
        """Stop it. What it has said stays."""
        if not self._gave_way:
            self._gave_way = True
            if self._answer is not None and self._task is not None and not self._task.done():
                await self._answer.cancel()

    async def over(self, *, within: float | None = None) -> None:
        """Wait for its end, but no longer than that many seconds."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=within)

    def leave(self) -> None:
        """Read no more of it: the window closes, or talks to another place."""
        for task in (self._task, self._ending):
            if task is not None:
                task.cancel()

    async def _run(self, asking: Asking, key: str) -> None:
        client = None if self._open_here is None else await asyncio.to_thread(self._open_here)
        if client is None:
            return
        try:
            self._answer = AnswerHere(client, asking, key=key)
            if self._gave_way:
                return
            async with aclosing(self._answer.updates()) as updates:
                async for update in updates:
                    await self._take(update)
            await self._answer.forget()
        finally:
            if self._ending is not None:
                await asyncio.wait({self._ending})
            await client.close()

    async def _take(self, update: BridgeBegun | BridgeExtended | BridgeOver) -> None:
        match update:
            case BridgeBegun(model=model):
                self.text, self.line = "", answering_words(model)
            case BridgeExtended(text=text):
                if self._gave_way:
                    return
                self.text += text
            case BridgeOver(receipt=receipt, why=why):
                if self._gave_way:
                    return
                if receipt is not None and not why:
                    self.line = answered_words(receipt)
                else:
                    self.line = not_answered_words(why)
        await self._emit(AnswerBridged(exchange_id=self._id, update=update, line=self.line))
