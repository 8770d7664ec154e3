"""What the template makes, and what it must never make."""

import inspect
import json
import re
from collections import Counter
from importlib.resources import files

import pytest

from tests.infra.template import Json, Template
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.client.profile import REDIRECT_PORTS, redirect_uri
from tlfif.control import scheduled_router
from tlfif.deployment.stack_changes import holds_state
from tlfif.images.image import Profile
from tlfif.images.watch_repository import PATHS
from tlfif.machines.machine_types import USUAL_TYPES

HOME = {"Ref": "HomeName"}
CONNECTION = "arn:aws:codeconnections:eu-central-1:123456789012:connection/0c1f6b1a-2d3e-4f50-8a9b-0123456789ab"
COUNTS = {
    "AWS::ApiGatewayV2::Api": 1,
    "AWS::ApiGatewayV2::Route": 2,
    "AWS::Budgets::Budget": 1,
    "AWS::CloudTrail::Trail": 1,
    "AWS::CodePipeline::Pipeline": 1,
    "AWS::Cognito::UserPool": 1,
    "AWS::Cognito::UserPoolClient": 1,
    "AWS::DynamoDB::Table": 2,
    "AWS::EC2::LaunchTemplate": 2,
    "AWS::EC2::SecurityGroup": 2,
    "AWS::EC2::Subnet": 6,
    "AWS::EC2::VPC": 1,
    "AWS::EC2::VPCEndpoint": 2,
    "AWS::Events::Rule": 2,
    "AWS::IAM::Role": 6,
    "AWS::Lambda::Function": 3,
    "AWS::Logs::LogGroup": 5,
    "AWS::S3::Bucket": 2,
    "AWS::SQS::Queue": 3,
    "AWS::Scheduler::ScheduleGroup": 1,
}
NEVER = {
    "AWS::CodeBuild::Project": "held at 0 builds on new accounts, and 0.005 USD a minute",
    "AWS::ImageBuilder::ImagePipeline": "a builder is a machine like any other: docs/decisions/0014-images.md",
    "AWS::CloudFormation::CustomResource": "runs code of its own in the account",
    "AWS::ApiGatewayV2::DomainName": "the address that API Gateway gives stays",
    "AWS::CertificateManager::Certificate": "no domain of one's own, so no certificate",
    "AWS::Config::ConfigurationRecorder": "0.003 USD for each change of each machine",
    "AWS::EC2::EIP": "3.65 USD a month",
    "AWS::EC2::Instance": "machines are launched by the router, under its three stops",
    "AWS::EC2::NatGateway": "38 USD a month",
    "AWS::ElastiCache::CacheCluster": "14 USD a month",
    "AWS::ElastiCache::ReplicationGroup": "14 USD a month",
    "AWS::ElastiCache::ServerlessCache": "6 USD a month at least",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "20 USD a month",
    "AWS::IAM::AccessKey": "a key that never ends",
    "AWS::IAM::User": "people sign in at Cognito",
    "AWS::KMS::Key": "1 USD a month",
    "AWS::SecretsManager::Secret": "0.40 USD a month; there is no secret to keep",
}


@pytest.mark.requirement("3.5.1", "10.5.3")
def test_the_counts_are_what_the_design_has(template: Template) -> None:
    found = Counter(resource["Type"] for resource in template.body["Resources"].values())
    assert {kind: found[kind] for kind in COUNTS} == COUNTS


@pytest.mark.requirement("9.1.1", "9.1.3", "9.2.1")
def test_nothing_that_costs_while_it_waits(template: Template) -> None:
    found = {resource["Type"] for resource in template.body["Resources"].values()}
    assert not found & set(NEVER)
    assert {one["VpcEndpointType"] for one in template.of_type("AWS::EC2::VPCEndpoint").values()} == {"Gateway"}
    assert {one["BillingMode"] for one in template.of_type("AWS::DynamoDB::Table").values()} == {"PAY_PER_REQUEST"}
    assert not [one for one in template.of_type("AWS::Lambda::Function").values() if "VpcConfig" in one]


