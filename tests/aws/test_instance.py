"""The worker's program on an instance: what it reads, and what it refuses to begin with."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.aws.emulator import REGION
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.bootstrap.aws import machine_settings
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.bootstrap.aws_worker import BOOT_ID, InstancePaths, aws_settings, engine_config, run_aws_worker
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import EngineGoneError, InvalidInputError
from tlfif.machines.machine_host import LaunchSpec
from tlfif.machines.policy import AWS_MACHINE_POLICY

SPEC = LaunchSpec(
    machine_id="machine_1",
    model="tinyllama",
    model_path="/opt/tlfif/models/tinyllama",
    model_sha256=None,
    context_tokens=2048,
    image="2026.11",
    idle_timeout_seconds=300.0,
)
HOME = AwsSettings(  # type: ignore[call-arg]  # the region by its alias
    AWS_REGION=REGION,
    home_name="anna",
    jobs_table="anna-jobs",
    state_table="anna-state",
    queue_url="http://127.0.0.1:9/queue",
    bucket="anna-texts",
    endpoint_url="http://127.0.0.1:9",
    job=replace(JobPolicy(), lease_seconds=12.0),
    machine=replace(AWS_MACHINE_POLICY, engine_slots=3),
)


def a_file(**changed: Any) -> MachineFile:
    settings = {**machine_settings(HOME), **changed}
    text = MachineFile(home="anna", region=REGION, spec=SPEC, ends_after_seconds=60.0, settings=settings).text()
    return MachineFile.parse(text)


def test_what_the_control_plane_wrote_is_what_the_worker_reads() -> None:
    read = aws_settings(a_file())
    assert machine_settings(read) == machine_settings(HOME)
    assert (read.home_name, read.region) == ("anna", REGION)


def test_an_older_or_newer_control_plane_is_understood() -> None:
    """What is not known here is left alone, and what is not said has its default."""
    job = {name: value for name, value in asdict(HOME.job).items() if name != "max_queued"}
    read = aws_settings(a_file(job={**job, "new_number": 5}, colour="green"))
    assert read.job == HOME.job


@pytest.mark.parametrize(
    "changed",
    [
        {"jobs_table": None},
        {"bucket": ""},
        {"job": {"lease_seconds": 0}},
        {"machine": {"heartbeat_seconds": -1}},
        {"machine": {"max_run_seconds": 1e12}},
    ],
    ids=["no table", "no bucket", "zero", "negative", "for ever"],
)
def test_settings_that_cannot_be_are_named(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(changed))) as caught:
        aws_settings(a_file(**changed))
    assert caught.value.code == "settings_invalid"


def test_the_engine_is_vllm_here_unless_said_otherwise() -> None:
    assert (engine_config({}).kind, engine_config({}).base_url) == ("vllm", "http://127.0.0.1:8000")
    config = engine_config({"engine": {"kind": "llama", "model_path": "/m.gguf", "threads": 2}})
    assert (config.kind, config.model_path, config.threads) == ("llama", "/m.gguf", 2)


@pytest.mark.parametrize(("kind", "slots"), [("vllm", (3, 16)), ("llama", (3, 4))])
def test_processors_make_fewer_answers_at_once_than_a_gpu(kind: str, slots: tuple[int, int]) -> None:
    found = []
    for wished in (3, AWS_MACHINE_POLICY.engine_slots):
        policy = asdict(replace(AWS_MACHINE_POLICY, engine_slots=wished))
        found.append(aws_settings(a_file(machine=policy, engine={"kind": kind})).machine.engine_slots)
    assert tuple(found) == slots


@pytest.mark.parametrize(
    "engine",
    [{"kind": "gpt"}, {"base_url": "http://10.0.0.1:8000"}, {"kind": "llama", "threads": 0}, "vllm", [1]],
)
def test_an_engine_that_cannot_be_is_refused(engine: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        engine_config({"engine": engine})
    assert caught.value.code == "settings_invalid"


async def test_without_the_engines_key_nothing_begins(tmp_path: Path) -> None:
    paths = InstancePaths(engine_key_file=tmp_path / "engine.env", runtime_dir=tmp_path)
    with pytest.raises(EngineGoneError, match="key"):
        await run_aws_worker(a_file(), paths)


def test_the_boot_id_is_the_kernels() -> None:
    assert len(BOOT_ID.read_text().strip()) == 36


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("{", "cannot be used"), (json.dumps({"version": 9}), "version 9")],
)
def test_a_file_that_cannot_be_used_ends_the_program_with_its_reason(
    tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "machine.json"
    if content is not None:
        file.write_text(content)
    command = [sys.executable, "-m", "tlfif.entrypoints.instance", "--machine-file", str(file)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 2
    assert said in done.stderr
