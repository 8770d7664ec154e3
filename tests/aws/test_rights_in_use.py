"""Each function has the rights that its calls need, and none that no call needs: the line refuses the rest."""

import pytest

from tests.aws.function_home import FunctionHome
from tests.aws.rights import API, MACHINE, ROUTER, rights_of

WRITES_LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""By the runtime itself, not over this line."""
LONG_TEXTS = {"s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"}
"""Texts over 400 KB: ``test_dynamo_job_store_faults.py``."""
POINTERS = {
    "ec2:DescribeImages",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeLaunchTemplateVersions",
    "ssm:GetParameter",
    "ssm:PutParameter",
}
"""Promoting an image, and taking one back: test_ssm_image_registry.py."""
UNUSED_HERE = {
    API: WRITES_LOGS | LONG_TEXTS | POINTERS,
    ROUTER: WRITES_LOGS
    | LONG_TEXTS
    | {
        "dynamodb:BatchWriteItem",  # the purge of old jobs: test_killed_functions.py
        "ce:GetCostAndUsage",  # another service's address: test_cost_explorer.py
        "ec2:ModifyInstanceAttribute",  # standby: test_ec2_machine_host.py
        "ec2:StartInstances",
        "ec2:StopInstances",
        "scheduler:GetSchedule",  # where one is there already: test_ec2_faults.py
        "lambda:InvokeFunction",  # while an image is made: test_scheduled_images.py
        "sns:Publish",  # an image that goes back by itself: test_image_function.py
        "ssm:PutParameter",
        "sqs:SendMessage",  # a job that was given back: test_dynamo_job_store_notifier.py
    },
}


def a_whole_life(house: FunctionHome) -> None:
    """Everything that a person, the minute and a machine bring about."""

    def asked(method: str, path: str, body: object = None) -> None:
        told = house.api(method, path, body)
        assert told is not None
        assert told.status < 300, (path, told)

    first = house.submit(key="one")
    house.settle()
    second = house.submit(key="two")
    asked("GET", f"/v1/jobs/{second}/events?after=0&wait=0")
    asked("POST", f"/v1/jobs/{second}/cancel")
    for path in ("/v1/jobs", "/v1/machine", "/v1/machine/history", "/v1/cost", "/v1/models", "/v1/cost/advice"):
        asked("GET", path)
    asked("DELETE", f"/v1/jobs/{first}")
    asked("PUT", "/v1/budget", {"limit_eur": 19})
    asked("PUT", "/v1/machine/idle-timeout", {"minutes": 4})
    house.launched()
    asked("POST", "/v1/machine/stop", {"jobs": "cancel"})
    house.settle()
    house.submit(key="three")
    house.settle(lambda: _answers_and_idles(house))


def _answers_and_idles(house: FunctionHome) -> None:
    house.machine.answer()
    house.machine.beat(idle_since=house.now() - 590.0)


@pytest.mark.requirement("8.2.1")
def test_every_right_is_used_or_named_with_its_reason(house: FunctionHome) -> None:
    a_whole_life(house)
    house.afterwards()
    for role, used in house.used.items():
        assert used <= rights_of(role)
        assert rights_of(role) - used == UNUSED_HERE[role]


def test_what_a_role_lacks_is_refused_and_said(house: FunctionHome) -> None:
    house.rights[API] -= {"dynamodb:PutItem"}
    told = house.api("POST", "/v1/infer", {"prompt": "Hello"})
    assert told is not None
    assert told.status >= 500
    assert house.jobs() == []


@pytest.mark.requirement("8.3.1")
def test_a_machine_may_end_itself_and_nothing_else() -> None:
    assert not [action for action in rights_of(MACHINE) if action.startswith(("ec2:", "iam:", "lambda:", "scheduler:"))]
