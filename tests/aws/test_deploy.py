"""``tlfif deploy`` against the emulator, and what AWS refuses in the owner's words."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, UnauthorizedSSOTokenError

from tests.aws.deployed_world import World, deploy, run_tlfif
from tests.aws.deployments import EmulatedHome, emulated_template, package
from tests.aws.emulator import Emulator
from tests.fakes.aws_account import FakeOwnerProfile, Killed, MemoryJournal
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.deployment.errors import deployment_error
from tlfif.adapters.aws.deployment.installation import AwsInstallation
from tlfif.adapters.aws.deployment.stack_template import MOST_BYTES_IN_REQUEST, StackTemplate
from tlfif.control.authority import OWNERS
from tlfif.deployment.deploy import STEPS
from tlfif.deployment.journal import Journal
from tlfif.deployment.stack_changes import Fate
from tlfif.kernel.errors import InvalidInputError, UnavailableError


@pytest.fixture
def home(emulator: Emulator, tmp_path: Path) -> EmulatedHome:
    return EmulatedHome(emulator, tmp_path)


async def test_a_home_is_made_and_the_second_time_nothing_is_new(home: EmulatedHome) -> None:
    journal, profile = MemoryJournal(), FakeOwnerProfile()
    done = await deploy(home, journal=journal, profile=profile)
    assert done.changed
    assert done.user_invited
    assert profile.outputs is not None
    assert profile.outputs["UserPoolId"] == home.pool_id
    for name in ("jobs", "state"):
        assert home.clients.dynamodb.describe_table(TableName=f"{home.place.home}-{name}")["Table"]
    users = home.clients.cognito.list_users(UserPoolId=home.pool_id)["Users"]
    assert [user["UserStatus"] for user in users] == ["FORCE_CHANGE_PASSWORD"]
    owners = home.clients.cognito.list_users_in_group(UserPoolId=home.pool_id, GroupName=OWNERS)["Users"]
    assert [user["Username"] for user in owners] == [user["Username"] for user in users]
    assert journal.kept is not None
    assert journal.kept.code_key.endswith(".zip")
    again = await deploy(home, journal=journal, profile=profile)
    assert (again.changed, again.user_invited) == (False, False)
    assert len(home.clients.cognito.list_users(UserPoolId=home.pool_id)["Users"]) == 1


class MortalJournal(MemoryJournal):
    """Remembers, and is killed after ``saves`` records."""

    def __init__(self) -> None:
        super().__init__()
        self.saves = 0

    def save(self, journal: Journal) -> None:
        super().save(journal)
        self.saves -= 1
        if self.saves == 0:
            raise Killed("after a record")


async def test_killed_after_each_step_in_turn_it_still_comes_to_its_end(home: EmulatedHome) -> None:
    journal, profile = MortalJournal(), FakeOwnerProfile()
    for survived in range(1, len(STEPS) + 2):
        journal.saves = survived
        with pytest.raises(Killed):
            await deploy(home, journal=journal, profile=profile)
    done = await deploy(home, journal=journal, profile=profile)
    assert not done.changed
    assert journal.kept is not None
    assert journal.kept.finished
    stacks = home.clients.cloudformation.describe_stacks(StackName=home.place.home)["Stacks"]
    assert [one["StackStatus"] for one in stacks] == ["CREATE_COMPLETE"]
    assert len(home.clients.cognito.list_users(UserPoolId=home.pool_id)["Users"]) == 1


async def test_the_code_bucket_is_closed_tagged_and_holds_the_package(home: EmulatedHome) -> None:
    bucket = await home.installation.make_code_bucket()
    key = await home.installation.upload_package(None)
    s3 = home.clients.s3
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert {"Key": "tlfif:home", "Value": home.place.home} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]


def test_from_another_computer_the_plan_shows_what_the_home_has(emulator: Emulator, tmp_path: Path) -> None:
    """Whoever deploys again pays for the disk that somebody has chosen to keep: it is said before the question."""
    cloud = emulator.session.client("cloudformation", endpoint_url=emulator.endpoint)
    chosen = {"Standby": "yes", "MonthlyBudgetUsd": "70"}
    template = {
        "Parameters": {name: {"Type": "String"} for name in chosen},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    }
    cloud.create_stack(
        StackName="tlfif",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in chosen.items()],
        Tags=[{"Key": "tlfif:home", "Value": "tlfif"}],
    )
    account = {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    try:
        done = run_tlfif(
            "deploy", "--email", "me@example.com", "--slow-start", "--keep-account-settings", folder=tmp_path, **account
        )
    finally:
        cloud.delete_stack(StackName="tlfif")
    assert done.returncode == 2, done.stderr
    told = " ".join(done.stderr.split())
    for words in ("Standby is on.", "disk of 32 GB kept while stopped $3.05", "reaches $70.00", "Nothing was changed."):
        assert words in told, done.stderr


def test_the_difference_is_shown_of_what_stands_and_changes_nothing(emulator: Emulator, tmp_path: Path) -> None:
    """From any computer with the account's key; without an address, which the stack knows."""
    cloud = emulator.session.client("cloudformation", endpoint_url=emulator.endpoint)
    table = StackTemplate().content["Resources"]["StoreState46938EFA"]
    table["Properties"]["TableName"] = "tlfifdiff-old"
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "tlfifdiff-old"}}
    template = {
        "Parameters": {name: {"Type": "String"} for name in ("HomeName", "Standby", "AlarmEmail")},
        "Resources": {"Queue": queue, "Old": table},
    }
    chosen = {"HomeName": "tlfifdiff", "Standby": "yes", "AlarmEmail": "me@example.com"}
    cloud.create_stack(
        StackName="tlfifdiff",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in chosen.items()],
        Tags=[{"Key": "tlfif:home", "Value": "tlfifdiff"}],
    )
    account = {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    words = ("deploy", "--diff", "--name", "tlfifdiff", "--no-standby", "--keep-account-settings")
    try:
        shown = run_tlfif(*words, folder=tmp_path, **account)
        found = json.loads(run_tlfif(*words, "--json", folder=tmp_path, **account).stdout)
        insisting = ("deploy", *words[2:], "--email", "me@example.com", "--slow-start", "--yes")
        refused = run_tlfif(*insisting, folder=tmp_path, **account)
        (stack,) = cloud.describe_stacks(StackName="tlfifdiff")["Stacks"]
        left = [
            one["LogicalResourceId"] for one in cloud.describe_stack_resources(StackName="tlfifdiff")["StackResources"]
        ]
    finally:
        cloud.delete_stack(StackName="tlfifdiff")
    assert shown.returncode == 0, shown.stderr
    told = shown.stdout
    assert told.index("LOSES prompts, answers, budget and ledger") < told.index("new ")
    for line in ("Standby: yes becomes no", "goes from $5.65 to $2.60", "Your account's settings stay as they are."):
        assert line in " ".join(told.split()), told
    assert "AlarmEmail" not in told, "it stays as it is"
    by_fate = {
        fate: [one["aws_type"] for one in found["changes"] if one["fate"] == fate] for fate in ("new", "removed")
    }
    assert by_fate["removed"] == ["AWS::SQS::Queue", "AWS::DynamoDB::Table"]
    assert "AWS::Cognito::UserPool" in by_fate["new"]
    assert [one["loses_data"] for one in found["changes"] if one["fate"] == "removed"] == [False, True]
    assert found["idle_usd_per_month"]["after"] < found["idle_usd_per_month"]["before"]
    assert refused.returncode == 2
    assert "[change_would_lose]" in refused.stderr
    assert "--allow-losing" in refused.stderr
    assert (stack["StackStatus"], sorted(left)) == ("CREATE_COMPLETE", ["Old", "Queue"])


def test_where_nothing_stands_the_difference_is_the_whole_and_no_trace_is_left(
    emulator: Emulator, tmp_path: Path
) -> None:
    account = {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    words = ("deploy", "--diff", "--name", "tlfifnone", "--keep-account-settings")
    done = run_tlfif(*words, folder=tmp_path, **account)
    assert done.returncode == 0, done.stderr
    assert "does not exist yet" in done.stdout
    assert json.loads(run_tlfif(*words, "--json", folder=tmp_path, **account).stdout)["stands"] is None
    cloud = emulator.session.client("cloudformation", endpoint_url=emulator.endpoint)
    assert not [one for one in cloud.describe_stacks()["Stacks"] if one["StackName"] == "tlfifnone"]


@pytest.mark.requirement("10.5.2")
async def test_a_stack_that_only_has_the_name_is_neither_changed_nor_deleted(home: EmulatedHome) -> None:
    cloud = home.clients.cloudformation
    queue = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{home.place.home}-x"}}}}
    cloud.create_stack(StackName=home.place.home, TemplateBody=json.dumps(queue))
    world = World(home)
    with pytest.raises(UnavailableError) as refused:
        await world.deploy()
    assert refused.value.code == "stack_foreign"
    done = await world.destroy()
    assert not done.nothing_left
    assert any("lacks the tag" in trouble for trouble in done.troubles)
    (stack,) = cloud.describe_stacks(StackName=home.place.home)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert home.clients.sqs.get_queue_url(QueueName=f"{home.place.home}-x")["QueueUrl"]
    cloud.delete_stack(StackName=home.place.home)


async def test_a_promoted_image_is_seen(home: EmulatedHome) -> None:
    assert await home.installation.promoted_image() is None
    home.clients.ssm.put_parameter(Name=image_parameter(home.place.home, "cpu-llama"), Value="ami-1", Type="String")
    try:
        assert await home.installation.promoted_image() == "ami-1"
    finally:
        home.clients.ssm.delete_parameter(Name=image_parameter(home.place.home, "cpu-llama"))


@pytest.mark.requirement("10.4.1")
async def test_a_trail_of_somebody_else_is_seen_and_our_own_is_not(home: EmulatedHome) -> None:
    trail, s3 = home.clients.cloudtrail, home.clients.s3
    bucket = await home.installation.make_code_bucket()
    trail.create_trail(Name=home.place.home, S3BucketName=bucket)
    assert not await home.installation.has_trail()
    trail.create_trail(Name="companys-own", S3BucketName=bucket)
    assert await home.installation.has_trail()
    for name in ("companys-own", home.place.home):
        trail.delete_trail(Name=name)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def _anybody_reads(bucket: str) -> str:
    reads = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [reads]})


