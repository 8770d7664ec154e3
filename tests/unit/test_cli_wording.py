"""What is said to a person: receipts, waiting, tables, progress."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

import tlfif
from tests.fakes.money import NOTHING, SHARE
from tlfif.cli.exit_codes import exit_code_of, exit_code_of_job
from tlfif.cli.fetching import Transfer
from tlfif.cli.jobs import job_text, list_text, nothing_words
from tlfif.cli.machine import stop_text
from tlfif.cli.output.machine_report import machine_lines, waiting_line
from tlfif.cli.output.receipt_report import RECEIPT_WIDTH, receipt_line
from tlfif.cli.output.tables import table
from tlfif.client.errors import error_from
from tlfif.kernel.errors import InvalidInputError, MachineError, NotFoundError, TlfifError, UnavailableError
from tlfif.wire.jobs import JobView, ReceiptView
from tlfif.wire.machines import NO_MACHINE, MachineView, StopResult
from tlfif.wording.figures import seconds, size
from tlfif.wording.machines import as_sentence, model_title

RECEIPT: ReceiptView = {
    "model": "smollm2",
    "model_sha256": "b1",
    "image": "embedded-0.1.0",
    "instance_type": None,
    "engine": "llama",
    "machine_id": "machine_1",
    "attempt": 1,
    "prompt_tokens": 40,
    "completion_tokens": 180,
    "finish_reason": "stop",
    "queue_seconds": 1.9,
    "first_token_seconds": 0.09,
    "total_seconds": 2.1,
    "tokens_per_second": 98.2,
}


def receipt(**changes: Any) -> ReceiptView:
    return {**RECEIPT, **changes}


def machine(**changes: Any) -> MachineView:
    return {**NO_MACHINE, **changes}


def test_the_status_states_a_fault_instead_of_a_start_that_takes_for_ever() -> None:
    fault = {"code": "storage_failed", "message": "The disk is full."}
    lines = machine_lines(machine(state="launching", reason="one prompt waits", eta_seconds=0.0, fault=fault))
    assert lines[1].startswith("fault     No machine can be started now. The disk is full.")
    assert "any moment now" not in "\n".join(lines)


def test_the_receipt_names_the_model_and_what_it_took() -> None:
    assert receipt_line(RECEIPT, before=machine(), place="this computer") == (
        "— SmolLM2-135M-Instruct · first word after 0.09 s · 2.1 s in all · 180 tokens at 98/s · "
        "machine started for this (1.9 s) · costs nothing: this computer"
    )


@pytest.mark.parametrize(
    ("before", "changes", "said", "unsaid"),
    [
        ("ready", {}, "costs nothing", "machine"),
        ("loading", {}, "waited 1.9 s", "machine started"),
        (None, {}, "costs nothing", "1.9 s"),
        ("ready", {"finish_reason": "length"}, "cut off", "attempt"),
        ("ready", {"attempt": 2}, "attempt 2", "cut off"),
        ("ready", {"image": "v3"}, "· image v3 ·", "attempt"),
        ("ready", {"image": "embedded-0.9"}, "costs nothing", "image"),
        ("ready", {"first_token_seconds": None, "tokens_per_second": None}, "180 tokens ·", "first token"),
        ("ready", {"completion_tokens": 1}, "1 token at", "tokens"),
        ("ready", {}, "costs nothing", "llama.cpp"),
        ("ready", {"instance_type": "g5.xlarge", "engine": "vllm"}, "Instruct · g5.xlarge, vLLM · first", "llama.cpp"),
    ],
)
def test_the_receipt_says_what_was_special(before: str | None, changes: dict[str, Any], said: str, unsaid: str) -> None:
    found = None if before is None else machine(state=before, model="smollm2", machine_id="machine_1")
    line = receipt_line(receipt(**changes), before=found, place="this computer")
    assert said in line
    assert unsaid not in line


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({"state": "ready", "model": "smollm2", "machine_id": "machine_1"}, {}),
        ({"state": "off"}, {}),
        ({"state": "loading", "model": "smollm2"}, {"model": "tinyllama", "tokens_per_second": 9.6}),
        ({"state": "ready", "model": "smollm2", "machine_id": "machine_1"}, {"finish_reason": "length"}),
    ],
)
def test_the_receipt_makes_room_for_what_it_cost(before: dict[str, Any], changes: dict[str, Any]) -> None:
    line = receipt_line(
        receipt(**changes), before=machine(**before), place="this computer", cost=NOTHING, simulated_aws=SHARE
    )
    assert line.endswith("(on AWS so far $0.083)")
    assert "costs nothing" in line
    assert "180 tokens" in line
    assert len(line) <= RECEIPT_WIDTH + 5


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({"state": "ready", "model": "tinyllama"}, "machine changed over from TinyLlama-1.1B-Chat (1.9 s)"),
        ({"state": "loading", "model": "tinyllama"}, "machine changed over from TinyLlama-1.1B-Chat (1.9 s)"),
        ({"state": "ready", "model": "smollm2", "machine_id": "machine_0"}, "machine replaced meanwhile (1.9 s)"),
        ({"state": "draining", "model": "tinyllama"}, "machine started for this (1.9 s)"),
        ({"state": "loading", "model": "smollm2"}, "waited 1.9 s"),
    ],
)
def test_the_receipt_says_what_became_of_the_machine(before: dict[str, Any], said: str) -> None:
    assert f" · {said} · " in receipt_line(RECEIPT, before=machine(**before), place="this computer")


def test_a_personal_models_answer_names_its_adapter_and_no_change_of_the_machine() -> None:
    personal = receipt(model="anna-poems", adapter_sha256="a" * 64)
    before = machine(state="ready", model="smollm2", machine_id=personal["machine_id"])
    line = receipt_line(personal, before=before, place="this computer")
    assert f"anna-poems · adapter {'a' * 12} · " in line
    assert "changed over" not in line


@pytest.mark.parametrize(
    ("name", "title"),
    [("tinyllama", "TinyLlama-1.1B-Chat"), ("file:/a/b/my.gguf", "my.gguf"), ("other", "other")],
)
def test_models_have_proper_names(name: str, title: str) -> None:
    assert model_title(name) == title


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00 s"), (0.994, "0.99 s"), (0.996, "1.0 s"), (59.94, "59.9 s"), (60, "1 min"), (61.4, "1 min 1 s"),
     (7260, "2 h 1 min")],
)  # fmt: skip
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 B"), (98_362_432, "98.4 MB"), (668_788_096, "669 MB"), (2_200_119_864, "2.2 GB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"state": "loading", "phase": "engine_start", "eta_seconds": 2.2},
            "The machine is loading the model, about 2 s left",
        ),
        ({"state": "off", "eta_seconds": 3.5}, "The machine is starting up, about 4 s left"),
        ({"state": "ready", "running": 3, "queued": 2}, "4 other answers"),
        ({"state": "ready", "running": 1}, "first word"),
        ({"state": "stopping"}, "Waiting for the previous machine to end"),
        ({"state": "broken", "reason": "no memory"}, "did not start (no memory)"),
        ({"state": "off", "held": True}, "Kept, because the machine was stopped. To go on: ./tlfif machine start"),
        ({"state": "stopping", "held": True}, "./tlfif machine start"),
        ({"state": "broken", "reason": "no memory", "held": True}, "./tlfif machine start"),
    ],
)
def test_a_person_who_waits_knows_for_what(changes: dict[str, Any], said: str) -> None:
    line = waiting_line(machine(**changes))
    assert said in line
    assert len(line) < 80, "a narrow terminal would cut off what to type"


def test_the_machine_without_a_server_is_off() -> None:
    assert machine_lines(NO_MACHINE)[0] == "machine   off: the server is not running"


def test_a_ready_machine_shows_when_it_ends_and_who_works() -> None:
    pids = {"server": 1, "worker": 2, "engine": None}
    text = "\n".join(machine_lines(machine(state="ready", idle_timeout_minutes=5.0, idle_seconds_left=61.0, pids=pids)))
    assert "after 5 min without work, 1 min 1 s left" in text
    assert "server 1, worker 2" in text


@pytest.mark.parametrize(
    ("instance_type", "engine", "said"),
    [
        ("c7i.xlarge", "llama", "type      c7i.xlarge, llama.cpp"),
        (None, "llama", "type      llama.cpp"),
        ("g6.xlarge", "of a newer version", "type      g6.xlarge, of a newer version"),
    ],
)
def test_the_machines_type_and_engine_are_named(instance_type: str | None, engine: str, said: str) -> None:
    assert said in machine_lines(machine(state="ready", instance_type=instance_type, engine=engine))
    older = {name: value for name, value in NO_MACHINE.items() if name not in {"instance_type", "engine"}}
    for view in (NO_MACHINE, cast(MachineView, older)):
        assert not [line for line in machine_lines(view) if line.startswith("type")]


def test_tables_fit_and_keep_one_line_a_row() -> None:
    text = table(("A", "B"), [("x" * 30, "y\n" * 100), ("z", "short")])
    assert all(len(line) <= 80 for line in text.splitlines())
    assert len(text.splitlines()) == 3
    assert "…" in text


def job(**changes: Any) -> JobView:
    base = {
        "job_id": "job_" + "0" * 32, "status": "succeeded", "model": "smollm2",
        "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 5, "temperature": 0.7, "seed": None,
        "created_at": 1e9, "started_at": None, "finished_at": None, "attempt": 1, "last_seq": 4,
        "cancel_requested": False, "cancel_reason": None, "error": None, "receipt": RECEIPT, "answer": "Because.",
    }  # fmt: skip
    return {**base, **changes}


def test_a_job_shows_what_its_model_thought_apart_from_the_answer() -> None:
    shown = job_text(job(reasoning="Well,\nclouds."), now=1e9)
    assert "Thinking, before the answer:\n  Well,\n  clouds.\n\nBecause." in shown
    assert "Thinking" not in job_text(job(reasoning=None), now=1e9)


def test_a_cancelled_job_says_who_ended_it() -> None:
    ended = job(status="cancelled", cancel_requested=True, cancel_reason="stopped by you", receipt=None, answer="")
    assert "It ended because it was stopped by you." in job_text(ended, now=1e9)
    late = job(cancel_requested=True, cancel_reason="cancelled by you")
    assert "It ended because" not in job_text(late, now=1e9), "it was whole before"


def test_the_list_of_jobs_leads_to_the_next_page() -> None:
    text = list_text({"jobs": [job()], "next_cursor": "before-3"}, now=1e9)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "succeeded" in text
    assert "Why?" in text
    assert "--cursor before-3" in text


@pytest.mark.parametrize(
    ("status", "cursor", "said"),
    [
        (None, None, "Nothing has been asked yet."),
        ("failed", None, "No job is failed. All jobs: ./tlfif jobs list"),
        (None, "x", "There are no older ones."),
        ("failed", "x", "There are no older ones."),
    ],
)
def test_an_empty_page_says_what_it_is_empty_of(status: str | None, cursor: str | None, said: str) -> None:
    assert nothing_words(status=status, cursor=cursor) == said


def test_the_next_page_is_of_the_same_jobs() -> None:
    text = list_text({"jobs": [job()], "next_cursor": "x"}, now=1e9, options=" --status failed --limit 5")
    assert text.splitlines()[-1] == "Older ones: ./tlfif jobs list --status failed --limit 5 --cursor x"


def test_a_job_shows_its_answer_or_its_reason() -> None:
    assert "Because." in job_text(job(), now=1e9)
    failed = job(answer="", receipt=None, error={"code": "engine_gone", "message": "It died."})
    assert "It died. [engine_gone]" in job_text(failed, now=1e9)


def test_a_job_shows_what_it_cost_and_the_parts() -> None:
    lines = job_text(job(cost=NOTHING, simulated_aws=SHARE), now=1e9).splitlines()
    receipt_at = next(at for at, line in enumerate(lines) if line.startswith("— "))
    assert lines[receipt_at].endswith(" (on AWS so far $0.083)")
    parts = " ".join(line.strip() for line in lines[receipt_at + 1 :])
    assert parts.startswith("on AWS $0.083 · 0.072 € without VAT = $0.073 starting the machine + ")
    assert len(job_text(job(cost=NOTHING, simulated_aws=None), now=1e9).splitlines()) == receipt_at + 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"was_running": False}, "There was no machine to stop."),
        ({"cancelled": ["a"]}, "The machine is off. 1 running or waiting answer cancelled."),
        ({"requeued": ["a", "b"]}, "2 prompts kept for the next start: ./tlfif machine start. Any new question"),
        ({"machine": machine(held=True)}, "The machine is off. None starts until you ask something"),
        ({"machine": machine(state="stopping")}, "not confirmed"),
    ],
)
def test_a_stop_says_what_became_of_the_answers(changes: dict[str, Any], text: str) -> None:
    base: StopResult = {"was_running": True, "cancelled": [], "requeued": [], "machine": NO_MACHINE}
    assert text in stop_text({**base, **changes})


def test_a_transfer_shows_share_rate_and_time_left() -> None:
    transfer = Transfer(total=100_000_000)
    transfer.update(0, 0.0)
    assert transfer.line(bar=False) == "  0%  0 B of 100 MB"
    transfer.update(20_000_000, 4.0)
    assert transfer.line(bar=True) == "[####................]  20%  20.0 MB of 100 MB  5.0 MB/s  16 s left"


def test_a_transfer_that_stands_still_says_so() -> None:
    transfer = Transfer(total=100)
    for now in range(30):
        transfer.update(50, float(now))
    assert transfer.rate == 0
    assert "left" not in transfer.line(bar=False)


def test_a_resumed_transfer_does_not_count_what_was_there() -> None:
    transfer = Transfer(total=1000)
    transfer.update(900, 0.0)
    transfer.update(910, 1.0)
    assert transfer.rate == 10


@pytest.mark.requirement("1.6.2")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInputError("x"), 2),
        (NotFoundError("x"), 2),
        (error_from(422, {"code": "prompt_empty"}), 2),
        (error_from(404, {"code": "job_not_found"}), 2),
        (error_from(413, {"code": "body_too_large"}), 2),
        (error_from(409, {"code": "idempotency_conflict"}), 2),
        (error_from(409, {"code": "model_absent"}), 4),
        (error_from(409, {"code": "hub_unreachable"}), 4),
        (error_from(409, {"code": "disk_full"}), 4),
        (error_from(503, {"code": "machine_failed"}), 4),
        (error_from(409, {"code": "budget_locked"}), 4),
        (MachineError("x", code="no_capacity"), 4),
        (error_from(401, {"code": "token_wrong"}), 5),
        (error_from(421, {"code": "host_wrong"}), 5),
        (error_from(429, {"code": "queue_full"}), 5),
        (error_from(503, {"code": "storage_failed"}), 5),
        (error_from(500, {"code": "internal_error"}), 5),
        (UnavailableError("x"), 5),
        (TlfifError("x", code="settings_invalid"), 2),
    ],
)
def test_every_error_has_an_exit_code(error: TlfifError, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("status", "error_code", "code"),
    [
        ("succeeded", None, 0),
        ("failed", "attempts_exhausted", 3),
        ("failed", "machine_broken", 4),
        ("failed", "model_corrupt", 4),
        ("expired", "expired", 3),
        ("cancelled", None, 3),
    ],
)
def test_how_a_job_ended_has_an_exit_code(status: str, error_code: str | None, code: int) -> None:
    assert exit_code_of_job(status, error_code) == code


def test_what_the_server_advises_can_be_done_in_the_window_and_by_a_command() -> None:
    """Buttons are named by the window alone: the same sentence is read in a terminal."""
    root = Path(tlfif.__file__).parent
    files = [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in {"gui", "cli"}]
    assert len(files) > 200
    button = re.compile(r"[Pp]ress \"?\s*f?\"?(?:Start|Stop|Send|Connect|Sign in)\b")
    assert [str(path) for path in files if button.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("reason", ["the engine died", "The engine died."])
def test_a_reason_has_one_full_stop_whether_it_is_a_sentence_or_not(reason: str) -> None:
    assert as_sentence(reason) == f"{reason.rstrip('.')}."
    assert ".)" not in waiting_line(machine(state="broken", reason=reason))


def test_a_model_files_name_forges_no_line() -> None:
    name = "file:/m/toy\ncosts     nothing.gguf"
    assert model_title(name) == "toy costs     nothing.gguf"
    lines = machine_lines(machine(state="draining", reason=f"the next prompt wants the model {name}", model=name))
    assert "\n" not in "".join(lines)
