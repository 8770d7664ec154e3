"""Texts too long for an item of DynamoDB (400 KB at most) are kept in S3, with a pointer in the item."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.errors import code_of
from tlfif.adapters.aws.calls.storage_errors import StorageCalls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INLINE_BYTES = 300_000
"""The limit of an item is 400 KB with all its names and values; DynamoDB developer guide, "Service quotas"."""
_DELETED_AT_ONCE = 1000  # DeleteObjects: "up to 1000"


class JobTexts:
    """The bodies of a job's items, ``inline_bytes`` of UTF-8 at most in the item itself. All raise StorageError."""

    def __init__(self, s3: "S3Client", bucket: str, *, calls: StorageCalls, inline_bytes: int = INLINE_BYTES) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._calls = calls
        self._inline_bytes = inline_bytes

    async def kept(self, job_id: str, name: str, text: str) -> Item:
        """The attributes by which an item holds ``text``. Each attempt to write must use another ``name``."""
        body = text.encode()
        if len(body) <= self._inline_bytes:
            return {"body": text}
        place = f"jobs/{job_id}/{name}.json"
        await self._calls(
            lambda: self._s3.put_object(Bucket=self._bucket, Key=place, Body=body, ContentType="application/json")
        )
        return {"body_at": place}

    async def of(self, item: Mapping[str, Any]) -> str | None:
        """The text of an item; None if its object has been deleted, because its time to be kept is over."""
        if "body" in item:
            return str(item["body"])
        return await self._calls(lambda: self._read(item["body_at"]))

    async def forget(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Delete the objects that these items point to."""
        places: Sequence[str] = [item["body_at"] for item in items if "body_at" in item]
        for start in range(0, len(places), _DELETED_AT_ONCE):
            objects: Any = [{"Key": place} for place in places[start : start + _DELETED_AT_ONCE]]
            await self._calls(
                lambda objects=objects: self._s3.delete_objects(  # type: ignore[misc]  # bound at once
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            )

    def close(self) -> None:
        """Let go of connections."""
        self._s3.close()

    def _read(self, place: str) -> str | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=place)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise
        with answer["Body"] as body:
            return body.read().decode()
