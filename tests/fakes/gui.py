"""A bridge that only collects, a client that plays back a script, and views with everything filled in."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

from tests.fakes.clock import FakeClock
from tests.fakes.image_views import image_list
from tlfif.client.endpoint import Sleep
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.core import WindowCore
from tlfif.gui.model import messages
from tlfif.gui.model.commands import Command
from tlfif.gui.model.messages import Message
from tlfif.gui.model.state import Exchange
from tlfif.jobs.events import Event, EventKind
from tlfif.wire.images import ImageList
from tlfif.wire.jobs import Accepted, Asking, FollowUpdate, JobAccepted, JobView
from tlfif.wire.machines import NO_MACHINE, MachineView, StopMode, StopResult
from tlfif.wire.models import ModelView
from tlfif.wire.money import CostView, SumsView


def machine_view(state: str = "ready", **changes: Any) -> MachineView:
    """A machine in that state; alive ones have an id."""
    alive = state in {"launching", "loading", "ready", "draining", "stopping"}
    base = {
        **NO_MACHINE,
        "state": state,
        "reason": "",
        "machine_id": "m1" if alive else None,
        "model": "smollm2" if alive else None,
        "idle_timeout_minutes": 5.0,
        "since": 1000.0,
    }
    return {**base, **changes}


def sums(**changes: Any) -> SumsView:
    """A month under one tariff."""
    base = {
        "region": "eu-central-1", "instance_type": "g4dn.xlarge", "month_to_date_usd": 1.0, "month_to_date_eur": 0.9,
        "machines_usd": 0.8, "standing_usd": 0.2, "running_usd_per_hour": 0.0, "standing_usd_per_month": 0.38,
        "forecast_usd": 2.0, "forecast_eur": 1.8, "days": [{"date": "2026-11-22", "hours": 1.0, "usd": 0.6}],
    }  # fmt: skip
    return {**base, **changes}


def budget_view(**changes: Any) -> Any:
    """A budget of 20 €, half open."""
    base = {
        "limit_eur": 20.0, "extra_eur": 0.0, "simulated_aws": False, "state": "open", "spent_eur": 0.9,
        "committed_eur": 0.0, "free_eur": 19.1, "start_eur": 0.1, "locked_until": None,
        "sentence": "All well (./tlfif budget).",
    }  # fmt: skip
    return {**base, **changes}


def billed_view(**changes: Any) -> Any:
    """AWS's own figure."""
    base = {
        "state": "known", "month": "November 2026", "usd": 1234.5, "eur": 987.6, "credits_usd": 0.0, "currency": "USD",
        "up_to": "2026-11-26", "estimated": True, "billed_at": "2026-11-28T10:12:00Z",
        "asked_at": "2026-11-28T10:12:00Z", "next_at": "2026-11-29T10:12:00Z", "problem": None,
        "title": "Billed by AWS up to 26 November 2026", "sentence": "The whole AWS account in November 2026.",
    }  # fmt: skip
    return {**base, **changes}


def cost_view(*, here: bool = True, hourly: float = 0.0, **changes: Any) -> CostView:
    """A report: of this computer with what AWS would have taken, or of AWS."""
    own = sums(region=None, instance_type=None, month_to_date_usd=0.0, month_to_date_eur=0.0, machines_usd=0.0,
               standing_usd=0.0, standing_usd_per_month=0.0, days=[])  # fmt: skip
    base = {
        **(own if here else sums(running_usd_per_hour=hourly)),
        "month": "2026-11",
        "place": "this computer" if here else "AWS",
        "vat": "without VAT",
        "since": "2026-11-01",
        "simulated_aws": sums(running_usd_per_hour=hourly) if here else None,
        "billed": None if here else billed_view(),
        "budget": budget_view(),
        "exchange": {"usd_per_eur": 1.25, "date": "2026-11-20", "source": "ECB", "verified": True},
        "types": []
        if here
        else [
            {"instance_type": "g4dn.xlarge", "engine": "vllm", "usd_per_hour": 0.6861},
            {"instance_type": "c7i.xlarge", "engine": "llama", "usd_per_hour": 0.2318},
        ],
        "rates": [],
        "receipts": [],
    }
    return {**base, **changes}


