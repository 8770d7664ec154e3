"""Machines on AWS that come to nothing, hang, will not end or are ended by hand, to the end of their prompts.

The machines are on paper. What real processes do under these faults is in ``test_end_to_end_faults.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.aws.function_home import FunctionHome
from tlfif.jobs.jobs import JobStatus
from tlfif.machines.machine import MachineState

FIVE_MINUTES = 300.0


def nothing(house: FunctionHome) -> None:
    """It was accepted by EC2, and that is the last that is heard of it."""


def loading(house: FunctionHome) -> None:
    """It boots, and goes on loading."""
    house.machine.beat(MachineState.LOADING)


def silently_working(house: FunctionHome) -> None:
    """It takes prompts and begins to answer, but its record knows nothing of it, and it holds no lease."""
    for lease in house.machine.claim():
        house.machine.write(lease, house.machine.last_event(lease.job_id) + 1)


@dataclass(frozen=True, kw_only=True)
class Story:
    """``machine`` is what every machine does; ``reason`` why they end, ``code`` why the prompt does."""

    machine: Callable[[FunctionHome], None]
    reason: str
    code: str
    attempts: int = 0


STORIES = {
    "never boots": Story(machine=nothing, reason="not ready within 900 s", code="expired"),
    "boots and never loads": Story(machine=loading, reason="not ready within 900 s", code="expired"),
    "loads and never heartbeats": Story(
        machine=silently_working, reason="not ready within 900 s", code="attempts_exhausted", attempts=3
    ),
}


@pytest.mark.requirement("3.2.6")
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_machine_that_is_never_ready(house: FunctionHome, story: Story) -> None:
    house.submit()
    house.settle(lambda: story.machine(house), every=FIVE_MINUTES)
    (job,) = house.afterwards()
    assert (job.error_code, job.attempt) == (story.code, story.attempts)
    assert {one.state for one in house.machines()} == {MachineState.BROKEN}
    assert {one.reason for one in house.machines()} == {story.reason}


def test_a_machine_that_hangs_in_the_middle_of_an_answer(house: FunctionHome) -> None:
    """It is ended and another one answers, although no router has watched it for as long as a minute."""
    job_id = house.submit()
    assert house.tick()
    house.machine.beat()
    (lease,) = house.machine.claim()
    house.machine.write(lease, 3)
    for _ in range(4):
        house.ahead += FIVE_MINUTES
        assert house.tick()
    assert "silent" in house.machines()[0].reason
    house.settle()
    (job,) = house.afterwards()
    assert (job.id, job.status, job.attempt) == (job_id, JobStatus.SUCCEEDED, 2)
    assert len(house.instances()) == 2


def test_a_machine_that_is_stuck_in_stopping(house: FunctionHome) -> None:
    """Asked politely it does not end; asked again a minute later, without its own shutdown, it does."""
    house.line.deaf = True
    house.submit()
    assert house.tick()
    house.machine.answer()
    told = house.api("POST", "/v1/machine/stop", {"jobs": "requeue"})
    assert told is not None
    assert told.body["machine"]["state"] == "stopping"
    assert house.machine.record() is not None
    house.settle(lambda: None)
    (job,) = house.afterwards()
    assert job.status is JobStatus.SUCCEEDED


def test_a_machine_that_is_ended_by_hand_in_the_middle_of_an_answer(house: FunctionHome) -> None:
    job_id = house.submit()
    assert house.tick()
    house.machine.beat()
    (lease,) = house.machine.claim()
    house.machine.write(lease, 3)
    house.machine.switch_off()
    house.settle()
    (job,) = house.afterwards()
    assert (job.id, job.status, job.attempt) == (job_id, JobStatus.SUCCEEDED, 2)
    assert [one.reason for one in house.machines()][1] == "ended without being asked"
