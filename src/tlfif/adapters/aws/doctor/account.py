"""The AWS account of this computer's own key, as ``tlfif doctor`` examines it.

The key is found as AWS's own programs find it (environment, ~/.aws, IAM Identity Center), except for EC2's metadata
service: outside EC2, asking it costs a time-out of five seconds.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import InstanceMetadataProvider

from tlfif.adapters.aws.calls.clients import DOCTOR_CONFIG
from tlfif.adapters.aws.calls.errors import AWS_ERRORS, Fault, code_of, fault_of, words_of
from tlfif.adapters.aws.doctor import account_probes, leftover_probes
from tlfif.adapters.aws.doctor.probe_context import DoctorCalls, ProbeContext, reason
from tlfif.adapters.daemon_thread import in_daemon_thread
from tlfif.doctor import account_verdicts, checks
from tlfif.doctor.checks import Check, Finding, not_asked
from tlfif.doctor.leftover_verdicts import Priced
from tlfif.doctor.probe import Account, Probe

Find: TypeAlias = Callable[[ProbeContext], Awaitable[Finding]]

_PROBES: tuple[tuple[Check, str, Find], ...] = (
    (checks.RIGHTS, "iam:SimulatePrincipalPolicy", account_probes.rights),
    (checks.REGION, "ec2:DescribeRegions", account_probes.region),
    (checks.ACCOUNT_PLAN, "freetier:GetAccountPlanState", account_probes.account_plan),
    (checks.GPU_QUOTA, "servicequotas:GetServiceQuota", account_probes.gpu_quota),
    (checks.STANDARD_QUOTA, "servicequotas:GetServiceQuota", account_probes.standard_quota),
    (checks.OFFERINGS, "ec2:DescribeInstanceTypeOfferings", account_probes.offerings),
    (checks.CAPACITY, "", account_probes.capacity),
    (checks.LAMBDA, "lambda:GetAccountSettings", account_probes.lambda_concurrency),
    (checks.GITHUB, "codeconnections:ListConnections", account_probes.github_connection),
    (checks.COST_EXPLORER, "ce:GetCostAndUsage", account_probes.cost_explorer),
    (checks.ROOT, "iam:GetAccountSummary", account_probes.root_user),
    (checks.ALARM_ADDRESS, "sns:ListSubscriptionsByTopic", account_probes.alarm_address),
    (checks.BUDGET, "budgets:ViewBudget", account_probes.budget),
    (checks.ENCRYPTION, "ec2:GetEbsEncryptionByDefault", account_probes.disk_encryption),
    (checks.MACHINES, "ec2:DescribeInstances", leftover_probes.machines),
    (checks.DISKS, "ec2:DescribeVolumes", leftover_probes.disks),
    (checks.IMAGES, "ec2:DescribeImages", leftover_probes.images),
    (checks.SNAPSHOTS, "ec2:DescribeSnapshots", leftover_probes.snapshots),
    (checks.FOREIGN_DISKS, "ec2:DescribeVolumes", leftover_probes.foreign_disks),
    (checks.LOG_GROUPS, "logs:DescribeLogGroups", leftover_probes.log_groups),
)
"""Each check, the permission that it needs, and the probe."""
_ASK_AGAIN = "Run ./tlfif doctor again when that is mended. Costs nothing."
_SOURCES = {
    "env": "the environment of this terminal",
    "shared-credentials-file": "~/.aws/credentials",
    "config-file": "~/.aws/config",
    "sso": "IAM Identity Center",
    "login": "`aws login`",
    "assume-role": "a role in ~/.aws/config",
    "custom-process": "a program named in ~/.aws/config",
    "explicit": "this program",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _AskedProbe(Probe):
    """One check. A refusal by AWS becomes a finding with AWS's reason."""

    check: Check
    needs: str
    find: Find
    context: ProbeContext

    @property
    def checks(self) -> Sequence[Check]:
        return (self.check,)

    async def ask(self) -> Sequence[Finding]:
        try:
            return [await self.find(self.context)]
        except AWS_ERRORS as error:
            return [not_asked(self.check, reason(error, self.needs), _ASK_AGAIN)]


def find_session(profile: str | None = None) -> boto3.Session | None:
    """A session with this computer's key, or that of ``profile``; None if there is none. Raises BotoCoreError if a
    named profile or its file is wrong."""
    found = botocore.session.Session(profile=profile)
    found.get_component("credential_provider").remove(InstanceMetadataProvider.METHOD)
    return boto3.Session(botocore_session=found) if found.get_credentials() is not None else None


class AwsAccount(Account):
    """See :class:`Account`. ``home``: the installation's name, the prefix of every resource name and the value of the
    tag ``tlfif:home``."""

    def __init__(
        self,
        session: boto3.Session,
        *,
        priced: Priced,
        now: datetime,
        max_run_seconds: float,
        paid: bool = False,
        home: str,
        types: tuple[str, ...] | None = None,
        endpoint_url: str | None = None,
        config: Config = DOCTOR_CONFIG,
    ) -> None:
        """``now`` with its time zone; ``paid``: probes that cost $0.01 are allowed; ``types``: of machines, None:
        the home's. No request is sent yet."""
        self._session = session
        self._calls = DoctorCalls(session, region=priced.region, endpoint_url=endpoint_url, config=config)
        self._context = ProbeContext(
            calls=self._calls,
            account="",
            arn="",
            home=home,
            types=types,
            priced=priced,
            now=now,
            max_run_seconds=max_run_seconds,
            paid=paid,
        )

    async def identify(self) -> Finding:
        """See :meth:`Account.identify` (STS GetCallerIdentity, which needs no permission)."""
        try:
            who = await self._calls.call("sts", "get_caller_identity")
            key = await in_daemon_thread(self._session.get_credentials)
        except AWS_ERRORS as error:
            if fault_of(error) is Fault.UNREACHABLE:
                return not_asked(
                    checks.CREDENTIALS,
                    reason(error, "sts:GetCallerIdentity"),
                    "Check the network, and that a firewall or proxy lets *.amazonaws.com through. Costs nothing.",
                )
            return account_verdicts.refused_credentials(f"{code_of(error)}: {words_of(error)}")
        self._context = replace(self._context, account=who["Account"], arn=who["Arn"])
        method = key.method if key is not None else "?"
        return account_verdicts.credentials(
            account=who["Account"], arn=who["Arn"], source=_SOURCES.get(method, str(method))
        )

    def probes(self) -> Sequence[Probe]:
        return [
            _AskedProbe(check=check, needs=needs, find=find, context=self._context) for check, needs, find in _PROBES
        ]


class UnusableKey(Account):
    """A profile or credentials file is named, but is so wrong that no request can be signed with it."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def identify(self) -> Finding:
        """Always a failure."""
        return account_verdicts.refused_credentials(self._why)

    def probes(self) -> Sequence[Probe]:
        """None: nothing can be asked."""
        return []


def this_account(
    *,
    priced: Priced,
    now: datetime,
    max_run_seconds: float,
    paid: bool,
    home: str,
    types: tuple[str, ...] | None = None,
    profile: str | None = None,
) -> Account | None:
    """The account of this computer's key, or of that of ``profile``; None if there is none. Arguments as for
    :class:`AwsAccount`."""
    try:
        session = find_session(profile)
    except AWS_ERRORS as error:
        return UnusableKey(f"{code_of(error)}: {words_of(error)}")
    if session is None:
        return None
    return AwsAccount(
        session, priced=priced, now=now, max_run_seconds=max_run_seconds, paid=paid, home=home, types=types
    )
