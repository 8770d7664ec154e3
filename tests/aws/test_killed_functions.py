"""Functions that are killed between any two of their steps, wherever that is; afterwards all is as it must be.

Only what changes something at AWS is a step: a function that dies before, between or after mere looks leaves what it
would leave a step earlier. Each death is a real one, of a process; everything after it is done by new ones.
"""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.aws.function_home import ASK, FunctionHome, Told
from tlfif.jobs.jobs import JobStatus

KEY = "the-same-again"
MOST_STEPS = 30
TOLD = 3
"""Deaths that find a prompt given back: at once, once its message is sent, and a step later."""


def deaths(
    house: FunctionHome, begin: Callable[[], str], victim: Callable[[str, int], object], *, first: int = 1
) -> Iterator[str]:
    """From a new home on ``begin`` is done, and ``victim`` is killed after its ``first`` step, the next time one step
    later, until it is not killed any more. Yields after each death what ``begin`` returned."""
    for step in count(first):
        assert step < MOST_STEPS
        house.new()
        begun = begin()
        if victim(begun, step):
            assert step > 1, "nobody was killed"
            return
        yield begun


def statuses(house: FunctionHome) -> list[JobStatus]:
    """How all jobs have ended, once all is as it must be after a fault."""
    return [job.status for job in house.afterwards()]


def waits(house: FunctionHome) -> bool:
    """Whether the prompt waits for a machine."""
    return [job.status for job in house.jobs()] == [JobStatus.QUEUED]


def answering(house: FunctionHome) -> str:
    """A machine is in the middle of an answer."""
    job_id = house.stored()
    house.launched()
    house.machine.beat()
    (lease,) = house.machine.claim()
    house.machine.write(lease, 3)
    return job_id


def answered(house: FunctionHome) -> str:
    """A machine has answered, and stands idle."""
    job_id = house.stored(key=KEY)
    house.launched()
    assert house.machine.answer() == [job_id]
    return job_id


@pytest.mark.requirement("2.3.1")
def test_a_prompt_that_is_accepted_or_not_is_sent_again_and_answered_once(house: FunctionHome) -> None:
    def send(_: str, lives: int) -> Told | None:
        return house.api("POST", "/v1/infer", ASK, key=KEY, lives=lives)

    for _ in deaths(house, lambda: "", send, first=0):
        again = house.submit(key=KEY)
        assert [job.id for job in house.jobs()] == [again]
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]


@pytest.mark.requirement("3.2.1")
def test_a_launch(house: FunctionHome) -> None:
    for _ in deaths(house, house.stored, lambda _, lives: house.tick(lives=lives)):
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]
        assert len(house.instances()) == 1, "the start that was under way is gone on with"


@pytest.mark.requirement("3.1.2", "10.8.1")
@pytest.mark.parametrize("lives", [3, 5])
def test_routers_that_all_die(house: FunctionHome, lives: int) -> None:
    """None makes more than so many changes; each goes on where the one before it was."""
    house.submit()
    house.settle(lives=lives)
    assert statuses(house) == [JobStatus.SUCCEEDED]


def test_a_start_without_a_prompt(house: FunctionHome) -> None:
    for _ in deaths(house, lambda: "", lambda _, lives: house.tick(lives=lives, action="start", model=None)):
        house.settle()
        assert statuses(house) == []
        assert len(house.instances()) <= 1


def test_a_persons_start(house: FunctionHome) -> None:
    """The API dies before the router hears of the order, or after it has carried it out."""

    def start(_: str, lives: int | None = None) -> Told | None:
        return house.api("POST", "/v1/machine/start", {}, lives=lives)

    started = []
    with house.router_within_reach():
        for _ in deaths(house, lambda: "", start, first=0):
            started.append(len(house.instances()))
            again = start("")
            assert again is not None
            assert again.status == 202
            assert len(house.instances()) == 1, "pressed again, there is one machine"
            house.settle()
            assert statuses(house) == []
    assert started == [0, 1]


def test_an_idle_machines_stop(house: FunctionHome) -> None:
    def idle() -> str:
        job_id = answered(house)
        house.ahead += 600.0
        house.machine.beat(idle_since=house.now() - 590.0)
        return job_id

    for _ in deaths(house, idle, lambda _, lives: house.tick(lives=lives)):
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]
        assert "idle" in house.machines()[0].reason


