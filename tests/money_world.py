"""A control plane with a meter and a budget, over stores in memory or in a file, and machines that a test moves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.builders import MODEL, a_beat, succeeded
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.machine_host import FakeMachine, FakeMachineHost
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.memory_price_store import MemoryPriceStore
from tests.fakes.model_store import FakeModelStore
from tlfif.bootstrap.money import build_money
from tlfif.control.container import Money
from tlfif.control.local_machine_control import LocalMachineControl
from tlfif.control.reconcile import Reconciler
from tlfif.control.submit_job import AcceptedJob, Submission, submit_job
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import Message
from tlfif.machines.machine import MachineRecord, MachineState, Phase
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.money.prices.pricing import Pricing
from tlfif.money.prices.refresh_prices import RefreshReport
from tlfif.money.spend.ledger import Ledger
from tlfif.money.spend.tariff import Tariff

AWS = Tariff()
IMAGE = "image-1"


async def no_refresh() -> RefreshReport:
    """Not asked for here."""
    raise NotImplementedError


@dataclass(kw_only=True)
class Plane:
    """One control plane: a process of its own over shared stores. It remembers nothing of an earlier one."""

    money: Money
    router: Reconciler


@dataclass(kw_only=True)
class MoneyWorld:
    """``tariff`` None: this computer, where AWS's prices are only pretended."""

    tariff: Tariff | None = AWS
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto_advance=True))
    host: FakeMachineHost = field(default_factory=FakeMachineHost)
    ids: FakeIds = field(default_factory=FakeIds)
    policy: MachinePolicy = field(default_factory=MachinePolicy)
    job_policy: JobPolicy = field(default_factory=JobPolicy)
    jobs: JobStore = field(default_factory=lambda: MemoryJobStore(FakeIds()))
    machines: MachineStore = field(default_factory=lambda: MemoryMachineStore(default_idle_timeout=300.0))
    ledger: Ledger | None = None

    def __post_init__(self) -> None:
        self.book: Ledger = self.ledger or MemoryLedger(since_ms=self.now_ms)
        self.plane = self.another_plane()

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    @property
    def money(self) -> Money:
        return self.plane.money

    def another_plane(self, wrap: Callable[[Any], Any] = lambda part: part) -> Plane:
        """A control plane as a new process has it; ``wrap`` goes around everything that it can change."""
        jobs, machines, ledger = wrap(self.jobs), wrap(self.machines), wrap(self.book)
        money, meter = build_money(
            jobs=jobs,
            machines=machines,
            ledger=ledger,
            pricing=Pricing(MemoryPriceStore()),
            clock=self.clock,
            image=IMAGE,
            job_policy=self.job_policy,
            machine_policy=self.policy,
            tariff=self.tariff,
            simulated=AWS,
            refresh=no_refresh,
            host=wrap(self.host),
        )
        router = Reconciler(
            jobs=jobs,
            machines=machines,
            models=FakeModelStore(default=MODEL),
            host=wrap(self.host),
            clock=self.clock,
            ids=self.ids,
            job_policy=self.job_policy,
            machine_policy=self.policy,
            image=IMAGE,
            meter=meter,
            budget=money.budget,
        )
        return Plane(money=money, router=router)

    async def submit(self, prompt: str = "Hello", *, key: str | None = None, plane: Plane | None = None) -> AcceptedJob:
        """A prompt through the one door."""
        chosen = plane or self.plane
        return await submit_job(
            Submission(messages=[Message(role="user", content=prompt)], idempotency_key=key),
            jobs=chosen.router.jobs,
            machines=chosen.router.machines,
            models=chosen.router.models,
            policy=self.job_policy,
            clock=self.clock,
            ids=self.ids,
            control=LocalMachineControl(reconciler=chosen.router),
            budget=chosen.money.budget,
        )

    async def limit(self, eur: str | None, *, simulated_aws: bool = False) -> None:
        """A person sets the limit."""
        await self.money.budget.set_limit(eur, simulated_aws=simulated_aws)

    async def tick(self) -> None:
        """One round of the present control plane."""
        await self.plane.router.tick()

    async def ticks(self, seconds: int, each: Callable[[], Awaitable[object]] | None = None) -> None:
        """A round each second, with the machine's heartbeats and ``each`` in between."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            await self.beat()
            if each is not None:
                await each()
            await self.tick()

    async def beat(self, state: MachineState | None = None) -> None:
        """Every machine that exists says what it is: ready once it was, else ``state`` or nothing."""
        for machine in self.host.existing:
            record = await self.record(machine)
            if record.ended_at is None and (state is not None or record.ready_at is not None):
                told = state or MachineState.READY
                phase = None if told is MachineState.READY else Phase.ENGINE_START
                await self.machines.heartbeat(a_beat(record.id, state=told, phase=phase), now=self.clock.now())

    async def record(self, machine: FakeMachine) -> MachineRecord:
        """The machine's record."""
        return next(r for r in await self.machines.history(limit=100) if r.id == machine.machine_id)

    async def ready(self, seconds: float = 3.0) -> MachineRecord:
        """A machine for a waiting prompt, ready after ``seconds``."""
        await self.tick()
        await self.beat(MachineState.LOADING)
        self.clock.advance(seconds)
        await self.beat(MachineState.READY)
        await self.tick()
        record = await self.machines.active()
        assert record is not None
        return record

    async def answer(self, seconds: float, *, limit: int = 1) -> list[str]:
        """The machine takes waiting prompts and answers them in ``seconds``."""
        record = await self.machines.active()
        assert record is not None
        claimed = await self.jobs.claim(
            worker_id=record.id, model=MODEL, limit=limit, lease_seconds=60, now=self.clock.now()
        )
        self.clock.advance(seconds)
        for one in claimed:
            await self.jobs.finish(one.lease, seq=one.job.last_seq + 1, outcome=succeeded(), now=self.clock.now())
        return [one.job.id for one in claimed]

    async def limit_micros(self) -> int:
        """The present limit in micro-dollars."""
        headroom = (await self.money.budget.status()).headroom
        assert headroom.limit is not None
        return headroom.limit

    async def spent(self, plane: Plane | None = None) -> int:
        """What the meter says of the month."""
        return (await (plane or self.plane).money.totals.month(AWS)).total
