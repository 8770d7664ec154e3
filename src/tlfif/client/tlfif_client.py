"""The API in Python: one method per route. Used by the command line, the window and scripts."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import quote

from tlfif.client.connection import Connection
from tlfif.client.endpoint import Locator, Sleep
from tlfif.client.following import ask, event_of, follow
from tlfif.jobs.events import Event
from tlfif.wire.images import ImageAct, ImageDetails, ImageList, ImageLog, ImageView, PointerView, WatchEnded, WatchView
from tlfif.wire.jobs import Accepted, Asking, DeletedJobs, FollowUpdate, JobAccepted, JobList, JobView
from tlfif.wire.machines import MachineHistory, MachineView, StopMode, StopResult
from tlfif.wire.models import ModelList, ModelView, PersonalModelView
from tlfif.wire.money import AdviceView, BudgetView, CostView, RefreshView, StandingList
from tlfif.wire.server import ServerView

PULL_POLL_SECONDS = 0.25
VERIFY_SECONDS = 600.0
"""Limit for reading a whole model file from a slow disk."""
REPOSITORY_SECONDS = 330.0
"""The first look at a repository fetches all of it; the server gives that five minutes."""
REFRESH_SECONDS = 1500.0
"""AWS's price lists are hundreds of megabytes per region; the server allows ten minutes for each."""


