"""Launches that AWS refuses, forgets or half carries out, from a prompt to its end; every call by a new function."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.aws.aws_line import Asked, Fault
from tests.aws.ec2_cloud import LostAnswer, Refuse, always, times
from tests.aws.function_home import FunctionHome
from tests.aws.test_ec2_faults import FREE_PLAN, NO_CAPACITY, NO_QUOTA
from tlfif.jobs.jobs import JobStatus

NOT_ALLOWED = Refuse("AccessDeniedException", "not authorized to perform: scheduler:CreateSchedule", status=403)
TEN_MINUTES = 600.0


@dataclass(frozen=True, kw_only=True)
class Story:
    """``shown`` and ``said`` is what the owner sees after the first try. The fault lasts for ``minutes``; then the job
    ends as ``end``, and so many ``instances`` have run."""

    operation: str = "RunInstances"
    fault: Callable[[], Callable[[Asked], Fault]]
    shown: str
    said: str
    minutes: int = 0
    end: JobStatus = JobStatus.SUCCEEDED
    instances: int = 1
    reason: str = field(default="")
    kind: tuple[str | None, str | None] = (None, None)
    """Type and engine of the machine that is launched, where the test wants to know."""


STORIES = {
    "no capacity in one zone": Story(
        fault=lambda: times(1, NO_CAPACITY), shown="launching", said="started for 1 waiting prompt"
    ),
    "no capacity in all, for half an hour": Story(
        fault=lambda: always(NO_CAPACITY), shown="no_capacity", said="no machine free", minutes=30
    ),
    "no capacity in all, for an hour": Story(
        fault=lambda: always(NO_CAPACITY),
        shown="no_capacity",
        said="nothing is charged",
        minutes=70,
        end=JobStatus.EXPIRED,
        instances=0,
        reason="waited longer than its limit",
    ),
    "quota 0 with a GPU": Story(
        fault=lambda: lambda asked: NO_QUOTA if asked.params["InstanceType"].startswith("g") else None,
        shown="launching",
        said="started for 1 waiting prompt",
        kind=("c7i.xlarge", "llama"),
    ),
    "quota 0": Story(fault=lambda: always(NO_QUOTA), shown="no_quota", said="L-DB2E81BA", minutes=30),
    "Free plan": Story(fault=lambda: always(FREE_PLAN), shown="no_quota", said="Upgrade plan", minutes=30),
    "the answer is lost": Story(
        fault=lambda: times(1, LostAnswer()), shown="launching", said="started for 1 waiting prompt"
    ),
    "every answer is lost": Story(fault=lambda: always(LostAnswer()), shown="broken", said="is not known", instances=2),
    "no schedule, once": Story(
        operation="CreateSchedule",
        fault=lambda: times(1, NOT_ALLOWED),
        shown="broken",
        said="the timer that ends it",
        instances=2,
    ),
    "no schedule, ever": Story(
        operation="CreateSchedule",
        fault=lambda: always(NOT_ALLOWED),
        shown="broken",
        said="the timer that ends it",
        minutes=60,
        end=JobStatus.FAILED,
        instances=3,
        reason="failed to start 3 times",
    ),
}


@pytest.mark.requirement("3.2.4", "10.8.1")
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_launch_that_goes_wrong(house: FunctionHome, story: Story) -> None:
    house.submit()
    house.line.faults[story.operation] = story.fault()
    assert house.tick()
    told = house.api("GET", "/v1/machine")
    assert told is not None
    assert told.body["state"] == story.shown
    assert story.said in told.body["reason"]
    assert story.kind in {(None, None), (told.body["instance_type"], told.body["engine"])}
    for _ in range(0, story.minutes, 10):
        house.ahead += min(TEN_MINUTES, story.minutes * 60.0)
        assert house.tick()
    house.line.faults.clear()
    house.settle()
    (job,) = house.afterwards()
    assert job.status is story.end
    assert story.reason in (job.error_message or "")
    assert len(house.instances()) == story.instances
