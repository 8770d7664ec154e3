"""The units of the machine image: sound by systemd's own check, tied to the pins, and with an end for every case."""

import re
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest

from tests.images.units import SYSTEMD, UNITS, command_of, flags_of, flags_of_engine, need_systemd, settings
from tlfif.adapters.aws.machines.ec2_user_data import PATH
from tlfif.adapters.aws.machines.image_model_store import MODELS_DIR
from tlfif.adapters.aws.machines.launch_plan import LONGEST_RUN_SECONDS
from tlfif.adapters.engines.llama_engine_process import CACHE_MIB
from tlfif.adapters.engines.served_engine import check_loopback
from tlfif.bootstrap.aws_worker import ENGINE_UNITS, READY_MARK, EngineConfig
from tlfif.entrypoints import llama_server
from tlfif.machines.policy import AWS_MACHINE_POLICY
from tlfif.models.catalogue import ON_AWS

PROGRAMS = (
    "/opt/tlfif/engine/bin/vllm",
    "/opt/tlfif/engine/bin/llama-server",
    "/opt/tlfif/worker/bin/python",
    "/opt/tlfif/bin/tlfif-key",
    "/usr/bin/nvidia-modprobe",
    "/usr/bin/nvidia-smi",
    "/usr/bin/python3",
)
SERVICES = [unit.name for unit in UNITS if unit.suffix == ".service"]


@pytest.mark.requirement("5.3.3")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """``systemd-analyze verify``; the programs of the image, which are not here, are stood in for."""
    need_systemd()
    stand_in = tmp_path / "program"
    stand_in.write_text("#!/bin/sh\n")
    stand_in.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text()
        for program in PROGRAMS:
            text = re.sub(rf"={program}\b", f"={stand_in}", text)
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("tlfif-worker.service", 2.0),
        ("tlfif-engine.service", 3.5),
        ("tlfif-llama.service", 3.5),
        ("tlfif-log.service", 3.5),
        ("tlfif-boot.service", 5.0),
        ("tlfif-key.service", 5.0),
        ("tlfif-gpu.service", 6.0),
    ],
)
def test_a_service_is_no_more_exposed_than_it_was(name: str, most: float) -> None:
    """By ``systemd-analyze security``, from 0 to 10; what loads a kernel module has the most."""
    need_systemd()
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={most * 10:.0f}", str(SYSTEMD / name)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout[-300:]


@pytest.mark.requirement("5.2.5")
def test_the_engines_flags_are_the_pinned_ones() -> None:
    flags = flags_of_engine()
    (model,) = ON_AWS
    assert command_of("tlfif-engine.service")[1:3] == ["serve", f"{MODELS_DIR}/{model.name}"]
    assert flags["--served-model-name"] == model.name
    assert flags["--max-model-len"] == str(model.context_tokens)
    assert flags["--max-num-seqs"] == str(AWS_MACHINE_POLICY.engine_slots)
    assert flags["--dtype"] == "half"
    assert flags["--generation-config"] == "vllm"
    assert flags["--structured-outputs-config.disable_any_whitespace"] == "true", "else JSON may be spaces without end"
    assert flags["--cudagraph-capture-sizes"].split()[-1] == flags["--max-num-seqs"]
    assert not [flag for flag in flags if "lora" in flag], "none is registered"


@pytest.mark.requirement("5.2.6")
def test_llama_cpp_as_a_service_takes_the_units_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the program that an image without a GPU has; with one it is llama.cpp's own, of the pinned commit."""
    values = {"TLFIF_MODEL_FILE": "/m.gguf", "TLFIF_MODEL": "tinyllama", "TLFIF_CONTEXT": "32768", "TLFIF_SLOTS": "16"}
    words = [Template(word).substitute(values) for word in command_of("tlfif-llama.service")]
    monkeypatch.setattr(sys, "argv", words)
    args = llama_server.arguments()
    assert (args.model, args.alias, args.ctx_size, args.parallel) == ("/m.gguf", "tinyllama", 32768, 16)
    assert (args.cache_ram, args.threads) == (CACHE_MIB, None)
    assert EngineConfig(kind="llama").base_url == check_loopback(f"http://{args.host}:{args.port}")


