"""``tlfif doctor`` against accounts in which everything, nothing, or nobody is right, over real sockets."""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from tests.aws.emulator import NO_RETRIES, Emulator, aws_session
from tests.aws.scripted_aws import DENIED, Answer, Refused, ScriptedAws, serving
from tlfif.adapters.aws.doctor.account import AwsAccount, this_account
from tlfif.adapters.aws.doctor.probe_context import DoctorCalls
from tlfif.doctor import checks
from tlfif.doctor.checks import ACCOUNT_CHECKS, CAPACITY, COST_EXPLORER, Check, Finding, State
from tlfif.doctor.examine import Examination, examine
from tlfif.doctor.leftover_verdicts import Priced
from tlfif.doctor.rights_verdicts import DEPLOY_ACTIONS
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES

REGION = "eu-central-1"
ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/owner"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAX_RUN = 4 * 3600.0
TAGS = [{"Key": "tlfif:home", "Value": "tlfif"}]
TYPES = ("g4dn.xlarge", "g6.xlarge", "g5.xlarge")


@cache
def session() -> boto3.Session:
    """One for all: it reads AWS's descriptions once."""
    return aws_session()


def an_account(
    endpoint: str,
    *,
    paid: bool = False,
    home: str = "tlfif",
    now: datetime = NOW,
    types: tuple[str, ...] | None = None,
) -> AwsAccount:
    priced = Priced(book=BUILT_IN_PRICES, region=REGION, at_ms=int(NOW.timestamp() * 1000))
    return AwsAccount(
        session(),
        priced=priced,
        now=now,
        max_run_seconds=MAX_RUN,
        paid=paid,
        home=home,
        types=types,
        endpoint_url=endpoint,
        config=NO_RETRIES,
    )


async def examined(account: AwsAccount) -> tuple[Examination, dict[str, Finding]]:
    found = await examine(local=[], account=account, why_no_account="", probe_seconds=60, identify_seconds=60)
    return found, {one.check.id: one for one in found.findings}


async def states(answers: Mapping[tuple[str, str], Answer], otherwise: Answer = DENIED, *, paid: bool = True) -> Any:
    with serving(ScriptedAws(answers, otherwise)) as aws:
        found, by_id = await examined(an_account(aws.endpoint, paid=paid))
    return found, by_id, aws


async def asked(answers: Mapping[tuple[str, str], Answer], *checks: Check, paid: bool = True) -> tuple[Finding, Any]:
    """The finding of the last of ``checks`` alone, and who was asked."""
    with serving(ScriptedAws(answers)) as aws:
        account = an_account(aws.endpoint, paid=paid)
        await account.identify()
        found = await chosen(account, *checks)
    return found[-1], aws


async def chosen(account: AwsAccount, *checks: Check) -> list[Finding]:
    """What only these probes find."""
    return [one for probe in account.probes() if probe.checks[0] in checks for one in await probe.ask()]


def simulation(decision: str) -> Answer:
    return {
        "EvaluationResults": [{"EvalActionName": action, "EvalDecision": decision} for action in DEPLOY_ACTIONS],
        "IsTruncated": False,
    }


