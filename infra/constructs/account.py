"""The account's base (requirement list 10.4): a record of all API calls.

Its other parts, S3's block of public access and the encryption of new disks, are settings of an account, not resources:
``tlfif deploy`` sets them by API, because CloudFormation cannot.
"""

from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnResource, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from infra.private_bucket import expiry, private_bucket
from infra.rights import accept, arn

TRAIL_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class AccountProps:
    """``wanted``: false if the account has a trail already."""

    home: str
    wanted: CfnCondition


class Account(Construct):
    """One trail of the management events of all regions, kept for 90 days in a bucket of its own."""

    def __init__(self, scope: Construct, construct_id: str, *, props: AccountProps) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        name = f"{props.home}-trail-{stack.account}-{stack.region}"
        trail_arn = arn(self, "cloudtrail", f"trail/{props.home}")
        objects = f"arn:{stack.partition}:s3:::{name}/AWSLogs/{stack.account}/*"
        bucket = private_bucket(
            self,
            "Bucket",
            name=name,
            rules=[expiry("trail", days=TRAIL_DAYS)],
            statements=[
                _trail_statement("TrailLooks", "s3:GetBucketAcl", f"arn:{stack.partition}:s3:::{name}", trail_arn),
                _trail_statement("TrailWrites", "s3:PutObject", objects, trail_arn),
            ],
        )
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=props.home,
            is_logging=True,
            s3_bucket_name=bucket.ref,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
        )
        policy = self.node.find_child("BucketPolicy")
        trail.node.add_dependency(policy)
        for part in (bucket, policy, trail):
            _only_if(part, props.wanted)
        accept(bucket, "It holds a log itself.", "S1")


def _only_if(part: IConstruct, condition: CfnCondition) -> None:
    if not isinstance(part, CfnResource):
        raise TypeError("only a resource can depend on a condition")
    part.cfn_options.condition = condition


def _trail_statement(sid: str, action: str, resource: str, trail_arn: str) -> iam.PolicyStatement:
    """What this one trail may do with the bucket; a trail of another account may not."""
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
        actions=[action],
        resources=[resource],
        conditions={"StringEquals": {"aws:SourceArn": trail_arn}},
    )
