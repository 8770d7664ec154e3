"""The permissions that ``deploy`` and ``destroy`` need, and the verdict on those that a key has. Pure.

Actions have IAM's names; a test compares each with AWS's own list.
"""

from collections.abc import Mapping, Sequence

from tlfif.doctor import checks
from tlfif.doctor.checks import Finding

_BY_SERVICE: Mapping[str, tuple[str, ...]] = {
    "apigateway": ("DELETE", "GET", "PATCH", "POST"),
    "budgets": ("ModifyBudget", "ViewBudget"),
    "cloudformation": (
        "CreateChangeSet",
        "DeleteChangeSet",
        "DeleteStack",
        "DescribeChangeSet",
        "DescribeStackEvents",
        "DescribeStacks",
        "ExecuteChangeSet",
        "ListStackResources",
    ),
    "cloudtrail": ("CreateTrail", "DeleteTrail", "StartLogging"),
    "cloudwatch": ("DeleteAlarms", "PutMetricAlarm"),
    "codeconnections": ("PassConnection", "UseConnection"),
    "codepipeline": ("CreatePipeline", "DeletePipeline", "GetPipeline", "TagResource", "UpdatePipeline"),
    "cognito-idp": (
        "AdminCreateUser",
        "CreateResourceServer",
        "CreateUserPool",
        "CreateUserPoolClient",
        "CreateUserPoolDomain",
        "DeleteUserPool",
    ),
    "dynamodb": ("CreateTable", "DeleteTable", "UpdateTimeToLive"),
    "ec2": (
        "CreateInternetGateway",
        "CreateLaunchTemplate",
        "CreateRouteTable",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateTags",
        "CreateVpc",
        "CreateVpcEndpoint",
        "DeleteSnapshot",
        "DeleteVolume",
        "DeleteVpc",
        "DeregisterImage",
        "EnableEbsEncryptionByDefault",
        "RunInstances",
        "TerminateInstances",
    ),
    "events": ("DeleteRule", "PutRule", "PutTargets"),
    "iam": (
        "AddRoleToInstanceProfile",
        "CreateInstanceProfile",
        "CreateRole",
        "DeleteRole",
        "PassRole",
        "PutRolePolicy",
    ),
    "lambda": (
        "AddPermission",
        "CreateFunction",
        "DeleteFunction",
        "InvokeFunction",
        "PutFunctionEventInvokeConfig",
        "UpdateFunctionCode",
    ),
    "logs": ("CreateLogGroup", "DeleteLogGroup", "FilterLogEvents", "PutRetentionPolicy"),
    "s3": (
        "CreateBucket",
        "DeleteBucket",
        "DeleteObject",
        "GetAccountPublicAccessBlock",
        "GetBucketOwnershipControls",
        "GetBucketPolicyStatus",
        "GetBucketPublicAccessBlock",
        "ListAllMyBuckets",
        "ListBucketVersions",
        "PutAccountPublicAccessBlock",
        "PutBucketPolicy",
        "PutBucketTagging",
        "PutLifecycleConfiguration",
        "PutObject",
    ),
    "scheduler": ("CreateScheduleGroup", "DeleteSchedule", "DeleteScheduleGroup"),
    "sns": ("CreateTopic", "DeleteTopic", "Subscribe"),
    "sqs": ("CreateQueue", "DeleteQueue", "SetQueueAttributes"),
    "ssm": ("DeleteParameter", "GetParameter", "PutParameter"),
}  # fmt: skip

DEPLOY_ACTIONS = tuple(f"{service}:{name}" for service, names in _BY_SERVICE.items() for name in names)
"""What ``tlfif deploy``, ``tlfif destroy`` and ``tlfif logs`` do themselves or through CloudFormation, which acts with
the same key."""


def rights(decisions: Mapping[str, str], *, asked: str) -> Finding:
    """``decisions``: IAM's result for each action (allowed, implicitDeny, explicitDeny); ``asked``: of whom."""
    missing = [action for action in DEPLOY_ACTIONS if action not in decisions]
    denied = [action for action in DEPLOY_ACTIONS if decisions.get(action, "allowed") != "allowed"]
    forbidden = [action for action in denied if decisions[action] == "explicitDeny"]
    source = f"IAM's simulation for {asked}"
    if denied:
        not_given = [action for action in denied if action not in forbidden]
        some = (("not given", not_given), ("forbidden", forbidden))
        shown = "; ".join(f"{word}: {_listed(actions)}" for word, actions in some if actions)
        return checks.RIGHTS.fail(
            f"{len(denied)} of {len(DEPLOY_ACTIONS)} actions are refused ({source}): {shown}.",
            "In the AWS console open IAM, your user or role, “Add permissions”, and attach AdministratorAccess for the "
            "time of deploying. Free; works within a minute. “Forbidden” needs whoever set that rule.",
        )
    if missing:
        return checks.RIGHTS.warn(
            f"IAM gave no answer for {len(missing)} of {len(DEPLOY_ACTIONS)} actions ({source}): {_listed(missing)}.",
            "Run ./tlfif doctor again. Costs nothing.",
        )
    return checks.RIGHTS.ok(f"All {len(DEPLOY_ACTIONS)} actions of deploy and destroy are allowed ({source}).")


def root_rights() -> Finding:
    """The root user may do everything, and IAM cannot simulate it."""
    return checks.RIGHTS.warn(
        "The key is the root user's, which may do everything, also delete the account.",
        "Make an administrator for daily work and delete this key. Free, ten minutes.",
    )


def _listed(actions: Sequence[str]) -> str:
    """Every action by name, its service named once."""
    names: dict[str, list[str]] = {}
    for action in actions:
        service, name = action.split(":")
        names.setdefault(service, []).append(name)
    return ", ".join(f"{service}:{' '.join(some)}" for service, some in names.items())
