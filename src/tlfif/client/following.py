"""Submit a prompt and follow its job to the end, across broken connections and server restarts."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from tlfif.client.connection import ANSWER_SECONDS, Connection
from tlfif.client.errors import ApiError, ConnectionLostError, ServerFailedError
from tlfif.client.sse import SseReader
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import JobStatus
from tlfif.wire.jobs import Accepted, EventView, FollowUpdate, JobAccepted, MachineUpdate
from tlfif.wire.machines import MachineView

START_WAIT_SECONDS = 4.0
"""How long a host that cannot stream keeps a request open while the machine starts, so that progress is shown often."""
LONGEST_WAIT_SECONDS = 20.0
"""The same while the machine answers; the first event ends the wait."""
RETRIES = 3
"""Retries after broken connections in a row, with nothing received between them."""

PERHAPS_STORED = " The prompt may have been stored: look (./tlfif jobs list) before you send it again."


@dataclass(slots=True)
class _Place:
    """A reader's position: the request, and once it is accepted the job and the last event read."""

    body: Mapping[str, Any] | None = None
    key: str | None = None
    job_id: str | None = None
    after: int = 0
    ended: bool = False
    """The terminal event was read. The stream is still read to its end, so that its connection can be reused."""

    def is_new(self, update: JobAccepted | FollowUpdate | None) -> bool:
        """Record ``update``; False for a keep-alive and for what was received before a connection broke."""
        if self.ended:
            return False
        if isinstance(update, JobAccepted):
            known, self.job_id = self.job_id, update.accepted["job_id"]
            return known is None
        if isinstance(update, Event):
            known_seq, self.after = self.after, max(self.after, update.seq)
            self.ended = update.kind.is_terminal
            return update.seq > known_seq
        return update is not None


async def ask(
    connection: Connection, body: Mapping[str, Any], *, key: str
) -> AsyncGenerator[JobAccepted | FollowUpdate, None]:
    """Submit and follow in one request: ``JobAccepted`` first, then what :func:`follow` gives.

    Until the server has accepted, a broken connection and a gateway's answer mean that the request is sent again;
    ``key`` keeps that one job. After that the job is followed by its id. Raises ApiError; where it is a
    ConnectionLostError, the prompt may have been stored.
    """
    place = _Place(body=body, key=key)
    async with aclosing(_read(connection, place)) as received:
        try:
            async for update in received:
                yield update
        except ConnectionLostError as error:
            if place.job_id is None:
                error.message += PERHAPS_STORED
            raise


async def follow(connection: Connection, job_id: str, *, after: int = 0) -> AsyncGenerator[FollowUpdate, None]:
    """The job's events after number ``after``, the terminal event last, and the machine's state while the job waits.

    Every event comes once, even when the connection breaks: reading resumes after the last number seen. After an
    event ``restarted`` the answer starts over. Close the generator (``contextlib.aclosing``) where it is left early.

    Raises ApiError: RefusedError ``job_not_found``, ``cursor_past_end``; NotReachableError after 3 vain retries.
    """
    async with aclosing(_read(connection, _Place(job_id=job_id, after=after))) as received:
        async for update in received:
            if not isinstance(update, JobAccepted):
                yield update


async def _read(connection: Connection, place: _Place) -> AsyncGenerator[JobAccepted | FollowUpdate, None]:
    failures = 0
    while True:
        lost: ApiError
        try:
            read = _streamed if await connection.can_stream() else _asked_for
            async with aclosing(read(connection, place)) as received:
                async for update in received:
                    failures = 0
                    if place.is_new(update) and update is not None:
                        yield update
            if place.ended or await _has_ended(connection, place):
                return
            lost = ConnectionLostError("The server closed the stream of the answer.")
        except (ConnectionLostError, ServerFailedError) as error:
            if place.ended:
                return
            lost = error
        failures += 1
        if failures > RETRIES or (isinstance(lost, ServerFailedError) and place.job_id is None):
            raise lost  # a server that fails while it accepts a prompt says itself what became of it
        await connection.pause(lost, failures)
        if place.job_id is None:
            await connection.renew()  # nothing was accepted yet, so a server that has ended may be started again
        else:
            await connection.recover()


async def _asked_for(connection: Connection, place: _Place) -> AsyncGenerator[JobAccepted | FollowUpdate | None, None]:
    """Long polling, for a host that cannot stream: each request waits a while for the next events."""
    if place.job_id is None:
        headers = {"Idempotency-Key": place.key or ""}
        accepted: Accepted = await connection.request("POST", "/v1/infer", body=place.body, headers=headers, tries=1)
        yield JobAccepted(accepted=accepted)
    wait = START_WAIT_SECONDS
    while not place.ended:
        params = {"after": place.after, "wait": wait}
        path = f"/v1/jobs/{place.job_id}/events"
        found = await connection.request("GET", path, params=params, answer_seconds=wait + ANSWER_SECONDS, tries=1)
        for one in found["events"]:
            yield event_of(one)
        machine: MachineView | None = found["machine"]
        wait = LONGEST_WAIT_SECONDS if machine is None else START_WAIT_SECONDS
        yield None if machine is None else MachineUpdate(machine=machine)
        if not found["events"] and JobStatus(found["status"]).is_terminal:
            return


def event_of(view: EventView) -> Event:
    """An event as it came."""
    return Event(seq=view["seq"], kind=EventKind(view["kind"]), at=view["at"], data=view["data"])


async def _streamed(connection: Connection, place: _Place) -> AsyncGenerator[JobAccepted | FollowUpdate | None, None]:
    if place.job_id is None:
        stream = connection.stream("POST", "/v1/infer", body=place.body, headers={"Idempotency-Key": place.key or ""})
    else:
        stream = connection.stream("GET", f"/v1/jobs/{place.job_id}/events", params={"after": place.after})
    reader = SseReader()
    async with stream as chunks:
        async for chunk in chunks:
            try:
                for update in reader.feed(chunk):
                    yield update
            except (ValueError, KeyError) as error:
                raise ServerFailedError(
                    "The server sent an event that this version does not understand.", code="stream_malformed"
                ) from error


async def _has_ended(connection: Connection, place: _Place) -> bool:
    """Whether the stream ended because the job has ended and all its events were read."""
    if place.job_id is None:
        return False
    job = await connection.request("GET", f"/v1/jobs/{place.job_id}", tries=1)
    return JobStatus(job["status"]).is_terminal and job["last_seq"] <= place.after
