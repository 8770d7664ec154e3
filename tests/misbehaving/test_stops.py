"""The stops: each ends the machine alone, and no job goes missing by it."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.misbehaving.desk import ENGINE_MODULE, LOOK_SECONDS, MACHINE_MODULE, SOURCE, STORY_TOKENS, Desk, MakeDesk
from tests.waiting import wait_until
from tlfif.adapters.local.machines.process_priority import NICENESS
from tlfif.machines.policy import MachinePolicy

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def desk(lasting_desk: Desk) -> Desk:
    """One server for all here that do not end it; each test begins without a machine."""
    return lasting_desk


def test_the_promise_of_thirty_seconds_is_in_the_numbers() -> None:
    policy = MachinePolicy()
    told = policy.control_gone_seconds + policy.control_gone_drain_seconds
    assert told + policy.heartbeat_seconds + 1.0 < 30.0


@pytest.mark.requirement("5.7.1")
async def test_a_machine_whose_server_is_gone_ends_itself(a_desk_with: MakeDesk) -> None:
    async with a_desk_with(
        TLFIF_MACHINE__CONTROL_GONE_SECONDS="1.5", TLFIF_MACHINE__CONTROL_GONE_DRAIN_SECONDS="1"
    ) as desk:
        reader = await desk.streaming()
        desk.kill_server()
        began = time.monotonic()
        await desk.gone()
        assert time.monotonic() - began > 1.0, "it waits for the server to come back first"
        await desk.start()
        await desk.read_while(reader, lambda: reader.kinds.count("started") < 2)
        job = (await desk.call("GET", f"/v1/jobs/{reader.job_id}")).json()
        assert job["attempt"] == 1, "given back by a machine that ended in good order: not counted"
        await desk.cancel(reader)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program could handle")
async def test_sigterm_gives_jobs_back_uncounted(desk: Desk) -> None:
    reader = await desk.streaming()
    for _ in range(2):
        started = reader.kinds.count("started")
        (await desk.process(MACHINE_MODULE)).send_signal(signal.SIGTERM)
        await desk.read_while(reader, lambda n=started: reader.kinds.count("started") == n)
    job = (await desk.call("GET", f"/v1/jobs/{reader.job_id}")).json()
    assert (job["status"], job["attempt"]) == ("running", 1)
    await desk.cancel(reader)


@pytest.mark.requirement("3.6.4")
async def test_stop_now_cancels_what_runs_and_waits_and_leaves_nothing(desk: Desk) -> None:
    first = await desk.streaming()
    second = await desk.submit("Name three colours.")
    answer = (await desk.call("POST", "/v1/machine/stop")).json()
    assert answer["was_running"]
    assert set(answer["cancelled"]) == {first.job_id, second.job_id}
    await desk.gone()
    assert (await desk.machine_is("off"))["pids"]["worker"] is None
    for reader in (first, second):
        job = await desk.finish(reader)
        assert job["status"] == "cancelled"
    assert first.text, "the partial answer stays readable"


@pytest.mark.requirement("3.6.4")
async def test_stop_that_keeps_jobs_starts_nothing_until_asked(desk: Desk) -> None:
    reader = await desk.streaming()
    answer = (await desk.call("POST", "/v1/machine/stop", {"jobs": "requeue"})).json()
    assert answer["requeued"] == [reader.job_id]
    await desk.machine_is("off")
    ticks = time.monotonic() + 1.0
    await wait_until(lambda: desk.processes() or time.monotonic() > ticks, "five ticks", every=LOOK_SECONDS)
    assert not desk.processes(), "a machine started although it was held"
    assert (await desk.machine())["held"]
    await desk.read(reader, wait=0)
    assert reader.kinds[-1] == "restarted"
    kept = (await desk.call("GET", f"/v1/jobs/{reader.job_id}")).json()
    assert (kept["status"], kept["attempt"]) == ("queued", 0), "a person's stop is no failed attempt"
    assert (await desk.call("POST", "/v1/machine/start")).status_code == 202
    await desk.read_while(reader, lambda: reader.kinds[-1] != "delta")
    await desk.cancel(reader)


@pytest.mark.parametrize("moment", ["queued", "starting", "streaming"])
async def test_cancel(desk: Desk, moment: str) -> None:
    if moment == "queued":
        await desk.streaming()
    reader = await desk.streaming() if moment == "streaming" else await desk.submit_story()
    if moment == "starting":
        await desk.process(MACHINE_MODULE)
    response = await desk.call("POST", f"/v1/jobs/{reader.job_id}/cancel")
    assert response.status_code == 200
    job = await desk.finish(reader)
    assert job["status"] == "cancelled"
    again = (await desk.call("POST", f"/v1/jobs/{reader.job_id}/cancel")).json()
    assert (again["status"], again["last_seq"]) == ("cancelled", reader.cursor)


@pytest.mark.requirement("1.1.8", "5.6.3")
async def test_cancel_frees_the_engine_for_the_next_at_once(a_desk_with: MakeDesk) -> None:
    """There is one slot: the next answer can only begin when the cancelled one has left the real engine."""
    async with a_desk_with(PYTHONPATH=str(SOURCE)) as desk:
        reader = await desk.streaming()
        waiting = await desk.submit("Name three colours.", max_tokens=8)
        await desk.cancel(reader)
        job = await desk.finish(waiting)
        assert job["status"] == "succeeded"
        cancelled = (await desk.call("GET", f"/v1/jobs/{reader.job_id}")).json()
        waited = job["created_at"] + job["receipt"]["first_token_seconds"] - cancelled["finished_at"]
        assert waited < STORY_TOKENS / job["receipt"]["tokens_per_second"] / 2, "by this engine's own speed"


@pytest.mark.requirement("5.7.2")
async def test_an_idle_machine_ends_itself_and_then_the_server(a_desk_with: MakeDesk) -> None:
    async with a_desk_with(
        TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS="2", TLFIF_SERVER_IDLE_EXIT_SECONDS="2", TLFIF_TICK_SECONDS="0.1"
    ) as desk:
        assert (await desk.finish(await desk.submit(max_tokens=4)))["status"] == "succeeded"
        began = time.monotonic()
        await desk.gone()
        assert time.monotonic() - began > 1.0, "it stays for the time that was set"
        ended = await desk.machine_is("off")
        assert ended["reason"].startswith("idle")
        server = desk.server
        assert server is not None
        await wait_until(lambda: server.poll() is not None, "the server ends when nobody needs it")
        assert server.returncode == 0
        assert not (desk.home / "server.json").exists()


async def test_stopping_the_server_while_it_answers_keeps_the_job(desk: Desk) -> None:
    reader = await desk.streaming()
    await desk.stop()
    await desk.start()
    await desk.read_while(reader, lambda: reader.kinds.count("started") < 2)
    await desk.cancel(reader)


def a_frozen_process(home: str, module: str, machine_id: str) -> subprocess.Popen[bytes]:
    """Looks like a part of a machine and does nothing to end itself."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()", module, "--home", home, "--machine-id", machine_id],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    psutil.Process(process.pid).suspend()
    return process


