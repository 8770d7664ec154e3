"""Read an image's log while it is written."""

from tlfif.images.image import ImageState
from tlfif.images.image_store import ImageStore, LogLine
from tlfif.kernel.clock import Clock

READ_LIMIT = 1000
LOOK_SECONDS = 0.3
"""Between two looks. The store tells nobody of new lines, which come a few a second at most."""
_WRITTEN = frozenset({ImageState.WAITING, ImageState.UNDER_WAY})


async def next_lines(
    version: str, *, after: int, wait: float, limit: int = READ_LIMIT, store: ImageStore, clock: Clock
) -> list[LogLine]:
    """Lines beyond number ``after``, the oldest first; where there are none yet, wait up to ``wait`` seconds for some.
    Returns at once where nothing works on the image any more. Raises NotFoundError."""
    deadline = clock.monotonic() + wait
    while True:
        image = await store.get(version)
        found = await store.log_lines(version, after=after, limit=limit)
        left = deadline - clock.monotonic()
        if found or left <= 0 or (image.state not in _WRITTEN and image.cleaned):
            return found
        await clock.sleep(min(left, LOOK_SECONDS))