@pytest.mark.requirement("5.5.1", "9.1.2")
def test_no_way_in(template: Template) -> None:
    groups = template.of_type("AWS::EC2::SecurityGroup")
    out = {}
    for name, group in groups.items():
        assert "SecurityGroupIngress" not in group
        assert all(rule["FromPort"] == rule["ToPort"] for rule in group["SecurityGroupEgress"])
        out[re.sub("[0-9A-F]{8}$", "", name)] = [rule["FromPort"] for rule in group["SecurityGroupEgress"]]
    assert out == {"MachineDoor": [443], "MachineBuildersGroup": [80, 443]}
    assert not template.of_type("AWS::EC2::SecurityGroupIngress")


@pytest.mark.requirement("9.1.1")
def test_a_public_subnet_in_each_zone_that_is_named(template: Template) -> None:
    resources = template.body["Resources"]
    blocks = set()
    for number in range(1, 7):
        ((name, subnet),) = [
            (name, one)
            for name, one in template.of_type("AWS::EC2::Subnet").items()
            if one["AvailabilityZone"] == {"Ref": f"Zone{number}"}
        ]
        condition = None if number == 1 else f"HasZone{number}"
        joined = [one for one in resources.values() if one.get("Properties", {}).get("SubnetId") == {"Ref": name}]
        assert [resources[name].get("Condition"), joined[0].get("Condition")] == [condition, condition]
        assert subnet["MapPublicIpOnLaunch"] is True
        blocks.add(subnet["CidrBlock"])
    assert len(blocks) == 6


def _launch_template(template: Template, name: str) -> Json:
    found = template.of_type("AWS::EC2::LaunchTemplate").items()
    (one,) = [properties for each, properties in found if re.sub("[0-9A-F]{8}$", "", each) == name]
    return one


@pytest.mark.requirement("7.1.3")
def test_builders_are_made_like_machines_without_any_right(template: Template) -> None:
    machine, builder = (
        _launch_template(template, name)["LaunchTemplateData"] for name in ("MachineTemplate", "MachineBuilderTemplate")
    )
    assert "IamInstanceProfile" not in builder
    own = ("IamInstanceProfile", "ImageId", "SecurityGroupIds")
    same = [{key: value for key, value in one.items() if key not in own} for one in (machine, builder)]
    assert same[0] == same[1]


@pytest.mark.requirement("5.1.2")
def test_machines_are_rented_on_demand_only(template: Template) -> None:
    """Neither for sale by auction nor reserved: the owner's decision."""
    for name in ("MachineTemplate", "MachineBuilderTemplate"):
        data = _launch_template(template, name)["LaunchTemplateData"]
        assert not {"InstanceMarketOptions", "CapacityReservationSpecification", "LicenseSpecifications"} & set(data)
    kinds = {resource["Type"] for resource in template.body["Resources"].values()}
    assert not [kind for kind in kinds if "Fleet" in kind or "AutoScaling" in kind]


@pytest.mark.requirement("5.1.3", "10.1.1")
def test_machines_are_made_safe_and_end_themselves(template: Template) -> None:
    data = _launch_template(template, "MachineTemplate")["LaunchTemplateData"]
    assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert "ImageId" not in data, "each launch names the promoted image of its type's profile"
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    (disk,) = data["BlockDeviceMappings"]
    assert disk["Ebs"] == {
        "DeleteOnTermination": True,
        "Encrypted": True,
        "Iops": 3000,
        "Throughput": {"Fn::If": ["KeepsDisk", 125, 400]},
        "VolumeInitializationRate": 300,
        "VolumeSize": {"Fn::If": ["SizesDisk", {"Ref": "DiskGb"}, {"Ref": "AWS::NoValue"}]},
        "VolumeType": "gp3",
    }
    assert {one["ResourceType"] for one in data["TagSpecifications"]} == {"instance", "volume", "network-interface"}
    assert not {"KeyName", "NetworkInterfaces", "UserData"} & set(data), "the router says these, or nobody"
    assert "HibernationOptions" not in data, "EC2 hibernates no machine with a GPU"
    assert template.body["Parameters"]["InstanceTypes"]["Default"].split(",") == list(USUAL_TYPES)


