"""The router (requirement list 3): observes, decides and acts once a minute, and at once when the API calls it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import CfnCondition
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.images import Images
from infra.constructs.machine import Machine
from infra.constructs.money import bill_rights
from infra.constructs.stops import Stops
from infra.constructs.store import Store
from infra.function import Code, Function, FunctionProps
from infra.rights import allow

HANDLER = "tlfif.entrypoints.lambdas.router.handler"
TIMEOUT_SECONDS = 55
"""Below a minute, so that a tick that hangs has ended before the next."""
MEMORY_MB = 512
"""Chosen by price and time: docs/decisions/0010-the-home-on-aws.md."""
RESERVED_CONCURRENCY = 2
"""One for the tick and one for a person's order, which the API waits for."""
STALE_SECONDS = 60
"""A nudge older than a minute is useless: a tick has run since."""


@dataclass(frozen=True, kw_only=True)
class RouterProps:
    """``reserve``: reserve concurrency for the router, which is also its limit."""

    home: str
    code: Code
    reserve: CfnCondition
    machine_settings: Mapping[str, str]
    standby: str
    store: Store
    machine: Machine
    stops: Stops
    images: Images


class Router(Construct):
    """The only part that launches machines."""

    def __init__(self, scope: Construct, construct_id: str, *, props: RouterProps) -> None:
        super().__init__(scope, construct_id)
        machine, stops = props.machine, props.stops
        function = Function(
            self,
            "Tick",
            props=FunctionProps(
                name=f"{props.home}-router",
                description="Looks once a minute and on each prompt: launch, stop, clean up, meter, hold the budget.",
                handler=HANDLER,
                code=props.code,
                memory_mb=MEMORY_MB,
                timeout_seconds=TIMEOUT_SECONDS,
                reserved=RESERVED_CONCURRENCY,
                reserve=props.reserve,
                environment=_environment(props),
                statements=[
                    *props.store.control_rights(),
                    *machine.launch_rights(),
                    *machine.stop_rights(),
                    *machine.standby_rights(),
                    *machine.log_reading_rights(),
                    *machine.pointer_rights(),  # a first start that fails goes back to the image before
                    *machine.look_rights("ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeSubnets"),
                    *props.images.wake_rights(),
                    *props.images.letter_rights(),
                    *stops.schedule_rights(),
                    *bill_rights(self),
                ],
            ),
        )
        self.function = function.resource
        lambda_.CfnEventInvokeConfig(
            self,
            "Asynchronous",
            function_name=self.function.ref,
            qualifier="$LATEST",
            maximum_retry_attempts=0,  # the next minute is the retry
            maximum_event_age_in_seconds=STALE_SECONDS,
        )
        self._every_minute(props.home)

    def nudge_rights(self) -> list[iam.PolicyStatement]:
        """The API: call the router."""
        return [allow("NudgeTheRouter", ["lambda:InvokeFunction"], [self.function.attr_arn])]

    def _every_minute(self, home: str) -> None:
        rule = events.CfnRule(
            self,
            "Minute",
            name=f"{home}-minute",
            description="The router's tick",
            schedule_expression="rate(1 minute)",
            state="ENABLED",
            targets=[events.CfnRule.TargetProperty(id="router", arn=self.function.attr_arn)],
        )
        lambda_.CfnPermission(
            self,
            "MinutePermission",
            action="lambda:InvokeFunction",
            function_name=self.function.ref,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )


def _environment(props: RouterProps) -> dict[str, str]:
    store, stops = props.store, props.stops
    return {
        "TLFIF_AWS_HOME_NAME": props.home,
        "TLFIF_AWS_JOBS_TABLE": store.jobs.ref,
        "TLFIF_AWS_STATE_TABLE": store.state.ref,
        "TLFIF_AWS_QUEUE_URL": store.work.ref,
        "TLFIF_AWS_BUCKET": store.bucket.ref,
        "TLFIF_AWS_LAUNCH_TEMPLATE": props.machine.template.ref,
        **props.machine_settings,
        "TLFIF_AWS_STANDBY": props.standby,
        "TLFIF_AWS_SCHEDULE_GROUP": stops.group.ref,
        "TLFIF_AWS_SCHEDULE_ROLE": stops.role.role_arn,
        "TLFIF_AWS_SCHEDULE_DEAD_LETTERS": stops.dead.attr_arn,
        "TLFIF_AWS_IMAGES_FUNCTION": props.images.function.ref,
        "TLFIF_AWS_LETTERS_TOPIC": props.images.topic_arn,
    }
