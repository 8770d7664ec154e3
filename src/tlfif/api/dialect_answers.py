"""What all dialects' routes share: a request becomes a job, a repeated one joins it, its answer is gathered or
streamed, and a client that hangs up ends it."""

import asyncio
import contextlib
import hashlib
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tlfif.api.dialect_entrance import note
from tlfif.api.event_stream import SSE
from tlfif.api.signed_in_gate import user_of
from tlfif.control.answers import QUEUED_SEQ, Answers, AskedJob
from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer, AnswerHere, End, Meanwhile, Update, Waiting, end_of, piece_of
from tlfif.dialects.starting_over import Steady
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.limits import SEED_RANGE
from tlfif.jobs.pieces import Piece
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ConflictError, TlfifError, UnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")

BEAT_SECONDS = 10.0
GRACE_SECONDS = 1.25
"""From a hang-up to the end of the job: the first two repetitions of the official clients come within it, and join."""
BILL_SECONDS = 2.0
REMEMBERED_SECONDS = 60.0
"""So long after its last reader left, a repeated request still finds its job."""
MOST_REMEMBERED = 1000
"""Jobs that are kept in mind for that."""
RETRY_HEADERS = ("x-stainless-retry-count", "x-retry-count", "retry-attempt")
"""How clients number the repetitions of a request; absent or 0 in the first."""
GOES_ON_HEADER = "x-tlfif-on-disconnect"
GOES_ON = "continue"
"""With this value of the header, a job goes on when its client hangs up."""


@dataclass(slots=True)
class _Known:
    """One submission: on its way, later the id of its job; and since when nobody reads the answer."""

    stored: asyncio.Future[AskedJob] | str
    left_at: float | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One request's job. Ends with :meth:`whole`, :func:`streamed` or :meth:`leave`, one of the three."""

    job: AskedJob
    owner: str
    _runner: "DialectAnswers"
    _request: Request
    _asked: Submission
    _key: str

    async def whole(self) -> tuple[Answer, End]:
        """The whole answer. Raises what ``dialects.answer.end_of`` does, UnavailableError ``answer_pending``, and
        ClientDisconnect where the client hung up."""
        return await _unless_hung_up(self._gathered(), [self], self._request.receive)

    async def updates(self, steady: Steady | None = None) -> AsyncIterator[Update]:
        """Pieces of the answer, signs of life, and its end. ``steady``: what becomes of what was sent where the answer
        starts over; else the request says it. Raises as :meth:`whole`, and AnswerError ``started_over`` where what was
        sent cannot be taken back."""
        steady = steady or Steady(self._asked)
        here: AnswerHere | None = None
        async for update in self._runner._followed(self.job):
            if isinstance(update, Meanwhile):
                here = here or AnswerHere()
                here.take(update.update)
            if isinstance(update, Waiting | Meanwhile):
                yield update
                continue
            for event in update:
                if event.kind is EventKind.DELTA:
                    for piece in steady.more(piece_of(event)):
                        yield piece
                elif event.kind is EventKind.RESTARTED:
                    steady.started_over()
                elif event.kind.is_terminal:
                    end = await self._ended(event, here if not steady.has_sent else None)
                    for piece in [Piece(text=_left(end))] if _left(end) else steady.ended():
                        yield piece
                    yield end if here is None else replace(end, bridge=here)

    def leave(self) -> None:
        """Nobody waits for the answer here; the job goes on."""
        self._runner._leave(self, hung_up=False)

    async def _gathered(self) -> tuple[Answer, End]:
        answer = Answer()
        here: AnswerHere | None = None
        async for update in self._runner._followed(self.job):
            if isinstance(update, Meanwhile):
                here = here or AnswerHere()
                here.take(update.update)
            for event in [] if isinstance(update, Waiting | Meanwhile) else update:
                if event.kind is EventKind.DELTA:
                    answer.add(piece_of(event))
                elif event.kind is EventKind.RESTARTED:
                    answer.forget()
                elif event.kind.is_terminal:
                    end = await self._ended(event, here)
                    if text := _left(end):
                        answer = Answer(text=text)
                    return answer, replace(end, bridge=here)
        raise ConflictError("The job has no end.", code="job_lost")

    async def _ended(self, event: Event, here: AnswerHere | None) -> End:
        """The end with what it cost; this computer's where that has answered and AWS's came to nothing."""
        try:
            end = end_of(event)
        except TlfifError as error:
            left = None if here is None else here.instead_of(error)
            if left is None:
                raise
            end = left
        return await self._runner.billed(end, self.job.state.id, self.owner)


