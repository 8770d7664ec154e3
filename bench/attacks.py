"""What a program without a token can do to the server: health, Stop and memory while it tries.

``python -m bench.attacks NAME PORT`` is one attacker, which goes on until it is ended.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bench.figures import percentile
from tlfif.client.loopback import exchange
from tlfif.kernel.data_folder import DataFolder, read_server

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 8.0
"""Of each attack while health is asked, after one second to get under way."""
HOLDING, RUSHING = 500, 10
"""Connections of an attacker that holds them, and of one that is answered at once and comes again."""
HEALTH = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
RUSH = {"long_heads", "pipelined", "bodies", "nonsense"}
SENT: dict[str, Callable[[int], bytes]] = {
    "silent": lambda _: b"",
    "half_heads": lambda port: HEALTH.format(port=port).encode() + b"X: a",
    "long_heads": lambda port: HEALTH.format(port=port).encode() + b"X: " + b"a" * 300_000_000,
    "almost_long_heads": lambda port: HEALTH.format(port=port).encode() + b"X: " + b"a" * 30_000,
    "kept_alive": lambda port: HEALTH.format(port=port).encode() + b"\r\n",
    "pipelined": lambda port: (HEALTH.format(port=port).encode() + b"\r\n") * 5000,
    "bodies": lambda port: (
        f"POST /v1/infer HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000000\r\n\r\n".encode()
        + b"a" * 1000000
    ),
    "nonsense": lambda _: b"\x16\x03\x01" * 1000,
}


async def attack(name: str, port: int) -> None:
    """Keep connections that send that and stay; each is opened anew when the server closes it."""
    data = SENT[name](port)

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                with contextlib.closing(writer):
                    for at in range(0, len(data), 65536):
                        writer.write(data[at : at + 65536])
                        await writer.drain()
                    while await reader.read(65536):
                        pass

    await asyncio.gather(*(one() for _ in range(RUSHING if name in RUSH else HOLDING)))


async def attacks() -> dict[str, Any]:
    """Every attack on a server of its own, two attackers at a time; the worst of each figure, and whose it is."""
    found = {name: await _one(name) for name in SENT}
    report: dict[str, Any] = {}
    for figure in ("healthz_p99_ms", "stop_ms", "server_mb"):
        worst = max(found, key=lambda name: found[name][figure])
        report |= {f"attacked_{figure}": found[worst][figure], f"attacked_{figure}_by": worst}
        print(f"  {figure}: { {name: one[figure] for name, one in found.items()} }", file=sys.stderr, flush=True)
    return report


async def _one(name: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-") as folder, contextlib.ExitStack() as stack:
        home = DataFolder(Path(folder))
        environment = {
            **os.environ,
            "TLFIF_HOME": folder,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
            "TLFIF_HUB_URL": "http://127.0.0.1:9",
        }
        server = _start(stack, ["-P", "-m", "tlfif.entrypoints.server"], environment)
        while (address := read_server(home)) is None:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        attackers = []
        for _ in range(2):
            attackers.append(_start(stack, ["-m", "bench.attacks", name, str(address.port)], environment))
        await asyncio.sleep(1.0)
        process, took, memory = psutil.Process(server.pid), list[float](), list[int]()
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            took.append(await _timed(address.port, "GET", "/healthz"))
            memory.append(process.memory_info().rss)
            await asyncio.sleep(0.01)
        if any(one.poll() is not None for one in attackers):
            raise RuntimeError(f"an attacker ({name}) has ended")
        stop = await _timed(address.port, "POST", "/v1/server/stop", home.token.read_text())
        return {
            "healthz_p99_ms": round(percentile(took, 0.99), 1),
            "stop_ms": round(stop, 1),
            "server_mb": round(max(memory) / 2**20, 1),
        }


async def _timed(port: int, method: str, path: str, token: str | None = None) -> float:
    """Milliseconds to an answer; a minute where none came."""
    begun = time.perf_counter()
    answer = await exchange(port, method, path, token=token, limit_seconds=10.0)
    return (time.perf_counter() - begun) * 1000 if answer is not None else 60_000.0


def _start(stack: contextlib.ExitStack, command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen([sys.executable, *command], env=environment)
    stack.callback(child.wait)
    stack.callback(child.kill)
    return child


if __name__ == "__main__":
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(attack(sys.argv[1], int(sys.argv[2])))