class TlfifClient:
    """One server, found or started by its locator at the first call. Close it, or use it as an async context.

    Every method raises ApiError; the ones that change something are safe to repeat.
    """

    def __init__(self, locator: Locator, *, sleep: Sleep = asyncio.sleep) -> None:
        self._connection = Connection(locator, sleep=sleep)

    async def __aenter__(self) -> Self:
        """Open: finds or starts the server."""
        await self._connection.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close the connection. The server keeps running."""
        await self._connection.close()

    async def infer(self, asking: Asking, *, key: str | None = None) -> Accepted:
        """Submit a conversation. ``key`` makes it safe to repeat; without one a new key is made."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return cast(Accepted, await self._connection.request("POST", "/v1/infer", body=_body(asking), headers=headers))

    def ask(self, asking: Asking, *, key: str | None = None) -> AsyncGenerator[JobAccepted | FollowUpdate, None]:
        """Submit and follow to the end in one request; see :func:`tlfif.client.following.ask`."""
        return ask(self._connection, _body(asking), key=key or uuid.uuid4().hex)

    def follow(self, job_id: str, *, after: int = 0) -> AsyncGenerator[FollowUpdate, None]:
        """A job's events up to its end; see :func:`tlfif.client.following.follow`."""
        return follow(self._connection, job_id, after=after)

    async def job(self, job_id: str) -> JobView:
        """A job with its answer so far."""
        return cast(JobView, await self._connection.request("GET", f"/v1/jobs/{job_id}"))

    async def events(self, job_id: str) -> list[Event]:
        """All events of a job so far."""
        found: list[Event] = []
        while True:
            params = {"after": found[-1].seq if found else 0, "wait": 0}
            page = await self._connection.request("GET", f"/v1/jobs/{job_id}/events", params=params)
            if not page["events"]:
                return found
            found += [event_of(one) for one in page["events"]]

    async def jobs(self, *, limit: int = 20, cursor: str | None = None, status: str | None = None) -> JobList:
        """A page of jobs, newest first. ``limit`` is 1 to 100."""
        params = _given(limit=limit, cursor=cursor, status=status)
        return cast(JobList, await self._connection.request("GET", "/v1/jobs", params=params))

    async def cancel(self, job_id: str) -> JobView:
        """End a job; one that has ended stays as it is. A running one ends within half a second or so."""
        return cast(JobView, await self._connection.request("POST", f"/v1/jobs/{job_id}/cancel"))

    async def delete_job(self, job_id: str) -> None:
        """Forget an ended job at once. Raises ``job_not_found``, ``job_not_ended``."""
        await self._connection.request("DELETE", f"/v1/jobs/{job_id}")

    async def delete_jobs(self) -> int:
        """Forget all ended jobs at once; returns how many."""
        deleted = 0
        while True:
            answer = cast(DeletedJobs, await self._connection.request("DELETE", "/v1/jobs"))
            deleted += answer["deleted"]
            if not answer["more"] or not answer["deleted"]:
                return deleted

    async def machine(self) -> MachineView:
        """The machine now."""
        return cast(MachineView, await self._connection.request("GET", "/v1/machine"))

    async def machine_history(self, *, limit: int = 20) -> MachineHistory:
        """The machines so far, newest first. ``limit`` is 1 to 100."""
        params = {"limit": limit}
        return cast(MachineHistory, await self._connection.request("GET", "/v1/machine/history", params=params))

    async def start_machine(self, *, model: str | None = None) -> MachineView:
        """Launch the machine without a prompt; it is not ready yet when this returns."""
        body = {"model": model}
        return cast(MachineView, await self._connection.request("POST", "/v1/machine/start", body=body))

    async def stop_machine(self, *, jobs: StopMode = "cancel") -> StopResult:
        """Stop the machine now. ``jobs`` decides whether running and waiting jobs are cancelled or requeued."""
        answer = await self._connection.request("POST", "/v1/machine/stop", body={"jobs": jobs}, tries=1)
        return cast(StopResult, answer)

    async def set_idle_timeout(self, minutes: float) -> MachineView:
        """Set the idle time-out, 0.1 to 240 minutes."""
        body = {"minutes": minutes}
        return cast(MachineView, await self._connection.request("PUT", "/v1/machine/idle-timeout", body=body))

    async def models(self) -> list[ModelView]:
        """The catalogue, the default first."""
        return (await self.all_models())["models"]

    async def all_models(self) -> ModelList:
        """The catalogue and personal models."""
        return cast(ModelList, await self._connection.request("GET", "/v1/models"))

    async def add_model(
        self, name: str, *, adapter: str, base: str | None, sha256: str | None = None
    ) -> PersonalModelView:
        """Register the adapter at an absolute path as a personal model. Raises ``adapter_file_invalid`` and others."""
        body = {"adapter": adapter, "base": base, "sha256": sha256}
        sent = {field: value for field, value in body.items() if value is not None}
        return cast(PersonalModelView, await self._connection.request("POST", _of_model(name, "add"), body=sent))

    async def move_model(self, name: str, action: Literal["approve", "retire"]) -> PersonalModelView:
        """Approve or retire a personal model. Raises ``personal_model_not_found``, ``personal_model_retired``."""
        return cast(PersonalModelView, await self._connection.request("POST", _of_model(name, action)))

    async def start_pull(self, name: str, *, force: bool = False, automatic: bool = False) -> ModelView:
        """Start fetching a model, or join a running fetch. ``automatic``: no person asked for it. Raises
        ``hub_unreachable`` within about 3 s."""
        path, body = f"/v1/models/{name}/pull", {"force": force} | ({"automatic": True} if automatic else {})
        return cast(ModelView, await self._connection.request("POST", path, body=body))

    async def pull(self, name: str, *, force: bool = False, automatic: bool = False) -> AsyncGenerator[ModelView, None]:
        """Fetch a model; yields it about four times a second, the last time when the fetch has ended.

        It goes on in the server when this is left early. Look at the last one's ``state`` and ``problem``.
        """
        model = await self.start_pull(name, force=force, automatic=automatic)
        while model["state"] == "pulling":
            yield model
            await self._connection.sleep(PULL_POLL_SECONDS)
            model = next(m for m in await self.models() if m["name"] == model["name"])
        yield model

    async def verify(self, name: str) -> ModelView:
        """Read the whole model file and compare its sha256."""
        path = f"/v1/models/{name}/verify"
        return cast(ModelView, await self._connection.request("POST", path, answer_seconds=VERIFY_SECONDS))

    async def images(self, *, limit: int = 20) -> ImageList:
        """Images, newest first, which ones are in use, and the repository that is followed. ``limit`` is 1 to 100."""
        return cast(ImageList, await self._connection.request("GET", "/v1/images", params={"limit": limit}))

    async def image(self, version: str) -> ImageDetails:
        """One image with all that is known of it. Raises ``image_not_found``."""
        return cast(ImageDetails, await self._connection.request("GET", f"/v1/images/{version}"))

    async def image_log(self, version: str, *, after: int = 0, wait: float = 0.0) -> ImageLog:
        """Lines of its log after number ``after``; with nothing new it waits up to ``wait`` seconds (0 to 30)."""
        params = {"after": after, "wait": wait}
        return cast(ImageLog, await self._connection.request("GET", f"/v1/images/{version}/log", params=params))

    async def build_image(
        self,
        *,
        repository: str | None = None,
        branch: str | None = None,
        commit: str | None = None,
        profile: str | None = None,
        keep_minutes: int | None = None,
    ) -> ImageView:
        """Ask for an image. Raises ``repository_invalid``, ``repository_unreachable``, ``repository_needed``,
        ``commit_invalid``, ``keep_minutes_out_of_range``, ``keep_not_here``."""
        body = _given(repository=repository, branch=branch, commit=commit, profile=profile, keep_minutes=keep_minutes)
        answer = await self._connection.request(
            "POST", "/v1/images/build", body=body, answer_seconds=REPOSITORY_SECONDS
        )
        return cast(ImageView, answer)

    async def decide_on_image(self, version: str, act: ImageAct) -> ImageView:
        """Approve, reject or retire it. Raises ``image_not_offered``, ``image_not_approved``, ``image_in_use``."""
        return cast(ImageView, await self._connection.request("POST", f"/v1/images/{version}/{act}"))

    async def promote_image(self, version: str) -> PointerView:
        """Launch machines from it from now on. Raises ``image_not_approved``, ``image_gone``."""
        return cast(PointerView, await self._connection.request("POST", f"/v1/images/{version}/promote"))

    async def roll_back_image(self, *, profile: str | None = None) -> PointerView:
        """Launch machines from the one that was promoted before. Raises ``rollback_impossible``."""
        answer = await self._connection.request("POST", "/v1/images/rollback", body=_given(profile=profile), tries=1)
        return cast(PointerView, answer)

    async def follow_repository(
        self, repository: str, *, branch: str | None = None, profile: str | None = None, promotes: bool = False
    ) -> WatchView:
        """Build an image of each push from now on. Raises ``repository_invalid``, ``repository_unreachable``."""
        body = {"repository": repository, "promotes": promotes, **_given(branch=branch, profile=profile)}
        answer = await self._connection.request("PUT", "/v1/images/watch", body=body, answer_seconds=REPOSITORY_SECONDS)
        return cast(WatchView, answer)

    async def leave_repository(self) -> WatchEnded:
        """Follow none from now on."""
        return cast(WatchEnded, await self._connection.request("DELETE", "/v1/images/watch"))

    async def cost(self, *, region: str | None = None, instance_type: str | None = None) -> CostView:
        """What it costs now. ``region`` and ``instance_type`` choose what ``simulated_aws`` is priced by."""
        params = _given(region=region, instance_type=instance_type)
        return cast(CostView, await self._connection.request("GET", "/v1/cost", params=params))

    async def standing_cost(self, *, region: str | None = None) -> StandingList:
        """The cost of an idle month line by line, next to RQL 1's; for every region if none is given."""
        params = _given(region=region)
        return cast(StandingList, await self._connection.request("GET", "/v1/cost/standing", params=params))

    async def idle_advice(self, *, region: str | None = None, instance_type: str | None = None) -> AdviceView:
        """What other idle time-outs would have cost."""
        params = _given(region=region, instance_type=instance_type)
        return cast(AdviceView, await self._connection.request("GET", "/v1/cost/advice", params=params))

    async def refresh_prices(self) -> RefreshView:
        """Read the public prices and the exchange rate; takes up to some minutes. What cannot be read is kept."""
        answer = await self._connection.request(
            "POST", "/v1/cost/prices/refresh", answer_seconds=REFRESH_SECONDS, tries=1
        )
        return cast(RefreshView, answer)

    async def set_budget(self, limit: str | float | None, *, simulated_aws: bool = False) -> BudgetView:
        """Set the limit per month in EUR; None removes it. Raises ``budget_invalid``."""
        body = {"limit_eur": limit, "simulated_aws": simulated_aws}
        return cast(BudgetView, await self._connection.request("PUT", "/v1/budget", body=body))

    async def release_budget(self) -> BudgetView:
        """Release the lock for the rest of the month. Does nothing if there is none."""
        return cast(BudgetView, await self._connection.request("POST", "/v1/budget/release", body={}))

    async def server(self) -> ServerView:
        """The server process."""
        return cast(ServerView, await self._connection.request("GET", "/v1/server"))

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Any other route: JSON in, JSON out."""
        return await self._connection.request(method, path, **options)


def _given(**params: object) -> dict[str, object]:
    return {name: value for name, value in params.items() if value is not None}


def _body(asking: Asking) -> dict[str, object]:
    return _given(**asking)


def _of_model(name: str, action: str) -> str:
    return f"/v1/models/{quote(name, safe='')}/{action}"
