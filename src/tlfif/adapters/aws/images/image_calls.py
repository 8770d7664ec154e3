"""How the router calls the images' function: only while there is something to do."""

import asyncio
import logging
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import AWS_ERRORS
from tlfif.images.image import ImageState
from tlfif.images.image_store import ImageStore
from tlfif.images.pipeline import anything_to_do
from tlfif.kernel.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

log = logging.getLogger(__name__)


class ImageCalls:
    """``function`` is the images' function. What is lost here comes again with the router's next minute."""

    def __init__(self, client: "LambdaClient", function: str, *, store: ImageStore, clock: Clock) -> None:
        self._client = client
        self._function = function
        self._store = store
        self._clock = clock

    async def wake(self) -> bool:
        """Call the function if an image needs it now; whether it was called. Raises StorageError."""
        unfinished = await self._store.unfinished()
        if not unfinished:
            return False
        offered = any(image.state is ImageState.OFFERED for image in unfinished)
        watch = await self._store.watch() if offered else None
        automatic = watch is not None and watch.approves
        if not anything_to_do(unfinished, automatic=automatic, now=self._clock.now()):
            return False
        try:
            await asyncio.to_thread(self._tell)
        except AWS_ERRORS as error:
            log.warning("images: their function was not called, the next minute does: %s", type(error).__name__)
            return False
        return True

    def _tell(self) -> None:
        self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=b"{}")
