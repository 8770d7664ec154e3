"""Where a role's resource ends in a wildcard, and why it must. The tests check the conditions beside it."""

from constructs import Construct

from infra.rights import accept

_EC2 = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:"
_NEW = "It has no name before it exists. Only with the home's tag and by the home's launch template."
_OURS = "Which one is decided at run time. Only with the home's tag."
_OBJECTS = "The objects of one folder of the home's own bucket."

REASONS = {
    "*": "AWS offers these calls for everything or for nothing; each is listed in tests/infra/test_rights.py.",
    f"{_EC2}instance/*": _NEW,
    f"{_EC2}volume/*": _NEW,
    f"{_EC2}network-interface/*": "It has no name before it exists. Only by the home's launch template.",
    f"{_EC2}subnet/*": _OURS,
    "arn:<AWS::Partition>:ec2:<AWS::Region>::image/*": "Images come and go. Only own ones, with the home's tag.",
    "arn:<AWS::Partition>:scheduler:<AWS::Region>:<AWS::AccountId>:schedule/<HomeName>/<HomeName>-*": (
        "One schedule for each machine, in the home's own group."
    ),
    "arn:<AWS::Partition>:ec2:<AWS::Region>::snapshot/*": (
        "Snapshots come and go with images. Only with the home's tag."
    ),
    "arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/<HomeName>/image/*": (
        "One pointer for each profile, below the home's own name."
    ),
    "arn:<AWS::Partition>:ssm:<AWS::Region>::parameter/aws/service/canonical/ubuntu/server/*": (
        "Public parameters, one for each release of Ubuntu, only to be read."
    ),
    "<StoreBucket42A4CEFB.Arn>/<HomeName>*": "CodePipeline's own folder in the home's bucket, named after the home.",
    "<StoreBucket42A4CEFB.Arn>/jobs/*": _OBJECTS,
    "<StoreBucket42A4CEFB.Arn>/models/*": _OBJECTS,
    "<StoreBucket42A4CEFB.Arn>/releases/*": _OBJECTS,
    "<StoreBucket42A4CEFB.Arn>/releases/sources/*": _OBJECTS,
}
"""A resource as cdk-nag writes it, and the reason."""


def accept_wildcards(scope: Construct) -> None:
    """Accept the findings above for everything in ``scope``."""
    for resource, reason in REASONS.items():
        accept(scope, reason, f"IAM5[Resource::{resource}]")
