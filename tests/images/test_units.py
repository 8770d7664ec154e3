"""The units of the machine image: sound by systemd's own check, tied to the pins, and with an end for every case."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.images.units import SYSTEMD, UNITS, command_of, flags_of_engine, settings
from tlfif.adapters.aws.machines.ec2_user_data import PATH
from tlfif.adapters.aws.machines.image_model_store import MODELS_DIR
from tlfif.adapters.aws.machines.launch_plan import LONGEST_RUN_SECONDS
from tlfif.adapters.engines.served_engine import check_loopback
from tlfif.bootstrap.aws_worker import ENGINE_UNIT, READY_MARK, EngineConfig
from tlfif.machines.policy import AWS_MACHINE_POLICY
from tlfif.models.catalogue import ON_AWS

SERVICES = [unit.name for unit in UNITS if unit.suffix == ".service"]


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """``systemd-analyze verify``; the programs of the image, which are not here, are stood in for."""
    if shutil.which("systemd-analyze") is None:
        assert not os.environ.get("CI"), "systemd-analyze is missing: install Debian's package systemd"
        pytest.skip("systemd-analyze is not installed here (Debian's package systemd)")
    stand_in = tmp_path / "program"
    stand_in.write_text("#!/bin/sh\n")
    stand_in.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text()
        for program in ("/opt/tlfif/engine/bin/vllm", "/opt/tlfif/worker/bin/python", "/usr/bin/python3"):
            text = text.replace(f"={program} ", f"={stand_in} ")
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_engines_flags_are_the_pinned_ones() -> None:
    flags = flags_of_engine()
    (model,) = ON_AWS
    assert command_of("tlfif-engine.service")[1:3] == ["serve", f"{MODELS_DIR}/{model.name}"]
    assert flags["--served-model-name"] == model.name
    assert flags["--max-model-len"] == str(model.context_tokens)
    assert flags["--max-num-seqs"] == str(AWS_MACHINE_POLICY.engine_slots)
    assert flags["--dtype"] == "half"
    assert flags["--generation-config"] == "vllm"
    assert "--enable-lora" in flags
    assert (flags["--max-loras"], flags["--max-lora-rank"]) == ("4", "64")


def test_the_worker_looks_for_the_engine_where_the_unit_has_it() -> None:
    flags = flags_of_engine()
    assert EngineConfig().base_url == check_loopback(f"http://{flags['--host']}:{flags['--port']}")
    assert (SYSTEMD / ENGINE_UNIT).exists()


def test_the_key_is_no_argument_and_the_engine_has_no_way_out() -> None:
    engine = settings("tlfif-engine.service")
    assert engine["Service.EnvironmentFile"] == ["/run/tlfif/engine.env"]
    assert "--api-key" not in flags_of_engine(), "a command line can be read by every user"
    assert engine["Service.IPAddressDeny"] == ["any"]
    assert engine["Service.IPAddressAllow"] == ["localhost"]
    assert not any("RUNTIME_LORA" in each for each in engine["Service.Environment"])


def test_the_workers_command() -> None:
    words = command_of("tlfif-worker.service")
    assert words[1:4] == ["-P", "-m", "tlfif.entrypoints.instance"]
    told = dict(zip(words[4::2], words[5::2], strict=True))
    assert told == {
        "--machine-file": PATH,
        "--engine-key-file": "%d/engine.env",
        "--runtime-dir": "/run/tlfif-worker",
    }


def test_every_end_of_the_worker_is_the_machines_end() -> None:
    worker = settings("tlfif-worker.service")
    assert worker["Unit.SuccessAction"] == worker["Unit.FailureAction"] == ["poweroff"]
    assert worker["Service.Restart"] == ["no"]
    assert settings("tlfif-boot.service")["Unit.FailureAction"] == ["poweroff"]
    assert "Unit.BindsTo" not in worker, "the engine's restart would end the machine"


def test_the_boot_guard_waits_longer_than_the_worker_and_asks_for_its_mark() -> None:
    (delay,) = settings("tlfif-boot-guard.timer")["Timer.OnBootSec"]
    assert delay.endswith("min")
    assert 60 <= int(delay.removesuffix("min")) * 60 - AWS_MACHINE_POLICY.launch_limit_seconds <= 300
    guard = settings("tlfif-boot-guard.service")
    assert guard["Unit.ConditionPathExists"] == [f"!/run/tlfif-worker/{READY_MARK}"]
    assert guard["Unit.SuccessAction"] == guard["Unit.FailureAction"] == ["poweroff-force"]


def test_the_last_resort_is_never_later_than_any_machine_may_run() -> None:
    (delay,) = settings("tlfif-last-resort.timer")["Timer.OnBootSec"]
    assert int(delay.removesuffix("s")) == LONGEST_RUN_SECONDS
    assert settings("tlfif-last-resort.service")["Unit.SuccessAction"] == ["poweroff-force"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_than_it_needs(name: str) -> None:
    unit = settings(name)
    assert unit["Service.NoNewPrivileges"] == ["yes"]
    assert unit["Service.ProtectSystem"] == ["strict"]
    assert unit["Service.PrivateTmp"] == ["yes"]
    if name in {"tlfif-engine.service", "tlfif-worker.service"}:
        assert unit["Service.User"] == [name.removesuffix(".service")]
        assert unit["Service.CapabilityBoundingSet"] == [""]


def test_the_units_hear_nobody_from_outside() -> None:
    assert not [unit.name for unit in SYSTEMD.iterdir() if unit.suffix == ".socket"]
    assert flags_of_engine()["--host"] == "127.0.0.1"
