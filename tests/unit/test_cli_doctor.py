"""``tlfif doctor`` as a person and a program see it: no account, no network but loopback."""

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import time

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.identity_provider import FakeVault
from tlfif.adapters.http.aws_clock import clock_skew
from tlfif.adapters.local.doctor_probes import FolderProbe, LoopbackProbe, PriceProbe
from tlfif.adapters.local.steady_clock import HomeClock
from tlfif.adapters.sqlite.doctor_probe import DatabaseProbe
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_timeline import SqliteTimeline
from tlfif.cli import doctor as command
from tlfif.cli.arguments import Parser
from tlfif.cli.aws_place import AwsPlace, add_aws, aws_place
from tlfif.cli.doctor_probes import ProfileProbe, ServerProbe
from tlfif.cli.main import main
from tlfif.client.profile import AWS, Profile, save_aws_profile, use
from tlfif.client.sign_in.token_store import Tokens, TokenStore
from tlfif.doctor import checks
from tlfif.doctor.checks import ACCOUNT_CHECKS, CHECKS, Finding, State, finding, not_asked
from tlfif.doctor.examine import Examination
from tlfif.kernel.data_folder import DataFolder, aws_endpoint, aws_key_places
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import DEFAULT_REGION

PROFILE = Profile(
    api_url="https://api.example.com", issuer="https://who.example.com", client_id="c", scope="openid",
    region="eu-west-1",
)  # fmt: skip
KEY_NAMES = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "TLFIF_PROFILE",
)  # fmt: skip


