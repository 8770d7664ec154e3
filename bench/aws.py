"""The functions on AWS: their package, how long they take to load, a submit and a look of the router.

The last two run in this process against an emulator in another. The time in which at least one request is out is
measured where botocore sends it, and taken off: that is the emulator's, or at AWS the network's and DynamoDB's.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any

from bench.figures import middle, percentile
from tlfif.kernel.errors import TlfifError

Report = dict[str, Any]
MISSING = (
    "not measured: aws needs the emulator (moto), which `./tlfif test` installs; run that once, then `.venv/bin/python "
    "bench/run.py --only aws`"
)
SUBMITS = 25
"""A round, of which the first is not counted: the tables have just been written."""
LOAD = """
import sys, time
sys.path.insert(0, sys.argv[1])
began, used = time.perf_counter(), time.process_time()
__import__(sys.argv[2])
print(time.perf_counter() - began, time.process_time() - used)
"""
API = "tlfif.entrypoints.lambdas.api"
ROUTER = "tlfif.entrypoints.lambdas.router"


class Context:
    """What Lambda hands to a handler beside the event."""

    def get_remaining_time_in_millis(self) -> int:
        """As at the beginning of a call."""
        return 55_000


@dataclass(slots=True)
class Waits:
    """When requests were out."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def seconds(self) -> float:
        """In which at least one was."""
        total, until = 0.0, 0.0
        for began, ended in sorted(self.spans):
            total += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return total


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a handler: milliseconds in all, of them besides the emulator, of processor; and its requests."""

    total: float
    own: float
    processor: float
    requests: int


def aws(rounds: int) -> Report:
    """All of it; what cannot be measured here is said on standard error."""
    report: Report = {}
    try:
        report.update(_package(rounds))
    except TlfifError as error:
        print(f"package and loading not measured: {error.message}", file=sys.stderr)
    if importlib.util.find_spec("moto") is None:
        print(MISSING, file=sys.stderr)
        return report
    return report | _calls(rounds)


def _package(rounds: int) -> Report:
    """Built for this very computer, so that it can be loaded here, and loaded as in Lambda: nothing else in reach."""
    from tlfif.adapters.aws.deployment.lambda_package import build_package

    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-") as folder:
        made = build_package(Path(folder), python_version=own, platforms=())
        inside = Path(folder) / "inside"
        with zipfile.ZipFile(made) as package:
            package.extractall(inside)
        loads: dict[str, list[tuple[float, float]]] = {API: [], ROUTER: [], "fastapi": []}
        for _ in range(max(5, rounds) + 1):
            for module, took in loads.items():
                took.append(_load(inside, module))
        return {
            "aws_package_mb": round(made.stat().st_size / 1e6, 2),
            "aws_cold_import_s": middle([wall for wall, _ in loads[API][1:]], 3),
            "aws_cold_import_cpu_s": middle([used for _, used in loads[API][1:]], 3),
            "aws_cold_import_router_s": middle([wall for wall, _ in loads[ROUTER][1:]], 3),
            "aws_cold_import_router_cpu_s": middle([used for _, used in loads[ROUTER][1:]], 3),
            "aws_cold_import_fastapi_alone_s": middle([wall for wall, _ in loads["fastapi"][1:]], 3),
        }


def _load(inside: Path, module: str) -> tuple[float, float]:
    """Seconds by the clock and of processor."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LOAD, str(inside), module], check=True, capture_output=True, text=True
    )
    wall, used = done.stdout.split()
    return float(wall), float(used)


def _calls(rounds: int) -> Report:
    from bench.aws_home import aws_home, make_ready

    with aws_home() as home, _watched() as waits, redirect_stdout(StringIO()):
        from tlfif.entrypoints.lambdas import api, router

        def tick() -> Call:
            return _timed(waits, lambda: router.handler({"source": "aws.events"}, Context()))

        first, *ticks = [tick() for _ in range(rounds * 4 + 5)]
        ticks = ticks[4:]
        submits: list[Call] = []
        for one in range(rounds):
            make_ready()
            for number in range(SUBMITS + 1):
                event = home.infer(one * 1000 + number)
                call = _timed(waits, partial(lambda one: _accepted(api.handler(one, Context())), event))
                if number:
                    submits.append(call)
        return {
            **_figures("aws_submit", submits),
            "aws_router_tick_ms": middle([each.own for each in ticks]),
            "aws_router_tick_cpu_ms": middle([each.processor for each in ticks]),
            "aws_router_first_tick_cpu_ms": round(first.processor, 2),
            "aws_router_tick_requests": middle([each.requests for each in ticks], 0),
        }


def _figures(name: str, calls: list[Call]) -> Report:
    own, total = [each.own for each in calls], [each.total for each in calls]
    return {
        f"{name}_p50_ms": middle(own),
        f"{name}_p99_ms": round(percentile(own, 0.99), 2),
        f"{name}_with_emulator_p50_ms": middle(total),
        f"{name}_with_emulator_p99_ms": round(percentile(total, 0.99), 2),
        f"{name}_cpu_ms": middle([each.processor for each in calls]),
        f"{name}_requests": middle([each.requests for each in calls], 0),
    }


def _accepted(answer: dict[str, Any]) -> None:
    if answer["statusCode"] != 202:
        raise ValueError(answer["body"])
    if '"state":"ready"' not in answer["body"]:
        raise ValueError("the machine is not ready")


def _timed(waits: Waits, call: Callable[[], object]) -> Call:
    waits.spans.clear()
    began, used = time.perf_counter(), time.process_time()
    call()
    used, total = time.process_time() - used, time.perf_counter() - began
    return Call(total * 1000, (total - waits.seconds()) * 1000, used * 1000, len(waits.spans))


@contextmanager
def _watched() -> Iterator[Waits]:
    from botocore.httpsession import URLLib3Session

    waits = Waits()
    send = URLLib3Session.send

    def timed(self: Any, request: Any) -> Any:
        began = time.perf_counter()
        try:
            return send(self, request)
        finally:
            with waits.lock:
                waits.spans.append((began, time.perf_counter()))

    URLLib3Session.send = timed  # type: ignore[method-assign]  # the real one is timed, and put back
    try:
        yield waits
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign]  # as above
