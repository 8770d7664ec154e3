"""``tlfif logs``: the newest lines of each log, one sentence a line, and no secret."""

import json
from pathlib import Path

import pytest

from tlfif.cli.main import main
from tlfif.kernel.data_folder import DataFolder
from tlfif.wording.log_lines import HIDDEN, LONGEST, is_metric, shown

TOKEN = "Zq3-" + "a1B_" * 9 + "xyz"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    folder = DataFolder(tmp_path)
    folder.create()
    return folder


@pytest.mark.requirement("10.9.2")
@pytest.mark.parametrize(
    ("raw", "secret"),
    [
        (f"token {TOKEN} refused", TOKEN),
        (f"Authorization: Bearer {JWT}", JWT),
        ("authorization: bearer abc.def", "abc.def"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("GET /?X-Amz-Signature=0123abcd&x=1", "0123abcd"),
        ('{"level": "INFO", "message": "secret: \\"hunter2\\""}', "hunter2"),
        ("aws_secret_access_key = wJalrXUtnFEMI", "wJalrXUtnFEMI"),
        ("password=hunter2", "hunter2"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(raw: str, secret: str) -> None:
    assert len(TOKEN) == 43
    assert secret in raw.replace('\\"', '"')
    assert secret not in shown(raw)
    assert HIDDEN in shown(raw)


def test_what_is_no_secret_stays() -> None:
    for text in (
        "sha256 " + "0a" * 32,
        "machine_1 is ready after 12.5 s",
        "/v1/jobs/job_0123456789abcdefghijklmnop",
        "4096 tokens in the context",
    ):
        assert shown(text) == text


def test_a_line_is_one_line_without_controls_and_of_bounded_length() -> None:
    assert shown("a\x1b[31mb\rc\n") == "a[31mbc"
    assert len(shown("x" * 99_999)) == LONGEST


def test_a_functions_json_is_read_as_a_sentence() -> None:
    assert shown('{"timestamp": "t", "level": "WARN", "message": "no zone", "logger": "l"}') == "WARN no zone"
    assert shown('{"status": "200", "route": "GET /v1/jobs"}') == "status=200 route=GET /v1/jobs"
    assert shown("[1]") == "[1]"
    assert is_metric('{"_aws": {"Timestamp": 1}, "MachinesOverAge": 0}')
    assert not is_metric('{"message": "x"}')


def test_the_newest_lines_of_each_log_are_shown(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (home.logs / "server.log").write_text("".join(f"line {number}\n\n" for number in range(100)))
    (home.logs / "engine.log").write_bytes(b"caf\xe9 is up\n")
    assert main(["logs", "--lines", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "server    line 98",
        "server    line 99",
        "engine    caf\ufffd is up",
    ]
    assert main(["logs", "engine", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"lines": [{"source": "engine", "time": None, "text": "caf\ufffd is up"}]}


def test_a_home_without_logs_says_so(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs"]) == 0
    assert "No line is there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["router"], ["../../etc/passwd"], ["--lines", "0"], ["--lines", "x"], ["--minutes", "99999"]]
)
def test_what_cannot_be_shown_is_named(home: DataFolder, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", *words]) == 2
    assert "[usage]" in capsys.readouterr().err


def test_the_machines_log_is_read_with_the_machine(home: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (home.logs / "machine.log").write_text("ready\n")
    (home.logs / "server.log").write_text("serving\n")
    assert main(["machine", "logs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"lines": [{"source": "machine", "time": None, "text": "ready"}]}
