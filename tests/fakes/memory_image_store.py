"""Image records and logs in the memory of one process, for tests."""

from collections.abc import Sequence
from dataclasses import replace

from tlfif.images.image import ENDED, Image, ImageState, Profile, Source
from tlfif.images.image_store import MOST_LOG_LINES, ImageStore, LogLine, Watch, new_image
from tlfif.images.pipeline import superseded
from tlfif.images.refusals import no_such_image
from tlfif.images.smoke_report import SmokeReport


class MemoryImageStore(ImageStore):
    """See the port."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}
        self._logs: dict[str, list[LogLine]] = {}
        self._reports: dict[str, SmokeReport] = {}
        self._watch: Watch | None = None

    async def create(self, *, profile: Profile, source: Source, now: float) -> Image:
        for one in list(self._images.values()):
            if one.state is ImageState.WAITING and one.profile is profile:
                await self.replace(superseded(one, now=now))
        image = new_image(len(self._images) + 1, profile=profile, source=source, now=now)
        self._images[image.version] = image
        self._logs[image.version] = []
        return image

    async def get(self, version: str) -> Image:
        if version not in self._images:
            raise no_such_image(version)
        return self._images[version]

    async def newest(self, *, limit: int) -> list[Image]:
        return list(reversed(self._images.values()))[: max(0, limit)]

    async def unfinished(self) -> list[Image]:
        return [
            one
            for one in self._images.values()
            if (not one.cleaned if one.state in ENDED else one.state is not ImageState.APPROVED)
        ]

    async def replace(self, image: Image) -> bool:
        stored = await self.get(image.version)
        if stored.revision != image.revision:
            return False
        self._images[image.version] = replace(image, revision=image.revision + 1)
        return True

    async def log(self, version: str, *, stage: str, lines: Sequence[str], now: float) -> None:
        await self.get(version)
        log = self._logs[version]
        for text in lines:
            log.append(LogLine(number=log[-1].number + 1 if log else 1, at=now, stage=stage, text=text))
        del log[:-MOST_LOG_LINES]

    async def log_lines(self, version: str, *, after: int, limit: int) -> list[LogLine]:
        await self.get(version)
        return [line for line in self._logs[version] if line.number > after][: max(0, limit)]

    async def report(self, version: str, report: SmokeReport) -> None:
        await self.get(version)
        self._reports[version] = report

    async def reported(self, version: str) -> SmokeReport | None:
        await self.get(version)
        return self._reports.get(version)

    async def watch(self) -> Watch | None:
        return self._watch

    async def set_watch(self, watch: Watch | None) -> None:
        self._watch = watch

    async def close(self) -> None:
        """Nothing is open."""
