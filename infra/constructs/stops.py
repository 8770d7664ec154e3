"""The third stop (missing in the requirement list): the dead man's switch, one-time schedules that terminate a machine
even if everything else has failed."""

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.private_queue import dead_letters
from infra.rights import HOME_TAG, allow, arn


@dataclass(frozen=True, kw_only=True)
class StopsProps:
    """``home``: the home's name, which is also the group's."""

    home: str


class Stops(Construct):
    """The group with a schedule for each machine, and the role with which it terminates that machine."""

    def __init__(self, scope: Construct, construct_id: str, *, props: StopsProps) -> None:
        super().__init__(scope, construct_id)
        self._home = props.home
        self.group = scheduler.CfnScheduleGroup(self, "Group", name=props.home)
        self.dead = dead_letters(self, "Dead", name=f"{props.home}-schedule-dead")
        self.role = iam.Role(
            self,
            "Terminator",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                    "ArnEquals": {"aws:SourceArn": self.group.attr_arn},
                },
            ),
            description="What a schedule may do: end machines of this home, and report where it could not.",
            inline_policies={"rights": iam.PolicyDocument(statements=self._statements())},
        )

    def schedule_rights(self) -> list[iam.PolicyStatement]:
        """The router: create, read and delete schedules of this group, and pass them this role."""
        verbs = ["scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:DeleteSchedule"]
        return [
            allow("ScheduleTheEnd", verbs, [arn(self, "scheduler", f"schedule/{self._home}/{self._home}-*")]),
            allow(
                "HandOverTheTerminatorsRole",
                ["iam:PassRole"],
                [self.role.role_arn],
                {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            ),
        ]

    def _statements(self) -> list[iam.PolicyStatement]:
        return [
            allow(
                "EndOwnMachines",
                ["ec2:TerminateInstances"],
                [arn(self, "ec2", "instance/*")],
                {"StringEquals": {f"aws:ResourceTag/{HOME_TAG}": self._home}},
            ),
            allow("ReportFailure", ["sqs:SendMessage"], [self.dead.attr_arn]),
        ]