async def test_orphans_are_swept_and_another_homes_machine_is_left_alone(desk: Desk) -> None:
    await desk.stop()
    home = str(desk.home)
    orphans = [a_frozen_process(home, MACHINE_MODULE, "machine_1"), a_frozen_process(home, ENGINE_MODULE, "machine_2")]
    stranger = a_frozen_process(home + "2", MACHINE_MODULE, "machine_3")
    try:
        await desk.start()
        for orphan in orphans:
            await wait_until(lambda o=orphan: o.poll() is not None, "the orphan was ended")
        assert stranger.poll() is None
    finally:
        for process in (*orphans, stranger):
            process.kill()
            process.communicate()


async def test_a_worker_whose_record_is_closed_ends_itself(a_desk_with: MakeDesk) -> None:
    """As after a restore from a backup, or when a record was closed by mistake: two must never work."""
    async with a_desk_with(TLFIF_MACHINE__CONTROL_GONE_SECONDS="600") as desk:
        await desk.finish(await desk.submit(max_tokens=4))
        worker = await desk.process(MACHINE_MODULE)
        desk.kill_server()
        close = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
            "c.execute(\"UPDATE machines SET state = 'off', ended_at = 1, phase = NULL\"); c.commit()"
        )
        subprocess.run([sys.executable, "-c", close, str(desk.home / "tlfif.db")], check=True)  # noqa: ASYNC221  # nothing else is to go on meanwhile
        ended = "at the next heartbeat: the server is missed only after ten minutes"
        await wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, ended)
        await desk.start()


async def test_two_servers_of_one_home(desk: Desk) -> None:
    """The second leaves quietly; the first goes on."""
    second = subprocess.run(  # noqa: ASYNC221 - ends at once
        [sys.executable, "-P", "-m", "tlfif.entrypoints.server"],
        env=desk.environment,
        timeout=30,
        check=False,
    )
    assert second.returncode == 0
    assert (await desk.call("GET", "/healthz")).status_code == 200


@pytest.mark.requirement("5.7.1")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shares the cores out so")
async def test_an_engine_stands_back_behind_its_server(desk: Desk) -> None:
    await desk.call("POST", "/v1/machine/start", {})
    worker, engine = await desk.process(MACHINE_MODULE), await desk.process(ENGINE_MODULE)
    assert desk.server is not None
    assert os.getsid(worker.pid) == os.getsid(desk.server.pid), "Linux would share the cores among sessions first"
    assert os.getpgid(worker.pid) != os.getpgid(desk.server.pid), "a Ctrl-C would reach it"
    await wait_until(lambda: engine.nice() == worker.nice() + NICENESS, "the engine stands back")
    assert worker.nice() == psutil.Process(desk.server.pid).nice()
