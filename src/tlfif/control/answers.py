"""Where a dialect's requests go and its answers come from: this server's own jobs, or those of another home."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

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
    it was known by its idempotency key."""

    state: JobState
    model: str
    created: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job, and its request as it is stored: with all defaults."""

    job: AskedJob
    request: GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a follower receives: new events, or none after a beat without any. ``progress``: what a waiting job waits
    for, in words for a person; empty while it is answered, or where it is not known."""

    events: list[Event]
    progress: str = ""


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

    async def models(self) -> list[ModelInfo]:
        return await self._container.models.list_models()

    def _asked_job(self, job: Job, *, created: bool = False) -> AskedJob:
        state = replace(job, created_at=self._container.clock.shown(job.created_at))
        return AskedJob(state=state, model=job.request.model, created=created)
