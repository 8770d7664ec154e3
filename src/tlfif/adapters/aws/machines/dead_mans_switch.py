"""The dead man's switch: a one-time EventBridge schedule that terminates one instance, whatever happened to everything
else.

Scheduler validates the target's input only when it fires. Therefore the input is built in one place, and a test runs it
against EC2's own description of the call.
"""

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, code_of, unless_absent, words_of
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES, PatientCalls
from tlfif.kernel.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef

log = logging.getLogger(__name__)

TARGET = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
"""EventBridge Scheduler user guide, "Using universal targets"."""


def schedule_name(machine_id: str, *, home: str) -> str:
    """The name of a machine's schedule: at most 64 letters, digits, dots, hyphens and underscores."""
    return f"{home}-{machine_id}"


class DeadMansSwitch:
    """Creates and deletes the schedules of one group.

    ``role_arn`` is the role that Scheduler assumes, which may terminate instances with the installation's tag and
    nothing else; ``dead_letters_arn`` is the queue (with an alarm) for schedules that failed.
    """

    def __init__(
        self,
        scheduler: "EventBridgeSchedulerClient",
        *,
        home: str,
        group: str,
        role_arn: str,
        dead_letters_arn: str,
        clock: Clock,
    ) -> None:
        self._scheduler = scheduler
        self._home = home
        self._group = group
        self._role_arn = role_arn
        self._dead_letters_arn = dead_letters_arn
        self._clock = clock

    async def arm(self, machine_id: str, *, instance_id: str, at: int) -> None:
        """Have the instance terminated at ``at`` (epoch seconds). Safe to repeat. A schedule for another instance of
        the same machine is replaced; an earlier one is never replaced by a later one.

        Raises AWS's error once it is certain that there is no such schedule.
        """
        calls = PatientCalls(self._clock, MACHINE_PAUSES)
        wanted = self._request(machine_id, instance_id=instance_id, at=at)
        for last in (False, False, True):
            try:
                await calls.do(lambda: self._scheduler.create_schedule(**wanted))
                return
            except ClientError as error:
                if code_of(error) != "ConflictException" or last:
                    raise
            if await self._is_right(wanted, calls):
                return
            # Deleted and created anew: the right to update a schedule would be the right to postpone every termination.
            await self._delete(wanted["Name"], calls)

    async def _is_right(self, wanted: "CreateScheduleInputTypeDef", calls: PatientCalls) -> bool:
        """Whether the existing schedule is this one (an answer was lost), and not one for an abandoned instance."""
        name = wanted["Name"]
        found = await calls.do(
            lambda: unless_absent(lambda: self._scheduler.get_schedule(Name=name, GroupName=self._group))
        )
        return (
            found is not None
            and found["Target"].get("Input") == wanted["Target"].get("Input")
            and found.get("State") == "ENABLED"
            and found["ScheduleExpression"] <= wanted["ScheduleExpression"]
        )

    async def _delete(self, name: str, calls: PatientCalls) -> None:
        await calls.do(lambda: unless_absent(lambda: self._scheduler.delete_schedule(Name=name, GroupName=self._group)))

    async def disarm(self, machine_id: str) -> bool:
        """Delete the schedule of a machine that is confirmed gone. Tries once, because the next look at the machines
        tries again. False if that failed: at worst the schedule fires and terminates what is gone already.

        Without a group, as in the API's function, nothing is deleted: that is left to the router, which looks next.
        """
        if not self._group:
            return False
        name = schedule_name(machine_id, home=self._home)
        try:
            await asyncio.to_thread(
                unless_absent, lambda: self._scheduler.delete_schedule(Name=name, GroupName=self._group)
            )
        except AWS_ERRORS as error:
            log.warning("ec2: the schedule of a machine that is gone stays: %s: %s", code_of(error), words_of(error))
            return False
        return True

    def _request(self, machine_id: str, *, instance_id: str, at: int) -> "CreateScheduleInputTypeDef":
        return {
            "Name": schedule_name(machine_id, home=self._home),
            "GroupName": self._group,
            "Description": "Ends this machine at its longest run time. Removed by itself.",
            "ScheduleExpression": f"at({datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Target": {
                "Arn": TARGET,
                "RoleArn": self._role_arn,
                "Input": json.dumps({"InstanceIds": [instance_id]}, separators=(",", ":")),
                "DeadLetterConfig": {"Arn": self._dead_letters_arn},
                # Scheduler's maximum, a day: the last stop must not give up.
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
            },
        }