async def test_a_bucket_of_somebody_else_gets_no_package(home: EmulatedHome) -> None:
    """Whoever guesses the name and opens the bucket to the world could exchange the programs."""
    asked: list[tuple[str, str]] = []

    def watch(params: dict[str, Any], model: Any, **_: object) -> None:
        asked.append((model.name, params["headers"].get("x-amz-expected-bucket-owner", "")))

    def foreign(**_: object) -> Any:
        return AWSResponse("", 403, {}, None), {"Error": {"Code": "403", "Message": "Forbidden"}}

    events = home.clients.s3.meta.events
    events.register("before-call.s3", watch)
    try:
        await home.installation.make_code_bucket()
        await home.installation.upload_package(None)
        events.register("before-call.s3.HeadBucket", foreign)
        try:
            with pytest.raises(UnavailableError) as refused:
                await home.installation.make_code_bucket()
        finally:
            events.unregister("before-call.s3.HeadBucket", foreign)
    finally:
        events.unregister("before-call.s3", watch)
    assert refused.value.code == "bucket_not_yours"
    assert {"HeadBucket", "HeadObject", "PutObject"} <= {name for name, _ in asked}
    assert {owner for name, owner in asked if name != "CreateBucket"} == {home.place.account_id}


async def test_buckets_that_are_public_or_may_be_are_found(home: EmulatedHome) -> None:
    """Not those that their own block or their owner's sole ownership closes."""
    s3 = home.clients.s3
    names = {kind: f"{home.place.home}-{kind}" for kind in ("site", "files", "blocked", "owned", "denied")}
    for name in names.values():
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": home.place.region})
    for kind in ("site", "owned"):
        s3.put_bucket_ownership_controls(
            Bucket=names[kind], OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
    for kind in ("site", "blocked"):
        s3.put_bucket_policy(Bucket=names[kind], Policy=_anybody_reads(names[kind]))
    s3.put_public_access_block(Bucket=names["blocked"], PublicAccessBlockConfiguration=CLOSED)  # type: ignore[arg-type]  # a plain dict

    def refuse(params: dict[str, Any], **_: object) -> Any:
        if params["url_path"].startswith(f"/{names['denied']}"):
            error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            return AWSResponse("", 403, {}, None), error
        return None

    s3.meta.events.register("before-call.s3.GetPublicAccessBlock", refuse)
    try:
        found = await home.installation.open_buckets()
    finally:
        s3.meta.events.unregister("before-call.s3.GetPublicAccessBlock", refuse)
    assert {kind for kind, name in names.items() if name in found} == {"site", "files", "denied"}
    for name in names.values():
        s3.delete_bucket(Bucket=name)


async def test_a_template_too_large_for_a_request_goes_by_the_bucket(home: EmulatedHome, tmp_path: Path) -> None:
    large = emulated_template(home.outputs)
    large["Metadata"] = {"Padding": "x" * MOST_BYTES_IN_REQUEST}
    path = tmp_path / "large.json"
    path.write_text(json.dumps(large))
    template = StackTemplate(path)
    assert not template.fits_into_request
    installation = AwsInstallation(home.clients, home.place, template=template, build=package, clock=home.clock)
    sent: list[str] = []

    def watch(params: dict[str, Any], **_: object) -> None:
        sent.append(params.get("TemplateURL", ""))

    events = home.clients.cloudformation.meta.events
    events.register("provide-client-params.cloudformation.CreateChangeSet", watch)
    try:
        assert (
            await deploy(home, journal=MemoryJournal(), profile=FakeOwnerProfile(), installation=installation)
        ).changed
    finally:
        events.unregister("provide-client-params.cloudformation.CreateChangeSet", watch)
    (url,) = sent
    bucket, _, rest = url.removeprefix("https://").partition(".s3.")
    key = rest.partition("/")[2]
    stored = home.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert json.loads(stored) == template.content


async def test_a_change_set_left_by_a_killed_try_does_not_stand_in_the_way(home: EmulatedHome) -> None:
    bucket = await home.installation.make_code_bucket()
    home.clients.cloudformation.create_change_set(
        StackName=home.place.home,
        ChangeSetName=f"{home.place.home}-deploy",
        ChangeSetType="CREATE",
        TemplateBody=home.template.body,
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in {
                "HomeName": home.place.home,
                "LambdaCodeBucket": bucket,
                "LambdaCodeKey": "releases/0.zip",
                "AlarmEmail": "a@example.com",
                "Zone1": "eu-central-1a",
            }.items()
        ],
    )
    assert (await deploy(home, journal=MemoryJournal(), profile=FakeOwnerProfile())).changed