def test_the_worker_looks_for_the_engine_where_the_unit_has_it() -> None:
    flags = flags_of_engine()
    assert EngineConfig().base_url == check_loopback(f"http://{flags['--host']}:{flags['--port']}")
    assert all((SYSTEMD / unit).exists() for unit in ENGINE_UNITS.values())


@pytest.mark.requirement("5.4.1")
@pytest.mark.parametrize("name", ENGINE_UNITS.values())
def test_the_key_is_no_argument_and_the_engine_has_no_way_out(name: str) -> None:
    engine = settings(name)
    assert engine["Service.EnvironmentFile"][0] == "/run/tlfif/engine.env"
    assert "--api-key" not in command_of(name), "a command line can be read by every user"
    assert engine["Service.IPAddressDeny"] == ["any"]
    assert engine["Service.IPAddressAllow"] == ["localhost"]
    assert not any("RUNTIME_LORA" in each for each in engine["Service.Environment"])


@pytest.mark.parametrize("name", ENGINE_UNITS.values())
def test_an_engine_waits_for_its_key_and_its_gpu_and_for_nothing_else(name: str) -> None:
    engine, gpu = settings(name), settings("tlfif-gpu.service")
    assert engine["Unit.Requires"] == engine["Unit.After"] == ["tlfif-key.service"]
    assert "Unit.Wants" not in engine
    assert name in gpu["Unit.Before"][0].split()
    assert name in gpu["Install.RequiredBy"][0].split(), "in images for a GPU, where it is enabled"
    assert "Service.PrivateDevices" not in engine
    key = settings("tlfif-key.service")
    assert "network" not in str(key)
    assert "tlfif-boot" not in str(key)


def test_the_gpu_is_made_ready_by_root_and_proven() -> None:
    gpu = settings("tlfif-gpu.service")
    assert gpu["Service.ExecStart"][:2] == ["/usr/bin/nvidia-modprobe -c0 -u", "/usr/bin/nvidia-smi -L"]
    assert "Service.User" not in gpu
    assert "CAP_SYS_MODULE" in gpu["Service.CapabilityBoundingSet"][0]


def test_vllm_talks_to_itself_over_loopback() -> None:
    assert "VLLM_HOST_IP=127.0.0.1" in settings("tlfif-engine.service")["Service.Environment"]


def test_the_workers_command() -> None:
    words = command_of("tlfif-worker.service")
    assert words[1:4] == ["-P", "-m", "tlfif.entrypoints.instance"]
    told = dict(zip(words[4::2], words[5::2], strict=True))
    assert told == {
        "--machine-file": PATH,
        "--image-file": "/etc/tlfif/image.json",
        "--engine-key-file": "%d/engine.env",
        "--runtime-dir": "/run/tlfif-worker",
    }


@pytest.mark.requirement("5.6.8")
def test_every_end_of_the_worker_is_the_machines_end() -> None:
    worker = settings("tlfif-worker.service")
    assert worker["Unit.SuccessAction"] == worker["Unit.FailureAction"] == ["poweroff"]
    assert worker["Service.Restart"] == ["no"]
    assert settings("tlfif-boot.service")["Unit.FailureAction"] == ["poweroff"]
    assert settings("tlfif-key.service")["Unit.FailureAction"] == ["poweroff"]
    assert worker["Unit.Requires"] == ["tlfif-key.service tlfif-boot.service"]
    assert "Unit.BindsTo" not in worker, "the engine's restart would end the machine"


@pytest.mark.requirement("5.3.3")
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
    if name in {*ENGINE_UNITS.values(), "tlfif-worker.service"}:
        assert unit["Service.User"] == ["tlfif-worker" if "worker" in name else "tlfif-engine"]
        assert unit["Service.CapabilityBoundingSet"] == [""]


@pytest.mark.requirement("5.4.1")
def test_the_units_hear_nobody_from_outside() -> None:
    assert not [unit.name for unit in SYSTEMD.iterdir() if unit.suffix == ".socket"]
    assert flags_of_engine()["--host"] == flags_of("tlfif-llama.service", after=1)["--host"] == "127.0.0.1"
