"""Following a job: every event once, over any number of broken connections, and not for ever."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from tlfif.client.connection import Connection
from tlfif.client.errors import (
    ApiError,
    ConnectionLostError,
    GatewayFailedError,
    NotReachableError,
    RefusedError,
    ServerFailedError,
)
from tlfif.client.following import ask, follow
from tlfif.jobs.events import Event
from tlfif.wire.jobs import JobAccepted


def event(seq: int, kind: str = "delta") -> bytes:
    return f'id: {seq}\nevent: {kind}\ndata: {{"at": 1.0, "text": "t{seq}"}}\n\n'.encode()


class ScriptedConnection:
    """Plays one list of chunks a connection; an exception in it breaks the connection there."""

    def __init__(self, *scripts: list[bytes | Exception], job: dict[str, Any] | None = None) -> None:
        self.scripts = list(scripts)
        self.job = job or {"status": "running", "last_seq": 99}
        self.asked_after: list[int] = []
        self.submitted: list[tuple[Mapping[str, Any] | None, Mapping[str, str] | None]] = []
        self.closed = 0
        self.paused: list[tuple[ApiError, int]] = []
        self.recovered = 0

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        if method == "POST":
            assert path == "/v1/infer"
            self.submitted.append((body, headers))
        else:
            assert (path, params) == ("/v1/jobs/job_1/events", {"after": (params or {})["after"]})
            self.asked_after.append((params or {})["after"])
        yield self._play(self.scripts.pop(0))

    async def _play(self, script: list[bytes | Exception]) -> AsyncIterator[bytes]:
        for item in script:
            if isinstance(item, Exception):
                raise item
            yield item

    async def can_stream(self) -> bool:
        return True

    async def request(self, method: str, path: str, *, tries: int) -> dict[str, Any]:
        return self.job

    async def pause(self, error: ApiError, failures: int) -> None:
        self.paused.append((error, failures))

    async def recover(self) -> None:
        self.recovered += 1

    async def renew(self) -> None:
        self.closed += 1


async def seen(connection: ScriptedConnection, after: int = 0) -> list[int]:
    news = follow(cast(Connection, connection), "job_1", after=after)
    return [item.seq async for item in news if isinstance(item, Event)]


LOST = ConnectionLostError("gone")


async def test_the_stream_ends_with_the_terminal_event() -> None:
    connection = ScriptedConnection([event(1, "queued"), event(2), event(3, "succeeded"), event(4)])
    assert await seen(connection) == [1, 2, 3]
    assert connection.recovered == 0


async def test_a_broken_connection_goes_on_after_the_last_event() -> None:
    connection = ScriptedConnection(
        [event(1), event(2), event(3)[:-1], LOST], [event(2), event(3), event(4, "succeeded")]
    )
    assert await seen(connection) == [1, 2, 3, 4]
    assert connection.asked_after == [0, 2]
    assert connection.recovered == 1


async def test_three_retries_in_a_row_are_borne_and_a_fourth_is_not() -> None:
    connection = ScriptedConnection([LOST], [LOST], [LOST], [event(1, "succeeded")])
    assert await seen(connection) == [1]
    assert connection.paused == [(LOST, 1), (LOST, 2), (LOST, 3)]
    connection = ScriptedConnection([LOST], [LOST], [LOST], [LOST])
    with pytest.raises(ConnectionLostError):
        await seen(connection)


async def test_progress_forgives_earlier_failures() -> None:
    scripts: list[list[bytes | Exception]] = [[event(n), LOST] for n in range(1, 8)]
    connection = ScriptedConnection(*scripts, [event(8, "failed")])
    assert await seen(connection) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_sign_of_life_counts_as_progress() -> None:
    scripts: list[list[bytes | Exception]] = [[b": alive\n\n", LOST] for _ in range(6)]
    assert await seen(ScriptedConnection(*scripts, [event(1, "cancelled")])) == [1]


async def test_a_stream_closed_in_the_middle_is_taken_up_again() -> None:
    assert await seen(ScriptedConnection([event(1)], [event(2, "succeeded")])) == [1, 2]


async def test_a_reader_that_has_everything_already_ends_at_once() -> None:
    connection = ScriptedConnection([], job={"status": "succeeded", "last_seq": 7})
    assert await seen(connection, after=7) == []
    assert connection.recovered == 0


async def test_a_server_fault_is_tried_again_and_a_refusal_is_not() -> None:
    connection = ScriptedConnection([ServerFailedError("x", status=503)], [event(1, "succeeded")])
    assert await seen(connection) == [1]
    with pytest.raises(RefusedError):
        await seen(ScriptedConnection([RefusedError("no such job", code="job_not_found")]))


async def test_nonsense_on_the_stream_is_a_server_fault() -> None:
    with pytest.raises(ServerFailedError, match="does not understand"):
        await seen(ScriptedConnection(*[[b"event: delta\ndata: nonsense\n\n"] for _ in range(4)]))


async def test_a_server_that_was_stopped_ends_the_following() -> None:
    class Stopped(ScriptedConnection):
        async def recover(self) -> None:
            raise NotReachableError("stopped", code="server_stopped")

    with pytest.raises(NotReachableError, match="stopped"):
        await seen(Stopped([event(1), LOST]))


ACCEPTED = b'event: accepted\ndata: {"job_id": "job_1", "status": "queued", "model": "smollm2", "created": true}\n\n'


async def asked(connection: ScriptedConnection) -> list[int | str]:
    """Numbers of events, and the job's id for its acceptance."""
    news = ask(cast(Connection, connection), {"prompt": "x"}, key="k")
    return [
        item.accepted["job_id"] if isinstance(item, JobAccepted) else item.seq
        async for item in news
        if isinstance(item, JobAccepted | Event)
    ]


