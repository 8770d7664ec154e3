"""Other programs' requests, answered by the home on AWS: the server on this computer signs in, submits and follows for
them, so that no program needs to know how."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from tlfif.client.endpoint import Locator
from tlfif.client.errors import (
    AccessDeniedError,
    ApiError,
    NotPossibleError,
    NotReachableError,
    OverloadedError,
    RefusedError,
)
from tlfif.client.profile import Profile
from tlfif.client.sign_in.signed_in import SignedInEndpoint, signed_in_tokens
from tlfif.client.submission_wire import asking, model_of, request_of, state_of
from tlfif.client.tlfif_client import TlfifClient
from tlfif.control.answers import Answers, AskedJob, Bill, Followed, StoredJob
from tlfif.control.bridging import waits_for_start
from tlfif.control.submit_job import Submission
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import JobState, JobStatus
from tlfif.jobs.refusals import no_such_job
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import (
    BusyError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TlfifError,
    UnavailableError,
)
from tlfif.models.model_store import ModelInfo
from tlfif.wire.jobs import FollowUpdate
from tlfif.wording.machines import waiting_text

MOST_REMEMBERED = 10_000
"""Jobs of which this server knows which key asked for them. The home on AWS knows its signed-in person alone."""
TO_GO_ON = "Start it: ./tlfif machine start"


class HomeAnswers(Answers):
    """The jobs of the person who is signed in to another home.

    ``owner`` tells keys apart as long as this server runs: a key sees the jobs that were asked for with it since then;
    who has no name, the owner, sees all.
    """

    def __init__(self, locator: Locator, *, now: Callable[[], float] = time.time) -> None:
        self._client = TlfifClient(locator)
        self._now = now
        self._asked: dict[str, str] = {}  # the owner of each job
        self._place = "AWS"

    async def submit(self, asked: Submission) -> AskedJob:
        body = asking(asked)
        async with _our_errors():
            accepted = await self._client.infer(body, key=_key_there(asked))
        job_id, now = accepted["job_id"], self._now()
        self._asked[job_id] = asked.owner
        self._place = accepted["machine"]["place"]
        while len(self._asked) > MOST_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        state = JobState(
            id=job_id,
            status=JobStatus(accepted["status"]),
            idempotency_key=None,
            created_at=now,  # another request, only to learn it, would cost a tenth of a second
            expires_at=now,
            owner=asked.owner,
        )
        waits = waits_for_start(accepted["machine"])
        return AskedJob(state=state, model=accepted["model"], created=accepted["created"], waits=waits)

    async def job(self, job_id: str, *, owner: str) -> AskedJob:
        known = self._known(job_id, owner)
        async with _our_errors():
            view = await self._client.job(job_id)
        return AskedJob(state=state_of(view, known), model=view["model"])

    async def stored(self, job_id: str, *, owner: str) -> StoredJob:
        known = self._known(job_id, owner)
        async with _our_errors():
            view = await self._client.job(job_id)
        job = AskedJob(state=state_of(view, known), model=view["model"])
        return StoredJob(job=job, request=request_of(view))

    async def log(self, job_id: str, *, owner: str) -> list[Event]:
        self._known(job_id, owner)
        async with _our_errors():
            return await self._client.events(job_id)

    async def follow(self, job_id: str, *, after: int, beat_seconds: float) -> AsyncIterator[Followed]:
        progress = ""
        async with (
            _our_errors(),
            aclosing(_with_beats(self._client.follow(job_id, after=after), beat_seconds)) as updates,
        ):
            async for update in updates:
                if isinstance(update, Event):
                    progress = ""
                    yield Followed(events=[update])
                    continue
                if update is not None:
                    progress = waiting_text(update.machine, to_go_on=TO_GO_ON, reason=update.machine["reason"])
                yield Followed(events=[], progress=progress)

    async def cancel(self, job_id: str, *, owner: str, reason: str) -> None:  # noqa: ARG002 - it says its own
        self._known(job_id, owner)
        async with _our_errors():
            await self._client.cancel(job_id)

    async def delete(self, job_id: str, *, owner: str) -> None:
        self._known(job_id, owner)
        async with _our_errors():
            await self._client.delete_job(job_id)

    async def bill(self, job_id: str, *, owner: str) -> Bill:
        self._known(job_id, owner)
        async with _our_errors():
            cost = (await self._client.job(job_id))["cost"]
        if cost is None or not cost["usd"]:  # nothing is free there: it is not counted yet
            return Bill(job_id=job_id, place=self._place)
        return Bill(job_id=job_id, place=self._place, usd=cost["usd"], eur=cost["eur"], final=cost["final"])

    async def models(self) -> list[ModelInfo]:
        async with _our_errors():
            return [model_of(view) for view in await self._client.models()]

    async def close(self) -> None:
        """Close the connection; jobs go on."""
        await self._client.close()

    def _known(self, job_id: str, owner: str) -> str:
        known = self._asked.get(job_id, "")
        if owner and known != owner:
            raise no_such_job(job_id)
        return known


def home_of(data_folder: DataFolder, profile: Profile) -> HomeAnswers:
    """The home on AWS, for whoever is signed in to it on this computer."""
    return HomeAnswers(SignedInEndpoint(profile, signed_in_tokens(data_folder, profile)))


def _key_there(asked: Submission) -> str:
    """The person's keys on AWS are of all programs on this computer, so each owner's are made their own."""
    if asked.idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{len(asked.owner)}:{asked.owner}/{asked.idempotency_key}".encode()).hexdigest()


async def _with_beats(
    updates: AsyncGenerator[FollowUpdate, None], beat_seconds: float
) -> AsyncGenerator[FollowUpdate | None, None]:
    """What comes, and None after each ``beat_seconds`` in which nothing does."""
    coming: asyncio.Future[FollowUpdate] | None = None
    async with aclosing(updates):
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(updates))
                await asyncio.wait({coming}, timeout=beat_seconds)
                if not coming.done():
                    yield None
                    continue
                done, coming = coming, None
                try:
                    update = done.result()
                except StopAsyncIteration:
                    return
                yield update
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)


_KINDS: tuple[tuple[type[ApiError], type[TlfifError]], ...] = (
    (NotReachableError, UnavailableError),
    (AccessDeniedError, UnavailableError),
    (OverloadedError, BusyError),
    (NotPossibleError, ConflictError),
    (RefusedError, InvalidInputError),
)
"""What the other home's refusal is here. That nobody is signed in there is no fault of the program's key."""


@asynccontextmanager
async def _our_errors() -> AsyncIterator[None]:
    """Errors of the client as those of this server. Also for what is yielded in the block: nothing else raises them."""
    try:
        yield
    except ApiError as error:
        kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), UnavailableError)
        if error.status == 404:
            kind = NotFoundError
        code, message = error.code, f"The home on AWS: {error.message}"
        if code in {"signed_out", "token_wrong", "token_expired"}:
            code = "home_signed_out"
        elif code == "unknown_field":  # no program wrote it
            kind, code = UnavailableError, "home_outdated"
            message = "The home on AWS is older than TL-FIF on this computer. Bring it up to date: ./tlfif deploy"
        raise kind(message, code=code, details=error.details) from error
