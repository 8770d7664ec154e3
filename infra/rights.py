"""Policy statements. The construct that owns a resource defines what may be done with it; roles collect them."""

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

HOME_TAG = "tlfif:home"
"""The tag of every resource, with the home's name. The sweep, listings and destroy select by it."""


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, str | list[str]]] | None = None,
) -> iam.PolicyStatement:
    """One statement that allows."""
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)


def deny_without_tls(sid: str, action: str, resources: Sequence[str]) -> iam.PolicyStatement:
    """Denies every call without TLS, the owner's included."""
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        principals=[iam.StarPrincipal()],
        actions=[action],
        resources=list(resources),
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def role(
    scope: Construct, name: str, *, service: str, description: str, statements: Sequence[iam.PolicyStatement]
) -> iam.Role:
    """A role for ``service`` with exactly these statements and no managed policy."""
    return iam.Role(
        scope,
        name,
        assumed_by=iam.ServicePrincipal(service),
        description=description,
        inline_policies={"rights": iam.PolicyDocument(statements=list(statements))},
    )


def arn(scope: Construct, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
    """An ARN in the stack's partition, region and account."""
    stack = Stack.of(scope)
    return ":".join(
        ("arn", stack.partition, service, stack.region if region else "", stack.account if account else "", resource)
    )


def accept(scope: Construct, reason: str, *rules: str) -> None:
    """Accept findings of cdk-nag's AwsSolutions pack, with the reason."""
    Validations.of(scope).acknowledge(*(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason) for rule in rules))