WHO: Answer = {"UserId": "AID", "Account": ACCOUNT, "Arn": USER}
RIGHT: dict[tuple[str, str], Answer] = {
    ("sts", "GetCallerIdentity"): WHO,
    ("iam", "SimulatePrincipalPolicy"): simulation("allowed"),
    ("iam", "GetAccountSummary"): {"SummaryMap": {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}},
    ("ec2", "DescribeRegions"): {"Regions": [{"RegionName": REGION, "OptInStatus": "opt-in-not-required"}]},
    ("freetier", "GetAccountPlanState"): {
        "accountId": ACCOUNT, "accountPlanType": "PAID", "accountPlanStatus": "ACTIVE",
        "accountPlanRemainingCredits": {"amount": 12.5, "unit": "USD"},
    },
    ("service-quotas", "GetServiceQuota"): {"Quota": {"QuotaCode": "L-DB2E81BA", "Value": 8.0}},
    ("ec2", "DescribeInstanceTypeOfferings"): {
        "InstanceTypeOfferings": [
            {"InstanceType": kind, "LocationType": "availability-zone", "Location": f"{REGION}{zone}"}
            for kind in TYPES for zone in "ab"
        ]
    },
    ("lambda", "GetAccountSettings"): {"AccountLimit": {"ConcurrentExecutions": 10}},
    ("codeconnections", "ListConnections"): {
        "Connections": [{"ConnectionName": "tlfif", "ConnectionStatus": "AVAILABLE", "ProviderType": "GitHub"}]
    },
    ("ce", "GetCostAndUsage"): {"ResultsByTime": []},
    ("sns", "ListSubscriptionsByTopic"): {
        "Subscriptions": [
            {"Endpoint": "me@example.com", "Protocol": "email", "SubscriptionArn": "arn:aws:sns:eu-central-1:1:tlfif:x"}
        ]
    },
    ("budgets", "DescribeBudget"): {
        "Budget": {
            "BudgetName": "tlfif-month", "TimeUnit": "MONTHLY", "BudgetType": "COST",
            "BudgetLimit": {"Amount": "23", "Unit": "USD"},
        }
    },
    ("ec2", "GetEbsEncryptionByDefault"): {"EbsEncryptionByDefault": True},
    ("ec2", "DescribeInstances"): {"Reservations": []},
    ("ec2", "DescribeVolumes"): {"Volumes": []},
    ("ec2", "DescribeImages"): {
        "Images": [
            {
                "ImageId": "ami-1", "State": "available", "Tags": [*TAGS, {"Key": "tlfif:image", "Value": "v1"}],
                "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}],
            }
        ]
    },
    ("ssm", "GetParametersByPath"): {"Parameters": [{"Name": "/tlfif/image/cpu-llama", "Value": "ami-1"}]},
    ("ec2", "DescribeSnapshots"): {"Snapshots": [{"SnapshotId": "snap-1", "VolumeSize": 20}]},
    ("logs", "DescribeLogGroups"): {"logGroups": [{"logGroupName": "/aws/lambda/tlfif-api", "retentionInDays": 14}]},
}  # fmt: skip
WRONG: dict[tuple[str, str], Answer] = {
    ("sts", "GetCallerIdentity"): {**WHO, "Arn": f"arn:aws:iam::{ACCOUNT}:root"},
    ("iam", "GetAccountSummary"): {"SummaryMap": {"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1}},
    ("ec2", "DescribeRegions"): {"Regions": [{"RegionName": REGION, "OptInStatus": "not-opted-in"}]},
    ("freetier", "GetAccountPlanState"): {
        "accountId": ACCOUNT, "accountPlanType": "FREE", "accountPlanStatus": "ACTIVE",
    },
    ("service-quotas", "GetServiceQuota"): {"Quota": {"QuotaCode": "L-DB2E81BA", "Value": 0.0}},
    ("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota"): {
        "RequestedQuotas": [
            {"Status": "DENIED", "DesiredValue": 64.0, "Created": NOW - timedelta(days=9)},
            {"Status": "CASE_OPENED", "DesiredValue": 8.0, "Created": NOW - timedelta(days=1)},
        ]
    },
    ("ec2", "DescribeInstanceTypeOfferings"): {"InstanceTypeOfferings": []},
    ("lambda", "GetAccountSettings"): {"AccountLimit": {"ConcurrentExecutions": 0}},
    ("codeconnections", "ListConnections"): {
        "Connections": [{"ConnectionName": "tlfif", "ConnectionStatus": "PENDING", "ProviderType": "GitHub"}]
    },
    ("ce", "GetCostAndUsage"): Refused("AccessDeniedException", "User not enabled for cost explorer access"),
    ("sns", "ListSubscriptionsByTopic"): {
        "Subscriptions": [
            {"Endpoint": "me@example.com", "Protocol": "email", "SubscriptionArn": "PendingConfirmation"}
        ]
    },
    ("budgets", "DescribeBudget"): Refused("NotFoundException"),
    ("ec2", "GetEbsEncryptionByDefault"): {"EbsEncryptionByDefault": False},
    ("ec2", "DescribeInstances"): {
        "Reservations": [
            {
                "Instances": [
                    {
                        "InstanceId": "i-1", "InstanceType": "g4dn.xlarge", "LaunchTime": NOW - timedelta(hours=30),
                        "State": {"Name": "running"},
                    }
                ]
            }
        ]
    },
    ("ec2", "DescribeVolumes"): {
        "Volumes": [
            {"VolumeId": "vol-1", "Size": 40, "State": "available", "VolumeType": "gp3", "Tags": TAGS},
            {"VolumeId": "vol-2", "Size": 100, "State": "available", "VolumeType": "gp2"},
        ]
    },
    ("ec2", "DescribeImages"): {"Images": []},
    ("ssm", "GetParametersByPath"): {"Parameters": [{"Name": "/tlfif/image/cpu-llama", "Value": "ami-9"}]},
    ("ec2", "DescribeSnapshots"): {
        "Snapshots": [{"SnapshotId": "snap-9", "VolumeSize": 40, "FullSnapshotSizeInBytes": 20 << 30}]
    },
    ("logs", "DescribeLogGroups"): {"logGroups": [{"logGroupName": "/aws/lambda/tlfif-api", "storedBytes": 10}]},
}  # fmt: skip


async def test_an_account_in_which_everything_is_right() -> None:
    found, by_id, aws = await states(RIGHT)
    assert [one.check for one in found.findings] == list(ACCOUNT_CHECKS)
    assert {one.check.id for one in found.findings if one.state is not State.OK} == {CAPACITY.id}
    assert not found.fails
    assert not found.account_silent
    assert "8 vCPU" in by_id["gpu_quota"].evidence
    assert "$12.50 of credits" in by_id["account_plan"].evidence
    assert by_id["snapshots"].micros_per_month == 20 * 54_000
    assert ("ec2", "DescribeRegions", "us-east-1") in aws.heard  # a region that is off answers nobody
    assert ("freetier", "GetAccountPlanState", "us-east-1") in aws.heard


async def test_an_account_in_which_everything_is_wrong() -> None:
    found, by_id, _ = await states(WRONG)
    failed = {one.check.id for one in found.findings if one.state is State.FAIL}
    assert failed == {
        "region",
        "account_plan",
        "gpu_quota",
        "standard_quota",
        "offerings",
        "lambda_concurrency",
        "machines",
        "images",
    }
    unknown = {one.check.id for one in found.findings if one.state is State.NOT_ASKED}
    assert unknown == {CAPACITY.id}
    assert {one.check.id for one in found.findings if one.state is State.OK} == set()
    assert all(one.cure for one in found.findings if one.check is not CAPACITY)
    assert "CASE_OPENED" in by_id["gpu_quota"].evidence
    assert "i-1" in by_id["machines"].evidence
    assert by_id["snapshots"].micros_per_month == 20 * 54_000
    assert by_id["foreign_disks"].evidence.count("vol-") == 1
    assert "counted at gp3's price" in by_id["foreign_disks"].evidence
    assert by_id["foreign_disks"].micros_per_month == 100 * 95_200


async def test_the_homes_own_list_of_types_is_what_counts() -> None:
    stack = {"StackName": "tlfif", "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE"}

    async def told(types: str) -> dict[str, Finding]:
        parameters = [{"ParameterKey": "InstanceTypes", "ParameterValue": types}]
        stands = {("cloudformation", "DescribeStacks"): {"Stacks": [{**stack, "Parameters": parameters}]}}
        quotas = {("service-quotas", "GetServiceQuota"): {"Quota": {"QuotaCode": "L-DB2E81BA", "Value": 4.0}}}
        return (await states(RIGHT | quotas | stands))[1]

    found = await told("m7i.xlarge,g4dn.xlarge")
    assert "Tried first: m7i.xlarge for $0.27 an hour (llama.cpp): nowhere; then g4dn" in found["offerings"].evidence
    assert found["gpu_quota"].state is State.WARN
    assert (await told("m7i.xlarge"))["gpu_quota"].state is State.OK
    assert "Tried first: g4dn" in (await told("t2.nano"))["offerings"].evidence, "set by hand, and unknown"


async def test_a_list_that_is_to_be_deployed_counts_before_the_homes() -> None:
    with serving(ScriptedAws(WRONG)) as aws:
        account = an_account(aws.endpoint, types=("c7i.xlarge",))
        await account.identify()
        (found,) = await chosen(account, checks.GPU_QUOTA)
    assert found.state is State.OK
    assert ("cloudformation", "DescribeStacks", REGION) not in aws.heard


async def test_a_key_without_any_right_gets_reasons_and_no_verdicts() -> None:
    found, by_id, _ = await states({("sts", "GetCallerIdentity"): WHO})
    assert by_id["credentials"].state is State.OK
    assert {one.state for one in found.findings if one.check.id != "credentials"} == {State.NOT_ASKED}
    assert found.account_silent
    assert "it lacks the right x:Y (AccessDeniedException)" in by_id["rights"].evidence
    assert "it lacks the right x:Y" in by_id["cost_explorer"].evidence


async def test_a_key_that_aws_does_not_know() -> None:
    found, by_id, aws = await states({}, Refused("InvalidClientTokenId", "The security token is invalid.", 403))
    assert by_id["credentials"].state is State.FAIL
    assert "The security token is invalid." in by_id["credentials"].evidence
    assert {operation for _, operation, _ in aws.heard} == {"GetCallerIdentity"}  # nothing else is tried with it
    assert found.account_silent


async def test_no_network() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        found, by_id = await examined(an_account(f"http://127.0.0.1:{held.getsockname()[1]}"))
    assert by_id["credentials"].state is State.NOT_ASKED
    assert {one.state for one in found.findings} == {State.NOT_ASKED}
    assert found.account_silent


async def test_one_refusal_stops_no_other_check() -> None:
    answers = {**RIGHT, ("ec2", "DescribeVolumes"): Refused("InternalFailure", "<html>a page</html>", 400)}
    found, by_id, _ = await states(answers)
    unknown = {one.check.id for one in found.findings if one.state is State.NOT_ASKED}
    assert unknown == {CAPACITY.id, "disks", "foreign_disks"}
    assert "html" not in by_id["disks"].evidence


async def test_cost_explorer_is_asked_only_for_a_cent_that_was_allowed() -> None:
    found, aws = await asked(RIGHT, COST_EXPLORER, paid=False)
    assert found.state is State.NOT_ASKED
    assert "$0.01" in found.cure
    assert not [one for one in aws.heard if one[0] == "ce"]


async def test_an_old_account_has_no_plan() -> None:
    answers = {**RIGHT, ("freetier", "GetAccountPlanState"): Refused("ResourceNotFoundException")}
    found, _ = await asked(answers, checks.ACCOUNT_PLAN)
    assert (found.state, "keeps no plan" in found.evidence) == (State.NOT_ASKED, True)


async def test_a_topic_that_is_not_there() -> None:
    answers = {**RIGHT, ("sns", "ListSubscriptionsByTopic"): Refused("NotFound", status=404)}
    found, _ = await asked(answers, checks.ALARM_ADDRESS)
    assert "nothing is deployed" in found.evidence


async def test_the_rights_of_a_role_are_asked_by_its_whole_name() -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me"
    role = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/Admin"
    when = {"CreateDate": NOW, "Path": "/", "RoleId": "A" * 16, "RoleName": "Admin"}
    answers = {
        **RIGHT,
        ("sts", "GetCallerIdentity"): {**WHO, "Arn": session},
        ("iam", "GetRole"): {"Role": {**when, "Arn": role}},
        ("iam", "SimulatePrincipalPolicy"): simulation("explicitDeny"),
    }
    found, _ = await asked(answers, checks.RIGHTS)
    assert role in found.evidence
    assert "forbidden: apigateway:DELETE GET" in found.evidence
    assert found.state is State.FAIL
    found, _ = await asked({**answers, ("iam", "GetRole"): DENIED}, checks.RIGHTS)
    assert f"arn:aws:iam::{ACCOUNT}:role/Admin" in found.evidence
    federated: Answer = {**WHO, "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/me"}
    found, _ = await asked({**answers, ("sts", "GetCallerIdentity"): federated}, checks.RIGHTS)
    assert found.state is State.NOT_ASKED


KNOWN_TO_EMULATOR = {
    checks.REGION, checks.OFFERINGS, checks.ENCRYPTION, checks.BUDGET, checks.ALARM_ADDRESS, checks.DISKS, checks.ROOT,
    checks.FOREIGN_DISKS, checks.IMAGES, checks.SNAPSHOTS, checks.MACHINES, checks.LOG_GROUPS, checks.COST_EXPLORER,
}  # fmt: skip


async def test_what_the_emulator_knows_is_read_from_it(emulator: Emulator) -> None:
    home = emulator.unique("doc")
    emulator.ec2.disable_ebs_encryption_by_default()  # another test of this emulator may have switched it on
    ours = [{"Key": "tlfif:home", "Value": home}]
    zone = f"{REGION}a"
    left = emulator.ec2.create_volume(
        AvailabilityZone=zone,
        Size=40,
        TagSpecifications=[{"ResourceType": "volume", "Tags": ours}],
    )["VolumeId"]
    byhand = emulator.ec2.create_volume(AvailabilityZone=zone, Size=7)["VolumeId"]
    snapshot = emulator.ec2.create_snapshot(
        VolumeId=left,
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": ours}],
    )["SnapshotId"]
    image = emulator.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    machine = emulator.ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, InstanceType="g4dn.xlarge",
        TagSpecifications=[{"ResourceType": "instance", "Tags": ours}],
    )["Instances"][0]  # fmt: skip
    client = emulator.session.client("logs", endpoint_url=emulator.endpoint)
    client.create_log_group(logGroupName=f"/aws/lambda/{home}-api")
    client.close()
    try:
        now = machine["LaunchTime"] + timedelta(hours=1)
        account = an_account(emulator.endpoint, home=home, now=now)
        found = [await account.identify(), *await chosen(account, *KNOWN_TO_EMULATOR)]
        by_id = {one.check.id: one for one in found}
        assert by_id["credentials"].state is State.OK
        assert by_id["region"].state is State.OK
        assert by_id["offerings"].state is State.OK
        assert by_id["disk_encryption"].state is State.WARN
        assert by_id["budget"].state is by_id["alarm_address"].state is State.WARN
        assert left in by_id["disks"].evidence
        assert "$3.81 a month" in by_id["disks"].evidence  # 40 GB at 0.0952
        assert byhand in by_id["foreign_disks"].evidence
        assert left not in by_id["foreign_disks"].evidence
        assert snapshot in by_id["snapshots"].evidence
        assert machine["InstanceId"] in by_id["machines"].evidence
        assert "for 1.0 h" in by_id["machines"].evidence
        assert f"/aws/lambda/{home}-api" in by_id["log_groups"].evidence
    finally:
        emulator.ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
        emulator.ec2.delete_volume(VolumeId=left)
        emulator.ec2.delete_volume(VolumeId=byhand)
        emulator.ec2.delete_snapshot(SnapshotId=snapshot)


async def test_only_reading_calls_can_be_made() -> None:
    calls = DoctorCalls(boto3.Session(), region=REGION)
    for operation in ("terminate_instances", "request_service_quota_increase", "put_object", "create_tags"):
        with pytest.raises(ValueError, match="no reading call"):
            await calls.call("ec2", operation)
        with pytest.raises(ValueError, match="no reading call"):
            await calls.items("ec2", operation, "x")


async def test_a_profile_that_is_not_there_is_a_key_that_does_not_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    priced = Priced(book=BUILT_IN_PRICES, region=REGION, at_ms=0)
    assert this_account(priced=priced, now=NOW, max_run_seconds=1, paid=False, home="tlfif") is None
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    account = this_account(priced=priced, now=NOW, max_run_seconds=1, paid=False, home="tlfif")
    assert account is not None
    who = await account.identify()
    assert (who.state, "nobody" in who.evidence) == (State.FAIL, True)
    assert list(account.probes()) == []