def refused(code: str, message: str = "no", operation: str = "CreateStack") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (NoCredentialsError(), "aws_no_credentials", "aws configure"),
        (UnauthorizedSSOTokenError(), "aws_expired", "aws sso login"),
        (refused("ExpiredToken"), "aws_expired", "has expired"),
        (refused("InvalidClientTokenId"), "aws_credentials_wrong", "first-day-on-aws"),
        (refused("SignatureDoesNotMatch", "The signature we calculated differs"), "aws_credentials_wrong", "key"),
        (refused("SignatureDoesNotMatch", "Signature expired: x is now earlier than y"), "clock_wrong", "clock"),
        (
            refused("AccessDenied", "User x is not authorized to perform: iam:CreateRole on y"),
            "aws_denied",
            "iam:CreateRole",
        ),
        (refused("AccessDeniedException", "no"), "aws_denied", "cloudformation:CreateStack"),
        (refused("OptInRequired"), "aws_region_disabled", "--region"),
        (refused("LimitExceededException", "too many stacks"), "aws_limit", "too many stacks"),
        (refused("Throttling"), "aws_busy", "busy"),
        (refused("ValidationError", "a strange thing"), "aws_refused", "a strange thing"),
        (EndpointConnectionError(endpoint_url="https://x"), "aws_unreachable", "network"),
    ],
)
def test_every_refusal_has_a_code_and_says_what_to_do(error: Any, code: str, words: str) -> None:
    translated = deployment_error(error, "cloudformation")
    assert isinstance(translated, UnavailableError)
    assert translated.code == code
    assert words in translated.message