def accepted(job_id: str = "job_1", machine: MachineView | None = None) -> Accepted:
    """An acceptance."""
    return {
        "job_id": job_id,
        "status": "queued",
        "model": "smollm2",
        "created": True,
        "machine": machine or machine_view("off"),
    }


def receipt_view(**changes: Any) -> Any:
    """A receipt."""
    base = {
        "model": "smollm2", "model_sha256": "ab", "image": "i", "instance_type": None,
        "engine": "llama", "machine_id": "m1", "attempt": 1, "prompt_tokens": 9,
        "completion_tokens": 12, "finish_reason": "stop", "queue_seconds": 2.0, "first_token_seconds": 2.5,
        "total_seconds": 3.0, "tokens_per_second": 70.0,
    }  # fmt: skip
    return {**base, **changes}


def share(**changes: Any) -> Any:
    """What one answer cost."""
    base = {"usd": 0.0004, "eur": 0.0003, "boot_usd": 0.0, "working_usd": 0.0004, "idle_usd": 0.0, "minimum_usd": 0.0,
            "start_usd": 0.0, "final": True, "idle_at_most_usd": 0.0}  # fmt: skip
    return {**base, **changes}


def job_view(job_id: str = "job_1", **changes: Any) -> JobView:
    """An ended job."""
    base = {
        "job_id": job_id, "status": "succeeded", "model": "smollm2", "messages": [], "max_tokens": 512,
        "temperature": 0.7, "seed": None, "created_at": 1.0, "started_at": 2.0, "finished_at": 3.0, "attempt": 1,
        "last_seq": 9, "cancel_requested": False, "error": None, "receipt": receipt_view(), "answer": None,
        "cost": None, "simulated_aws": None,
    }  # fmt: skip
    return {**base, **changes}


def model_view(name: str, state: str = "ready", **changes: Any) -> ModelView:
    """A model of the catalogue."""
    base = {
        "name": name, "title": name.title(), "licence": "Apache-2.0", "source": "a/hub", "context_tokens": 2048,
        "size_bytes": 1000, "sha256": "ab", "state": state, "received_bytes": 0, "problem": "",
        "is_default": name == "tinyllama",
    }  # fmt: skip
    return {**base, **changes}


def event(seq: int, kind: EventKind, **data: object) -> Event:
    """A fact of a job's log."""
    return Event(seq=seq, kind=kind, at=1.0, data=data)


@dataclass
class FakeBridge:
    """Collects commands; ``say`` queues messages for the next poll."""

    sent: list[Command] = field(default_factory=list)
    queued: list[Message] = field(default_factory=list)
    closed: bool = False

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def say(self, *items: Message) -> None:
        self.queued += items

    def poll(self, limit: int) -> list[Message]:
        taken, self.queued = self.queued[:limit], self.queued[limit:]
        return taken

    def close(self) -> None:
        self.closed = True

    def last(self, kind: type[Any]) -> Any:
        """The newest command of that kind."""
        return next(command for command in reversed(self.sent) if isinstance(command, kind))

    def all(self, kind: type[Any]) -> list[Any]:
        """Every command of that kind."""
        return [command for command in self.sent if isinstance(command, kind)]


class Desk:
    """A core over a fake bridge, with a clock that a test moves."""

    def __init__(self, *, clock: FakeClock | None = None) -> None:
        self.bridge = FakeBridge()
        self.clock = clock or FakeClock()
        numbers = count(1)
        self.core = WindowCore(
            self.bridge, monotonic=self.clock.monotonic, wall=self.clock.now, new_key=lambda: f"k{next(numbers)}"
        )

    def say(self, *items: Message) -> None:
        """News, polled at once."""
        self.bridge.say(*items)
        while self.bridge.queued:
            self.core.poll()

    def hear(self, state: str = "ready", *, cost: CostView | None = None, **changes: Any) -> None:
        """A machine, and a cost report where one is given."""
        items: list[Message] = [messages.Connected(), messages.MachineUpdated(machine=machine_view(state, **changes))]
        self.say(*items, *([messages.CostUpdated(cost=cost)] if cost is not None else []))

    def pass_time(self, seconds: float) -> None:
        """Time goes on, and the window ticks."""
        self.clock.advance(seconds)
        self.core.poll()

    @property
    def last(self) -> Exchange:
        """The newest exchange."""
        return self.core.state.conversation.exchanges[-1]