@pytest.mark.requirement("4.3.1", "8.5.2", "10.2.1")
def test_what_is_kept_is_private_encrypted_and_forgotten(template: Template) -> None:
    for bucket in template.of_type("AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]
        assert bucket["BucketName"]["Fn::Sub"].endswith("-${AWS::AccountId}-${AWS::Region}"), "unique in the world"
        assert "VersioningConfiguration" not in bucket, "old versions cost, and keep what was deleted"
    rules = {rule["Id"]: rule for one in template.of_type("AWS::S3::Bucket").values() for rule in _rules(one)}
    assert rules["jobs"]["Prefix"] == "jobs/"
    assert rules["jobs"]["ExpirationInDays"] == 38, "no text goes before its job"
    assert rules["trail"]["ExpirationInDays"] == 90
    assert rules["artifacts"] == {"Id": "artifacts", "Status": "Enabled", "Prefix": HOME, "ExpirationInDays": 7}
    assert (rules["sources"]["Prefix"], rules["sources"]["ExpirationInDays"]) == ("releases/sources/", 400)
    for table in template.of_type("AWS::DynamoDB::Table").values():
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}
    assert {one["SqsManagedSseEnabled"] for one in template.of_type("AWS::SQS::Queue").values()} == {True}
    assert {one["RetentionInDays"] for one in template.of_type("AWS::Logs::LogGroup").values()} == {14}


@pytest.mark.requirement("10.2.2")
def test_what_cannot_be_made_anew_outlives_its_stack_and_nothing_else_does(template: Template) -> None:
    """Only ``destroy`` removes it, which lists and asks; a stack that cannot be created leaves nothing of it."""
    for name, resource in template.body["Resources"].items():
        policies = (resource.get("DeletionPolicy", "Delete"), resource.get("UpdateReplacePolicy", "Delete"))
        kept = holds_state(resource["Type"])
        assert policies == (("RetainExceptOnCreate", "Retain") if kept else ("Delete", "Delete")), name
    for kind in ("DynamoDB::Table", "S3::Bucket", "Cognito::UserPool"):
        assert template.of_type(f"AWS::{kind}")


def _rules(bucket: Json) -> list[Json]:
    rules: list[Json] = bucket["LifecycleConfiguration"]["Rules"]
    return rules


@pytest.mark.requirement("4.1.2")
def test_the_tables_are_as_the_stores_read_them(template: Template) -> None:
    tables = {one["TableName"]["Fn::Sub"]: one for one in template.of_type("AWS::DynamoDB::Table").values()}
    assert set(tables) == {"${HomeName}-jobs", "${HomeName}-state"}
    (index,) = tables["${HomeName}-jobs"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by_time"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["gpk", "gsk"]
    assert index["Projection"] == {"ProjectionType": "ALL"}
    for table in tables.values():
        assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]


@pytest.mark.requirement("4.1.2")
def test_the_queue_rings_five_times_and_then_for_a_person(template: Template) -> None:
    queues = {one["QueueName"]["Fn::Sub"]: one for one in template.of_type("AWS::SQS::Queue").values()}
    work = queues["${HomeName}-work"]
    assert work["RedrivePolicy"]["maxReceiveCount"] == 5
    assert (work["VisibilityTimeout"], work["ReceiveMessageWaitTimeSeconds"]) == (30, 20)
    assert set(queues) == {"${HomeName}-work", "${HomeName}-dead", "${HomeName}-schedule-dead"}


@pytest.mark.requirement("2.2.1", "8.1.1")
def test_every_route_but_health_asks_for_a_token(template: Template) -> None:
    routes = {one["RouteKey"]: one for one in template.of_type("AWS::ApiGatewayV2::Route").values()}
    assert routes.pop("GET /healthz")["AuthorizationType"] == "NONE"
    assert set(routes) == {"ANY /{proxy+}"}
    for route in routes.values():
        assert route["AuthorizationType"] == "JWT"
        assert route["AuthorizationScopes"] == [{"Fn::Sub": "${HomeName}/use"}]
    gate = template.only("AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]
    (client,) = template.of_type("AWS::Cognito::UserPoolClient")
    assert gate["Audience"] == [{"Ref": client}]
    assert "cognito-idp" in gate["Issuer"]["Fn::Sub"]


@pytest.mark.requirement("2.2.7")
def test_calls_are_limited_and_logged_without_their_words(template: Template) -> None:
    stage = template.only("AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 40, "ThrottlingRateLimit": 20}
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", stage["AccessLogSettings"]["Format"]))
    assert logged == {
        "authorizer.claims.sub",
        "authorizer.error",
        "httpMethod",
        "identity.sourceIp",
        "integrationErrorMessage",
        "path",
        "requestId",
        "requestTime",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    }
    assert json.loads(stage["AccessLogSettings"]["Format"])


@pytest.mark.requirement("2.2.2")
def test_only_the_owner_makes_users_and_nobody_hands_a_password_to_us(template: Template) -> None:
    pool = template.only("AWS::Cognito::UserPool")
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])
    assert pool["UserPoolTier"] == "ESSENTIALS"
    client = template.only("AWS::Cognito::UserPoolClient")
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["EnableTokenRevocation"] is True
    assert (client["AccessTokenValidity"], client["TokenValidityUnits"]["AccessToken"]) == (15, "minutes")


