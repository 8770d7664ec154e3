"""The probes of ``tlfif doctor`` for the account itself. Each function is one check: it asks AWS and passes the facts
on.

Operations, fields and codes are those of botocore's models; tests compare the answers with their shapes.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import Fault, code_of, fault_of, is_absent, words_of
from tlfif.adapters.aws.doctor.probe_context import ProbeContext
from tlfif.deployment.deployment import types_of
from tlfif.doctor import account_verdicts as verdicts
from tlfif.doctor import rights_verdicts, type_verdicts
from tlfif.doctor.checks import RIGHTS, Finding, not_asked
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import GPU_QUOTA, STANDARD_QUOTA, USUAL_TYPES, EngineKind, VcpuQuota
from tlfif.money.amounts import usd

GLOBAL = "us-east-1"
"""The region of services that have no region of their own."""


async def region(context: ProbeContext) -> Finding:
    """Sent to us-east-1, because a region that is not enabled refuses every request."""
    found = await context.calls.call(
        "ec2",
        "describe_regions",
        region=GLOBAL,
        AllRegions=True,
        Filters=[{"Name": "region-name", "Values": [context.region]}],
    )
    regions = {one["RegionName"]: one.get("OptInStatus") for one in found.get("Regions", [])}
    return verdicts.region(context.region, regions.get(context.region))


async def account_plan(context: ProbeContext) -> Finding:
    """See :func:`tlfif.doctor.type_verdicts.account_plan`."""
    try:
        found = await context.calls.call("freetier", "get_account_plan_state", region=GLOBAL)
    except ClientError as error:
        if not is_absent(error):
            raise
        return verdicts.no_account_plan()
    left = found.get("accountPlanRemainingCredits", {}).get("amount")
    plan, status, chosen = found["accountPlanType"], found["accountPlanStatus"], await _home_types(context)
    return type_verdicts.account_plan(plan, status, chosen, credits_usd=left)


async def gpu_quota(context: ProbeContext) -> Finding:
    """See :func:`tlfif.doctor.type_verdicts.gpu_quota`."""
    (value, request), standard = await _quota(context, GPU_QUOTA), await _vcpus(context, STANDARD_QUOTA)
    return type_verdicts.gpu_quota(value, await _home_types(context), request, standard=standard)


async def standard_quota(context: ProbeContext) -> Finding:
    """See :func:`tlfif.doctor.type_verdicts.standard_quota`."""
    (value, request), gpu = await _quota(context, STANDARD_QUOTA), await _vcpus(context, GPU_QUOTA)
    return type_verdicts.standard_quota(value, await _home_types(context), request, gpu=gpu)


async def _vcpus(context: ProbeContext, quota: VcpuQuota) -> float:
    found = await context.calls.call("service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=quota.quota_id)
    return float(found["Quota"]["Value"])


async def _quota(context: ProbeContext, quota: VcpuQuota) -> tuple[float, type_verdicts.QuotaRequest | None]:
    """The quota and the newest request to increase it. The request may be unreadable; then the quota alone counts."""
    value = await _vcpus(context, quota)
    if value >= quota.wanted_vcpus:
        return value, None
    try:
        requests = await context.calls.items(
            "service-quotas",
            "list_requested_service_quota_change_history_by_quota",
            "RequestedQuotas",
            ServiceCode="ec2",
            QuotaCode=quota.quota_id,
        )
    except ClientError:
        requests = []
    newest: dict[str, Any] | None = max(requests, key=lambda one: one["Created"], default=None)
    if newest is None:
        return value, None
    return value, type_verdicts.QuotaRequest(status=newest["Status"], wanted=float(newest["DesiredValue"]))


async def offerings(context: ProbeContext) -> Finding:
    """The zones that offer each type of the home."""
    chosen = await _home_types(context)
    found = await context.calls.items(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": list(chosen.types)}],
    )
    zones: dict[str, list[str]] = {}
    for one in found:
        zones.setdefault(one["InstanceType"], []).append(one["Location"])
    return type_verdicts.offerings(zones, chosen)


async def _home_types(context: ProbeContext) -> type_verdicts.HomeTypes:
    """The list that is meant, or that of the home that stands; the usual one where none does, or the key may not
    look."""
    if context.types is not None:
        return type_verdicts.HomeTypes(types=context.types, priced=context.priced)
    try:
        found = await context.calls.call("cloudformation", "describe_stacks", StackName=context.home)
        (stack,) = found["Stacks"]
        given = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])}
        types, engine = types_of(given), EngineKind(given.get("GpuEngine") or EngineKind.VLLM)
    except (ClientError, InvalidInputError, ValueError):
        types, engine = USUAL_TYPES, EngineKind.VLLM
    return type_verdicts.HomeTypes(types=types, priced=context.priced, gpu_engine=engine)


async def capacity(_: ProbeContext) -> Finding:
    """AWS has no API for it, so nothing is asked."""
    return verdicts.capacity()


async def lambda_concurrency(context: ProbeContext) -> Finding:
    """The account's limit in the region."""
    found = await context.calls.call("lambda", "get_account_settings")
    return verdicts.lambda_concurrency(int(found["AccountLimit"]["ConcurrentExecutions"]))


