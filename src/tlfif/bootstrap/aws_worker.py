"""The worker of a machine on AWS: the stores of its installation, and the engine that its image has."""

import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from tlfif.adapters.aws.calls.clients import AwsClients
from tlfif.adapters.aws.images.dynamo_image_store import DynamoImageStore
from tlfif.adapters.aws.machines.ec2_user_data import PATH, MachineFile
from tlfif.adapters.engines.fitted_engine import llama_engine, vllm_engine
from tlfif.adapters.engines.served_engine import ServedEngineProcess, check_loopback, read_engine_key
from tlfif.adapters.engines.systemd_service import why_given_up
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.bootstrap.aws import AwsStores, open_aws_stores
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.bootstrap.smoke_test import run_smoke_test
from tlfif.images.smoke_report import SmokeReport, why_not_offered
from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError, TlfifError
from tlfif.machines.machine import Heartbeat, MachineState
from tlfif.machines.machine_host import LaunchSpec
from tlfif.machines.machine_types import MACHINE_TYPES, EngineKind
from tlfif.machines.policy import without_gpu
from tlfif.worker.lifecycle import MachineIdentity, run_lifecycle
from tlfif.worker.machine_life import MachineLife

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux makes a new one at each boot (proc_sys_kernel(5)), so a kept disk that starts again is another run."""
ENGINE_UNITS = {EngineKind.VLLM: "tlfif-engine.service", EngineKind.LLAMA: "tlfif-llama.service"}
READY_MARK = "ready"
"""A file in the run-time folder; the boot guard looks for it."""


class EngineConfig(BaseModel):
    """``settings.engine`` of the machine file: which engine serves at ``base_url``, on this machine; its type decides.
    Absent: vLLM."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: EngineKind = EngineKind.VLLM
    base_url: Annotated[str, AfterValidator(check_loopback)] = "http://127.0.0.1:8000"


