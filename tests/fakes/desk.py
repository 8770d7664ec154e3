"""A client that plays back news and a console that remembers, for tests of commands."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from io import StringIO
from typing import Any, Self

from tlfif.cli.output.console import Console
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.events import Event, EventKind
from tlfif.wire.jobs import Accepted, Asking, FollowUpdate, JobAccepted, JobView, MachineUpdate
from tlfif.wire.machines import NO_MACHINE, MachineView
from tlfif.wire.models import ModelList, ModelView, PersonalModelView


class Terminal(StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class FakeDesk:
    """A console on two string streams."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.out = StringIO()
        self.err: StringIO = Terminal() if terminal else StringIO()
        self.console = Console(self.out, self.err)

    @property
    def said(self) -> str:
        """What stands on standard error."""
        return self.err.getvalue()


def events(*kinds: EventKind | str | tuple[EventKind, dict[str, object]]) -> list[FollowUpdate]:
    """News in order: a kind, a kind with data, or a text as a delta."""
    found: list[FollowUpdate] = []
    for seq, kind in enumerate(kinds, start=1):
        if isinstance(kind, tuple):
            found.append(Event(seq=seq, kind=kind[0], at=1.0, data=kind[1]))
        elif isinstance(kind, EventKind):
            found.append(Event(seq=seq, kind=kind, at=1.0))
        else:
            found.append(Event(seq=seq, kind=EventKind.DELTA, at=1.0, data={"text": kind}))
    return found


def machine_news(**changes: Any) -> MachineUpdate:
    """What a waiting job hears."""
    return MachineUpdate(machine={**NO_MACHINE, **changes})


def a_model(name: str, state: str = "ready", **changes: Any) -> ModelView:
    """A model of the catalogue."""
    base = {
        "name": name, "title": name.title(), "licence": "Apache-2.0", "source": "a/hub", "context_tokens": 2048,
        "size_bytes": 1000, "sha256": "ab", "state": state, "received_bytes": 0, "problem": "",
        "is_default": name == "tinyllama",
    }  # fmt: skip
    return {**base, **changes}


def a_personal_model(
    name: str = "anna-poems", *, base: str = "smollm2", state: str = "registered"
) -> PersonalModelView:
    """A personal model."""
    return PersonalModelView(
        name=name,
        owner="",
        base=base,
        base_sha256="b" * 64,
        sha256="a" * 64,
        size_bytes=12_000_000,
        rank=8,
        created_at=1_800_000_000.0,
        state=state,
        approved_by="",
    )


class FakeClient(TlfifClient):
    """Answers from scripts. ``hang`` leaves a job running after its news, until it is cancelled;
    ``hanging`` is set when that begins."""

    def __init__(self, *scripts: list[FollowUpdate], models: list[ModelView] | None = None) -> None:
        self.scripts = list(scripts)
        self.personal: list[PersonalModelView] = []
        self.catalogue = models or [a_model("tinyllama"), a_model("smollm2")]
        self.hang = False
        self.hanging = asyncio.Event()
        self.asked: list[Asking] = []
        self.cancelled: list[str] = []
        self.pulled: list[str] = []
        self.on_infer: Callable[[Asking], None] = lambda asking: None
        self.on_pull: Callable[[str], list[ModelView]] = lambda name: [a_model(name)]

    async def __aenter__(self) -> Self:
        return self

    async def close(self) -> None:
        """There is nothing to close."""

    async def infer(self, asking: Asking, *, key: str | None = None) -> Accepted:
        self.on_infer(asking)
        self.asked.append(asking)
        model = str(asking.get("model"))
        return {"job_id": "job_1", "status": "queued", "model": model, "created": True, "machine": NO_MACHINE}

    async def ask(self, asking: Asking, *, key: str | None = None) -> AsyncGenerator[JobAccepted | FollowUpdate, None]:
        yield JobAccepted(accepted=await self.infer(asking, key=key))
        async for item in self.follow("job_1"):
            yield item

    async def follow(self, job_id: str, *, after: int = 0) -> AsyncGenerator[FollowUpdate, None]:
        for item in self.scripts.pop(0):
            yield item
        if self.hang:
            self.hanging.set()
            await asyncio.Event().wait()

    async def cancel(self, job_id: str) -> JobView:
        self.cancelled.append(job_id)
        return await self.job(job_id)

    async def job(self, job_id: str) -> JobView:
        return {"job_id": job_id, "status": "cancelled"}

    async def machine(self) -> MachineView:
        return NO_MACHINE

    async def all_models(self) -> ModelList:
        return {"models": self.catalogue, "personal": self.personal, "object": "list", "data": []}

    async def pull(self, name: str, *, force: bool = False, automatic: bool = False) -> AsyncGenerator[ModelView, None]:
        self.pulled.append(name + " by itself" * automatic)
        for model in self.on_pull(name):
            yield model
