"""Put one machine on AWS together and let it live: the stores of its home, and the engine that its image has."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Literal

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
from tlfif.bootstrap.aws import AwsStores, open_aws_stores
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError
from tlfif.worker.living import Identity, live
from tlfif.worker.machine_life import MachineLife

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux makes a new one at each start (proc_sys_kernel(5)): a kept disk that starts again is another run."""
ENGINE_UNIT = "tlfif-engine.service"
READY_MARK = "ready"
"""In the run-time folder; the boot guard looks for it."""


class EngineWish(BaseModel):
    """``settings.engine`` of the machine file: which engine this machine has. Absent: vLLM as a service of its own.

    ``vllm``: ``base_url`` on this machine. ``llama``: the processor's profile (facts 38), llama.cpp as a child with
    the GGUF file ``model_path`` (None: the launch's own path) and ``threads`` (None: one for each core).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["vllm", "llama"] = "vllm"
    base_url: Annotated[str, AfterValidator(check_loopback)] = "http://127.0.0.1:8000"
    model_path: str | None = None
    threads: Annotated[int, Field(ge=1, le=256)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePlaces:
    """Where an instance keeps what it needs. ``runtime_dir`` is empty at each boot."""

    engine_key_file: Path
    runtime_dir: Path
    boot_id_file: Path = BOOT_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """An engine's process and how to speak to it."""

    process: EngineProcess
    connect: Callable[[EngineAddress], Awaitable[Engine]]


async def run_instance(file: MachineFile, places: InstancePlaces) -> MachineLife:
    """Live until the end, and return how it was. Raises InvalidInputError ``settings_invalid`` and EngineGoneError
    (no key) before anything runs; afterwards the machine's record says why it ended."""
    settings, wish = home_settings(file), engine_wish(file.settings)
    clock = SystemClock()
    parts = _engine(file, wish, settings, places, clock)
    stores = _stores(settings, clock)
    spec = file.spec
    identity = Identity(
        machine_id=spec.machine_id,
        boot_id=places.boot_id_file.read_text(encoding="ascii").strip(),
        model=spec.model,
        model_sha256=spec.model_sha256,
        image=spec.image,
        idle_timeout_seconds=spec.idle_timeout_seconds,
        job_policy=settings.job,
        machine_policy=settings.machine,
    )
    mark = places.runtime_dir / READY_MARK
    log.info("instance: %s, boot %s, engine %s", spec.machine_id, identity.boot_id, wish.kind)
    return await live(
        identity,
        jobs=stores.jobs,
        machines=stores.machines,
        process=parts.process,
        connect=parts.connect,
        clock=clock,
        on_ready=mark.touch,
    )


def home_settings(file: MachineFile) -> AwsSettings:
    """The home as the control plane described it. Raises InvalidInputError ``settings_invalid``."""
    known = {name: value for name, value in file.settings.items() if name in AwsSettings.model_fields}
    try:
        return AwsSettings(AWS_REGION=file.region, home_name=file.home, **known)
    except ValidationError as error:
        raise _unusable(error) from None


def engine_wish(settings: Mapping[str, object]) -> EngineWish:
    """Which engine the machine has. Raises InvalidInputError ``settings_invalid``."""
    try:
        return EngineWish.model_validate(settings.get("engine") or {})
    except ValidationError as error:
        raise _unusable(error) from None


def _unusable(error: ValidationError) -> InvalidInputError:
    faults = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
    return InvalidInputError(
        f"The settings in {PATH} cannot be used: {faults}. Start a new machine; where that does not help, its image "
        "and the control plane are of different versions: run `./tlfif deploy`.",
        code="settings_invalid",
    )


def _stores(settings: AwsSettings, clock: Clock) -> AwsStores:
    return open_aws_stores(
        settings,
        clients=AwsClients(region=settings.region, endpoint_url=settings.endpoint_url),
        clock=clock,
        ids=SystemIds(),
        chance=Random(),
    )


def _engine(
    file: MachineFile, wish: EngineWish, settings: AwsSettings, places: InstancePlaces, clock: Clock
) -> EngineParts:
    spec, policy = file.spec, settings.machine
    if wish.kind == "llama":

        async def to_llama(address: EngineAddress) -> Engine:
            return llama_engine(address, context_tokens=spec.context_tokens)

        process = LlamaEngineProcess(
            EngineSpec(
                model_name=spec.model,
                model_path=wish.model_path or spec.model_path,
                context_tokens=spec.context_tokens,
                slots=policy.engine_slots,
                threads=wish.threads,
                log_path=places.runtime_dir / "engine.log",
                mark=("--machine-id", spec.machine_id),
            )
        )
        return EngineParts(process=process, connect=to_llama)

    async def to_vllm(address: EngineAddress) -> Engine:
        return vllm_engine(address, context_tokens=spec.context_tokens)

    async def failed() -> bool:
        return await systemd_says_failed(ENGINE_UNIT)

    served = ServedEngineProcess(
        base_url=wish.base_url,
        api_key=read_engine_key(places.engine_key_file),
        clock=clock,
        failed=failed,
        start_limit_seconds=policy.launch_limit_seconds,
    )
    return EngineParts(process=served, connect=to_vllm)
