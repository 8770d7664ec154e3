"""Log groups with a retention: without one CloudWatch keeps lines for ever."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

RETENTION_DAYS = 14


def log_group(scope: Construct, construct_id: str, *, name: str) -> logs.CfnLogGroup:
    """Created here and not by the first line written, so that it has a retention and is deleted with the stack."""
    group = logs.CfnLogGroup(scope, construct_id, log_group_name=name, retention_in_days=RETENTION_DAYS)
    group.apply_removal_policy(RemovalPolicy.DESTROY)
    return group
