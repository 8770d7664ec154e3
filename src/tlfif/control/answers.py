"""Where a dialect's requests go and its answers come from: this server's own jobs, or those of another home."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from tlfif.control.bridging import BridgeUpdate
from tlfif.control.container import Container
from tlfif.control.submit_job import Submission, submit_job
from tlfif.jobs.delete_jobs import delete_job
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import Job, JobState
from tlfif.jobs.read_job import follow, owned_job, read_log
from tlfif.jobs.request import GenerationRequest
from tlfif.models.model_store import ModelInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedJob:
    """A stored job, as dialects need it. ``state.created_at`` is epoch seconds as they are shown. ``created`` False:
    it was known by its idempotency key. ``waits``: a machine must start first; False also where nobody looked."""

    state: JobState
    model: str
    created: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job, and its request as it is stored: with all defaults."""

    job: AskedJob
    request: GenerationRequest


QUEUED_SEQ = 1
"""The number of the event that says that the job waits, which is no part of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a follower receives: new events, or none after a beat without any. ``progress``: what a waiting job waits
    for, in words for a person; empty while it is answered, or where it is not known. ``bridge``: more of what this
    computer answers meanwhile."""

    events: list[Event]
    progress: str = ""
    bridge: BridgeUpdate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Where a job was answered, in words, and what that cost so far, without VAT; None: nobody knows. ``final`` False:
    its machine still runs, and the idle time behind it is not over."""

    job_id: str
    place: str
    usd: float | None = None
    eur: float | None = None
    final: bool = False


class Answers(ABC):
    """Jobs of one home, for one owner at a time."""

    @abstractmethod
    async def submit(self, asked: Submission) -> AskedJob:
        """Store the job; after this it cannot be lost. Raises what ``control.submit_job`` raises."""

    @abstractmethod
    async def job(self, job_id: str, *, owner: str) -> AskedJob:
        """The job now. Raises NotFoundError."""

    @abstractmethod
    async def stored(self, job_id: str, *, owner: str) -> StoredJob:
        """The job now, and what it was asked. Raises NotFoundError."""

    @abstractmethod
    async def log(self, job_id: str, *, owner: str) -> list[Event]:
        """All events of the job so far. Raises NotFoundError."""

    @abstractmethod
    def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        """Events beyond ``after`` until the job's end, and a sign of life after each ``beat_seconds`` without.

        Raises NotFoundError, and UnavailableError where the home cannot be reached any more.
        """

    @abstractmethod
    async def cancel(self, job_id: str, *, owner: str, reason: str) -> None:
        """End the job; nothing happens to one that has ended. Raises NotFoundError."""

    @abstractmethod
    async def delete(self, job_id: str, *, owner: str) -> None:
        """Forget an ended job at once. Raises NotFoundError, ConflictError ``job_not_ended``."""

    @abstractmethod
    async def bill(self, job_id: str, *, owner: str) -> Bill:
        """Where the job was answered and what that cost so far. Raises NotFoundError."""

    @abstractmethod
    async def models(self) -> list[ModelInfo]:
        """The home's models, the default first."""


class OwnAnswers(Answers):
    """This server's own jobs."""

    def __init__(self, container: Container) -> None:
        self._container = container

    async def submit(self, asked: Submission) -> AskedJob:
        home = self._container
        result = await submit_job(
            asked,
            jobs=home.jobs,
            machines=home.machines,
            models=home.models,
            policy=home.job_policy,
            clock=home.clock,
            ids=home.ids,
            control=home.control,
            budget=home.money.budget,
            personal=home.personal,
        )
        return self._asked_job(result.job, created=result.created)

    async def job(self, job_id: str, *, owner: str) -> AskedJob:
        found = await owned_job(job_id, owner=owner, jobs=self._container.jobs)
        return self._asked_job(found)

    async def stored(self, job_id: str, *, owner: str) -> StoredJob:
        found = await owned_job(job_id, owner=owner, jobs=self._container.jobs)
        return StoredJob(job=self._asked_job(found), request=found.request)

    async def log(self, job_id: str, *, owner: str) -> list[Event]:
        await owned_job(job_id, owner=owner, jobs=self._container.jobs)
        return await read_log(job_id, jobs=self._container.jobs)

    async def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        async for events in follow(job_id, after=after, jobs=self._container.jobs, beat_seconds=beat_seconds):
            yield Followed(events=events)

    async def cancel(self, job_id: str, *, owner: str, reason: str) -> None:
        await owned_job(job_id, owner=owner, jobs=self._container.jobs)
        await self._container.jobs.request_cancel(job_id, reason=reason, now=self._container.clock.now())

    async def delete(self, job_id: str, *, owner: str) -> None:
        await delete_job(job_id, owner=owner, jobs=self._container.jobs)

    async def bill(self, job_id: str, *, owner: str) -> Bill:
        home, money = self._container, self._container.money
        if money.tariff is None:
            return Bill(job_id=job_id, place=home.place, usd=0.0, eur=0.0, final=True)
        job = await owned_job(job_id, owner=owner, jobs=home.jobs)
        idle = await home.machines.idle_timeout() or home.machine_policy.idle_timeout_seconds
        cost = await money.answers.of_job(job, money.tariff, idle_timeout_seconds=idle)
        if cost is None:
            return Bill(job_id=job_id, place=home.place)
        eur = (await money.pricing.rate()).to_eur(cost.total)
        return Bill(job_id=job_id, place=home.place, usd=cost.total / 1e6, eur=float(eur), final=cost.final)

    async def models(self) -> list[ModelInfo]:
        found = await self._container.models.list_models()
        personal = self._container.personal
        return found if personal is None else found + await personal.askable(found)

    def _asked_job(self, job: Job, *, created: bool = False) -> AskedJob:
        state = replace(job, created_at=self._container.clock.shown(job.created_at))
        return AskedJob(state=state, model=job.request.model, created=created)
