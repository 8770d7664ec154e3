"""The worker's program on an instance: what it reads, and what it refuses to begin with."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.aws.emulator import ACCESS_KEY, REGION, Emulator
from tlfif.adapters.aws.calls.clients import AwsClients
from tlfif.adapters.aws.images.dynamo_image_store import DynamoImageStore
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.bootstrap.aws import machine_settings, open_aws_stores
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.bootstrap.aws_worker import (
    BOOT_ID,
    EngineConfig,
    InstancePaths,
    aws_settings,
    engine_config,
    fitted,
    run_aws_worker,
)
from tlfif.images.image import Profile, Source
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import EngineGoneError, InvalidInputError
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_host import LaunchSpec
from tlfif.machines.machine_store import MachineStore
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


@pytest.mark.requirement("5.3.1")
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
    assert engine_config({"engine": {"kind": "llama"}}).kind == "llama"


@pytest.mark.parametrize(
    ("kind", "instance_type", "slots"),
    [
        ("vllm", None, (3, 16)),
        ("llama", None, (3, 4)),
        ("llama", "g4dn.xlarge", (3, 16)),
        ("llama", "c7i.xlarge", (3, 4)),
    ],
)
def test_processors_make_fewer_answers_at_once_than_a_gpu(
    kind: str, instance_type: str | None, slots: tuple[int, int]
) -> None:
    found = []
    for wished in (3, AWS_MACHINE_POLICY.engine_slots):
        policy = asdict(replace(AWS_MACHINE_POLICY, engine_slots=wished))
        file = replace(a_file(machine=policy, engine={"kind": kind}), instance_type=instance_type)
        found.append(aws_settings(file).machine.engine_slots)
    assert tuple(found) == slots


@pytest.mark.parametrize(
    "engine",
    [{"kind": "gpt"}, {"base_url": "http://10.0.0.1:8000"}, "vllm", [1]],
)
def test_an_engine_that_cannot_be_is_refused(engine: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        engine_config({"engine": engine})
    assert caught.value.code == "settings_invalid"


@pytest.fixture
def launched(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> MachineFile:
    """The file of a machine that has a record."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, ACCESS_KEY)
    table = emulator.unique("state")
    emulator.create_state_table(table)
    return a_file(state_table=table, endpoint_url=emulator.endpoint)


async def recorded(file: MachineFile) -> MachineStore:
    """The store, with the machine's record in it."""
    stores = open_aws_stores(
        aws_settings(file),
        clients=AwsClients(region=REGION, endpoint_url=aws_settings(file).endpoint_url),
        clock=SystemClock(),
        ids=SystemIds(),
        rng=Random(),
    )
    record = MachineRecord(
        id=SPEC.machine_id, state=MachineState.LAUNCHING, model=SPEC.model, image=SPEC.image, created_at=1.0
    )
    assert await stores.machines.create_intent(record)
    await stores.machines.commit_launch(record.id, handle="i-1")
    return stores.machines


async def test_without_the_engines_key_nothing_begins_and_the_record_says_so(
    launched: MachineFile, tmp_path: Path
) -> None:
    machines = await recorded(launched)
    paths = InstancePaths(engine_key_file=tmp_path / "engine.env", runtime_dir=tmp_path)
    with pytest.raises(EngineGoneError, match="key"):
        await run_aws_worker(launched, paths)
    record = await machines.latest()
    assert record is not None
    assert (record.state, record.reason, record.code, record.image) == (
        MachineState.BROKEN,
        "The engine's key cannot be read: FileNotFoundError.",
        "engine_gone",
        SPEC.image,
    )


async def test_a_candidate_that_cannot_begin_reports_it_to_the_record_of_its_image(
    launched: MachineFile, tmp_path: Path
) -> None:
    settings = aws_settings(launched)
    clients = AwsClients(region=REGION, endpoint_url=settings.endpoint_url)
    state = open_aws_stores(settings, clients=clients, clock=SystemClock(), ids=SystemIds(), rng=Random()).state
    source = Source(repository="", commit="0" * 40, subject="", asked_by="a test")
    made = await DynamoImageStore(state).create(profile=Profile.CPU_LLAMA, source=source, now=1.0)
    candidate = replace(launched, spec=replace(SPEC, smoke_test=made.version, keep_seconds=0.2))
    with pytest.raises(EngineGoneError, match="key"):
        await run_aws_worker(candidate, InstancePaths(engine_key_file=tmp_path / "engine.env", runtime_dir=tmp_path))
    assert (tmp_path / "ready").exists(), "kept, so that the boot guard leaves it alone"
    report = await DynamoImageStore(state).reported(made.version)
    assert report is not None
    assert report.error == "The engine's key cannot be read: FileNotFoundError."


def image(folder: Path, **changed: object) -> Path:
    """As the image's provisioning writes it."""
    file = folder / "image.json"
    record = {"engine": "llama", "model": SPEC.model, "model_sha256": "5" * 64, "version": 1, "profile": "cpu-llama"}
    file.write_text(json.dumps({**record, **changed}))
    return file


def test_the_image_knows_its_engine_and_its_model_better_than_the_control_plane(tmp_path: Path) -> None:
    spec, config = fitted(a_file(), image(tmp_path))
    assert (config.kind, spec.model_sha256) == ("llama", "5" * 64)
    assert fitted(a_file(), None) == (SPEC, EngineConfig())


@pytest.mark.requirement("5.2.2")
@pytest.mark.parametrize(
    ("changed", "said"),
    [({"model": "smollm2"}, "holds the model smollm2"), ({"engine": "gpt"}, "Build it anew"), ({"model": 1}, "anew")],
)
def test_an_image_of_something_else_is_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        fitted(a_file(), image(tmp_path, **changed))


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
