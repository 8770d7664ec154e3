"""What the template's resources cost in a month in which nobody asks anything."""

import pytest

from tests.infra.template import Template
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import REGIONS, Item
from tlfif.money.spend.standing_costs import lean_items, total_per_month

NOW = 1_795_000_000_000
IDLE_LIMIT_MICROS = 4_000_000

PRICED = {
    "AWS::S3::Bucket": Item.S3_GB_MONTH,
    "AWS::EC2::LaunchTemplate": Item.SNAPSHOT_GB_MONTH,
    "AWS::DynamoDB::Table": Item.TABLE_READ_MILLION,
    "AWS::Lambda::Function": Item.COST_EXPLORER_REQUEST,
}
"""What a resource of the type makes standing costs by: stored gigabytes; the images that the template points to; the
router's one look a day at the bill, and its reads of the tables at each tick (25 GB of them are free)."""

FREE = {
    "AWS::ApiGatewayV2::Api": "by the request",
    "AWS::ApiGatewayV2::Authorizer": "a setting of the API",
    "AWS::ApiGatewayV2::Integration": "a setting of the API",
    "AWS::ApiGatewayV2::Route": "a setting of the API",
    "AWS::ApiGatewayV2::Stage": "a setting of the API",
    "AWS::Budgets::Budget": "budgets without actions are free",
    "AWS::CloudTrail::Trail": "the first trail of management events is free; a second one is not made",
    "AWS::CloudWatch::Alarm": "the first ten alarms are free",
    "AWS::CodePipeline::Pipeline": "by the minute of an action, 100 a month are free; none without a connection",
    "AWS::Cognito::UserPool": "10,000 users a month are free in the Essentials tier",
    "AWS::Cognito::UserPoolClient": "a setting of the pool",
    "AWS::Cognito::UserPoolDomain": "a setting of the pool",
    "AWS::Cognito::UserPoolGroup": "a setting of the pool",
    "AWS::Cognito::UserPoolResourceServer": "a setting of the pool",
    "AWS::EC2::InternetGateway": "free; traffic is by the gigabyte",
    "AWS::EC2::Route": "a setting of the network",
    "AWS::EC2::RouteTable": "a setting of the network",
    "AWS::EC2::SecurityGroup": "a setting of the network",
    "AWS::EC2::Subnet": "a setting of the network; addresses cost only while a machine has one",
    "AWS::EC2::SubnetRouteTableAssociation": "a setting of the network",
    "AWS::EC2::VPC": "free",
    "AWS::EC2::VPCEndpoint": "gateway endpoints are free; interface endpoints are not and have a test of their own",
    "AWS::EC2::VPCGatewayAttachment": "a setting of the network",
    "AWS::Events::Rule": "AWS's own schedule events are free",
    "AWS::IAM::InstanceProfile": "free",
    "AWS::IAM::Role": "free",
    "AWS::Lambda::EventInvokeConfig": "a setting of the function",
    "AWS::Lambda::Permission": "a setting of the function",
    "AWS::Logs::LogGroup": "5 GB a month are free; the ticks of a month write about 20 MB",
    "AWS::S3::BucketPolicy": "a setting of the bucket",
    "AWS::SNS::Subscription": "1,000 letters a month are free",
    "AWS::SNS::Topic": "by the message",
    "AWS::SNS::TopicPolicy": "a setting of the topic",
    "AWS::SQS::Queue": "by the request; a million a month are free",
    "AWS::SQS::QueuePolicy": "a setting of the queue",
    "AWS::Scheduler::ScheduleGroup": "14 million calls a month are free",
}


def test_every_type_has_a_known_standing_price(template: Template) -> None:
    kinds = {resource["Type"] for resource in template.body["Resources"].values()}
    assert kinds == set(PRICED) | set(FREE), "a new type needs a price or a reason why it is free"
    assert not set(PRICED) & set(FREE)


@pytest.mark.requirement("6.7.1")
@pytest.mark.parametrize("region", REGIONS)
def test_the_idle_month_that_is_shown_holds_every_priced_type(region: str) -> None:
    items = lean_items(BUILT_IN_PRICES, region, NOW)
    assert {one.item for one in items} == {*PRICED.values(), Item.FREE_TIER}
    assert 0 < total_per_month(items) <= IDLE_LIMIT_MICROS


def test_the_ticks_of_a_month_stay_within_lambdas_free_amount(template: Template) -> None:
    """1 million calls and 400,000 GB-seconds a month are free for ever (AWS Lambda pricing)."""
    (memory,) = [
        one["MemorySize"]
        for name, one in template.of_type("AWS::Lambda::Function").items()
        if name.startswith("RouterTick")
    ]
    ticks, second_at_most = 31 * 24 * 60, 1.0
    assert ticks < 1_000_000
    assert ticks * second_at_most * memory / 1024 < 400_000
