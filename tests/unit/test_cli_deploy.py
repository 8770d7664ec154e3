"""``tlfif deploy`` and ``tlfif destroy`` at the desk: the plan, the questions, the reports."""

import argparse
import io
import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest

from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.adapters.local.deployment_file import DeploymentFile
from tlfif.bootstrap.deployment_plan import offline_plan
from tlfif.cli import deploy, main
from tlfif.cli.arguments import Parser
from tlfif.cli.deploy import LONGEST_EMAIL, PROOF, check_email, prove, result_text
from tlfif.cli.destroy import result_text as destroyed_text
from tlfif.cli.destroy import survey_text
from tlfif.cli.output.console import Console
from tlfif.cli.output.deploy_report import DifferenceReport, account_lines
from tlfif.cli.output.progress import Progress, agreed
from tlfif.client.deployed_profile import DeployedProfile
from tlfif.client.profile import AWS, COMPUTER, load_profiles
from tlfif.deployment.deploy import AccountChange, Deployed
from tlfif.deployment.deployment import (
    SAFE,
    AccountSettings,
    DeployRequest,
    Found,
    Stack,
    StackEvent,
    SweptKind,
    budget_usd,
    zone_parameters,
)
from tlfif.deployment.destroy import Destroyed
from tlfif.deployment.difference import Difference
from tlfif.deployment.journal import Journal
from tlfif.deployment.plan import kinds_of, words_for
from tlfif.deployment.stack_words import cause_of, cure_for, failure_text
from tlfif.kernel.data_folder import DataFolder, write_private
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import INSTANCE_TYPES, USUAL_TYPES
from tlfif.money.money import ASSUMED_RATE
from tlfif.money.prices.prices import REGIONS

NO_BLOCK = AccountSettings(encrypt_disks=True, block_public=None)


