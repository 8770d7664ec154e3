"""A prompt that waits for a machine on AWS, asked at this computer's own server."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from tlfif.client.tlfif_client import TlfifClient
from tlfif.control.bridging import BridgeBegun, BridgeOver, BridgeUpdate, asking_here, bridge_update
from tlfif.jobs.events import Event
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import Asking, JobAccepted


class AnswerHere:
    """One prompt at this computer's server, which is started where it does not run."""

    def __init__(self, client: TlfifClient, asking: Asking, *, key: str) -> None:
        self._client = client
        self._asking = asking_here(asking)
        self._key = key
        self._job_id: str | None = None
        self._unwanted = False

    async def updates(self) -> AsyncGenerator[BridgeUpdate, None]:
        """Its answer as it comes, to its end. A fault is its end, and not raised."""
        model = ""
        try:
            async with aclosing(self._client.ask(self._asking, key=self._key)) as updates:
                async for update in updates:
                    if isinstance(update, JobAccepted):
                        self._job_id = update.accepted["job_id"]
                        if self._unwanted:
                            await self._client.cancel(self._job_id)
                        model = update.accepted["model"]
                        yield BridgeBegun(model=model)
                    elif isinstance(update, Event) and (more := bridge_update(update, model=model)) is not None:
                        yield more
        except TlfifError as error:
            yield BridgeOver(why=error.message)

    async def cancel(self) -> None:
        """It is not wanted any more."""
        self._unwanted = True
        if self._job_id is not None:
            with suppress(TlfifError):
                await self._client.cancel(self._job_id)

    async def forget(self) -> None:
        """Delete what this computer's server keeps of it: whoever asked has it, and the home on AWS has the prompt."""
        if self._job_id is not None:
            with suppress(TlfifError):
                await self._client.delete_job(self._job_id)
