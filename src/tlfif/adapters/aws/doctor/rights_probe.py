"""Whether the key has the permissions that ``deploy`` needs, according to IAM's simulation."""

from botocore.exceptions import ClientError

from tlfif.adapters.aws.doctor.account_probes import GLOBAL
from tlfif.adapters.aws.doctor.probe_context import ProbeContext
from tlfif.doctor import rights_verdicts as verdicts
from tlfif.doctor.checks import RIGHTS, Finding, not_asked


async def rights(context: ProbeContext) -> Finding:
    """Simulates each action on any resource; no action is carried out (IAM SimulatePrincipalPolicy)."""
    if context.arn.endswith(":root"):
        return verdicts.root_rights()
    source = await _policy_source(context)
    if source is None:
        return not_asked(RIGHTS, f"IAM simulates users and roles only, and the key is of neither: {context.arn}")
    found = await context.calls.items(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        region=GLOBAL,
        PolicySourceArn=source,
        ActionNames=list(verdicts.DEPLOY_ACTIONS),
    )
    return verdicts.rights({one["EvalActionName"]: one["EvalDecision"] for one in found}, asked=source)


async def _policy_source(context: ProbeContext) -> str | None:
    """The user or role behind the key. A session's ARN lacks the path of its role, which the simulation needs."""
    kind, _, name = context.arn.split(":", 5)[5].partition("/")
    if kind in {"user", "role"}:
        return context.arn
    if kind != "assumed-role":
        return None
    role = name.split("/")[0]
    try:
        found = await context.calls.call("iam", "get_role", region=GLOBAL, RoleName=role)
    except ClientError:
        return f"arn:{context.partition}:iam::{context.account}:role/{role}"
    return str(found["Role"]["Arn"])
