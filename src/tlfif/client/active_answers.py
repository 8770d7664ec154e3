"""Where programs' requests go: to the home that commands talk to, too."""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

from tlfif.client.merged_answers import MergedAnswers
from tlfif.client.profile import Profile, active_profile, load_profiles
from tlfif.control.answers import QUEUED_SEQ, Answers, AskedJob, Bill, Followed, StoredJob
from tlfif.control.bridging import BridgeOver
from tlfif.control.submit_job import Submission, is_prose
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import JobState
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import NotFoundError, TlfifError
from tlfif.models.model_store import ModelInfo
from tlfif.wording.bridge import OFF

if TYPE_CHECKING:
    from tlfif.client.home_answers import HomeAnswers


MOST_BRIDGES = 1000
"""Jobs on AWS of which this server knows which job of its own answers meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """This computer's job for a prompt on AWS; or why there is none."""

    job: AskedJob | None = None
    why: str = ""


class ActiveAnswers(Answers):
    """Those of the home that commands talk to, too: of this computer, or of the one on AWS, as ``profile.json`` says
    when a request comes. A job is followed where it was asked for, whatever is chosen meanwhile."""

    def __init__(
        self,
        own: Answers,
        data_folder: DataFolder,
        *,
        there: "Callable[[DataFolder, Profile], HomeAnswers] | None" = None,
    ) -> None:
        self._own = own
        self._data_folder = data_folder
        self._profile = str(data_folder.profile)
        self._there = there
        self._homes: dict[Profile, HomeAnswers] = {}
        self._bridges: dict[str, _Here] = {}

    async def submit(self, asked: Submission) -> AskedJob:
        home = self._active()
        job = await home.submit(asked)
        if asked.bridge and home is not self._own and job.created and job.waits:
            while len(self._bridges) >= MOST_BRIDGES:
                del self._bridges[next(iter(self._bridges))]
            self._bridges[job.state.id] = await self._answer_here(asked)
        return job

    async def _answer_here(self, asked: Submission) -> "_Here":
        """Ask this computer, too. What is in the way of that leaves the prompt waiting, and is told."""
        if not is_prose(asked):
            return _Here(why="only an answer in words is given here, no calls of tools, JSON or logprobs")
        wanted = replace(asked, model=None, idempotency_key=None, idle_timeout_minutes=None, fits_max_tokens=True)
        try:
            if not load_profiles(self._data_folder).bridge:
                return _Here(why=OFF)
            job = await self._own.submit(wanted)
        except TlfifError as error:
            return _Here(why=error.message)
        return _Here(job=job)

    async def job(self, job_id: str, *, owner: str) -> AskedJob:
        return await (await self._home_of(job_id)).job(job_id, owner=owner)

    async def stored(self, job_id: str, *, owner: str) -> StoredJob:
        return await (await self._home_of(job_id)).stored(job_id, owner=owner)

    async def log(self, job_id: str, *, owner: str) -> list[Event]:
        return await (await self._home_of(job_id)).log(job_id, owner=owner)

    async def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        home = await self._home_of(job_id)
        followed = cast(AsyncGenerator[Followed, None], home.follow(job_id, after=after, beat_seconds=beat_seconds))
        if (bridge := self._bridges.get(job_id)) is not None and after <= QUEUED_SEQ:
            followed = self._with_bridge(bridge, followed, beat_seconds)
        async with aclosing(followed):
            async for one in followed:
                yield one

    async def _with_bridge(
        self, bridge: "_Here", there: AsyncGenerator[Followed, None], beat_seconds: float
    ) -> AsyncGenerator[Followed, None]:
        if bridge.job is None:
            yield Followed(events=[], bridge=BridgeOver(why=bridge.why))
            both = there
        else:
            job, model = bridge.job.state, bridge.job.model
            here = cast(AsyncGenerator[Followed, None], self._own.follow(job.id, after=0, beat_seconds=beat_seconds))
            both = MergedAnswers(there, here, model=model, stop_here=lambda: self._stop(job)).follow()
        async with aclosing(there), aclosing(both):
            async for one in both:
                yield one

    async def _stop(self, job: JobState) -> None:
        with suppress(TlfifError):
            await self._own.cancel(job.id, owner=job.owner, reason="not needed any more")

    async def cancel(self, job_id: str, *, owner: str, reason: str) -> None:
        await (await self._home_of(job_id)).cancel(job_id, owner=owner, reason=reason)
        bridge = self._bridges.get(job_id)
        if bridge is not None and bridge.job is not None:
            await self._stop(bridge.job.state)

    async def delete(self, job_id: str, *, owner: str) -> None:
        await (await self._home_of(job_id)).delete(job_id, owner=owner)

    async def bill(self, job_id: str, *, owner: str) -> Bill:
        return await (await self._home_of(job_id)).bill(job_id, owner=owner)

    async def models(self) -> list[ModelInfo]:
        return await self._active().models()

    async def close(self) -> None:
        """Close all connections."""
        for home in self._homes.values():
            await home.close()

    def _active(self) -> Answers:
        if not os.path.exists(self._profile):  # noqa: PTH110 - several times as quick, in each request
            return self._own
        profile = active_profile(self._data_folder)
        if profile is None:
            return self._own
        if profile not in self._homes:
            there = self._there or import_module("tlfif.client.home_answers").home_of  # not for a server without one
            self._homes[profile] = there(self._data_folder, profile)
        return self._homes[profile]

    async def _home_of(self, job_id: str) -> Answers:
        active = self._active()
        if active is self._own and not self._homes:
            return self._own
        try:
            await self._own.job(job_id, owner="")
        except NotFoundError:
            return active if active is not self._own else list(self._homes.values())[-1]
        return self._own
