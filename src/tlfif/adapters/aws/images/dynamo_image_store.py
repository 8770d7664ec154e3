"""Image records and their logs in DynamoDB, shared by the control plane, the pipeline's tick and the candidates.

The table's items (``pk`` | ``sk``):

* ``IMAGES``          | ``IMAGE#<number>``  a record with its revision, the candidate's report, and the log's last line
* ``IMAGES``          | ``WATCH``           the repository that is followed
* ``IMAGES#OPEN``     | ``<number>``        there while the image is unfinished: a tick that finds nothing reads nothing
* ``IMAGE#<number>``  | ``<last line>``     lines of its log, as they were written together

A record is written only if it still has the revision that was read, always together with its mark as open: AWS knows a
transaction again whose answer was lost, so that nobody is refused because of his own write.
"""

import re
from collections.abc import Sequence
from functools import partial

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import (
    ABSENT,
    ConditionFailedError,
    Delete,
    DynamoTable,
    Key,
    Put,
    Update,
    Write,
)
from tlfif.images.image import ENDED, Image, ImageState, Profile, Source
from tlfif.images.image_record import image_from, image_text, report_from, report_text, watch_from, watch_text
from tlfif.images.image_store import MOST_LOG_LINES, ImageStore, LogLine, Watch, new_image
from tlfif.images.pipeline import superseded
from tlfif.images.refusals import no_such_image
from tlfif.images.smoke_report import SmokeReport

_IMAGES, _OPEN = "IMAGES", "IMAGES#OPEN"
_WATCH: Key = (_IMAGES, "WATCH")
_VERSION = re.compile(r"v([1-9][0-9]{0,9})")
_LINES_PER_ITEM = 200
"""DynamoDB's items are at most 400 KB."""


class DynamoImageStore(ImageStore):
    """The image store of the home on AWS. Where nothing is unfinished, asking for it is one small request."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    async def create(self, *, profile: Profile, source: Source, now: float) -> Image:
        async def step() -> Image:
            newest = await self.newest(limit=1)
            image = new_image(newest[0].number + 1 if newest else 1, profile=profile, source=source, now=now)
            old = [
                superseded(one, now=now)
                for one in await self.unfinished()
                if one.state is ImageState.WAITING and one.profile is profile
            ]
            item = {"pk": _IMAGES, "sk": _sk(image), "body": image_text(image), "revision": 0, "lines": 0}
            writes = [write for one in old for write in _replacement(one)]
            await self._table.write(Put(item=item, condition=ABSENT), _mark(image), *writes)
            return image

        return await self._table.persist(step)

    async def get(self, version: str) -> Image:
        return _image(await self._item(version))

    async def newest(self, *, limit: int) -> list[Image]:
        found = await self._table.query(
            "pk = :images AND begins_with(sk, :image)",
            {":images": _IMAGES, ":image": "IMAGE#"},
            limit=max(0, limit),
            newest_first=True,
        )
        return [_image(item) for item in found]

    async def unfinished(self) -> list[Image]:
        marks = await self._table.query("pk = :open", {":open": _OPEN})
        if not marks:
            return []
        found = await self._table.get_all((_IMAGES, f"IMAGE#{mark['sk']}") for mark in marks)
        images = sorted((_image(item) for item in found.values()), key=lambda one: one.number)
        return [one for one in images if _is_open(one)]  # one that was finished between the two reads is not

    async def replace(self, image: Image) -> bool:
        try:
            await self._table.write(*_replacement(image))
        except ConditionFailedError:
            await self.get(image.version)
            return False
        return True

    async def log(self, version: str, *, stage: str, lines: Sequence[str], now: float) -> None:
        for first in range(0, len(lines), _LINES_PER_ITEM):
            await self._log(version, stage, lines[first : first + _LINES_PER_ITEM], now)

    async def _log(self, version: str, stage: str, lines: Sequence[str], now: float) -> None:
        async def step() -> int:
            kept = await self._item(version)
            before, last = kept["lines"], kept["lines"] + len(lines)
            item = {"pk": _log_of(version), "sk": f"{last:010d}", "stage": stage, "lines": list(lines), "at": now}
            counted = Update(
                key=(kept["pk"], kept["sk"]),
                change="SET #lines = :last",
                condition="#lines = :before",
                names={"#lines": "lines"},
                values={":last": last, ":before": before},
            )
            await self._table.write(counted, Put(item=item))
            return int(last)

        last = await self._table.persist(step)
        gone = await self._table.query(
            "pk = :log AND sk <= :oldest",
            {":log": _log_of(version), ":oldest": f"{max(0, last - MOST_LOG_LINES):010d}"},
        )
        for item in gone:
            await self._table.write(Delete(key=(item["pk"], item["sk"])))

    async def log_lines(self, version: str, *, after: int, limit: int) -> list[LogLine]:
        last = (await self._item(version))["lines"]
        after = max(after, last - MOST_LOG_LINES, 0)
        found = await self._table.query(
            "pk = :log AND sk > :after", {":log": _log_of(version), ":after": f"{after:010d}"}, limit=max(0, limit)
        )
        lines = [line for item in found for line in _lines(item) if line.number > after]
        return lines[: max(0, limit)]

    async def report(self, version: str, report: SmokeReport) -> None:
        key = _key(version)
        change = Update(
            key=key,
            change="SET #report = :report",
            condition="attribute_exists(pk)",
            names={"#report": "report"},
            values={":report": report_text(report)},
        )
        try:
            await self._table.write(change)
        except ConditionFailedError:
            raise no_such_image(version) from None

    async def reported(self, version: str) -> SmokeReport | None:
        text = (await self._item(version)).get("report")
        return None if text is None else report_from(text)

    async def watch(self) -> Watch | None:
        found = await self._table.get(_WATCH)
        return None if found is None else watch_from(found["body"])

    async def set_watch(self, watch: Watch | None) -> None:
        pk, sk = _WATCH
        await self._table.write(
            Delete(key=_WATCH) if watch is None else Put(item={"pk": pk, "sk": sk, "body": watch_text(watch)})
        )

    async def close(self) -> None:
        """See the port. The creator of the client closes it."""

    async def _item(self, version: str) -> Item:
        found = await self._table.get(_key(version))
        if found is None:
            raise no_such_image(version)
        return found


def _key(version: str) -> Key:
    found = _VERSION.fullmatch(version)
    if found is None:
        raise no_such_image(version)
    return (_IMAGES, f"IMAGE#{int(found[1]):010d}")


def _sk(image: Image) -> str:
    return _key(image.version)[1]


def _log_of(version: str) -> str:
    return _key(version)[1]


def _image(item: Item) -> Image:
    return partial(image_from, revision=int(item["revision"]))(item["body"])


def _lines(item: Item) -> list[LogLine]:
    first = int(item["sk"]) - len(item["lines"]) + 1
    return [
        LogLine(number=number, at=float(item["at"]), stage=item["stage"], text=text)
        for number, text in enumerate(item["lines"], first)
    ]


def _is_open(image: Image) -> bool:
    return not image.cleaned if image.state in ENDED else image.state is not ImageState.APPROVED


def _mark(image: Image) -> Write:
    number = _sk(image).removeprefix("IMAGE#")
    return Put(item={"pk": _OPEN, "sk": number}) if _is_open(image) else Delete(key=(_OPEN, number))


def _replacement(image: Image) -> tuple[Write, Write]:
    change = Update(
        key=(_IMAGES, _sk(image)),
        change="SET body = :body, revision = :next",
        condition="revision = :seen",
        values={":body": image_text(image), ":next": image.revision + 1, ":seen": image.revision},
    )
    return change, _mark(image)
