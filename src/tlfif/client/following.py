"""Follow a job to its end, over broken connections and restarted servers."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from tlfif.client.connection import BACKOFF_SECONDS, Connection
from tlfif.client.errors import ApiError, ConnectionLostError, ServerFailedError
from tlfif.client.sse import SseReader
from tlfif.client.wire import News
from tlfif.domain.events import Event
from tlfif.domain.jobs import JobStatus

RETRIES = 3
"""Broken connections in a row, without a sign of life between them, that are borne."""


async def follow(connection: Connection, job_id: str, *, after: int = 0) -> AsyncGenerator[News, None]:
    """News of the job beyond event number ``after``, the terminal event last.

    Every event comes once, also over a broken connection: reading goes on after the last number seen. After an event
    ``restarted`` the answer begins anew. Close the generator (``contextlib.aclosing``) where it is left early.

    Raises ApiError: RefusedError ``job_not_found``, ``cursor_past_end``; NotReachableError after 3 vain retries.
    """
    failures = 0
    while True:
        lost: ApiError
        try:
            async with aclosing(_until_it_breaks(connection, job_id, after)) as heard:
                async for news in heard:
                    failures = 0
                    if isinstance(news, Event):
                        if news.seq <= after:
                            continue
                        after = news.seq
                    if news is not None:
                        yield news
                    if isinstance(news, Event) and news.kind.is_terminal:
                        return
            if await _has_ended(connection, job_id, after):
                return
            lost = ConnectionLostError("The server closed the stream of the answer.")
        except (ConnectionLostError, ServerFailedError) as error:
            lost = error
        failures += 1
        if failures > RETRIES:
            raise lost
        await connection.sleep(BACKOFF_SECONDS[failures - 1])
        await connection.recover()


async def _until_it_breaks(connection: Connection, job_id: str, after: int) -> AsyncGenerator[News | None, None]:
    reader = SseReader()
    async with connection.stream(f"/v1/jobs/{job_id}/events", params={"after": after}) as chunks:
        async for chunk in chunks:
            try:
                for news in reader.feed(chunk):
                    yield news
            except (ValueError, KeyError) as error:
                raise ServerFailedError(
                    "The server sent an event that this version does not understand.", code="stream_malformed"
                ) from error


async def _has_ended(connection: Connection, job_id: str, after: int) -> bool:
    """Whether a stream ended because there was nothing more to say."""
    job = await connection.request("GET", f"/v1/jobs/{job_id}", tries=1)
    return JobStatus(job["status"]).is_terminal and job["last_seq"] <= after