@pytest.fixture
def nobody_there() -> Iterator[str]:
    """An address at which nobody listens, for as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def place_of(home: DataFolder, *words: str) -> AwsPlace:
    parser = Parser()
    add_aws(parser)
    return aws_place(parser.parse_args(words), home, lenient=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_there: str) -> DataFolder:
    """No key, no network, a folder of its own that does not exist yet."""
    for name in KEY_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody_there)
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path / "home"))
    return DataFolder(tmp_path / "home")


@pytest.mark.requirement("8.1.2")
def test_without_an_account_it_says_what_it_could_not_ask(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--region", "us-east-1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["region"] == "us-east-1"
    assert [one["id"] for one in found["checks"]] == [check.id for check in CHECKS]
    assert all(set(one) - {"cost"} == {"id", "title", "state", "evidence", "cure"} for one in found["checks"])
    by_id = {one["id"]: one for one in found["checks"]}
    assert {by_id[check.id]["state"] for check in ACCOUNT_CHECKS} == {"not asked"}
    assert "no key for AWS" in by_id["gpu_quota"]["evidence"]
    assert by_id["clock"]["state"] == "not asked"
    assert by_id["loopback"]["state"] == by_id["python_version"]["state"] == "ok"
    assert not home.root.exists()  # looking changes nothing


def test_the_report_fits_a_terminal(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if len(line) > 80 and str(home.root) not in line]
    heads = [line for line in lines if line.isupper() and not line.startswith(" ")]
    assert heads == ["WARNINGS", "NOT CHECKED", "OK"]
    assert "Not checked: Rights to deploy" in " ".join(" ".join(lines).split())


def test_a_key_and_no_network_is_no_access(
    home: DataFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    assert main(["doctor", "--json"]) == 5
    by_id = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert "AWS did not answer sts:GetCallerIdentity" in by_id["credentials"]["evidence"]
    assert by_id["python_version"]["state"] == "ok"


def test_a_region_without_prices_is_refused_before_any_call(
    home: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--region", "mars"]) == 2
    assert "[region_unknown]" in capsys.readouterr().err


@pytest.mark.requirement("1.2.1")
def test_aws_library_is_not_loaded_without_a_key(home: DataFolder) -> None:
    code = (
        "import sys; from tlfif.cli.main import main; main(['doctor', '--json']);"
        "sys.exit(repr({'boto3', 'botocore'} & set(sys.modules)) if 'boto3' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def findings(*states: State) -> Examination:
    made = [
        finding(check, state, "seen", "" if state is State.OK else "do")
        for check, state in zip(CHECKS, states, strict=False)
    ]
    return Examination(findings=tuple(made), account_silent=False)


def test_exit_codes() -> None:
    ok, fail = findings(State.OK, State.WARN, State.NOT_ASKED), findings(State.OK, State.FAIL)
    assert command.exit_code(ok) == 0
    assert command.exit_code(fail) == 4
    assert command.exit_code(Examination(findings=fail.findings, account_silent=True)) == 5


def test_the_most_serious_group_stands_first_and_has_its_cure() -> None:
    text = command.report(findings(State.OK, State.NOT_ASKED, State.FAIL, State.WARN), "eu-west-1")
    places = [text.index(f"\n{head}\n") for head in command.HEADS.values()]
    assert places == sorted(places)
    assert text.startswith("1 problem, 1 warning, 1 not checked, 1 OK (AWS region eu-west-1).")
    assert text.count("> do More: docs/howto/first-day-on-aws.md#") == 3


def test_what_costs_money_says_how_much_to_programs() -> None:
    one = finding(checks.DISKS, State.WARN, "a disk", "delete it", micros_per_month=3_808_000)
    assert command.as_object(one)["cost"] == {"usd_per_month": 3.808, "vat": "without VAT"}
    assert "cost" not in command.as_object(not_asked(checks.DISKS, "why"))


def test_where_a_key_may_be(home: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws_key_places() == []
    (tmp_path / "no-config").write_text("")
    assert aws_key_places() == [str(tmp_path / "no-config")]
    monkeypatch.setenv("AWS_PROFILE", "me")
    assert aws_key_places()[0] == "AWS_PROFILE"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert aws_endpoint("eu-west-1") == "https://sts.eu-west-1.amazonaws.com"


async def test_this_computer_knows_its_profile_and_sign_in(home: DataFolder) -> None:
    vault = FakeVault()
    probe = ProfileProbe(home, find_vault=lambda: vault)
    assert {one.state for one in await probe.ask()} == {State.OK}
    assert place_of(home).region == DEFAULT_REGION
    save_aws_profile(home, PROFILE)
    assert (place_of(home).region, place_of(home).home) == ("eu-west-1", "tlfif")
    found = {one.check: one for one in await probe.ask()}
    assert found[checks.SIGN_IN].state is State.WARN
    assert "FakeVault" in found[checks.TOKEN_STORAGE].evidence
    use(home, AWS)
    found = {one.check: one for one in await probe.ask()}
    assert found[checks.SIGN_IN].state is State.FAIL
    tokens = Tokens(access_token="a", refresh_token="r", renew_at=1.0, who="ada@example.com")
    TokenStore(home, PROFILE, find_vault=lambda: vault).save(tokens)
    found = {one.check: one for one in await probe.ask()}
    assert "ada@example.com" in found[checks.SIGN_IN].evidence
    vault.locked = True
    found = {one.check: one for one in await probe.ask()}
    assert found[checks.SIGN_IN].state is State.WARN
    assert "did not open" in found[checks.SIGN_IN].evidence
    found = {one.check: one for one in await ProfileProbe(home, find_vault=lambda: None).ask()}
    assert found[checks.TOKEN_STORAGE].state is State.WARN


async def test_a_damaged_profile_is_a_finding_and_no_end(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    home.create()
    home.profile.write_text("{")
    found = {one.check: one for one in await ProfileProbe(home, find_vault=lambda: None).ask()}
    assert found[checks.PROFILE].state is State.FAIL
    assert "is damaged" in found[checks.PROFILE].evidence
    assert place_of(home).region == DEFAULT_REGION


async def test_a_server_that_does_not_run_is_no_fault(home: DataFolder) -> None:
    (found,) = await ServerProbe(home).ask()
    assert (found.state, "Not running" in found.evidence) == (State.OK, True)


def test_a_folder_is_tried_and_none_is_made(tmp_path: Path) -> None:
    folder, _, disk = asyncio.run(FolderProbe(DataFolder(tmp_path / "a" / "b")).ask())
    assert (folder.state, disk.check) == (State.OK, checks.DISK)
    assert "will be made" in folder.evidence
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "full").mkdir()
    folder, _, _ = asyncio.run(FolderProbe(DataFolder(tmp_path / "full")).ask())
    assert "can be written" in folder.evidence


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
async def test_a_folder_and_a_token_that_are_not_ones_own_are_named(home: DataFolder) -> None:
    home.create()
    home.token.write_text("t" * 43)
    home.token.chmod(0o644)
    folder, token, _ = await FolderProbe(home).ask()
    assert (folder.state, token.state) == (State.OK, State.WARN)
    assert "mode 0644" in token.evidence
    home.token.chmod(0o600)
    assert (await FolderProbe(home).ask())[1].state is State.OK
    home.token.chmod(0o666)
    assert "not used" in (await FolderProbe(home).ask())[1].evidence
    home.token.write_bytes(bytes(43))
    home.token.chmod(0o600)
    assert "no token" in (await FolderProbe(home).ask())[1].evidence
    home.root.chmod(0o777)
    folder, _, _ = await FolderProbe(home).ask()
    assert (folder.state, "may be changed by other users" in folder.evidence) == (State.FAIL, True)
    (server,) = await ServerProbe(home).ask()
    assert server.state is State.NOT_ASKED


def test_a_damaged_job_file_is_named_and_set_aside(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    def look() -> Finding:
        return asyncio.run(DatabaseProbe(home.database).ask())[0]

    async def make() -> None:
        await (await Database.open(home.database)).close()

    assert look().state is State.OK
    home.create()
    asyncio.run(make())
    assert look().evidence == "SQLite finds no damage."
    with closing(sqlite3.connect(home.database)) as newer:
        newer.execute("PRAGMA user_version = 999")
    assert (look().state, "A newer TL-FIF wrote" in look().evidence) == (State.FAIL, True)
    whole = home.database.read_bytes()
    home.database.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    found = look()
    assert (found.state, "--set-aside-database" in found.cure) == (State.FAIL, True)
    home.database.write_bytes(b"no database" * 1000)
    assert look().state is State.FAIL
    home.database.with_name("tlfif.db-wal").write_bytes(b"its last changes")
    for number in (1, 2):
        assert main(["doctor", "--set-aside-database", "--json"]) == 0
        kept = Path(json.loads(capsys.readouterr().out)["kept_as"])
        assert kept == home.root / f"tlfif.db.set-aside-{number}"
        assert kept.read_bytes() == b"no database" * 1000
        assert kept.with_name(kept.name + "-wal").exists() == (number == 1)
        assert not home.database.exists()
        home.database.write_bytes(b"no database" * 1000)
    home.database.unlink()
    assert main(["doctor", "--set-aside-database"]) == 0
    assert "There is no job file" in capsys.readouterr().out


async def test_ports_that_are_taken_are_seen() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        (found,) = await LoopbackProbe([held.getsockname()[1]]).ask()
    assert found.state is State.WARN


async def test_the_price_that_counts_most_has_its_age() -> None:
    (found,) = await PriceProbe(BUILT_IN_PRICES, region="eu-central-1", now=1_769_000_000.0).ask()
    assert "2026-01-21" in found.evidence
    (found,) = await PriceProbe(BUILT_IN_PRICES, region="eu-central-1", now=0.0, problem="locked").ask()
    assert (found.state, found.evidence) == (State.NOT_ASKED, "locked")


class Dated(BaseHTTPRequestHandler):
    """Answers with the clock that its server was given."""

    ahead: float | None = 0.0

    def do_HEAD(self) -> None:
        self.send_response_only(404)
        if self.ahead is not None:
            self.send_header("Date", formatdate(time() + self.ahead, usegmt=True))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def dated() -> Iterator[tuple[str, type[Dated]]]:
    handler = type("Handler", (Dated,), {})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_clock_is_compared_with_any_answer_that_has_a_date(
    dated: tuple[str, type[Dated]], nobody_there: str
) -> None:
    address, handler = dated
    assert abs(await clock_skew(address)) < 5
    handler.ahead = 3600.0
    assert abs(await clock_skew(address) + 3600) < 5
    handler.ahead = None
    with pytest.raises(ValueError, match="no date"):
        await clock_skew(address)
    with pytest.raises(OSError, match="there is no connection"):
        await clock_skew(nobody_there)


async def test_a_clock_that_jumped_while_a_machine_ran_is_named(
    home: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    home.create()
    timeline = SqliteTimeline(await Database.open(home.database))
    base = FakeClock(time())
    clock = HomeClock(base, boot_id="boot 1", kept=None, keep=timeline.keep, slept=lambda: base.slept)

    async def works() -> bool:
        return False

    base.doze(8 * 3600.0)
    clock.now()
    base.jump(-9 * 3600.0)
    await clock.follow_wall(works)
    await timeline.close()
    assert await asyncio.to_thread(main, ["doctor", "--json"]) == 0
    by_id = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert by_id["clock_jumps"]["state"] == "warn"
    assert "9 h 0 min back" in by_id["clock_jumps"]["evidence"], "the sleep is none"
