"""Show live what becomes of images: each stage as it is done, and their logs where they are wanted."""

import asyncio

from tlfif.cli.output.console import Console
from tlfif.cli.output.image_report import log_line, progress_lines
from tlfif.client.errors import ConnectionLostError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.wire.images import ImageList, ImageView
from tlfif.wording.images import OPEN, doing_text

POLL_SECONDS = 0.5
REMOTE_POLL_SECONDS = 5.0
"""On AWS each look is a request."""
LOOKED_AT = 10
"""Images per look; only the newest ones change."""


class ImageFollower:
    """Prints to standard error what changed since the last look. ``verbose``: also each line of the logs."""

    def __init__(self, client: TlfifClient, console: Console, *, verbose: bool, known: ImageList | None = None) -> None:
        self._client = client
        self._console = console
        self._verbose = verbose
        self._seen = {image["version"]: image for image in known["images"]} if known is not None else {}
        self._read: dict[str, int] = {}

    async def look(self, found: ImageList) -> None:
        """Print what is different in ``found``, the oldest image first."""
        for image in reversed(found["images"]):
            await self._one(image)
        working = [image for image in found["images"] if image["state"] == "under_way"]
        self._console.status(doing_text(working[0]) if working else "")

    async def _one(self, image: ImageView) -> None:
        version, old = image["version"], self._seen.get(image["version"])
        self._seen[version] = image
        lines = progress_lines(old, image)
        if old is None:
            for line in lines[:1]:
                self._console.note(line)
            lines = lines[1:]
        if self._verbose and (old is None or old["state"] in OPEN):
            await self._log(version)
        for line in lines:
            self._console.note(line)

    async def _log(self, version: str) -> None:
        log = await self._client.image_log(version, after=self._read.get(version, 0))
        self._read[version] = log["last"]
        for line in log["lines"]:
            self._console.note(f"{version}  {log_line(line)}")


async def follow_one(client: TlfifClient, version: str, follower: ImageFollower, *, pause: float) -> ImageView:
    """Follow one image until nothing more is done to it before a person decides; returns it."""
    while True:
        found = await client.images(limit=LOOKED_AT)
        await follower.look({**found, "images": [one for one in found["images"] if one["version"] == version]})
        image = next((one for one in found["images"] if one["version"] == version), None)
        if image is None:
            image = (await client.image(version))["image"]
        if image["state"] not in OPEN:
            return image
        await asyncio.sleep(pause)


async def follow_watch(client: TlfifClient, follower: ImageFollower, console: Console, *, pause: float) -> None:
    """Follow all images until the repository is no longer followed; says when it cannot be read, and when it can."""
    problem = ""
    while True:
        try:
            found = await client.images(limit=LOOKED_AT)
        except ConnectionLostError as error:
            console.status(error.message)
            await asyncio.sleep(pause)
            continue
        watch = found["watch"]
        if watch is None:
            return
        if watch["problem"] != problem:
            problem = watch["problem"]
            console.note(
                f"The repository cannot be read: {problem}" if problem else "The repository can be read again."
            )
        await follower.look(found)
        await asyncio.sleep(pause)
