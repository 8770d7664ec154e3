"""What is installed on a machine, as it reports it itself: Python, this program, the engine, the GPU and its driver."""

import asyncio
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import httpx2

from tlfif import __version__
from tlfif.jobs.engine import EngineAddress

ASK_SECONDS = 20.0
"""The first call of nvidia-smi loads the driver where nothing has used it yet."""


async def installed_versions(engine: EngineAddress | None, packages: Sequence[str] = ()) -> Mapping[str, str]:
    """Names and versions, those of ``packages`` among them. ``engine`` is asked for its own; None: it is gone. What
    does not answer is left out."""
    found = {"python": platform.python_version(), "system": platform.platform(), "tlfif": __version__}
    found |= {name: version(name) for name in packages}
    return {**found, **(await _engine(engine) if engine is not None else {}), **await _gpu()}


async def _engine(address: EngineAddress) -> dict[str, str]:
    """vLLM says its version, llama.cpp the build that it is, where it knows."""
    headers = {"Authorization": f"Bearer {address.api_key}"}
    async with httpx2.AsyncClient(
        base_url=address.base_url, headers=headers, timeout=ASK_SECONDS, trust_env=False
    ) as client:
        for name, path, key in (("vllm", "/version", "version"), ("llama.cpp", "/props", "build_info")):
            try:
                said = str((await client.get(path)).json()[key])
            except (httpx2.RequestError, ValueError, LookupError, TypeError):
                continue
            return {name: said} if "unknown" not in said else {}
    return {}


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
