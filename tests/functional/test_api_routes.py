"""Jobs, machine, models and the server itself, as a program sees them."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.builders import a_beat
from tests.functional.api_server import IMAGE, READY_MODEL, WEIGHTS, ApiServer, assert_problem
from tlfif.cli.exit_codes import exit_code_of
from tlfif.client.errors import error_from
from tlfif.jobs.jobs import DeltaWrite, JobStatus, Outcome, Receipt
from tlfif.jobs.pieces import Piece
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import StorageError
from tlfif.machines.machine import MachineState
from tlfif.money.spend.tariff import Tariff

Start = Callable[..., ApiServer]


@pytest.mark.requirement("2.1.1", "2.1.4")
def test_an_accepted_prompt_can_be_read_back(api: ApiServer, http: httpx2.Client) -> None:
    body = {
        "prompt": "Hello",
        "system": "Be brief.",
        "model": "SmolLM2",
        "max_tokens": 9,
        "temperature": 0,
        "seed": 5,
        "idle_timeout_minutes": 2,
    }
    answer = http.post("/v1/infer", json=body)
    accepted = answer.json()
    assert (answer.status_code, accepted["status"], accepted["created"]) == (202, "queued", True)
    assert accepted["model"] == READY_MODEL
    assert accepted["machine"]["idle_timeout_minutes"] == 2
    job = http.get(f"/v1/jobs/{accepted['job_id']}").json()
    assert job["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (job["max_tokens"], job["temperature"], job["seed"]) == (9, 0.0, 5)
    assert (job["answer"], job["receipt"], job["error"], job["last_seq"]) == ("", None, None, 1)
    assert "idempotency_key" not in job


@pytest.mark.requirement("6.1.2")
def test_what_is_not_counted_yet_is_never_called_the_final_cost(start_api: Start) -> None:
    api = start_api()
    paid = start_api(money=replace(api.container.money, tariff=Tariff()))
    waiting = paid.submit()
    with paid.client() as http:
        cost = http.get(f"/v1/jobs/{waiting}").json()["cost"]
        assert (cost["usd"], cost["final"]) == (0, True), "no machine has seen it"
        paid.claim()
        cost = http.get(f"/v1/jobs/{waiting}").json()["cost"]
        assert (cost["usd"], cost["final"]) == (0, False)


def test_jobs_are_listed_newest_first_and_in_pages(start_api: Start) -> None:
    api = start_api()
    made = [api.submit(f"number {n}") for n in range(5)]
    with api.client() as http:
        first = http.get("/v1/jobs", params={"limit": 2}).json()
        newer = api.submit("came in between")
        second = http.get("/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
        third = http.get("/v1/jobs", params={"limit": 2, "cursor": second["next_cursor"]}).json()
        seen = [job["job_id"] for page in (first, second, third) for job in page["jobs"]]
        assert (seen, third["next_cursor"]) == (made[::-1], None)
        assert all(job["answer"] is None for job in first["jobs"])
        http.post(f"/v1/jobs/{made[0]}/cancel")
        cancelled = http.get("/v1/jobs", params={"status": "cancelled"}).json()["jobs"]
        assert [job["job_id"] for job in cancelled] == [made[0]]
        assert http.get("/v1/jobs", params={"limit": 1}).json()["jobs"][0]["job_id"] == newer


@pytest.mark.requirement("2.1.8")
def test_an_ended_job_is_forgotten_at_once(start_api: Start) -> None:
    api = start_api()
    ended, other, waiting = api.submit("secret"), api.submit("other"), api.submit("waits")
    with api.client() as http:
        for job_id in (ended, other):
            http.post(f"/v1/jobs/{job_id}/cancel")
        assert http.delete(f"/v1/jobs/{ended}").json() == {"deleted": 1, "more": False}
        for answer in (
            http.get(f"/v1/jobs/{ended}"),
            http.get(f"/v1/jobs/{ended}/events"),
            http.delete(f"/v1/jobs/{ended}"),
        ):
            assert_problem(answer, 404, "job_not_found")
        assert_problem(http.delete(f"/v1/jobs/{waiting}"), 409, "job_not_ended")
        assert http.delete("/v1/jobs").json() == {"deleted": 1, "more": False}
        assert [job["job_id"] for job in http.get("/v1/jobs").json()["jobs"]] == [waiting]


@pytest.mark.requirement("2.2.4")
def test_a_job_belongs_to_its_user(start_api: Start) -> None:
    api = start_api()
    users = {"anna": api.client(headers={"X-User": "anna"}), "ben": api.client(headers={"X-User": "ben"})}
    api.user_header = "x-user"
    anna, ben = users["anna"], users["ben"]
    body = {"prompt": "Hello", "model": READY_MODEL}
    made = anna.post("/v1/infer", json=body, headers={"Idempotency-Key": "k"}).json()["job_id"]
    again = anna.post("/v1/infer", json=body, headers={"Idempotency-Key": "k"}).json()
    assert (again["job_id"], again["created"]) == (made, False)
    his = ben.post("/v1/infer", json={**body, "prompt": "Other"}, headers={"Idempotency-Key": "k"}).json()["job_id"]
    for answer in (
        ben.get(f"/v1/jobs/{made}"),
        ben.get(f"/v1/jobs/{made}/events"),
        ben.get(f"/v1/jobs/{made}/events", headers={"Accept": "text/event-stream"}),
        ben.post(f"/v1/jobs/{made}/cancel"),
        ben.delete(f"/v1/jobs/{made}"),
    ):
        assert_problem(answer, 404, "job_not_found")
    assert [job["job_id"] for job in ben.get("/v1/jobs").json()["jobs"]] == [his]
    assert [job["job_id"] for job in anna.get("/v1/jobs").json()["jobs"]] == [made]
    anna.post(f"/v1/jobs/{made}/cancel")
    assert ben.delete("/v1/jobs").json()["deleted"] == 0
    assert anna.get(f"/v1/jobs/{made}").json()["status"] == "cancelled"
    for client in users.values():
        client.close()


@pytest.mark.requirement("2.1.8")
def test_cancelling_twice_is_the_same_as_once(api: ApiServer, http: httpx2.Client) -> None:
    job_id = api.submit()
    first, second = (http.post(f"/v1/jobs/{job_id}/cancel").json() for _ in range(2))
    assert first["cancel_reason"] == "cancelled by you"
    assert first == second
    assert (first["status"], first["last_seq"]) == ("cancelled", 2)


def test_a_failed_job_says_why_and_keeps_what_there_was(start_api: Start) -> None:
    api = start_api()
    job_id = api.submit()
    claimed = api.claim()
    receipt = Receipt(model=READY_MODEL, machine_id="m", attempt=1)
    outcome = Outcome(status=JobStatus.FAILED, error_code="run_timeout", error_message="Too long.", receipt=receipt)
    api.finish(claimed, 3, outcome, text="half")
    with api.client() as http:
        job = http.get(f"/v1/jobs/{job_id}").json()
    assert job["error"] == {"code": "run_timeout", "message": "Too long."}
    assert (job["answer"], job["receipt"]["attempt"]) == ("half", 1)


def test_a_job_has_its_reasoning_beside_its_answer(start_api: Start) -> None:
    api = start_api()
    job_id = api.submit()
    claimed = api.claim()
    write = DeltaWrite(lease=claimed.lease, seq=3, piece=Piece(text="Yes", reasoning="Hm."))
    api.run(api.container.jobs.append([write], now=claimed.job.created_at))
    with api.client() as http:
        job = http.get(f"/v1/jobs/{job_id}").json()
        listed = http.get("/v1/jobs").json()["jobs"][0]
    assert (job["answer"], job["reasoning"], listed["reasoning"]) == ("Yes", "Hm.", None)


@pytest.mark.requirement("2.2.7")
def test_a_full_queue_says_when_to_come_back(start_api: Start) -> None:
    api = start_api(JobPolicy(max_queued=2))
    api.submit("one")
    kept = api.submit("two")
    with api.client() as http:
        answer = http.post("/v1/infer", json={"prompt": "three"})
        problem = assert_problem(answer, 429, "queue_full")
    assert (problem["queued"], problem["limit"], answer.headers["retry-after"]) == (2, 2, "5")
    assert api.newest_job() == kept


def test_a_full_disk_is_told_and_nothing_is_accepted(start_api: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    api = start_api()

    async def full(*args: Any, **options: Any) -> Any:
        raise StorageError("The disk is full. Free some space and send the prompt again.")

    monkeypatch.setattr(api.container.jobs, "submit", full)
    with api.client() as http:
        answer = http.post("/v1/infer", json={"prompt": "Hello"})
    assert_problem(answer, 503, "storage_failed")
    assert answer.headers["retry-after"] == "5"
    assert api.newest_job() is None


def test_the_machine_is_started_and_stopped(start_api: Start) -> None:
    api = start_api()
    with api.client() as http:
        assert http.get("/v1/machine").json()["state"] == "off"
        started = http.post("/v1/machine/start")
        assert (started.status_code, started.json()["state"]) == (202, "launching")
        again = http.post("/v1/machine/start", json={"model": None}).json()
        assert again["machine_id"] == started.json()["machine_id"]
        waiting = api.submit()
        stopped = http.post("/v1/machine/stop", json={"jobs": "requeue"})
        assert stopped.status_code == 202
        result = stopped.json()
        assert (result["was_running"], result["requeued"], result["cancelled"]) == (True, [waiting], [])
        assert (result["machine"]["held"], result["machine"]["queued"]) == (True, 1)
        nothing = http.post("/v1/machine/stop").json()
        assert (nothing["was_running"], nothing["cancelled"]) == (False, [waiting])


@pytest.mark.requirement("3.4.1")
def test_the_history_tells_why_each_machine_came_and_went(start_api: Start) -> None:
    api = start_api()
    machines = api.container.machines
    with api.client() as http:
        assert http.get("/v1/machine/history").json() == {"machines": []}
        first = http.post("/v1/machine/start").json()["machine_id"]
        begun = api.run(machines.history(limit=1))[0].created_at
        beat = replace(a_beat(first, boot_id="b"), instance_type="c7i.xlarge", engine="llama")
        api.run(machines.heartbeat(beat, now=begun + 2))
        ready = a_beat(first, boot_id="b", state=MachineState.READY, phase=None)
        api.run(machines.heartbeat(ready, now=begun + 3))
        api.run(machines.mark_ended(first, state=MachineState.OFF, reason="idle for 5.0 minutes", now=begun + 303))
        second = http.post("/v1/machine/start").json()["machine_id"]
        history = http.get("/v1/machine/history").json()["machines"]
        assert http.get("/v1/machine/history", params={"limit": 1}).json()["machines"] == history[:1]
    assert [one["machine_id"] for one in history] == [second, first]
    assert history[1] == {
        "machine_id": first,
        "model": READY_MODEL,
        "image": IMAGE,
        "state": "off",
        "start_reason": "started by you",
        "instance_type": "c7i.xlarge",
        "engine": "llama",
        "end_reason": "idle for 5.0 minutes",
        "created_at": begun,
        "ready_at": begun + 3,
        "ended_at": begun + 303,
        "phases": [{"phase": "launch", "seconds": 2.0}, {"phase": "engine_start", "seconds": 1.0}],
        "boot_seconds": 3.0,
        "run_seconds": 300.0,
    }
    open_one = {name: history[0][name] for name in ("state", "end_reason", "phases", "boot_seconds", "run_seconds")}
    assert open_one == {
        "state": "launching",
        "end_reason": "",
        "phases": [],
        "boot_seconds": None,
        "run_seconds": None,
    }


def test_a_start_with_another_model_than_the_machines_is_refused(
    start_api: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = start_api()
    with api.client() as http:
        machine = http.post("/v1/machine/start", json={"model": READY_MODEL}).json()
        assert http.post("/v1/machine/start", json={"model": READY_MODEL}).status_code == 202
        http.post("/v1/infer", json={"prompt": "wait"})
        api.run(api.container.machines.set_held(True))
        problem = assert_problem(
            http.post("/v1/machine/start", json={"model": "tinyllama"}), 409, "machine_busy_other_model"
        )
        now = http.get("/v1/machine").json()
    assert problem["model"] == READY_MODEL
    assert "--model tinyllama" in problem["detail"]
    assert (now["machine_id"], now["model"], now["held"]) == (machine["machine_id"], READY_MODEL, True)
    assert exit_code_of(error_from(409, problem)) == 4


def test_a_fault_of_the_router_is_part_of_the_machine(start_api: Start) -> None:
    api = start_api()
    with api.client() as http:
        assert http.get("/v1/machine").json()["fault"] is None
        api.container.reconciler.fault = StorageError("The disk is full.")
        assert http.get("/v1/machine").json()["fault"] == {"code": "storage_failed", "message": "The disk is full."}


def test_the_machine_as_the_issue_names_it(http: httpx2.Client) -> None:
    machine = http.get("/v1/machine").json()
    wanted = {"state", "reason", "phase", "eta_seconds", "image", "model", "idle_seconds_left", "pids"}
    assert wanted <= set(machine)
    assert set(machine["pids"]) == {"server", "worker", "engine"}
    assert (machine["image"], machine["pids"]["worker"], machine["pids"]["engine"]) == (IMAGE, None, None)


def test_the_idle_timeout_is_kept(start_api: Start) -> None:
    api = start_api()
    with api.client() as http:
        assert http.put("/v1/machine/idle-timeout", json={"minutes": 7.5}).json()["idle_timeout_minutes"] == 7.5
        assert http.get("/v1/machine").json()["idle_timeout_minutes"] == 7.5


def test_models_are_listed_verified_and_asked_for(http: httpx2.Client) -> None:
    tiny, small = http.get("/v1/models").json()["models"]
    assert (tiny["name"], tiny["state"], tiny["is_default"]) == ("tinyllama", "absent", True)
    assert (small["name"], small["state"], small["size_bytes"]) == (READY_MODEL, "ready", len(WEIGHTS))
    assert http.post(f"/v1/models/{READY_MODEL}/verify").json()["state"] == "ready"
    assert http.post(f"/v1/models/{READY_MODEL}/pull").status_code == 202
    assert_problem(http.post("/v1/models/tinyllama/verify"), 409, "model_absent")
    assert_problem(http.post("/v1/models/tinyllama/pull"), 409, "hub_unreachable")


def test_metrics_are_prometheus_text(start_api: Start) -> None:
    api = start_api()
    api.submit()
    with api.client() as http:
        answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'tlfif_jobs{status="queued"} 1' in answer.text
    assert 'tlfif_machine_state{state="off"} 1' in answer.text
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            sample = re.fullmatch(r"([a-z_]+)(\{[a-z_]+=\"[a-z_]+\"\})? [0-9.]+", line)
            assert sample is not None, line
            assert sample.group(1) in names


def test_the_server_tells_of_itself_and_ends_when_asked(start_api: Start) -> None:
    api = start_api()
    with api.client() as http:
        assert http.get("/v1/server").json()["port"] == api.port
        assert http.post("/v1/server/stop").status_code == 202
    assert api.stop_asked == ["stop"]


def test_no_answer_says_what_serves_it(http: httpx2.Client) -> None:
    for path in ("/healthz", "/v1/machine", "/v1/nowhere"):
        headers = http.get(path).headers
        assert not {name for name in headers if name.startswith(("access-control", "x-powered"))}
