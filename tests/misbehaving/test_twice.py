"""Every message sent twice, one after the other and at once: the second changes nothing."""

import asyncio

import pytest

from tests.misbehaving.desk import MACHINE_MODULE, Desk, MakeDesk

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def desk(lasting_desk: Desk) -> Desk:
    """One server for all here that do not end it; each test begins without a machine."""
    return lasting_desk


async def test_submit_twice_is_one_job(desk: Desk) -> None:
    readers = await asyncio.gather(*(desk.submit(max_tokens=8, key="one-and-the-same") for _ in range(8)))
    assert len({reader.job_id for reader in readers}) == 1
    job = await desk.finish(readers[0])
    again = await desk.submit(max_tokens=8, key="one-and-the-same")
    assert again.job_id == job["job_id"]
    listed = (await desk.call("GET", "/v1/jobs")).json()["jobs"]
    assert [j["job_id"] for j in listed] == [job["job_id"]]
    await desk.read_while(again, lambda: True)
    assert again.kinds == readers[0].kinds, "a reader from the start sees the same log, and nothing ran again"


async def test_start_twice_is_one_machine(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.call("POST", "/v1/machine/start") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    ready = await desk.machine_is("ready")
    again = (await desk.call("POST", "/v1/machine/start")).json()
    assert (again["machine_id"], again["state"]) == (ready["machine_id"], "ready")
    assert len(desk.processes(MACHINE_MODULE)) == 1


async def test_start_and_prompts_at_once_are_one_machine(desk: Desk) -> None:
    calls = [desk.call("POST", "/v1/machine/start") for _ in range(3)]
    readers, _ = await asyncio.gather(
        asyncio.gather(*(desk.submit(max_tokens=4) for _ in range(4))), asyncio.gather(*calls)
    )
    jobs = [await desk.finish(reader) for reader in readers]
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert len({job["receipt"]["machine_id"] for job in jobs}) == 1


async def test_cancel_and_stop_twice(a_desk_with: MakeDesk) -> None:
    async with a_desk_with() as desk:
        reader = await desk.streaming()
        cancels = await asyncio.gather(*(desk.call("POST", f"/v1/jobs/{reader.job_id}/cancel") for _ in range(3)))
        assert {answer.status_code for answer in cancels} == {200}
        assert (await desk.finish(reader))["status"] == "cancelled"
        stops = await asyncio.gather(*(desk.call("POST", "/v1/machine/stop") for _ in range(3)))
        assert {answer.status_code for answer in stops} == {202}
        await desk.machine_is("off")
        late = (await desk.call("POST", "/v1/machine/stop")).json()
        assert not late["was_running"]
        assert (await desk.call("POST", "/v1/server/stop")).status_code == 202