@dataclass(slots=True, kw_only=True, eq=False)
class DialectAnswers:
    """Runs dialects' requests as jobs of one home.

    ``model_names``: what a program's own names of models mean here; an empty text means the default model.
    ``longest_wait_seconds``: how long this host keeps a request open.
    """

    answers: Answers
    clock: Clock
    model_names: Mapping[str, str] = field(default_factory=dict)
    longest_wait_seconds: float = 3600.0
    grace_seconds: float = GRACE_SECONDS
    _known: dict[str, _Known] = field(default_factory=dict)
    _readers: Counter[str] = field(default_factory=Counter)
    _ends_with_readers: set[str] = field(default_factory=set)
    _leaving: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def begin_all(self, request: Request, asked: Submission, *, count: int) -> list[Call]:
        """A job for each of ``count`` answers to one request; with a seed the next ones have those that follow it.

        Raises what :meth:`begin` raises, and leaves no job behind then.
        """
        calls: list[Call] = []
        try:
            for at in range(count):
                seed = asked.sampling.seed
                sampling = replace(asked.sampling, seed=None if seed is None else (seed + at) % (SEED_RANGE[1] + 1))
                one = replace(asked, sampling=sampling, bridge=asked.bridge and count == 1)
                calls.append(await self.begin(request, one, choice=at))
        except TlfifError:
            for call in calls:
                self._leave(call, hung_up=True)
            raise
        return calls

    async def begin(self, request: Request, asked: Submission, *, goes_on: bool = False, choice: int = 0) -> Call:
        """Store the job, or join the one that this request is a repetition of. ``goes_on``: also when the client hangs
        up; the header ``X-TLFIF-On-Disconnect: continue`` says the same. ``choice``: which answer of several.

        Raises what ``Answers.submit`` raises.
        """
        owner = user_of(request)
        asked = replace(
            asked,
            owner=owner,
            model=self.model_name(asked.model),
            idempotency_key=_key(asked.idempotency_key or request.headers.get("idempotency-key"), choice),
        )
        key = hashlib.sha256(repr((choice, asked)).encode("utf-8", "replace")).hexdigest()
        job = await self._running(key, owner) if _is_repeated(request) else None
        if job is None:
            job = await self._stored(key, asked)
            if job.created and not goes_on and request.headers.get(GOES_ON_HEADER, "").lower() != GOES_ON:
                self._ends_with_readers.add(job.state.id)
        self._come(request, job.state.id)
        return Call(job=job, owner=owner, _runner=self, _request=request, _asked=asked, _key=key)

    def read(self, request: Request, job: AskedJob) -> Call:
        """Read the answer of a stored job, which goes on when this reader hangs up."""
        self._come(request, job.state.id)
        asked = Submission(messages=[])
        return Call(job=job, owner=user_of(request), _runner=self, _request=request, _asked=asked, _key="")

    def model_name(self, asked: str | None) -> str | None:
        """The home's name of a model that a program names; None for the default one."""
        return asked if asked is None else self.model_names.get(asked, asked) or None

    async def billed(self, end: End, job_id: str, owner: str) -> End:
        """``end`` with what it cost, where the home says that soon: the answer is here in any case."""
        with contextlib.suppress(TlfifError, TimeoutError):
            async with asyncio.timeout(BILL_SECONDS):
                return replace(end, bill=await self.answers.bill(job_id, owner=owner))
        return end

    async def _stored(self, key: str, asked: Submission) -> AskedJob:
        """Submit; a repetition that comes while the home has not answered finds the same submission."""
        now = self.clock.monotonic()
        for old, one in list(self._known.items()):
            is_old = one.left_at is not None and now - one.left_at > REMEMBERED_SECONDS
            if is_old or len(self._known) >= MOST_REMEMBERED:
                del self._known[old]
        submitting = asyncio.ensure_future(self.answers.submit(asked))
        known = self._known[key] = _Known(submitting)
        try:
            job = await asyncio.shield(submitting)
        except TlfifError:
            self._known.pop(key, None)
            raise
        known.stored = job.state.id
        return job

    async def _running(self, key: str, owner: str) -> AskedJob | None:
        known = self._known.get(key)
        if known is None:
            return None
        stored = known.stored
        job_id = stored if isinstance(stored, str) else (await asyncio.shield(stored)).state.id
        now = await self.answers.job(job_id, owner=owner)
        wanted = not now.state.status.is_terminal or now.state.status is JobStatus.SUCCEEDED
        if wanted and not now.state.cancel_requested:
            known.left_at = None
            return now
        return None

    async def _followed(self, job: AskedJob) -> AsyncIterator[Any]:
        """Batches of events, and :class:`Waiting` after each beat without, for as long as this host keeps a request
        open."""
        patience = self.longest_wait_seconds
        until = self.clock.monotonic() + patience
        beat = min(BEAT_SECONDS, patience / 4)
        async for found in self.answers.follow(job.state.id, after=QUEUED_SEQ, beat_seconds=beat):
            if found.bridge is not None:
                yield Meanwhile(update=found.bridge)
                continue
            yield found.events or Waiting(progress=found.progress)
            ended = bool(found.events) and found.events[-1].kind.is_terminal
            if not ended and self.clock.monotonic() > until:
                raise UnavailableError(
                    f"The answer is not there yet; it goes on. Read it later under /v1/jobs/{job.state.id}.",
                    code="answer_pending",
                    details={"job_id": job.state.id},
                )

    def _come(self, request: Request, job_id: str) -> None:
        note(request, job_id=job_id)
        self._readers[job_id] += 1
        if (leaving := self._leaving.pop(job_id, None)) is not None:
            leaving.cancel()

    def _leave(self, call: Call, *, hung_up: bool) -> None:
        job_id = call.job.state.id
        self._readers[job_id] -= 1
        if self._readers[job_id] > 0:
            return
        del self._readers[job_id]
        known = self._known.get(call._key)
        if known is not None:
            known.left_at = self.clock.monotonic()
        if hung_up and job_id in self._ends_with_readers:
            self._leaving[job_id] = asyncio.ensure_future(self._end_unread(job_id, call.owner))
        elif not hung_up:
            self._ends_with_readers.discard(job_id)

    async def _end_unread(self, job_id: str, owner: str) -> None:
        await asyncio.sleep(self.grace_seconds)
        self._ends_with_readers.discard(job_id)
        try:
            await self.answers.cancel(job_id, owner=owner, reason="the program that asked hung up")
        except TlfifError as error:
            log.warning("api: a job without readers was not cancelled: %s: %s", error.code, error.message)
        finally:
            self._leaving.pop(job_id, None)


