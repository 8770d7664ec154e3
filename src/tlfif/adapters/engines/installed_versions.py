"""What is installed on a machine, as it reports it itself: Python, this program, the engine, the GPU and its driver."""

import asyncio
import platform
from collections.abc import Mapping
from importlib.metadata import version

import httpx2

from tlfif import __version__
from tlfif.jobs.engine import EngineAddress

ASK_SECONDS = 20.0
"""The first call of nvidia-smi loads the driver where nothing has used it yet."""


async def installed_versions(*, served: EngineAddress | None = None) -> Mapping[str, str]:
    """Names and versions. ``served``: where vLLM is asked for its own; None: llama.cpp is part of this installation.
    What does not answer is left out."""
    found = {"python": platform.python_version(), "system": platform.platform(), "tlfif": __version__}
    if served is None:
        found["llama.cpp (xllamacpp)"] = version("xllamacpp")
    elif said := await _vllm_version(served):
        found["vllm"] = said
    return {**found, **await _gpu()}


async def _vllm_version(served: EngineAddress) -> str:
    headers = {"Authorization": f"Bearer {served.api_key}"}
    try:
        async with httpx2.AsyncClient(base_url=served.base_url, timeout=ASK_SECONDS, trust_env=False) as client:
            return str((await client.get("/version", headers=headers)).json()["version"])
    except (httpx2.RequestError, ValueError, LookupError, TypeError):
        return ""


async def _gpu() -> dict[str, str]:
    """From ``nvidia-smi``, which comes with the driver; nothing where there is none."""
    try:
        child = await asyncio.create_subprocess_exec(
            "nvidia-smi",
            "--query-gpu=driver_version,name,memory.total",
            "--format=csv,noheader",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return {}
    try:
        async with asyncio.timeout(ASK_SECONDS):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return {}
    driver, _, gpu = said.decode(errors="replace").strip().partition(", ")
    return {"nvidia driver": driver, "gpu": " ".join(gpu.split())} if child.returncode == 0 and gpu else {}