class ImageRecord(BaseModel):
    """``/etc/tlfif/image.json``: what the image's provisioning has put on this disk and checked."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    engine: EngineKind
    model: str
    model_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePaths:
    """Files and folders of an instance. ``runtime_dir`` is empty at each boot; ``image_file`` is absent where no image
    was provisioned."""

    engine_key_file: Path
    runtime_dir: Path
    image_file: Path | None = None
    boot_id_file: Path = BOOT_ID


async def run_aws_worker(file: MachineFile, paths: InstancePaths) -> MachineLife:
    """Run until the machine ends; returns its life, which has the reason. Raises InvalidInputError
    ``settings_invalid`` and EngineGoneError (no key) before anything runs. The machine's record says why it ended,
    unless the settings do not name the record. A candidate image tests itself instead, over stores of its own, and the
    record of its image gets the report."""
    settings = aws_settings(file)
    boot_id = paths.boot_id_file.read_text(encoding="ascii").strip()
    clock = SystemClock()
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url)
    stores = open_aws_stores(settings, clients=clients, clock=clock, ids=SystemIds(), rng=Random())
    try:
        spec, config = fitted(file, paths.image_file)
        process, make_engine = _engine(config, settings, paths, clock)
    except TlfifError as error:
        with contextlib.suppress(TlfifError):
            await _say_broken(file, paths, boot_id, error, stores=stores, clock=clock)
        await stores.close()
        raise

    async def connect(address: EngineAddress) -> Engine:
        return make_engine(address, context_tokens=spec.context_tokens)

    identity = MachineIdentity(
        machine_id=spec.machine_id,
        boot_id=boot_id,
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
    on_ready = (paths.runtime_dir / READY_MARK).touch
    if spec.smoke_test is None:
        return await run_lifecycle(
            identity,
            jobs=stores.jobs,
            machines=stores.machines,
            process=process,
            connect=connect,
            clock=clock,
            on_ready=on_ready,
        )
    try:  # of the home it writes its image's report, and nothing else
        return await run_smoke_test(
            identity,
            paths.runtime_dir,
            process=process,
            connect=connect,
            clock=clock,
            report=partial(_report, spec, paths, stores, clock),
            on_ready=on_ready,
        )
    finally:
        await stores.close()


def aws_settings(file: MachineFile) -> AwsSettings:
    """The settings that the control plane wrote for this machine; its policy is cut down to what it can do without
    a GPU. Raises InvalidInputError ``settings_invalid``."""
    known = {name: value for name, value in file.settings.items() if name in AwsSettings.model_fields}
    try:
        found = AwsSettings(AWS_REGION=file.region, home_name=file.home, **known)
    except ValidationError as error:
        raise _unusable(error) from None
    kind = MACHINE_TYPES.get(file.instance_type or "")
    has_gpu = kind.has_gpu if kind is not None else engine_config(file.settings).kind is EngineKind.VLLM
    return found if has_gpu else found.model_copy(update={"machine": without_gpu(found.machine)})


def engine_config(settings: Mapping[str, object]) -> EngineConfig:
    """Which engine the machine has. Raises InvalidInputError ``settings_invalid``."""
    try:
        return EngineConfig.model_validate(settings.get("engine") or {})
    except ValidationError as error:
        raise _unusable(error) from None


def fitted(file: MachineFile, image_file: Path | None) -> tuple[LaunchSpec, EngineConfig]:
    """What the control plane asked for, with the engine and the model's sha256 that the image really has. Raises
    InvalidInputError ``settings_invalid`` where it has another model."""
    config, spec = engine_config(file.settings), file.spec
    if image_file is None:
        return spec, config
    try:
        image = ImageRecord.model_validate(json.loads(image_file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"The image does not say what it holds: {image_file} cannot be used ({type(error).__name__}). Build it "
            "anew.",
            code="settings_invalid",
        ) from error
    if image.model != spec.model:
        raise InvalidInputError(
            f"The image holds the model {image.model}, and the prompts want {spec.model}. Promote an image that "
            "holds it.",
            code="settings_invalid",
        )
    return replace(spec, model_sha256=image.model_sha256), config.model_copy(update={"kind": image.engine})


async def _report(spec: LaunchSpec, paths: InstancePaths, stores: AwsStores, clock: Clock, report: SmokeReport) -> None:
    """Hand a candidate's report to the record of its image. One that has failed stays on as long as it is to be looked
    at: with the worker ends the machine."""
    await DynamoImageStore(stores.state).report(spec.smoke_test or "", report)
    if spec.keep_seconds and why_not_offered(report, promoted=None):
        log.warning("instance: the test failed; the machine is kept for %.0f s", spec.keep_seconds)
        (paths.runtime_dir / READY_MARK).touch()  # else the boot guard ends it
        await clock.sleep(spec.keep_seconds)


async def _say_broken(
    file: MachineFile, paths: InstancePaths, boot_id: str, error: TlfifError, *, stores: AwsStores, clock: Clock
) -> None:
    """Why nothing has begun: in the machine's record; in the report of a candidate, which has none."""
    spec = file.spec
    if spec.smoke_test is not None:
        await _report(spec, paths, stores, clock, SmokeReport(error=error.message))
        return
    beat = Heartbeat(
        machine_id=spec.machine_id,
        boot_id=boot_id,
        state=MachineState.BROKEN,
        phase=None,
        idle_since=None,
        reason=error.message,
        code=error.code,
        instance_type=file.instance_type,
        image=spec.image,
    )
    await stores.machines.heartbeat(beat, now=clock.now())


def _unusable(error: ValidationError) -> InvalidInputError:
    faults = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
    return InvalidInputError(
        f"The settings in {PATH} cannot be used: {faults}. Start a new machine; where that does not help, its image "
        "and the control plane are of different versions: run `./tlfif deploy`.",
        code="settings_invalid",
    )


def _engine(
    config: EngineConfig, settings: AwsSettings, paths: InstancePaths, clock: Clock
) -> tuple[EngineProcess, Callable[..., Engine]]:
    """The engine's process, and what makes the client for its address."""

    async def given_up() -> str | None:
        return await why_given_up(ENGINE_UNITS[config.kind])

    served = ServedEngineProcess(
        base_url=config.base_url,
        api_key=read_engine_key(paths.engine_key_file),
        clock=clock,
        given_up=given_up,
        start_limit_seconds=settings.machine.launch_limit_seconds,
    )
    return served, vllm_engine if config.kind is EngineKind.VLLM else llama_engine