class _Stream(Response):
    """Sends ``frames`` until they end or the client hangs up."""

    def __init__(self, calls: Sequence[Call], frames: AsyncIterator[bytes], media_type: str) -> None:
        self.status_code = 200
        self.background = None
        self._calls, self._frames = calls, frames
        self.init_headers({"content-type": media_type, "cache-control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as the base's
        await _unless_hung_up(self._sent(send), self._calls, receive)

    async def _sent(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for frame in self._frames:
            if frame:
                await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def whole(value: Mapping[str, Any]) -> Response:
    """A whole answer. ASCII, as streams are: a program's own words, sent back, may have half of a character in them."""
    return Response(json.dumps(value), media_type="application/json")


async def merged(calls: Sequence[Call]) -> AsyncIterator[tuple[int, Update]]:
    """The updates of all calls as they come, each with its call's number. Raises what the first of them raises."""
    if len(calls) == 1:
        async for update in calls[0].updates():
            yield 0, update
        return
    reading = [aiter(call.updates()) for call in calls]
    next_ones = {asyncio.ensure_future(anext(one)): at for at, one in enumerate(reading)}
    try:
        while next_ones:
            done, _ = await asyncio.wait(next_ones, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                at = next_ones.pop(task)
                with contextlib.suppress(StopAsyncIteration):
                    yield at, task.result()
                    next_ones[asyncio.ensure_future(anext(reading[at]))] = at
    finally:
        for task in next_ones:
            task.cancel()


def streamed(calls: Sequence[Call], frames: AsyncIterator[bytes], *, media_type: str = SSE) -> Response:
    """``frames``, which a dialect makes of the calls' updates, as they come."""
    return _Stream(calls, frames, media_type)


async def _unless_hung_up(work: Coroutine[Any, Any, T], calls: Sequence[Call], receive: Receive) -> T:
    """``work``'s result. Raises ClientDisconnect, and has the jobs end, where the client hangs up before."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        hung_up = not working.done()
        for task in (working, leaving):
            task.cancel()
        for call in calls:
            call._runner._leave(call, hung_up=hung_up)
    if hung_up:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working
        raise ClientDisconnect
    return working.result()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _left(end: End) -> str:
    """This computer's words, where they are what is left."""
    return "" if end.bridge is None or end.bridge.failure is None else end.bridge.text


def _key(given: str | None, choice: int) -> str | None:
    return f"{given}/{choice}" if given and choice else given


def _is_repeated(request: Request) -> bool:
    return any(request.headers.get(name, "0").strip() not in {"", "0"} for name in RETRY_HEADERS)