async def test_a_table_that_a_change_set_would_remove_stays_until_it_is_named(
    home: EmulatedHome, tmp_path: Path
) -> None:
    await deploy(home, journal=MemoryJournal(), profile=FakeOwnerProfile())
    jobs = f"{home.place.home}-jobs"
    home.clients.dynamodb.put_item(TableName=jobs, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    content = emulated_template(home.outputs, without=frozenset({"AWS::DynamoDB::Table"}))
    path = tmp_path / "without-tables.json"
    path.write_text(json.dumps(content))
    other = AwsInstallation(home.clients, home.place, template=StackTemplate(path), build=package, clock=home.clock)
    with pytest.raises(InvalidInputError) as refused:
        await deploy(home, journal=MemoryJournal(), profile=FakeOwnerProfile(), installation=other)
    assert refused.value.code == "change_would_lose"
    assert home.clients.dynamodb.scan(TableName=jobs)["Count"] == 1
    sets = home.clients.cloudformation.list_change_sets(StackName=home.place.home)["Summaries"]
    assert not [one for one in sets if one["ExecutionStatus"] == "AVAILABLE"]
    assert not (await deploy(home, journal=MemoryJournal(), profile=FakeOwnerProfile())).changed


async def test_the_change_set_that_was_read_is_the_one_that_is_executed(home: EmulatedHome) -> None:
    """Another computer's, of the same name and made in between, is not."""
    bucket, key = await home.installation.make_code_bucket(), await home.installation.upload_package(None)
    parameters = {
        "HomeName": home.place.home,
        "LambdaCodeBucket": bucket,
        "LambdaCodeKey": key,
        "AlarmEmail": "a@example.com",
        "Zone1": "eu-central-1a",
    }
    executed: list[str] = []

    def watch(params: dict[str, Any], **_: object) -> None:
        executed.append(params["ChangeSetName"])

    events = home.clients.cloudformation.meta.events
    events.register("provide-client-params.cloudformation.ExecuteChangeSet", watch)
    try:
        await home.installation.prepare_stack(parameters)
        await home.installation.begin_stack()
    finally:
        events.unregister("provide-client-params.cloudformation.ExecuteChangeSet", watch)
    (arn,) = executed
    assert arn.startswith("arn:aws:cloudformation:")


async def test_all_pages_of_a_change_set_are_read(home: EmulatedHome) -> None:
    """CloudFormation answers in pages; the loss may stand on the last one."""
    pages = [
        {"Changes": [_change("Add", "Queue", "AWS::SQS::Queue")], "NextToken": "more"},
        {"Changes": [_change("Remove", "StoreJobs", "AWS::DynamoDB::Table")]},
    ]
    asked: list[str | None] = []

    def answer(model: Any, params: dict[str, Any], **_: object) -> Any:
        body = params["body"]
        if "StackName" in body:  # whether an earlier attempt has left one
            return None
        asked.append(body.get("NextToken"))
        page = pages[1] if body.get("NextToken") else pages[0]
        return AWSResponse("", 200, {}, None), {"Status": "CREATE_COMPLETE", **page}

    bucket = await home.installation.make_code_bucket()
    events = home.clients.cloudformation.meta.events
    name = "before-call.cloudformation.DescribeChangeSet"
    parameters = {
        "HomeName": home.place.home,
        "LambdaCodeBucket": bucket,
        "LambdaCodeKey": "releases/1.zip",
        "AlarmEmail": "a@example.com",
        "Zone1": "eu-central-1a",
    }
    events.register(name, answer)
    try:
        changes = await home.installation.prepare_stack(parameters)
    finally:
        events.unregister(name, answer)
    await home.installation.forget_prepared()
    assert changes is not None
    assert [one.fate for one in changes] == [Fate.ADDED, Fate.REMOVED]
    assert "more" in asked


def _change(action: str, logical_id: str, kind: str) -> dict[str, Any]:
    found = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind}
    return {"Type": "Resource", "ResourceChange": found}