async def test_one_request_submits_and_follows() -> None:
    connection = ScriptedConnection([ACCEPTED + event(1, "queued"), event(2), event(3, "succeeded")])
    assert await asked(connection) == ["job_1", 1, 2, 3]
    assert connection.submitted == [({"prompt": "x"}, {"Idempotency-Key": "k"})]
    assert connection.asked_after == []


async def test_a_prompt_that_was_accepted_is_not_sent_again() -> None:
    connection = ScriptedConnection([ACCEPTED, event(1), event(2)[:-1], LOST], [event(2), event(3, "succeeded")])
    assert await asked(connection) == ["job_1", 1, 2, 3]
    assert len(connection.submitted) == 1
    assert connection.asked_after == [1]
    assert connection.recovered == 1


async def test_a_prompt_without_an_acceptance_is_sent_again_with_its_key() -> None:
    connection = ScriptedConnection([LOST], [ACCEPTED[:-1], LOST], [ACCEPTED, event(1, "succeeded")])
    assert await asked(connection) == ["job_1", 1]
    assert {str(headers) for _, headers in connection.submitted} == {"{'Idempotency-Key': 'k'}"}
    assert (len(connection.submitted), connection.closed, connection.recovered) == (3, 2, 0)


async def test_a_server_that_refuses_is_not_asked_again() -> None:
    broken = ServerFailedError("disk full", code="storage_failed")
    connection = ScriptedConnection([broken], [ACCEPTED, event(1, "succeeded")])
    with pytest.raises(ServerFailedError):
        await asked(connection)
    assert len(connection.submitted) == 1


async def test_sending_again_ends_after_three_retries() -> None:
    connection = ScriptedConnection([LOST], [LOST], [], [ConnectionLostError("gone")])
    with pytest.raises(ConnectionLostError) as caught:
        await asked(connection)
    assert caught.value.message.startswith("gone The prompt may have been stored")
    assert len(connection.submitted) == 4


@pytest.mark.parametrize("streams", [True, False])
async def test_a_gateway_that_fails_while_a_prompt_is_sent_does_not_end_it(streams: bool) -> None:
    """Its answer says nothing of what became of the request; the key makes it safe to repeat."""
    failed = [GatewayFailedError(status) for status in (503, 504, 429)]
    done = ACCEPTED + event(1, "succeeded")
    ended = events("succeeded", first=1, status="succeeded")
    connection = (
        ScriptedConnection(*([each] for each in failed), [done]) if streams else AskedConnection(*failed, TAKEN, ended)
    )
    heard = [news async for news in ask(cast(Connection, connection), {"prompt": "x"}, key="k")]
    assert [type(news).__name__ for news in heard] == ["JobAccepted", "Event"]


