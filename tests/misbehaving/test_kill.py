"""kill -9 of each process at each moment: every accepted job ends once, and each word is read once."""

import pytest

from tests.misbehaving.desk import ENGINE_MODULE, LOOK_SECONDS, MACHINE_MODULE, SOURCE, Desk, MakeDesk, Reader
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

PROMPT = "What is a cloud computer?"
_undisturbed: dict[str, str] = {}
"""What is said when nothing happens; the same on every fresh machine."""


@pytest.fixture
def desk(lasting_desk: Desk) -> Desk:
    """One server for all here but those that are killed; each test begins without a machine."""
    return lasting_desk


async def undisturbed_answer(desk: Desk) -> str:
    """The answer of a first prompt on a fresh machine. Leaves the machine off, as it found it."""
    if PROMPT not in _undisturbed:
        job = await desk.finish(await desk.submit(PROMPT))
        assert job["status"] == "succeeded"
        _undisturbed[PROMPT] = job["answer"]
        await desk.call("POST", "/v1/machine/stop")
        await desk.machine_is("off")
    return _undisturbed[PROMPT]


async def reach(moment: str, desk: Desk, expected: str) -> list[Reader]:
    """Submit, and return when the job under test (the last of the readers) is at its moment."""
    first = await desk.submit(PROMPT)
    if moment == "starting":
        await desk.process(MACHINE_MODULE)
        return [first]
    if moment == "queued":
        second = await desk.submit("Name three colours.")
        await desk.read_while(first, lambda: "delta" not in first.kinds)
        await desk.read(second, wait=0)
        assert second.kinds == ["queued"]
        return [first, second]
    enough = 0.15 if moment == "streaming" else 0.85
    await desk.read_while(first, lambda: len(first.text) < enough * len(expected))
    return [first]


@pytest.mark.requirement("10.8.2")
@pytest.mark.parametrize("moment", ["queued", "starting", "streaming", "finishing"])
@pytest.mark.parametrize("victim", ["worker", "engine", "server"])
async def test_kill_loses_doubles_and_leaves_nothing(desk: Desk, victim: str, moment: str) -> None:
    expected = await undisturbed_answer(desk)
    readers = await reach(moment, desk, expected)

    await desk.kill(victim)

    jobs = [await desk.finish(reader) for reader in readers]
    assert [job["status"] for job in jobs] == ["succeeded"] * len(jobs)
    assert jobs[0]["answer"] == expected
    for reader, job in zip(readers, jobs, strict=True):
        assert reader.kinds.count("restarted") == reader.kinds.count("started") - 1 == job["attempt"] - 1
    if victim == "server":
        assert "restarted" not in readers[0].kinds, "the worker goes on while the server is away"
    elif moment == "streaming":
        assert "restarted" in readers[0].kinds, "the answer was lost half-way, so it must say so"


async def test_a_real_engine_dies_with_its_worker_and_says_the_same_again(a_desk_with: MakeDesk) -> None:
    async with a_desk_with(PYTHONPATH=str(SOURCE)) as desk:
        expected = (await desk.finish(await desk.submit(PROMPT)))["answer"]
        for victim in ("engine", "worker"):
            await desk.call("POST", "/v1/machine/stop")
            await desk.machine_is("off")
            (reader,) = await reach("streaming", desk, expected)
            old = await desk.process(ENGINE_MODULE)
            await desk.kill(victim)
            job = await desk.finish(reader)
            assert (job["status"], job["answer"]) == ("succeeded", expected)
            assert "restarted" in reader.kinds
            assert old.pid not in [process.pid for process in desk.processes()]


@pytest.mark.requirement("4.2.5")
async def test_three_kills_end_the_job_instead_of_going_on_for_ever(desk: Desk) -> None:
    reader = await desk.submit_story()
    for attempt in (1, 2, 3):
        await desk.read_while(
            reader, lambda n=attempt: reader.kinds.count("started") < n or reader.kinds[-1] != "delta"
        )
        await desk.kill("worker")
    job = await desk.finish(reader)
    assert (job["status"], job["error"]["code"]) == ("failed", "attempts_exhausted")
    assert job["attempt"] == 3
    after = await desk.finish(await desk.submit("Say hi.", max_tokens=8))
    assert after["status"] == "succeeded"


async def test_worker_and_engine_killed_together(desk: Desk) -> None:
    expected = await undisturbed_answer(desk)
    (reader,) = await reach("streaming", desk, expected)
    for process in desk.processes():
        process.kill()
    job = await desk.finish(reader)
    assert (job["status"], job["answer"]) == ("succeeded", expected)


@pytest.mark.requirement("5.7.1")
async def test_everything_killed_at_once_goes_on_at_the_next_start(desk: Desk) -> None:
    expected = await undisturbed_answer(desk)
    (reader,) = await reach("streaming", desk, expected)
    desk.kill_server()
    for process in desk.processes():
        process.kill()
    await desk.start()
    job = await desk.finish(reader)
    assert (job["status"], job["answer"]) == ("succeeded", expected)


@pytest.mark.requirement("5.6.6")
async def test_engine_killed_again_and_again_while_it_answers(desk: Desk) -> None:
    """The worker brings it back each time; the job's own count ends it."""
    reader = await desk.submit_story()
    for attempt in (1, 2, 3):
        await desk.read_while(
            reader, lambda n=attempt: reader.kinds.count("started") < n or reader.kinds[-1] != "delta"
        )
        await desk.kill("engine")
    job = await desk.finish(reader)
    assert (job["status"], job["error"]["code"]) == ("failed", "attempts_exhausted")
    await desk.machine_is("off", "broken", "ready", timeout=PATIENCE)
    after = await desk.finish(await desk.submit("Say hi.", max_tokens=8))
    assert after["status"] == "succeeded"


async def test_a_frozen_worker_is_ended_by_force(a_desk_with: MakeDesk) -> None:
    """Stopped processes ignore every request; the silence limit decides."""
    async with a_desk_with(TLFIF_MACHINE__HEARTBEAT_VALID_SECONDS="2") as desk:
        expected = await undisturbed_answer(desk)
        (reader,) = await reach("streaming", desk, expected)
        worker = await desk.process(MACHINE_MODULE)
        worker.suspend()
        job = await desk.finish(reader)
        assert (job["status"], job["answer"]) == ("succeeded", expected)
        gone = "the frozen worker is gone"
        await wait_until(lambda: worker.pid not in [p.pid for p in desk.processes()], gone, every=LOOK_SECONDS)