@pytest.mark.requirement("6.6.1")
@pytest.mark.parametrize("region", REGIONS)
def test_the_plan_holds_what_programs_ask_for(region: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["deploy", "--plan", "--json", "--region", region]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["region"] == region
    assert plan["vat"] == "without VAT"
    assert 0 < plan["idle_usd_per_month"] <= 4
    assert sum(item["usd_per_month"] for item in plan["idle_items"]) == pytest.approx(plan["idle_usd_per_month"])
    assert any("snapshot" in item["label"] for item in plan["idle_items"])
    assert plan["types"] == list(plan["hourly_usd"]) == list(USUAL_TYPES)
    assert set(plan["other_hourly_usd"]) == set(INSTANCE_TYPES) - set(USUAL_TYPES)
    assert all(0.1 < price < 2 for price in (plan["hourly_usd"] | plan["other_hourly_usd"]).values())
    assert 0.015 < plan["throughput_usd_per_hour"] < 0.018
    assert plan["resources_total"] == len(StackTemplate().resource_types)
    assert len(plan["asked_of_owner"]) == 6
    assert "nothing starts on AWS until you promote it" in plan["asked_of_owner"][0], "who pays knows it before"
    assert set(plan["images"]) == {"cpu-llama", "gpu-llama", "gpu-vllm"}


def test_the_plan_reads_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["deploy", "--plan"]) == 0
    text = capsys.readouterr().out
    assert "AWS::" not in text
    for words in ("without VAT", "g4dn.xlarge", "llama.cpp", "8 vCPU", "e-mail", "--keep-account-settings", "Sum"):
        assert words in text
    assert max(len(line) for line in text.splitlines()) <= 90


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main.main(["deploy", "--plan", *words]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_the_plan_says_which_types_come_first_what_they_cost_and_what_they_need(
    capsys: pytest.CaptureFixture[str],
) -> None:
    usual = planned(capsys)
    assert "g4dn.xlarge $0.69 vLLM" in usual
    assert "$0.018 of it is for a disk that reads 400 MiB/s instead of 125" in usual
    assert "until then c7i.xlarge of your list answers" in usual
    first = planned(capsys, "--type", "c7i.xlarge", "--type", "m7i.xlarge,c7i.xlarge")
    assert "turn: c7i.xlarge $0.23 llama.cpp m7i.xlarge ?$0.27 llama.cpp Others, by --type: g4dn" in first
    assert "No GPU quota: no type of your list has a GPU." in first
    assert "no machine starts, because every type of your list has a GPU" in planned(capsys, "--type", "g5.xlarge")
    kept = planned(capsys, "--standby")
    assert "g4dn.xlarge $0.67" in kept
    assert "The disk, being kept, reads 125 MiB/s" in kept


@pytest.mark.parametrize("given", ["t2.nano", "", "c7i.xlarge,,", "C7I.XLARGE", "c7i.xlarge;g5.xlarge", "\x1b[2J" * 99])
def test_types_that_nobody_knows_are_refused_before_anything_is_asked(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for look in (["--plan"], ["--email", "a@example.com", "--yes"]):
        assert main.main(["deploy", *look, "--type", given]) == 2
        told = capsys.readouterr().err
        assert "Known types: g4dn.xlarge" in " ".join(told.split())
        assert "instance_type_unknown" in told
        assert len(told) < 600


def test_the_rent_of_a_kept_disk_is_shown_before_it_is_paid(capsys: pytest.CaptureFixture[str]) -> None:
    sums = []
    for choice in ("--no-standby", "--standby"):
        assert main.main(["deploy", "--plan", "--json", choice]) == 0
        sums.append(json.loads(capsys.readouterr().out)["idle_usd_per_month"])
    assert sums[1] - sums[0] == pytest.approx(32 * 0.0952)
    assert main.main(["deploy", "--plan", "--no-standby"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Standby is off. With --standby" in told
    assert "for $3.05 a month" in told
    assert main.main(["deploy", "--plan", "--standby"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "disk of 32 GB kept while stopped $3.05" in told
    assert "Standby is on." in told
    assert "tied to its zone" in told
    assert "hibernation, which GPU machines do not have" in told


KNOWN = Journal(
    home="tlfif",
    region="eu-west-1",
    account_id="1",
    email="a@example.com",
    budget_usd=50,
    standby=True,
    types=("c7i.xlarge", "g5.xlarge"),
    done=("stack",),
)


def requested(home: DataFolder, *words: str) -> DeployRequest:
    parser = argparse.ArgumentParser()
    deploy.configure(parser)
    return deploy.request_of(parser.parse_args(words), home)


def test_a_try_that_was_broken_off_goes_on_with_its_choices_unless_others_are_made(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    home.create()
    DeploymentFile(home.root, write=write_private).save(KNOWN)
    assert (requested(home).standby, requested(home).budget_usd) == (True, 50)
    assert requested(home).types == ("c7i.xlarge", "g5.xlarge")
    assert requested(home, "--type", "m7i.xlarge").types == ("m7i.xlarge",)
    changed = requested(home, "--no-standby", "--budget", "20")
    assert (changed.standby, changed.budget_usd) == (False, 23)


def test_what_is_not_said_is_as_the_stack_has_it_whoever_deployed_last(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    home.create()
    other = {"Standby": "yes", "MonthlyBudgetUsd": "70", "InstanceTypes": "g5.xlarge,c7i.xlarge"}
    fresh = requested(home, "--email", "a@example.com")
    assert (fresh.settled(other).standby, fresh.settled(other).budget_usd) == (True, 70)
    assert fresh.settled(other).types == ("g5.xlarge", "c7i.xlarge")
    assert fresh.settled({}).types == USUAL_TYPES
    assert fresh.settled({"MonthlyBudgetUsd": "22.5"}).budget_usd == 23, "set by hand in the console"
    assert (fresh.settled({}).standby, fresh.settled({}).budget_usd) == (False, 23)
    DeploymentFile(home.root, write=write_private).save(replace(KNOWN, finished=True))
    mine = requested(home)
    assert (mine.region, mine.email) == ("eu-west-1", "a@example.com")
    assert (mine.settled(other).standby, mine.settled(other).budget_usd) == (True, 70)
    assert requested(home, "--no-standby").settled(other).standby is False


def test_the_plan_is_of_the_home_that_this_computer_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    home = DataFolder(tmp_path)
    home.create()
    DeploymentFile(home.root, write=write_private).save(replace(KNOWN, finished=True))
    assert main.main(["deploy", "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["region"], plan["standby"]) == ("eu-west-1", True)
    assert main.main(["deploy", "--plan", "--json", "--region", "eu-central-1", "--no-standby"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["region"], plan["standby"]) == ("eu-central-1", False)


def test_the_plan_needs_neither_the_network_nor_aws_library() -> None:
    code = (
        "import socket, sys\n"
        "def no(*a, **k): raise SystemExit('network')\n"
        "socket.socket.connect = no\nsocket.getaddrinfo = no\n"
        "from tlfif.cli.main import main\n"
        "code = main(['deploy', '--plan', '--json'])\n"
        "assert 'boto3' not in sys.modules and 'botocore' not in sys.modules\n"
        "raise SystemExit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["region"] == "eu-central-1"


def test_every_type_of_the_template_has_words() -> None:
    for kind in offline_plan("eu-central-1").resources:
        assert "AWS::" not in kind.words, kind
    assert kinds_of(["AWS::Strange::Thing"])[0].words == "AWS::Strange::Thing"
    assert words_for("AWS::Strange::Thing") == "Strange Thing"


@pytest.mark.parametrize("text", ["", "me", "me@", "@example.com", "a@b", "a b@c.de", "a@b.de,c@d.ef", "a@b.de\n"])
def test_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_email(text)
    assert refused.value.code == "email_invalid"


def test_an_address_is_taken_up_to_its_longest() -> None:
    assert check_email("me@example.com") == "me@example.com"
    domain = "@" + "d" * (LONGEST_EMAIL - 61 - 4) + ".com"
    assert check_email("a" * 60 + domain)
    with pytest.raises(InvalidInputError):
        check_email("a" * 62 + domain)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["deploy"], "email_invalid"),
        (["deploy", "--email", "x"], "email_invalid"),
        (["deploy", "--email", "a@b.de", "--region", "mars-1"], "region_unknown"),
        (["deploy", "--email", "a@b.de", "--budget", "0"], "budget_invalid"),
        (["destroy", "--region", "mars-1"], "region_unknown"),
    ],
)
def test_bad_input_ends_at_the_first_door(
    arguments: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    assert main.main(arguments) == 2
    assert f"[{code}]" in capsys.readouterr().err


@pytest.mark.parametrize(("eur", "usd"), [("20", 23), ("0.01", 1), ("1", 2), ("100000", 10_000)])
def test_the_budget_in_whole_dollars(eur: str, usd: int) -> None:
    assert budget_usd(Decimal(eur), ASSUMED_RATE) == usd


def test_a_zone_keeps_its_place() -> None:
    first = zone_parameters(("b", "a"), {})
    assert (first["Zone1"], first["Zone2"], first["Zone3"]) == ("a", "b", "")
    later = zone_parameters(("0", "b"), first)
    assert [later[f"Zone{number}"] for number in (1, 2, 3, 4)] == ["a", "b", "0", ""]
    assert len(zone_parameters(tuple("abcdefgh"), {})) == 6
    with pytest.raises(ValueError, match="no zone"):
        zone_parameters((), {})


def event(kind: str, status: str, reason: str) -> StackEvent:
    return StackEvent(event_id="1", at=0.0, logical_id="X", resource_type=kind, status=status, reason=reason)


def test_the_cause_is_the_first_that_failed_by_itself() -> None:
    events = [
        event("AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", "User Initiated"),
        event("AWS::SQS::Queue", "CREATE_FAILED", "Resource creation cancelled"),
        event("AWS::Lambda::Function", "CREATE_FAILED", "decreases account's UnreservedConcurrentExecution"),
        event("AWS::CloudFormation::Stack", "CREATE_FAILED", "The following resource(s) failed"),
    ]
    found = cause_of(events)
    assert found is not None
    assert found.resource_type == "AWS::Lambda::Function"
    assert "Lambda concurrency" in failure_text(events, updating=False)
    assert "gave no reason" in failure_text([], updating=True)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("tlfif-jobs already exists in stack", "./tlfif destroy"),
        ("Rate exceeded", "Wait a minute"),
        ("LimitExceeded for VPC", "Service Quotas"),
        ("no such words", "./tlfif doctor"),
    ],
)
def test_reasons_have_cures(reason: str, words: str) -> None:
    assert words in cure_for(reason)


@pytest.mark.parametrize("words", [("deploy", "--diff"), ("destroy",)])
def test_a_profile_that_aws_does_not_know_is_named_with_those_that_there_are(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = a\naws_secret_access_key = b\n")
    assert main.main([*words, "--profile", "wrok"]) == 2
    told = capsys.readouterr().err
    assert "[aws_profile_unknown]" in told
    assert "wrok" in told
    assert "on this computer: work." in told


@pytest.mark.parametrize("command", ["deploy", "destroy", "doctor", "logs"])
def test_every_command_that_talks_to_aws_with_a_key_takes_profile_region_and_name(command: str) -> None:
    parser = Parser()
    import_module(f"tlfif.cli.{command}").configure(parser)
    args = parser.parse_args(["--profile", "work", "--region", "eu-west-1", "--name", "second"])
    assert (args.profile, args.region, args.name) == ("work", "eu-west-1", "second")


def test_the_home_that_this_computer_knows_is_meant_unless_another_is_named(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    home.create()
    DeploymentFile(home.root, write=write_private).save(replace(KNOWN, home="tlfifwork"))
    assert requested(home).home == "tlfifwork"
    assert requested(home, "--name", "tlfif2").home == "tlfif2"


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (AccountChange(now=SAFE, wanted=SAFE, open_buckets=()), "stay as they are"),
        (AccountChange(now=NO_BLOCK, wanted=SAFE, open_buckets=()), "are switched on"),
        (AccountChange(now=NO_BLOCK, wanted=NO_BLOCK, open_buckets=("shop",)), "--block-public-buckets"),
        (AccountChange(now=NO_BLOCK, wanted=SAFE, open_buckets=("shop",)), "takes these buckets offline"),
    ],
)
def test_what_happens_to_the_account_is_said_before_it_does(account: AccountChange, words: str) -> None:
    (told,) = account_lines(account)
    assert words in " ".join(told.split())
    assert ("shop" in told) == bool(account.open_buckets)


def difference_report(stack: Stack | None, found: Difference | None) -> DifferenceReport:
    plan = offline_plan("eu-central-1")
    return DifferenceReport(
        home="tlfif",
        stack=stack,
        found=found,
        account=AccountChange(now=SAFE, wanted=SAFE, open_buckets=()),
        idle_before=plan.idle_micros_per_month,
        plan=plan,
    )


def test_what_cannot_be_compared_is_said_and_nothing_new_is_called_so() -> None:
    busy = Stack(status="UPDATE_IN_PROGRESS", reason="", parameters={}, outputs={})
    assert "cannot be compared now (AWS says UPDATE_IN_PROGRESS)" in " ".join(
        difference_report(busy, None).text().split()
    )
    assert "does not exist yet" in difference_report(None, None).text()
    unchanged = Difference(changes=(), parameters={}, same_package=True)
    same = difference_report(replace(busy, status="CREATE_COMPLETE"), unchanged)
    assert "Nothing changes in the home tlfif" in same.text()
    assert "stays at $2.60" in " ".join(same.text().split())
    assert "built anew" not in same.text()
    assert same.as_object()["changes"] == []


def test_nobody_to_ask_is_an_error_and_yes_is_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(io.StringIO(), io.StringIO())
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(InvalidInputError) as refused:
        agreed(console, "Sure?", yes=False)
    assert refused.value.code == "not_confirmed"
    assert agreed(console, "Sure?", yes=True)
    assert agreed(console, "Sure?", yes=False, read=lambda: "Yes\n")
    for answer in ("", "no\n", "\n", "yess\n"):
        assert not agreed(console, "Sure?", yes=False, read=lambda answer=answer: answer)


def test_progress_without_a_terminal_says_each_thing_once() -> None:
    err = io.StringIO()
    report = Progress(Console(io.StringIO(), err))
    report("Step 1")
    for number in range(3):
        report(f"making queue ({number} of 3), 0:0{number} so far", passing=True)
    report("making table (3 of 3)", passing=True)
    assert err.getvalue().count("making queue") == 1
    assert len(err.getvalue().splitlines()) == 3


@pytest.mark.parametrize(("image", "words"), [(None, "image_missing"), ("ami-1", "./tlfif ask")])
def test_the_end_says_whether_the_proof_can_be_had(image: str | None, words: str) -> None:
    done = Deployed(
        account_id="1",
        region="eu-central-1",
        outputs={"ApiUrl": "https://x"},
        image=image,
        user_invited=True,
        changed=True,
    )
    text = result_text(done, "me@example.com")
    assert words in text
    assert "me@example.com" in text
    assert "./tlfif login" in text


def swept(kind: str, *, found: int = 1, left: tuple[str, ...] = (), trouble: str = "") -> SweptKind:
    return SweptKind(kind=kind, looked_for="tag", found=found, removed=found - len(left), left=left, trouble=trouble)


def test_what_is_left_is_named_and_never_called_nothing() -> None:
    whole = Destroyed(kinds=(swept("disks"),), objects=3, settings_restored=True, profile_removed=True, troubles=())
    assert "Nothing is left" in destroyed_text(whole)
    for part in (swept("disks", left=("vol-1",), trouble="in use"), swept("disks", found=0, trouble="denied")):
        text = destroyed_text(
            Destroyed(kinds=(part,), objects=0, settings_restored=False, profile_removed=False, troubles=())
        )
        assert "Nothing is left" not in text
        assert part.trouble in text
    assert "vol-1" in survey_text({"disks": [Found(name="vol-1"), Found(name="vol-2", ours=False)]}, "1", "r")


def test_the_record_survives_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    file = DeploymentFile(tmp_path, write=write_private)
    assert file.load() is None
    journal = Journal(home="tlfif", region="r", account_id="1", email="a@b.de", done=("bucket",), settings_before=SAFE)
    file.save(journal)
    assert file.load() == journal
    for text in ("{", "[]", '{"home": "x"}', '{"home":"x","region":"r","account_id":"1","settings_before":5}'):
        (tmp_path / "deployment.json").write_text(text)
        with pytest.raises(InvalidInputError) as damaged:
            file.load()
        assert damaged.value.code == "deployment_damaged"
    file.clear()
    file.clear()
    assert file.load() is None


async def test_the_owners_profile_points_commands_at_aws_and_back(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    profile = DeployedProfile(home)
    await profile.sign_out()
    assert not profile.forget()
    outputs = {
        "ApiUrl": "https://api.example.com",
        "Issuer": "https://issuer.example.com",
        "ClientId": "client",
        "Scope": "openid email tlfif/use",
    }
    profile.remember(outputs, "eu-central-1")
    found = load_profiles(home)
    assert found.active == AWS
    assert found.aws is not None
    assert found.aws.api_url == "https://api.example.com"
    assert profile.forget()
    assert load_profiles(home).active == COMPUTER
    assert load_profiles(home).aws is None
    home.profile.write_text("damaged")
    assert profile.forget()
    assert load_profiles(home).aws is None
    with pytest.raises(InvalidInputError):
        profile.remember({}, "eu-central-1")


@pytest.mark.parametrize(("codes", "ran", "end"), [((0, 0), 2, 0), ((0, 3), 2, 3), ((5, 0), 1, 5)])
def test_the_proof_is_a_sign_in_and_one_prompt(codes: tuple[int, int], ran: int, end: int) -> None:
    started: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        started.append(arguments)
        return codes[len(started) - 1]

    console = Console(io.StringIO(), io.StringIO())
    assert prove(console, yes=True, run_command=run) == end
    assert started == [["login"], ["ask", PROOF]][:ran]


def test_without_a_person_there_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert prove(Console(io.StringIO(), io.StringIO()), yes=True) == 0
