"""Where programs' requests go: to the home that commands talk to, too."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, cast

from tlfif.client.profile import Profile, active_profile
from tlfif.control.answers import Answers, AskedJob, Followed, StoredJob
from tlfif.control.submit_job import Submission
from tlfif.jobs.events import Event
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import NotFoundError
from tlfif.models.model_store import ModelInfo

if TYPE_CHECKING:
    from tlfif.client.home_answers import HomeAnswers


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
        self._there = there
        self._homes: dict[Profile, HomeAnswers] = {}

    async def submit(self, asked: Submission) -> AskedJob:
        return await self._active().submit(asked)

    async def job(self, job_id: str, *, owner: str) -> AskedJob:
        return await (await self._home_of(job_id)).job(job_id, owner=owner)

    async def stored(self, job_id: str, *, owner: str) -> StoredJob:
        return await (await self._home_of(job_id)).stored(job_id, owner=owner)

    async def log(self, job_id: str, *, owner: str) -> list[Event]:
        return await (await self._home_of(job_id)).log(job_id, owner=owner)

    async def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        home = await self._home_of(job_id)
        followed = cast(AsyncGenerator[Followed, None], home.follow(job_id, after=after, beat_seconds=beat_seconds))
        async with aclosing(followed):
            async for one in followed:
                yield one

    async def cancel(self, job_id: str, *, owner: str, reason: str) -> None:
        await (await self._home_of(job_id)).cancel(job_id, owner=owner, reason=reason)

    async def delete(self, job_id: str, *, owner: str) -> None:
        await (await self._home_of(job_id)).delete(job_id, owner=owner)

    async def models(self) -> list[ModelInfo]:
        return await self._active().models()

    async def close(self) -> None:
        """Close all connections."""
        for home in self._homes.values():
            await home.close()

    def _active(self) -> Answers:
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
