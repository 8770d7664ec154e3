"""The worker of a machine on AWS: the stores of its installation, and the engine that its image has."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tlfif.adapters.aws.calls.clients import AwsClients
from tlfif.adapters.aws.machines.ec2_user_data import PATH, MachineFile
from tlfif.adapters.engines.fitted_engine import llama_engine, vllm_engine
from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
from tlfif.adapters.engines.served_engine import (
    ServedEngineProcess,
    check_loopback,
    read_engine_key,
    systemd_says_failed,
)
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.bootstrap.aws import open_aws_stores
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import EngineKind
from tlfif.machines.policy import without_gpu
from tlfif.worker.lifecycle import MachineIdentity, run_lifecycle
from tlfif.worker.machine_life import MachineLife

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux makes a new one at each boot (proc_sys_kernel(5)), so a kept disk that starts again is another run."""
ENGINE_UNIT = "tlfif-engine.service"
READY_MARK = "ready"
"""A file in the run-time folder; the boot guard looks for it."""


class EngineConfig(BaseModel):
    """``settings.engine`` of the machine file: which engine this machine has, decided by its type. Absent: vLLM as a
    service of its own.

    ``vllm``: ``base_url`` on this machine. ``llama``: the profile without a GPU, llama.cpp as a child process
    with the GGUF file ``model_path`` (None: the path in the launch specification) and ``threads`` (None: one for each
    core).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: EngineKind = EngineKind.VLLM
    base_url: Annotated[str, AfterValidator(check_loopback)] = "http://127.0.0.1:8000"
    model_path: str | None = None
    threads: Annotated[int, Field(ge=1, le=256)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePaths:
    """Files and folders of an instance. ``runtime_dir`` is empty at each boot."""

    engine_key_file: Path
    runtime_dir: Path
    boot_id_file: Path = BOOT_ID


async def run_aws_worker(file: MachineFile, paths: InstancePaths) -> MachineLife:
    """Run until the machine ends; returns its life, which has the reason. Raises InvalidInputError
    ``settings_invalid`` and EngineGoneError (no key) before anything runs; afterwards the machine's record says why it
    ended."""
    settings, config = aws_settings(file), engine_config(file.settings)
    clock = SystemClock()
    process, make_engine = _engine(file, config, settings, paths, clock)
    stores = open_aws_stores(
        settings,
        clients=AwsClients(region=settings.region, endpoint_url=settings.endpoint_url),
        clock=clock,
        ids=SystemIds(),
        rng=Random(),
    )
    spec = file.spec

    async def connect(address: EngineAddress) -> Engine:
        return make_engine(address, context_tokens=spec.context_tokens)

    identity = MachineIdentity(
        machine_id=spec.machine_id,
        boot_id=paths.boot_id_file.read_text(encoding="ascii").strip(),
        model=spec.model,
        model_sha256=spec.model_sha256,
        image=spec.image,
        engine=config.kind,
        instance_type=file.instance_type,
        idle_timeout_seconds=spec.idle_timeout_seconds,
        job_policy=settings.job,
        machine_policy=settings.machine,
    )
    log.info("instance: %s, boot %s, engine %s", spec.machine_id, identity.boot_id, config.kind)
    return await run_lifecycle(
        identity,
        jobs=stores.jobs,
        machines=stores.machines,
        process=process,
        connect=connect,
        clock=clock,
        on_ready=(paths.runtime_dir / READY_MARK).touch,
    )


def aws_settings(file: MachineFile) -> AwsSettings:
    """The settings that the control plane wrote for this machine; its policy is cut down to what its engine can do.
    Raises InvalidInputError ``settings_invalid``."""
    known = {name: value for name, value in file.settings.items() if name in AwsSettings.model_fields}
    try:
        found = AwsSettings(AWS_REGION=file.region, home_name=file.home, **known)
    except ValidationError as error:
        raise _unusable(error) from None
    if engine_config(file.settings).kind is not EngineKind.LLAMA:
        return found
    return found.model_copy(update={"machine": without_gpu(found.machine)})


def engine_config(settings: Mapping[str, object]) -> EngineConfig:
    """Which engine the machine has. Raises InvalidInputError ``settings_invalid``."""
    try:
        return EngineConfig.model_validate(settings.get("engine") or {})
    except ValidationError as error:
        raise _unusable(error) from None


def _unusable(error: ValidationError) -> InvalidInputError:
    faults = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
    return InvalidInputError(
        f"The settings in {PATH} cannot be used: {faults}. Start a new machine; where that does not help, its image "
        "and the control plane are of different versions: run `./tlfif deploy`.",
        code="settings_invalid",
    )


def _engine(
    file: MachineFile, config: EngineConfig, settings: AwsSettings, paths: InstancePaths, clock: Clock
) -> tuple[EngineProcess, Callable[..., Engine]]:
    """The engine's process, and what makes the client for its address."""
    spec, policy = file.spec, settings.machine
    if config.kind is EngineKind.LLAMA:
        process = LlamaEngineProcess(
            EngineSpec(
                model_name=spec.model,
                model_path=config.model_path or spec.model_path,
                context_tokens=spec.context_tokens,
                slots=policy.engine_slots,
                threads=config.threads,
                log_path=paths.runtime_dir / "engine.log",
                mark=("--machine-id", spec.machine_id),
            )
        )
        return process, llama_engine

    async def failed() -> bool:
        return await systemd_says_failed(ENGINE_UNIT)

    served = ServedEngineProcess(
        base_url=config.base_url,
        api_key=read_engine_key(paths.engine_key_file),
        clock=clock,
        failed=failed,
        start_limit_seconds=policy.launch_limit_seconds,
    )
    return served, vllm_engine
