"""``tlfif logs`` for the home on AWS, over the emulator's CloudWatch."""

import json
import time
from pathlib import Path

import pytest

from tests.aws.deployed_world import run_tlfif
from tests.aws.deployments import clients_for
from tests.aws.emulator import REGION, Emulator
from tests.infra.template import Template
from tlfif.adapters.aws.deployment.log_reader import group_of, read_logs
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.cli.logs import ON_AWS


def written(emulator: Emulator, home: str, source: str, *lines: str, minutes_ago: float = 1) -> None:
    logs, group = clients_for(emulator.endpoint).logs, group_of(home, source)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    at = int((time.time() - minutes_ago * 60) * 1000)
    events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)  # type: ignore[arg-type]  # plain dicts


@pytest.mark.requirement("10.9.2")
def test_lines_of_all_parts_come_in_order_and_without_metrics(emulator: Emulator) -> None:
    home = emulator.unique("logs")
    written(emulator, home, "router", '{"level": "INFO", "message": "second"}', '{"_aws": {}}', minutes_ago=2)
    written(emulator, home, "api", '{"level": "INFO", "message": "first"}', minutes_ago=3)
    written(emulator, home, "machine", "third")
    logs = clients_for(emulator.endpoint).logs
    found = read_logs(logs, home, ON_AWS, since=time.time() - 3600, most=10)
    assert [(one.source, one.text) for one in found] == [
        ("api", "INFO first"),
        ("router", "INFO second"),
        ("machine", "third"),
    ]
    assert [one.text for one in read_logs(logs, home, ON_AWS, since=time.time() - 3600, most=1)] == ["third"]
    assert [one.text for one in read_logs(logs, home, ON_AWS, since=time.time() - 90, most=9)] == ["third"]


def test_a_long_log_is_read_to_its_end(emulator: Emulator) -> None:
    home = emulator.unique("logs")
    written(emulator, home, "machine", *(f"line {number}" for number in range(10_000)))
    written(emulator, home, "api", *(f"call {number}" for number in range(10)))
    logs = clients_for(emulator.endpoint).logs
    assert [one.text for one in read_logs(logs, home, ("machine",), since=0, most=2)] == ["line 9998", "line 9999"]


def test_the_command_reads_a_named_home_with_the_owners_key(emulator: Emulator, tmp_path: Path) -> None:
    written(emulator, "tlfif2", "router", "no machine is needed: token=abc123")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
    account = {"AWS_ENDPOINT_URL": emulator.endpoint, "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    words = ("logs", "--name", "tlfif2", "--region", REGION, "--profile", "work")
    done = run_tlfif(*words, "--json", folder=tmp_path, **account)
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)["lines"]
    assert line["source"] == "router"
    assert line["text"] == "no machine is needed: token[hidden]"
    assert run_tlfif(*words, folder=tmp_path, **account).stdout.startswith("router    20")


@pytest.mark.parametrize("source", ON_AWS)
def test_every_source_is_a_log_group_of_the_template(source: str) -> None:
    names = StackTemplate().names("AWS::Logs::LogGroup", home="tlfif", account_id="1", region=REGION)
    assert group_of("tlfif", source) in names
    assert len(names) == len(ON_AWS) == len(Template.committed().of_type("AWS::Logs::LogGroup"))
