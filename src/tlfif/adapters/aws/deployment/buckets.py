"""Buckets: created without public access, uploaded to, emptied including old versions."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import Fault, code_of, fault_of, is_absent, unless_absent
from tlfif.kernel.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

T = TypeVar("T")

_NOT_SET = frozenset({"NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError"})
"""A bucket without such a setting (Amazon S3 API reference, of the three requests)."""
PER_CALL = 1000
"""The limit of one DeleteObjects request (Amazon S3 API reference)."""
_NO_LOCATION = "us-east-1"
"""The region that must not be named when a bucket is created (Amazon S3 API reference, CreateBucket)."""


def code_bucket_name(home: str, account_id: str, region: str) -> str:
    """The bucket that must exist before the stack does."""
    return f"{home}-code-{account_id}-{region}"


def make_private_bucket(s3: "S3Client", name: str, *, region: str, tags: dict[str, str]) -> None:
    """Create the bucket, or correct an existing one: tagged, no public access, unfinished uploads deleted.

    Raises UnavailableError (code ``bucket_not_yours``) if somebody else has one of that name, and AWS's other errors.
    """
    try:
        exists = bucket_exists(s3, name)
    except ClientError as error:
        if code_of(error) not in {"403", "AccessDenied"}:
            raise
        raise _not_yours(name) from error
    if not exists:
        try:
            if region == _NO_LOCATION:
                s3.create_bucket(Bucket=name)
            else:
                s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]  # any region's name
        except ClientError as error:
            if code_of(error) == "BucketAlreadyExists":
                raise _not_yours(name) from error
            if code_of(error) != "BucketAlreadyOwnedByYou":
                raise
    s3.put_bucket_tagging(
        Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
    )
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "unfinished-uploads",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    )


def _not_yours(name: str) -> UnavailableError:
    return UnavailableError(
        f"AWS does not let you use the bucket {name}, where the programs' package must lie: it is in somebody else's "
        "account, who could exchange your programs, or your AWS user may not look at buckets. In the first case choose "
        "another name for the home: --name. Nothing was uploaded.",
        code="bucket_not_yours",
    )


def bucket_exists(s3: "S3Client", name: str) -> bool:
    """Whether the bucket exists and we may see it."""
    return unless_absent(lambda: s3.head_bucket(Bucket=name)) is not None


def open_buckets(s3: "S3Client") -> tuple[str, ...]:
    """All buckets of the account that are public, or in which single objects may be. One that may not be looked into
    counts as open. Raises AWS's errors where the list itself is refused."""
    pages = s3.get_paginator("list_buckets").paginate().build_full_result()
    names = [one["Name"] for one in pages.get("Buckets", [])]
    return tuple(name for name in names if _may_be_open(s3, name))


def _may_be_open(s3: "S3Client", name: str) -> bool:
    try:
        own = _unless_not_set(lambda: s3.get_public_access_block(Bucket=name))
        block = own["PublicAccessBlockConfiguration"] if own is not None else {}
        if not block.get("RestrictPublicBuckets"):
            policy = _unless_not_set(lambda: s3.get_bucket_policy_status(Bucket=name))
            if policy is not None and policy["PolicyStatus"].get("IsPublic"):
                return True
        if block.get("IgnorePublicAcls"):
            return False
        owners = _unless_not_set(lambda: s3.get_bucket_ownership_controls(Bucket=name))
        rules = owners["OwnershipControls"]["Rules"] if owners is not None else []
        return not any(rule["ObjectOwnership"] == "BucketOwnerEnforced" for rule in rules)
    except ClientError as error:
        if code_of(error) == "NoSuchBucket":
            return False
        if fault_of(error) is Fault.DENIED:
            return True
        raise


def _unless_not_set(call: Callable[[], T]) -> T | None:
    """What ``call`` returns; None where the bucket has no such setting."""
    try:
        return call()
    except ClientError as error:
        if code_of(error) in _NOT_SET:
            return None
        raise


def object_exists(s3: "S3Client", bucket: str, key: str) -> bool:
    """Whether the object exists."""
    return unless_absent(lambda: s3.head_object(Bucket=bucket, Key=key)) is not None


def upload_by_content(s3: "S3Client", bucket: str, file: Path, *, prefix: str, suffix: str) -> str:
    """Upload ``file`` under a name made from its content, unless it is there already. Returns the key."""
    with file.open("rb") as opened:
        key = f"{prefix}{hashlib.file_digest(opened, 'sha256').hexdigest()}{suffix}"
    if not object_exists(s3, bucket, key):
        with file.open("rb") as body:  # one request: 20 MB, and an interrupted upload leaves nothing
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    return key


def empty_bucket(s3: "S3Client", name: str) -> int:
    """Delete every version of every object and return their number; 0 if there is no bucket. Raises AWS's errors.

    Always lists from the beginning: a marker for the next page might name a deleted object.
    """
    emptied = 0
    try:
        while batch := _first_versions(s3, name):
            answer = s3.delete_objects(Bucket=name, Delete={"Objects": batch, "Quiet": True})
            refused = answer.get("Errors", [])
            if refused:
                raise ClientError({"Error": {**refused[0]}}, "DeleteObjects")  # type: ignore[typeddict-unknown-key]  # one key more
            emptied += len(batch)
    except ClientError as error:
        if not is_absent(error):
            raise
    return emptied


def _first_versions(s3: "S3Client", name: str) -> "list[ObjectIdentifierTypeDef]":
    page = s3.list_object_versions(Bucket=name, MaxKeys=PER_CALL)
    found = (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    return [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]


def remove_bucket(s3: "S3Client", name: str) -> None:
    """Empty and delete the bucket; one that does not exist is no error."""
    empty_bucket(s3, name)
    unless_absent(lambda: s3.delete_bucket(Bucket=name))