def test_the_end_of_a_machine(house: FunctionHome) -> None:
    def gone() -> str:
        job_id = answered(house)
        house.machine.switch_off()
        return job_id

    for _ in deaths(house, gone, lambda _, lives: house.tick(lives=lives)):
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]
        assert len(house.instances()) == 1


def test_the_end_of_a_machine_in_the_middle_of_an_answer(house: FunctionHome) -> None:
    def broken_off() -> str:
        job_id = answering(house)
        house.machine.switch_off()
        house.ahead += 60.0
        return job_id

    back = 0
    for _ in deaths(house, broken_off, lambda _, lives: house.tick(lives=lives)):
        back += waits(house)
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]
        assert len(house.instances()) == 2, "another machine answers"
        if back == TOLD:
            return  # what follows are the steps of a machine's end and of a launch
    raise AssertionError("the prompt was not given back")


def test_the_sweep_of_what_nobody_owns(house: FunctionHome) -> None:
    def forgotten() -> str:
        house.launched(confirmed=False)
        house.ahead += 400.0
        return ""

    for _ in deaths(house, forgotten, lambda _, lives: house.tick(lives=lives)):
        house.settle()
        assert statuses(house) == []


def test_the_purge_of_an_old_job(house: FunctionHome) -> None:
    def old() -> str:
        job_id = answered(house)
        house.machine.switch_off()
        assert house.tick()
        house.ahead += 31 * 86400.0
        return job_id

    for job_id in deaths(house, old, lambda _, lives: house.tick(lives=lives)):
        house.settle()
        assert statuses(house) == []
        assert house.submit(key=KEY) != job_id, "its key may be used again"


@pytest.mark.requirement("3.6.4")
def test_a_stop_at_once(house: FunctionHome) -> None:
    def stop(_: str, lives: int | None = None) -> Told | None:
        return house.api("POST", "/v1/machine/stop", {"jobs": "cancel"}, lives=lives)

    for job_id in deaths(house, lambda: answering(house), stop):
        assert stop(job_id)
        house.settle()
        assert statuses(house) == [JobStatus.CANCELLED]


def test_a_stop_that_keeps_the_prompts(house: FunctionHome) -> None:
    def stop(_: str, lives: int | None = None) -> Told | None:
        return house.api("POST", "/v1/machine/stop", {"jobs": "requeue"}, lives=lives)

    back = 0
    for job_id in deaths(house, lambda: answering(house), stop):
        back += waits(house)
        assert stop(job_id)
        house.ahead += 60.0
        assert house.tick()
        assert [job.status for job in house.jobs()] == [JobStatus.QUEUED], "kept, and no machine comes by itself"
        assert house.tick(action="start", model=None)
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]
        if back == TOLD:
            return  # what follows are the steps of a stop at once
    raise AssertionError("the prompt was not given back")


def test_a_release_of_the_budget(house: FunctionHome) -> None:
    def locked() -> str:
        told = house.api("PUT", "/v1/budget", {"limit_eur": "0.01"})
        assert told is not None
        assert told.status == 200, told
        told = house.api("POST", "/v1/infer", ASK)
        assert told is not None
        assert told.status == 409, told
        return ""

    for _ in deaths(house, locked, lambda _, lives: house.api("POST", "/v1/budget/release", {}, lives=lives)):
        assert house.api("POST", "/v1/budget/release", {})
        house.submit()
        house.settle()
        assert statuses(house) == [JobStatus.SUCCEEDED]


@pytest.mark.parametrize("begun", [FunctionHome.stored, answering], ids=["waiting", "running"])
def test_a_cancel(house: FunctionHome, begun: Callable[[FunctionHome], str]) -> None:
    def cancel(job_id: str, lives: int | None = None) -> Told | None:
        return house.api("POST", f"/v1/jobs/{job_id}/cancel", lives=lives)

    for job_id in deaths(house, lambda: begun(house), cancel):
        assert cancel(job_id)
        house.machine.switch_off()
        house.settle()
        assert statuses(house) == [JobStatus.CANCELLED]


def test_a_deletion(house: FunctionHome) -> None:
    def ended() -> str:
        job_id = answered(house)
        house.machine.switch_off()
        return job_id

    def delete(job_id: str, lives: int | None = None) -> Told | None:
        return house.api("DELETE", f"/v1/jobs/{job_id}", lives=lives)

    for job_id in deaths(house, ended, delete):
        told = delete(job_id)
        assert told is not None
        assert told.status in {200, 404}
        house.settle()
        assert statuses(house) == []