def test_the_pool_knows_every_address_that_a_sign_in_comes_back_on(template: Template) -> None:
    known = template.only("AWS::Cognito::UserPoolClient")["CallbackURLs"]
    assert {redirect_uri(port) for port in REDIRECT_PORTS} <= set(known)
    assert all(re.fullmatch(r"http://(127\.0\.0\.1|localhost):\d+/callback", one) for one in known)


@pytest.mark.requirement("2.3.2", "3.1.3", "9.3.1")
def test_functions_keep_no_secret_and_no_network(template: Template) -> None:
    functions = {one["FunctionName"]["Fn::Sub"]: one for one in template.of_type("AWS::Lambda::Function").values()}
    assert set(functions) == {"${HomeName}-api", "${HomeName}-images", "${HomeName}-router"}
    for name, function in functions.items():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["x86_64"])
        assert function["Code"] == {"S3Bucket": {"Ref": "LambdaCodeBucket"}, "S3Key": {"Ref": "LambdaCodeKey"}}
        assert function["LoggingConfig"]["SystemLogLevel"] == "WARN"
        for key, value in function["Environment"]["Variables"].items():
            assert key.startswith("TLFIF_AWS_"), name
            assert not re.search("SECRET|PASSWORD|TOKEN|CREDENTIAL|PRIVATE", key)
            assert isinstance(value, dict), f"{key} is a fixed text"
        assert function["MemorySize"] == 512
    assert functions["${HomeName}-api"]["Timeout"] == 30
    assert functions["${HomeName}-router"]["Timeout"] == functions["${HomeName}-images"]["Timeout"] == 55


def test_functions_are_told_what_their_settings_ask_for(template: Template) -> None:
    asked = {f"TLFIF_AWS_{name.upper()}" for name in AwsSettings.model_fields}
    needed = {f"TLFIF_AWS_{name.upper()}" for name, field in AwsSettings.model_fields.items() if field.is_required()}
    needed.remove("TLFIF_AWS_REGION")  # Lambda says it as AWS_REGION
    of_router = {f"TLFIF_AWS_{name}" for name in ("LAUNCH_TEMPLATE", "SCHEDULE_GROUP", "SCHEDULE_ROLE")}
    of_router |= {f"TLFIF_AWS_{name}" for name in ("LETTERS_TOPIC",)}
    of_api = {f"TLFIF_AWS_{name}" for name in ("ROUTER_FUNCTION", "ISSUER", "CLIENT_ID", "SCOPE")}
    for name, function in template.of_type("AWS::Lambda::Function").items():
        told = set(function["Environment"]["Variables"])
        assert told <= asked, "nobody reads the rest"
        assert told >= needed | (of_api if name.startswith("Api") else of_router)
        module, handler = function["Handler"].rsplit(".", 1)
        assert (
            f"def {handler}("
            in files("tlfif").joinpath(*module.split(".")[1:-1], f"{module.split('.')[-1]}.py").read_text()
        )


@pytest.mark.requirement("3.4.2", "10.9.1")
def test_alarms_listen_to_the_metrics_that_the_router_writes(template: Template) -> None:
    for alarm in template.of_type("AWS::CloudWatch::Alarm").values():
        if not alarm["Namespace"].startswith("AWS/"):
            assert alarm["Namespace"] == scheduled_router.NAMESPACE
            assert alarm["Dimensions"] == [{"Name": scheduled_router.DIMENSION, "Value": HOME}]
            assert f'"{alarm["MetricName"]}"' in inspect.getsource(scheduled_router)


def test_concurrency_is_set_aside_only_where_it_is_asked_for(template: Template) -> None:
    """A new account has 10 executions in all, and refuses a function that sets any of them aside."""
    assert template.body["Parameters"]["ReserveConcurrency"]["Default"] == "no"
    for function in template.of_type("AWS::Lambda::Function").values():
        condition, _, otherwise = function["ReservedConcurrentExecutions"]["Fn::If"]
        assert (condition, otherwise) == ("WantsReserveConcurrency", {"Ref": "AWS::NoValue"})


