"""Alarms for a person (missing in the requirement list): what must be known although nobody looks."""

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.rights import arn, deny_without_tls

NAMESPACE = "TLFIF"
DIMENSION = "Home"
MACHINES_OVER_AGE = "MachinesOverAge"
BUDGET_LOCKED = "BudgetLocked"
FREE_METRICS, FREE_ALARMS = 10, 10
"""The metrics of our own and the alarms that CloudWatch keeps free of charge."""


def alarm_topic_name(home: str) -> str:
    """The topic's name."""
    return f"{home}-alarms"


def alarm_topic_arn(scope: Construct, home: str) -> str:
    """The topic's ARN by its name, for those parts that the alarms themselves watch."""
    return arn(scope, "sns", alarm_topic_name(home))


@dataclass(frozen=True, kw_only=True)
class WatchProps:
    """``email``: who is notified, once the address is confirmed."""

    home: str
    email: str
    router: lambda_.CfnFunction
    api_id: str
    dead: sqs.CfnQueue
    schedule_dead: sqs.CfnQueue


@dataclass(frozen=True, kw_only=True)
class _Alarm:
    """Alarms when ``statistic`` of ``metric`` is at least ``threshold`` in ``periods`` periods of ``minutes`` each."""

    name: str
    description: str
    namespace: str
    metric: str
    dimension: tuple[str, str]
    minutes: int
    statistic: str = "Maximum"
    threshold: int = 1
    periods: int = 1
    silence: bool = False
    """Alarms when there are fewer, and also when there are no data."""


class Watch(Construct):
    """One topic with one address, and the alarms."""

    def __init__(self, scope: Construct, construct_id: str, *, props: WatchProps) -> None:
        super().__init__(scope, construct_id)
        self._home = props.home
        self.topic = sns.CfnTopic(self, "Topic", topic_name=alarm_topic_name(props.home), display_name="TL-FIF")
        sns.CfnSubscription(self, "Address", topic_arn=self.topic.ref, protocol="email", endpoint=props.email)
        sns.CfnTopicPolicy(
            self,
            "TopicPolicy",
            topics=[self.topic.ref],
            policy_document=iam.PolicyDocument(
                statements=[
                    self._publisher("AlarmsMayPublish", "cloudwatch.amazonaws.com"),
                    self._publisher("BudgetsMayPublish", "budgets.amazonaws.com"),
                    deny_without_tls("TlsOnly", "sns:Publish", [self.topic.ref]),
                ]
            ),
        )
        for alarm in _alarms(props):
            self._alarm(alarm)

    def _publisher(self, sid: str, service: str) -> iam.PolicyStatement:
        """A topic's own policy excludes both services, and Budgets then fails without any message."""
        return iam.PolicyStatement(
            sid=sid,
            principals=[iam.ServicePrincipal(service)],
            actions=["sns:Publish"],
            resources=[self.topic.ref],
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
        )

    def _alarm(self, alarm: _Alarm) -> None:
        name, value = alarm.dimension
        cloudwatch.CfnAlarm(
            self,
            "".join(word.capitalize() for word in alarm.name.split("-")),
            alarm_name=f"{self._home}-{alarm.name}",
            alarm_description=alarm.description,
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)],
            statistic=alarm.statistic,
            period=alarm.minutes * 60,
            evaluation_periods=alarm.periods,
            threshold=alarm.threshold,
            comparison_operator="LessThanThreshold" if alarm.silence else "GreaterThanOrEqualToThreshold",
            treat_missing_data="breaching" if alarm.silence else "notBreaching",
            alarm_actions=[self.topic.ref],
        )


def _alarms(props: WatchProps) -> list[_Alarm]:
    return [*_money_alarms(props), *_control_alarms(props)]


def _money_alarms(props: WatchProps) -> list[_Alarm]:
    home = (DIMENSION, props.home)
    return [
        _Alarm(
            name="machine-over-age",
            description="A machine runs longer than it ever may. Press Stop, or end it in the EC2 console: it costs "
            "money by the hour.",
            namespace=NAMESPACE,
            metric=MACHINES_OVER_AGE,
            dimension=home,
            minutes=5,
        ),
        _Alarm(
            name="budget-locked",
            description="The monthly budget is used up and no machine starts. Raise it or release it in the window.",
            namespace=NAMESPACE,
            metric=BUDGET_LOCKED,
            dimension=home,
            minutes=5,
        ),
        _Alarm(
            name="schedule-failed",
            description="A machine's last stop did not reach EC2. Look whether a machine still runs, and end it.",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimension=("QueueName", props.schedule_dead.attr_queue_name),
            minutes=5,
        ),
    ]


def _control_alarms(props: WatchProps) -> list[_Alarm]:
    router = ("FunctionName", props.router.ref)
    return [
        _Alarm(
            name="dead-letters",
            description="A prompt's bell rang five times and nobody could act on it. The prompt itself is stored.",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimension=("QueueName", props.dead.attr_queue_name),
            minutes=5,
        ),
        _Alarm(
            name="router-failing",
            description="The router failed in ten of the last fifteen minutes. Machines then end by their own clocks.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimension=router,
            statistic="Sum",
            minutes=15,
            threshold=10,
        ),
        _Alarm(
            name="router-silent",
            description="The router has not looked for fifteen minutes. No machine is started or stopped by it.",
            namespace="AWS/Lambda",
            metric="Invocations",
            dimension=router,
            statistic="Sum",
            minutes=15,
            silence=True,
        ),
        _Alarm(
            name="api-failing",
            description="The API answered at least ten requests in five minutes with a fault of its own.",
            namespace="AWS/ApiGateway",
            metric="5xx",
            dimension=("ApiId", props.api_id),
            statistic="Sum",
            minutes=5,
            threshold=10,
        ),
    ]