async def github_connection(context: ProbeContext) -> Finding:
    """GitHub connections of the region."""
    found = await context.calls.call("codeconnections", "list_connections", ProviderTypeFilter="GitHub", MaxResults=100)
    return verdicts.github_connection(
        {one["ConnectionName"]: one["ConnectionStatus"] for one in found.get("Connections", [])}
    )


async def cost_explorer(context: ProbeContext) -> Finding:
    """One request about yesterday, for $0.01, only if the person allowed it."""
    if not context.paid:
        return verdicts.cost_explorer_not_paid_for()
    today = context.now.date()
    try:
        await context.calls.call(
            "ce",
            "get_cost_and_usage",
            region=GLOBAL,
            TimePeriod={"Start": (today - timedelta(days=1)).isoformat(), "End": today.isoformat()},
            Granularity="DAILY",
            Metrics=["UnblendedCost"],
        )
    except ClientError as error:
        # "Not enabled" comes with the same code as a missing right, and different words.
        if fault_of(error) is Fault.DENIED and "not authorized to perform" in words_of(error):
            raise
        return verdicts.cost_explorer(answered=False, words=f"{code_of(error)}: {words_of(error)}")
    return verdicts.cost_explorer(answered=True)


async def root_user(context: ProbeContext) -> Finding:
    """IAM's summary: 1 if there is one, 0 if not."""
    found = (await context.calls.call("iam", "get_account_summary", region=GLOBAL))["SummaryMap"]
    return verdicts.root_user(
        mfa=bool(found.get("AccountMFAEnabled", 0)), access_keys=bool(found.get("AccountAccessKeysPresent", 0))
    )


async def alarm_address(context: ProbeContext) -> Finding:
    """The subscriptions of the home's topic."""
    topic = f"{context.home}-alarms"
    arn = f"arn:{context.partition}:sns:{context.region}:{context.account}:{topic}"
    try:
        found = await context.calls.items("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
    except ClientError as error:
        if not is_absent(error):
            raise
        return verdicts.alarm_address(None, topic)
    return verdicts.alarm_address([(one["Endpoint"], one["SubscriptionArn"]) for one in found], topic)


async def budget(context: ProbeContext) -> Finding:
    """The home's budget at AWS Budgets."""
    name = f"{context.home}-month"
    try:
        found = await context.calls.call(
            "budgets", "describe_budget", region=GLOBAL, AccountId=context.account, BudgetName=name
        )
    except ClientError as error:
        if not is_absent(error):
            raise
        return verdicts.budget(None, name)
    limit = found["Budget"].get("BudgetLimit")  # a budget may be planned month by month instead
    return verdicts.budget("?" if limit is None else usd(Decimal(limit["Amount"])), name)


async def disk_encryption(context: ProbeContext) -> Finding:
    """A setting of the account in the region."""
    found = await context.calls.call("ec2", "get_ebs_encryption_by_default")
    return verdicts.disk_encryption(bool(found["EbsEncryptionByDefault"]), context.region)


async def rights(context: ProbeContext) -> Finding:
    """Simulates each action on any resource; no action is carried out (IAM SimulatePrincipalPolicy)."""
    if context.arn.endswith(":root"):
        return rights_verdicts.root_rights()
    source = await _policy_source(context)
    if source is None:
        return not_asked(RIGHTS, f"IAM simulates users and roles only, and the key is of neither: {context.arn}")
    found = await context.calls.items(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        region=GLOBAL,
        PolicySourceArn=source,
        ActionNames=list(rights_verdicts.DEPLOY_ACTIONS),
    )
    return rights_verdicts.rights({one["EvalActionName"]: one["EvalDecision"] for one in found}, asked=source)


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