@pytest.mark.requirement("3.1.3")
def test_the_router_looks_every_minute_and_never_piles_up(template: Template) -> None:
    rules = template.of_type("AWS::Events::Rule")
    (rule,) = [one for name, one in rules.items() if name.startswith("Router")]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    configs = template.of_type("AWS::Lambda::EventInvokeConfig")
    (later,) = [one for name, one in configs.items() if name.startswith("Router")]
    assert (later["MaximumRetryAttempts"], later["MaximumEventAgeInSeconds"]) == (0, 60)


@pytest.mark.requirement("6.2.7")
def test_the_budget_writes_to_the_topic_and_to_the_owner(template: Template) -> None:
    budget = template.only("AWS::Budgets::Budget")
    marks = [
        (one["Notification"]["NotificationType"], one["Notification"]["Threshold"])
        for one in budget["NotificationsWithSubscribers"]
    ]
    assert marks == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 80), ("FORECASTED", 100)]
    for one in budget["NotificationsWithSubscribers"]:
        assert [who["SubscriptionType"] for who in one["Subscribers"]] == ["SNS", "EMAIL"]


@pytest.mark.requirement("10.9.1")
def test_alarms_stay_within_what_is_free_and_reach_somebody(template: Template) -> None:
    alarms = {one["AlarmName"]["Fn::Sub"]: one for one in template.of_type("AWS::CloudWatch::Alarm").values()}
    names = {name.removeprefix("${HomeName}-") for name in alarms}
    assert {"machine-over-age", "budget-locked", "dead-letters", "schedule-failed"} <= names
    assert len(alarms) <= 10
    own = {one["MetricName"] for one in alarms.values() if one["Namespace"] == "TLFIF"}
    assert own == {"MachinesOverAge", "BudgetLocked"}
    (topic,) = template.of_type("AWS::SNS::Topic")
    assert {json.dumps(one["AlarmActions"]) for one in alarms.values()} == {json.dumps([{"Ref": topic}])}
    assert template.only("AWS::SNS::Subscription")["Endpoint"] == {"Ref": "AlarmEmail"}


