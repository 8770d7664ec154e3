"""A bucket as every bucket of the home is: no public access, encrypted, TLS only, old objects deleted."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.kept import KEPT
from infra.rights import deny_without_tls


def expiry(rule_id: str, *, days: int, prefix: str | None = None) -> s3.CfnBucket.RuleProperty:
    """Delete what is older than ``days``."""
    return s3.CfnBucket.RuleProperty(id=rule_id, status="Enabled", prefix=prefix, expiration_in_days=days)


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    rules: Sequence[s3.CfnBucket.RuleProperty],
    statements: Sequence[iam.PolicyStatement] = (),
) -> s3.CfnBucket:
    """The bucket; its policy (``NAMEPolicy`` beside it) refuses calls without TLS and contains ``statements``.

    Uploads that were never finished are deleted after a day: they are stored and paid for, but no listing shows them.
    """
    bucket = s3.CfnBucket(
        scope,
        construct_id,
        bucket_name=name,
        bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(
            server_side_encryption_configuration=[
                s3.CfnBucket.ServerSideEncryptionRuleProperty(
                    server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                        sse_algorithm="AES256"
                    )
                )
            ]
        ),
        public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
            block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
        ),
        ownership_controls=s3.CfnBucket.OwnershipControlsProperty(
            rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
        ),
        lifecycle_configuration=s3.CfnBucket.LifecycleConfigurationProperty(
            rules=[
                *rules,
                s3.CfnBucket.RuleProperty(
                    id="unfinished-uploads",
                    status="Enabled",
                    abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                        days_after_initiation=1
                    ),
                ),
            ]
        ),
    )
    bucket.apply_removal_policy(KEPT)
    tls = deny_without_tls("TlsOnly", "s3:*", [bucket.attr_arn, f"{bucket.attr_arn}/*"])
    s3.CfnBucketPolicy(
        scope,
        f"{construct_id}Policy",
        bucket=bucket.ref,
        policy_document=iam.PolicyDocument(statements=[tls, *statements]),
    )
    return bucket
