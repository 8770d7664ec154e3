"""What is measured: the whole embedded system in a home of its own, and the same engine called directly."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
from tlfif.adapters.engines.openai_engine import OpenAIEngine
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.engine import EngineAddress
from tlfif.kernel.data_folder import DataFolder, read_server
from tlfif.machines.policy import MachinePolicy

CLOSED_HUB = "http://127.0.0.1:9"
MODEL = "smollm2"
PACED_ENGINE = Path(__file__).parent / "paced_engine"


@dataclass(slots=True)
class Stage:
    """Both sides of the comparison, ready to answer."""

    home: DataFolder
    client: TlfifClient
    raw: httpx2.AsyncClient
    direct: OpenAIEngine
    direct_address: EngineAddress
    server: psutil.Process

    async def machine(self) -> dict[str, Any]:
        """The machine now."""
        found: dict[str, Any] = (await self.raw.get("/v1/machine")).json()
        return found

    async def until(self, state: str, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for a state of the machine."""
        deadline = time.monotonic() + seconds
        while True:
            found = await self.machine()
            if found["state"] == state:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"the machine is {found['state']}, not {state}")
            await asyncio.sleep(0.02)


@asynccontextmanager
async def stage(*, paced: bool = False) -> AsyncIterator[Stage]:
    """Start everything, hand it over, leave nothing behind. ``paced``: with a fake engine that only keeps a pace."""
    own_path = os.environ.get("PYTHONPATH", "")
    if paced:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(PACED_ENGINE), own_path])
    try:
        async with _staged() as ready:
            yield ready
    finally:
        os.environ["PYTHONPATH"] = own_path


@asynccontextmanager
async def _staged() -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-") as folder:
        home = DataFolder(Path(folder))
        environment = {**os.environ, "TLFIF_HOME": folder, "TLFIF_HUB_URL": CLOSED_HUB}
        child = _start_server(environment)
        try:
            address = await _address(home)
            headers = {"Authorization": f"Bearer {home.token.read_text()}"}
            raw = httpx2.AsyncClient(base_url=address, headers=headers, timeout=60, trust_env=False)
            async with raw, _direct(Path(folder)) as (direct, engine_address):
                client = TlfifClient(FixedEndpoint(endpoint=Endpoint(base_url=address, token=home.token.read_text())))
                yield Stage(home, client, raw, direct, engine_address, psutil.Process(child.pid))
                await client.close()
                await raw.post("/v1/server/stop")
        finally:
            child.terminate()
            child.wait(20)


def _start_server(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-P", "-m", "tlfif.entrypoints.server"], env=environment)


async def _address(home: DataFolder) -> str:
    deadline = time.monotonic() + 20
    while (found := read_server(home)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        await asyncio.sleep(0.02)
    return found.base_url


@asynccontextmanager
async def _direct(folder: Path) -> AsyncIterator[tuple[OpenAIEngine, EngineAddress]]:
    """The same engine, model and settings, without TL-FIF around it. It rests while the other side works."""
    models = FileModelStore(models_dir=folder / "direct", hub_url=CLOSED_HUB, clock=SystemClock())
    file = await models.checked_file(MODEL)
    process = LlamaEngineProcess(
        EngineSpec(
            model_name=MODEL,
            model_path=file.path,
            context_tokens=file.context_tokens,
            slots=MachinePolicy().engine_slots,
            log_path=folder / "direct-engine.log",
        )
    )
    address = await process.start()
    engine = OpenAIEngine(address)
    try:
        yield engine, address
    finally:
        await engine.close()
        await process.stop()
        await models.close()


def dump(report: dict[str, Any]) -> str:
    """The report as JSON."""
    return json.dumps(report, indent=2)