@dataclass
class Script:
    """What happens to a prompt, in order; an error is raised in its place; ``hang`` waits until cancelled."""

    items: Iterable[FollowUpdate | Exception]
    hang: bool = False


class FakeWindowClient(TlfifClient):
    """Answers from scripts, in the bridge's loop. Give its :meth:`connect` to the bridge."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.catalogue = [model_view("tinyllama"), model_view("smollm2")]
        self.asked: list[tuple[str | None, Asking]] = []
        self.followed: list[tuple[str, int]] = []
        self.cancelled: list[str] = []
        self.done: list[str] = []
        self.job_answer: JobView = job_view(answer="whole")
        self.machine_now: MachineView = machine_view("off")
        self.machine_error: Exception | None = None
        self.images_error: Exception | None = None
        self.pull_errors: dict[str, Exception] = {}
        self.sleep: Sleep = asyncio.sleep
        self.on_ask: Callable[[], None] = lambda: None

    def connect(self, sleep: Sleep) -> "FakeWindowClient":
        """What the bridge calls."""
        self.sleep = sleep
        return self

    async def __aenter__(self) -> Self:
        return self

    async def close(self) -> None:
        """There is nothing to close."""

    async def ask(self, asking: Asking, *, key: str | None = None) -> AsyncGenerator[JobAccepted | FollowUpdate, None]:
        self.asked.append((key, asking))
        self.on_ask()
        script = self.scripts[0]
        first = script.items[0] if isinstance(script.items, list) and script.items else None
        if isinstance(first, Exception):
            self.scripts.pop(0)
            raise first
        yield JobAccepted(accepted=accepted())
        async for item in self._play():
            yield item

    async def follow(self, job_id: str, *, after: int = 0) -> AsyncGenerator[FollowUpdate, None]:
        self.followed.append((job_id, after))
        async for item in self._play():
            yield item

    async def _play(self) -> AsyncGenerator[FollowUpdate, None]:
        script = self.scripts.pop(0)
        for item in script.items:
            if isinstance(item, Exception):
                raise item
            yield item
        if script.hang:
            await asyncio.Event().wait()

    async def cancel(self, job_id: str) -> JobView:
        self.cancelled.append(job_id)
        return self.job_answer

    async def delete_job(self, job_id: str) -> None:
        self.done.append(f"delete {job_id}")

    async def job(self, job_id: str) -> JobView:
        return self.job_answer

    async def machine(self) -> MachineView:
        if self.machine_error is not None:
            raise self.machine_error
        return self.machine_now

    async def cost(self, *, region: str | None = None, instance_type: str | None = None) -> CostView:
        return cost_view()

    async def images(self, *, limit: int = 20) -> ImageList:
        if self.images_error is not None:
            raise self.images_error
        return image_list()

    async def models(self) -> list[ModelView]:
        return self.catalogue

    async def pull(self, name: str, *, force: bool = False, automatic: bool = False) -> AsyncGenerator[ModelView, None]:
        self.done.append(f"pull {name}")
        if name in self.pull_errors:
            raise self.pull_errors[name]
        yield model_view(name, "pulling", received_bytes=500)
        yield model_view(name)

    async def stop_machine(self, *, jobs: StopMode = "cancel") -> StopResult:
        self.done.append(f"stop {jobs}")
        return {"was_running": True, "cancelled": ["job_1"], "requeued": [], "machine": machine_view("stopping")}

    async def set_idle_timeout(self, minutes: float) -> MachineView:
        self.done.append(f"idle {minutes:g}")
        return machine_view(idle_timeout_minutes=minutes)
