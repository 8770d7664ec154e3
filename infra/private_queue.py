"""A queue as every queue of the home is: encrypted by SQS, TLS only."""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.rights import accept, deny_without_tls

LONGEST_RETENTION_SECONDS = 14 * 86400


def private_queue(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    retention_seconds: int,
    visibility_seconds: int = 30,
    long_poll_seconds: int = 0,
    redrive: Mapping[str, str | int] | None = None,
) -> sqs.CfnQueue:
    """The queue, and its policy beside it."""
    queue = sqs.CfnQueue(
        scope,
        construct_id,
        queue_name=name,
        message_retention_period=retention_seconds,
        visibility_timeout=visibility_seconds,
        receive_message_wait_time_seconds=long_poll_seconds,
        redrive_policy=redrive,
        sqs_managed_sse_enabled=True,
    )
    queue.apply_removal_policy(RemovalPolicy.DESTROY)
    sqs.CfnQueuePolicy(
        scope,
        f"{construct_id}Policy",
        queues=[queue.ref],
        policy_document=iam.PolicyDocument(statements=[deny_without_tls("TlsOnly", "sqs:*", [queue.attr_arn])]),
    )
    return queue


def dead_letters(scope: Construct, construct_id: str, *, name: str) -> sqs.CfnQueue:
    """A queue that somebody must look into; an alarm says when."""
    queue = private_queue(scope, construct_id, name=name, retention_seconds=LONGEST_RETENTION_SECONDS)
    accept(queue, "It is a dead-letter queue itself.", "SQS3")
    return queue