async def test_a_gateway_that_goes_on_failing_leaves_open_what_became_of_the_prompt() -> None:
    connection = AskedConnection(*(GatewayFailedError(503) for _ in range(4)))
    with pytest.raises(GatewayFailedError) as caught:
        [news async for news in ask(cast(Connection, connection), {"prompt": "x"}, key="k")]
    assert "may have been stored" in caught.value.message
    assert {str(sent) for _, _, sent in connection.requests} == {"{'Idempotency-Key': 'k'}"}


class AskedConnection:
    """A host that cannot stream: answers requests from a list, and breaks where an exception stands in it."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, Any]] = []
        self.recovered = self.closed = 0

    async def can_stream(self) -> bool:
        return False

    async def request(self, method: str, path: str, *, tries: int, **options: Any) -> dict[str, Any]:
        assert tries == 1
        self.requests.append((method, path, options.get("params") or options.get("headers")))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pause(self, error: ApiError, failures: int) -> None:
        return

    async def recover(self) -> None:
        self.recovered += 1

    async def renew(self) -> None:
        self.closed += 1


def events(*kinds: str, first: int, status: str = "running", machine: dict[str, Any] | None = None) -> dict[str, Any]:
    numbered = enumerate(kinds, first)
    return {
        "events": [{"seq": seq, "kind": kind, "at": 1.0, "data": {"text": f"t{seq}"}} for seq, kind in numbered],
        "last_seq": first + len(kinds) - 1,
        "status": status,
        "machine": machine,
    }


TAKEN = {"job_id": "job_1", "status": "queued", "model": "m", "created": True, "machine": {}}


async def test_a_host_that_cannot_stream_is_asked_again_and_again() -> None:
    loading = {"state": "loading"}
    connection = AskedConnection(
        TAKEN,
        events("queued", first=1, status="queued", machine=loading),
        events(first=2, status="queued", machine=loading),
        events("started", "delta", first=2),
        events("succeeded", first=4, status="succeeded"),
    )
    heard = [news async for news in ask(cast(Connection, connection), {"prompt": "Hi"}, key="k1")]
    assert [type(news).__name__ for news in heard] == [
        "JobAccepted",
        "Event",
        "MachineUpdate",
        "MachineUpdate",
        "Event",
        "Event",
        "Event",
    ]
    assert [news.seq for news in heard if isinstance(news, Event)] == [1, 2, 3, 4]
    assert connection.requests[0] == ("POST", "/v1/infer", {"Idempotency-Key": "k1"})
    waits = [(options["after"], options["wait"]) for _, _, options in connection.requests[1:]]
    assert waits == [(0, 4.0), (1, 4.0), (1, 4.0), (3, 20.0)]


@pytest.mark.requirement("2.1.5")
async def test_a_connection_that_breaks_between_two_requests_loses_and_doubles_nothing() -> None:
    connection = AskedConnection(
        ConnectionLostError("lost before it was accepted"),
        TAKEN,
        events("queued", "started", "delta", first=1),
        ConnectionLostError("lost"),
        events("delta", "succeeded", first=4, status="succeeded"),
    )
    heard = [news async for news in ask(cast(Connection, connection), {"prompt": "Hi"}, key="k1")]
    assert [news.seq for news in heard if isinstance(news, Event)] == [1, 2, 3, 4, 5]
    assert [options for method, _, options in connection.requests if method == "POST"] == [
        {"Idempotency-Key": "k1"}
    ] * 2
    assert (connection.closed, connection.recovered) == (1, 1)


async def test_an_ended_job_of_such_a_host_is_not_followed_for_ever() -> None:
    connection = AskedConnection(events(first=6, status="succeeded"), {"status": "succeeded", "last_seq": 5})
    assert [news async for news in follow(cast(Connection, connection), "job_1", after=5)] == []
