"""What commands say and do where the machines run on AWS: nothing is called free, and nobody is asked too often."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.desk import FakeClient, FakeDesk, events, machine_news
from tests.fakes.money import NOTHING, SHARE, budget, cost
from tests.unit.test_cli_answering import ASKING, DONE
from tests.unit.test_cli_wording import RECEIPT, job, machine
from tlfif.cli import machine as machine_command
from tlfif.cli.answering import answer_prompt, cancel_job
from tlfif.cli.ask import opening_words
from tlfif.cli.budget import budget_report
from tlfif.cli.cost import reading_words
from tlfif.cli.jobs import job_text
from tlfif.cli.main import main
from tlfif.cli.output.cost_report import cost_text
from tlfif.cli.output.machine_report import is_remote, machine_lines, refusal_note, waiting_line
from tlfif.cli.output.receipt_report import receipt_line
from tlfif.client.profile import AWS, Profile, save_aws_profile, use
from tlfif.kernel.data_folder import DataFolder
from tlfif.money.amounts import usd
from tlfif.wire.machines import NO_MACHINE

PLACE = "AWS eu-central-1"


@pytest.fixture
def on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands talk to AWS."""
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    address = "http://127.0.0.1:9"
    profile = Profile(api_url=address, issuer=address, client_id="c", scope="openid", region="eu-central-1")
    save_aws_profile(DataFolder(tmp_path), profile)
    use(DataFolder(tmp_path), AWS)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (SHARE, usd(SHARE["usd"])),
        (None, "its cost is not known yet: ./tlfif cost"),
        ({**NOTHING, "final": False}, "its cost is not known yet"),
        (NOTHING, "$0 · 0 €"),
    ],
)
def test_a_receipt_of_aws_has_the_real_cost(found: Any, said: str) -> None:
    line = receipt_line(RECEIPT, before=machine(place=PLACE), place=PLACE, cost=found)
    assert said in line
    assert "nothing" not in line


def test_a_job_of_aws_has_it_too() -> None:
    text = job_text(job(cost=SHARE, simulated_aws=None), now=1e9, place="AWS")
    assert usd(SHARE["usd"]) in text
    assert "nothing" not in text
    assert "costs nothing: this computer" in job_text(job(cost=NOTHING, simulated_aws=None), now=1e9)


@pytest.mark.parametrize(
    ("hourly", "said"),
    [
        (0.72, "costs     $0.72 an hour now, $0.0002 a second, without VAT; the month: ./tlfif cost"),
        (0.0, "costs     no machine is paid for now"),
        (None, "place     AWS eu-central-1"),
    ],
)
def test_the_machine_on_aws_says_what_runs_and_names_no_process(hourly: float | None, said: str) -> None:
    pids = {"server": 1, "worker": 2, "engine": 3}
    text = "\n".join(machine_lines(machine(state="ready", place=PLACE, pids=pids), hourly_usd=hourly))
    assert said in text
    assert "nothing" not in text
    assert "processes" not in text
    assert "prompts" in text
    assert "place     this computer, costs nothing" in "\n".join(machine_lines(NO_MACHINE))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "no_capacity", "reason": "None."}, "AWS has no machine free. TL-FIF asks again every 2 minutes"),
        (
            {"state": "no_quota", "reason": "Free plan."},
            "Your AWS account may not run such a machine yet. Your prompt is kept.",
        ),
        ({"state": "launching", "eta_seconds": 143.4}, "about 2 min 23 s left"),
        ({"state": "off", "eta_seconds": 216.0}, "The machine is starting up, about 3 min 36 s left"),
    ],
)
def test_a_start_of_minutes_is_counted_down_in_minutes(changes: dict[str, Any], said: str) -> None:
    assert said in waiting_line(machine(place=PLACE, **changes))


@pytest.mark.parametrize("terminal", [True, False])
async def test_why_no_machine_starts_is_said_whole_and_once(terminal: bool) -> None:
    reason = "Your AWS account is on the Free plan. Press “Upgrade plan”; then start the machine."
    refused = machine_news(state="no_quota", reason=reason, place=PLACE)
    desk = FakeDesk(terminal=terminal)
    await answer_prompt(FakeClient([refused, refused, *events("Hi", DONE)]), ASKING, desk.console)
    assert desk.said.count(reason) == 1
    assert refusal_note(machine(state="launching", reason="one prompt waits")) == ""


async def test_a_far_server_is_given_longer_and_asked_less(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    client = FakeClient([])
    states = iter(["running", "running", "cancelled"])

    async def look(job_id: str) -> Any:
        return {"status": next(states)}

    monkeypatch.setattr(client, "job", look)
    monkeypatch.setattr(client, "cancel", look)
    assert await cancel_job(client, "job_1", remote=True) == "cancelled"
    assert pauses == [0.5, 0.5]
    assert machine_command._pause(machine(place=PLACE)) > machine_command._pause(machine())
    assert not is_remote(None)


def test_the_report_of_aws_is_what_is_owed_and_says_so() -> None:
    text = cost_text(cost(on_aws=True, running_usd_per_hour=0.72, receipts=[]), now=1e9)
    assert "an hour, $0.0002 a second" in text
    assert "an estimate, AWS's bill counts" in text
    assert "nothing" not in text
    report = budget_report(cost(on_aws=True, budget=budget(free_eur=10.0)))
    assert "$11.50" in report
    assert "practise" not in report


@pytest.mark.usefixtures("on_aws")
def test_a_practice_is_for_this_computer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "set", "5", "--simulated-aws"]) == 2
    assert "profile use computer" in capsys.readouterr().err
    assert opening_words() == "Asking your home on AWS"


def test_a_refresh_says_what_it_reads() -> None:
    assert "minutes" in reading_words(here=True)
    assert "minutes" not in reading_words(here=False)
