"""The images of the home on AWS, and for each profile the pointer to the one that machines are launched from.

A pointer is a parameter that names an AMI (``calls/image_parameter.py``), and beside it in the table of states what
the parameter cannot hold: the versions before, whether it is proven, why it moved (``IMAGES`` | ``POINTER#<profile>``).
The table is written first, and counts as ``settled`` once the parameter was read back: AWS checks such a parameter only
after it has accepted it. Whoever comes after a kill in between completes the move.
"""

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import ABSENT, ConditionFailedError, DynamoTable, Key, Put, Update
from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES, PatientCalls
from tlfif.adapters.aws.images.ec2_images import Ec2Images, FoundImage
from tlfif.adapters.aws.images.image_errors import image_errors
from tlfif.images.image import UNREADABLE, Artifact, Pointer, Profile
from tlfif.images.image_record import pointer_from, pointer_text
from tlfif.images.image_registry import ImageRegistry, StoredImage
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

log = logging.getLogger(__name__)

AMI_DATA_TYPE = "aws:ec2:image"


class SsmImageRegistry(ImageRegistry):
    """See the port. Reading a pointer is three short requests: the table, the parameter, the AMI."""

    def __init__(
        self, ssm: "SSMClient", images: Ec2Images, table: DynamoTable, *, home: str, region: str, clock: Clock
    ) -> None:
        self._ssm = ssm
        self._images = images
        self._table = table
        self._home = home
        self._region = region
        self._clock = clock

    async def pointer(self, profile: Profile) -> Pointer:
        item = await self._table.get(_key(profile))
        with image_errors(self._region):
            stands = await self._value(profile)
            if item is None:
                if stands is None:
                    return Pointer(profile=profile)
                raise _invalid(self._name(profile), stands, None)
            pointer = _pointer(item)
            if stands != pointer.ref and not item["settled"]:
                await self._settle(pointer)
            elif stands != pointer.ref:
                raise _invalid(self._name(profile), stands, pointer)
            found = await self._images.own(pointer.ref or "")
            if found is None or not _is_there(found):
                raise _invalid(self._name(profile), stands, pointer)
        return replace(pointer, disk_gb=found.disk_gb, model=found.model)

    async def move(self, pointer: Pointer) -> bool:
        with image_errors(self._region):
            if not _is_there(await self._images.own(pointer.ref or "")):
                raise ImageError(
                    f"Image {pointer.version} ({pointer.ref}) does not exist any more, so machines cannot be launched "
                    "from it. The one in use stays.",
                    code="image_gone",
                )
            recorded = await self._recorded_unless_it_stands(pointer.profile)
            if (pointer.revision == UNREADABLE) != (recorded is not None):
                return False
            if recorded is not None:
                before = [one for one in (*recorded.before, recorded.version) if one and one != pointer.version]
                pointer = replace(pointer, before=tuple(before), revision=recorded.revision)
            moved = replace(pointer, revision=pointer.revision + 1)
            if not await self._write(moved, seen=pointer.revision):
                return False
            await self._settle(moved)
        return True

    async def _recorded_unless_it_stands(self, profile: Profile) -> Pointer | None:
        """The pointer as it was last moved; None where it can be read as it is."""
        try:
            await self.pointer(profile)
        except ImageError as error:
            if error.code != "image_pointer_invalid":
                raise
            item = await self._table.get(_key(profile))
            return Pointer(profile=profile) if item is None else _pointer(item)
        return None

    async def stored(self) -> list[StoredImage]:
        with image_errors(self._region):
            found = await self._images.all()
            return [StoredImage(version=one.version, artifact=await self._images.artifact(one)) for one in found]

    async def referenced(self) -> Collection[str]:
        with image_errors(self._region):
            return await self._images.referenced()

    async def delete(self, artifact: Artifact) -> None:
        with image_errors(self._region, "What is left of it is deleted by the next tries."):
            if await self._images.delete(artifact):
                return
        raise ImageError(
            f"AWS still shows the image {artifact.ref} or a snapshot of it after it was deleted. Storing it costs "
            "money until it is gone; it is tried again."
        )

    def _name(self, profile: Profile) -> str:
        return image_parameter(self._home, profile)

    async def _value(self, profile: Profile) -> str | None:
        name = self._name(profile)
        found = await self._calls().do(lambda: unless_absent(lambda: self._ssm.get_parameter(Name=name)))
        return None if found is None else found["Parameter"].get("Value")

    async def _write(self, moved: Pointer, *, seen: int) -> bool:
        pk, sk = _key(moved.profile)
        item = {"pk": pk, "sk": sk, "body": pointer_text(moved), "revision": moved.revision, "settled": False}
        known = "revision = :seen" if seen else f"{ABSENT} OR revision = :seen"
        try:
            await self._table.write(Put(item=item, condition=known, values={":seen": seen}))
        except ConditionFailedError as refused:
            # Our own write, where the answer to it was lost.
            return any(one is not None and one.get("body") == item["body"] for one in refused.found)
        return True

    async def _settle(self, pointer: Pointer) -> None:
        name, ref, calls = self._name(pointer.profile), pointer.ref or "", self._calls()
        await calls.do(
            lambda: self._ssm.put_parameter(Name=name, Value=ref, Type="String", DataType=AMI_DATA_TYPE, Overwrite=True)
        )
        not_yet = ImageError(
            f"AWS has not taken {ref} into its parameter {name} yet, which it checks first. It is tried again."
        )
        while await self._value(pointer.profile) != ref:
            await calls.pause(not_yet)
        settled = Update(
            key=_key(pointer.profile),
            change="SET settled = :yes",
            condition="revision = :seen",
            values={":yes": True, ":seen": pointer.revision},
        )
        try:
            await self._table.write(settled)
        except ConditionFailedError:
            log.info("images: the pointer of %s was moved on meanwhile", pointer.profile)

    def _calls(self) -> PatientCalls:
        return PatientCalls(self._clock, MACHINE_PAUSES)


def _key(profile: Profile) -> Key:
    return ("IMAGES", f"POINTER#{profile}")


def _pointer(item: Item) -> Pointer:
    return replace(pointer_from(item["body"]), revision=int(item["revision"]))


def _is_there(found: FoundImage | None) -> bool:
    return found is not None and found.state == "available"


def _invalid(name: str, stands: str | None, pointer: Pointer | None) -> ImageError:
    version = "a version" if pointer is None else pointer.version
    meant = "no image was promoted here" if pointer is None else f"{pointer.version} is {pointer.ref}"
    return ImageError(
        f"The parameter {name} says {stands or 'nothing'}, but {meant}; or that image is gone. It was changed by hand, "
        f"so nothing is launched from it. Promote {version} again: ./tlfif image list shows those that are there.",
        code="image_pointer_invalid",
    )