@pytest.mark.requirement("10.4.1")
def test_the_trail_can_be_left_out(template: Template) -> None:
    conditional = {
        resource["Type"]
        for resource in template.body["Resources"].values()
        if resource.get("Condition") == "WantsCreateTrail"
    }
    assert conditional == {"AWS::CloudTrail::Trail", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"}


def test_without_a_connection_nothing_listens_to_git(template: Template) -> None:
    assert template.body["Parameters"]["ConnectionArn"]["Default"] == ""
    wanted = [name for name, one in template.body["Resources"].items() if one.get("Condition") == "WantsPushes"]
    assert {re.sub("[0-9A-F]{8}$", "", name) for name in wanted} == {"ImagesPush", "ImagesPushRole"}
    both = json.dumps(template.body["Conditions"]["WantsPushes"])
    assert '{"Ref": "ConnectionArn"}, ""' in both
    assert '{"Ref": "Repository"}, ""' in both


@pytest.mark.requirement("7.2.1")
def test_a_push_that_counts_is_fetched_and_followed_by_the_images_function(template: Template) -> None:
    pipeline = template.only("AWS::CodePipeline::Pipeline")
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")
    (trigger,) = pipeline["Triggers"]
    (push,) = trigger["GitConfiguration"]["Push"]
    plain = [path.removesuffix("**") for path in push["FilePaths"]["Includes"]]
    assert tuple(plain) == PATHS, "as a repository that is followed from this computer"
    assert push["Branches"]["Includes"] == [{"Ref": "Branch"}]
    (fetch,), (follow,) = (stage["Actions"] for stage in pipeline["Stages"])
    assert trigger["GitConfiguration"]["SourceActionName"] == fetch["Name"] == fetch["Namespace"]
    assert fetch["Configuration"]["DetectChanges"] == "false", "otherwise each push starts it, filter or no filter"
    assert (follow["ActionTypeId"]["Category"], follow["ActionTypeId"]["Provider"]) == ("Invoke", "Lambda")
    assert json.loads(follow["Configuration"]["UserParameters"]) == {
        "commit": "#{Source.CommitId}",
        "repository": "#{Source.FullRepositoryName}",
        "execution": "#{codepipeline.PipelineExecutionId}",
    }
    profiles = template.body["Parameters"]["ImageProfile"]
    assert set(profiles["AllowedValues"]) == set(Profile) - {Profile.BUNDLE}


@pytest.mark.requirement("7.2.6")
def test_the_monthly_rebuild_is_off_until_somebody_wants_it(template: Template) -> None:
    assert template.body["Parameters"]["MonthlyRebuild"]["Default"] == "no"
    resources = template.body["Resources"]
    wanted = [one for one in resources.values() if one.get("Condition") == "WantsMonthlyRebuild"]
    assert {one["Type"] for one in wanted} == {"AWS::Events::Rule", "AWS::Lambda::Permission"}
    (rule,) = [one["Properties"] for one in wanted if one["Type"] == "AWS::Events::Rule"]
    assert json.loads(rule["Targets"][0]["Input"]) == {"action": "rebuild"}


@pytest.mark.requirement("10.5.3")
def test_everything_that_can_carry_the_homes_tag_does(template: Template) -> None:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    seen = 0
    for name, resource in template.body["Resources"].items():
        tagging = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-central-1", resource["Type"]).schema.get(
            "tagging", {}
        )
        if not tagging.get("taggable"):
            continue
        tags = resource["Properties"].get(tagging["tagProperty"].rsplit("/", 1)[-1])
        found = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags or ()}
        assert found.get("tlfif:home") == HOME, name
        seen += 1
    assert seen > 40
    for one in template.of_type("AWS::EC2::LaunchTemplate").values():
        (own,) = one["TagSpecifications"]
        assert own["Tags"] == [{"Key": "tlfif:home", "Value": HOME}]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("HomeName", ["tlfif", "tlfif-2"], ["", "TLFIF", "a", "my-aws", "x--y", "-a", "a" * 21, "cognitox"]),
        ("AlarmEmail", ["a@example.org"], ["", "a", "a@b", "a@example.org,b@example.org", "a b@example.org"]),
        ("InstanceTypes", ["g4dn.xlarge", "g4dn.xlarge,g6.xlarge"], ["", "g4dn", "g4dn.xlarge,", "*", "g4dn.*"]),
        ("Zone1", ["eu-central-1a", "us-east-1f"], ["", "eu-central-1"]),
        ("Zone2", ["", "eu-west-1b"], ["eu-west-1", " "]),
        ("LambdaCodeKey", ["releases/api-1.2.zip"], ["", "a b", "${x}"]),
        ("ConnectionArn", ["", CONNECTION, CONNECTION.replace("codeconnections", "codestar-connections")], ["x", "*"]),
        ("Repository", ["", "owner/name", "a-b/c.d"], ["name", "a/b/c", "https://github.com/a/b", "a/b c"]),
        ("Branch", ["main", "release/2"], ["", "-x", "a b", "*"]),
    ],
)
def test_parameters_refuse_what_makes_no_sense(
    template: Template, parameter: str, good: list[str], bad: list[str]
) -> None:
    pattern = template.body["Parameters"][parameter]["AllowedPattern"]
    assert [one for one in good if not re.fullmatch(pattern, one)] == []
    assert [one for one in bad if re.fullmatch(pattern, one)] == []


def test_a_disk_is_kept_only_where_asked_for_and_both_functions_know(template: Template) -> None:
    wanted = template.body["Parameters"]["Standby"]
    assert (wanted["Default"], wanted["AllowedValues"]) == ("no", ["yes", "no"])
    told = [
        one["Environment"]["Variables"].get("TLFIF_AWS_STANDBY")
        for one in template.of_type("AWS::Lambda::Function").values()
    ]
    assert [one for one in told if one] == [{"Ref": "Standby"}] * 2


def test_numbers_have_two_ends(template: Template) -> None:
    numbers = {name: one for name, one in template.body["Parameters"].items() if one["Type"] == "Number"}
    assert set(numbers) == {"DiskGb", "MonthlyBudgetUsd"}
    for one in numbers.values():
        assert 0 <= one["MinValue"] <= one["Default"] <= one["MaxValue"]
    assert [name for name, one in numbers.items() if not one["MinValue"]] == ["DiskGb"], "0: as large as its image"
