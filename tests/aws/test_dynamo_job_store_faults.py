"""The AWS home's job store when DynamoDB and S3 misbehave: nothing lost, nothing doubled, no prompt told."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from threading import Barrier
from typing import Any

import pytest

from tests.aws.dynamo_faults import FaultyLine, answer_lost, answered, meeting, refused, unreachable
from tests.aws.dynamo_jobs import JobHome, a_job_home
from tests.aws.emulator import NO_RETRIES, Emulator
from tests.builders import LEASE_SECONDS, T0, a_new_job, claim, delta, running, submit, succeeded
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.memory_job_store import MemoryJobStore
from tlfif.adapters.aws.calls.dynamo_table import TRIES
from tlfif.adapters.aws.jobs.dynamo_job_append import CHARACTERS_AT_ONCE
from tlfif.adapters.aws.jobs.dynamo_job_store import DynamoJobStore
from tlfif.jobs.events import Event, EventKind, answer_text
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Job, JobStatus
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import LeaseLostError, NotFoundError, StorageError

SECRET = "The owner's most private thought"  # a prompt, not a password
THROTTLED = [
    refused("ProvisionedThroughputExceededException"),
    refused("ThrottlingException"),
    refused("InternalServerError", status=500),
]
CONFLICT = refused("TransactionCanceledException", reasons=["TransactionConflict", "None", "None", "None"])


@pytest.fixture
def home(emulator: Emulator) -> JobHome:
    return a_job_home(emulator)


@pytest.fixture
def line(emulator: Emulator) -> FaultyLine:
    return FaultyLine(emulator)


@pytest.fixture
async def store(home: JobHome, line: FaultyLine) -> AsyncIterator[DynamoJobStore]:
    """Over the faulty line; pauses take no time."""
    opened = home.open(dynamodb=line.client, clock=FakeClock(auto_advance=True))
    yield opened
    await opened.close()


async def story(store: JobStore) -> None:
    """All that changes a job."""
    await store.submit(a_new_job("job_1", key="k"), now=T0, max_queued=10)
    await submit(store, "job_2", "job_3", "job_4", now=T0 + 1)
    one, two = (each.lease for each in await claim(store, now=T0 + 2, limit=2))
    await store.append([delta(one, 3, "Hel"), delta(two, 3, "x")], now=T0 + 3)
    await store.append([delta(one, 4, "lo")], now=T0 + 4)
    await store.heartbeat([one, two], lease_seconds=LEASE_SECONDS, now=T0 + 5)
    await store.release(one, reason="drained", count_attempt=True, now=T0 + 6)
    await store.request_cancel("job_2", reason="by hand", now=T0 + 7)
    await store.finish(two, seq=4, rest=Piece(text="y"), outcome=succeeded(), now=T0 + 8)
    await store.request_cancel("job_3", reason="by hand", now=T0 + 9)
    await claim(store, now=T0 + 10, limit=2)
    assert await store.abandon("worker_1", reason="gone", now=T0 + 11) == ["job_1", "job_4"]
    await claim(store, now=T0 + 12, limit=1)
    assert await store.reap(now=T0 + 13 + LEASE_SECONDS) == ["job_1"]
    assert await store.fail_queued(model="smollm2-135m", code="c", message="m", now=T0 + 60) == ["job_4"]


async def told(store: JobStore) -> list[tuple[Job, list[Event]]]:
    """All that can be read of the story."""
    jobs = (await store.list_jobs(limit=10)).jobs
    return [(job, await store.events(job.id, after=0, limit=100)) for job in jobs]


WRITES = ("TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem", "BatchWriteItem")
READS = ("Query", "GetItem", "BatchGetItem")


def every_other(fault: Callable[[Any], Any]) -> list[Callable[[Any], Any]]:
    return [fault, lambda _: None] * 100


@pytest.mark.parametrize(
    ("operations", "fault"),
    [
        (WRITES, answer_lost),
        (WRITES + READS, refused("ThrottlingException")),
        (("TransactWriteItems",), CONFLICT),
    ],
    ids=["answers lost", "throttled", "conflicts"],
)
async def test_a_story_told_over_a_bad_line_ends_as_over_a_good_one(
    store: DynamoJobStore, line: FaultyLine, operations: tuple[str, ...], fault: Callable[[Any], Any]
) -> None:
    for operation in operations:
        line.next(operation, *every_other(fault))
    await story(store)
    line.reset()
    expected = MemoryJobStore(FakeIds())
    await story(expected)
    assert await told(store) == await told(expected)
    assert await store.counts() == await expected.counts()
    assert await store.purge(finished_before=T0 + 100, limit=10) == 4
    assert await told(store) == []


@pytest.mark.requirement("4.2.8")
async def test_a_repeated_transaction_carries_the_same_token(store: DynamoJobStore, line: FaultyLine) -> None:
    """By it DynamoDB knows within ten minutes what it has done already; the emulator does not."""
    line.next("TransactWriteItems", answer_lost)
    await submit(store)
    first, second = line.tokens
    assert first == second
    assert len(first) <= 36


async def test_lost_answers_of_a_purge_leave_nothing(store: DynamoJobStore, line: FaultyLine, home: JobHome) -> None:
    await story(store)
    for operation in WRITES:
        line.next(operation, *every_other(answer_lost))
    assert await store.purge(finished_before=T0 + 100, limit=10) == 4
    assert {item["pk"]["S"] for item in home.items()} == {"COUNTER"}


@pytest.mark.parametrize("fault", THROTTLED)
async def test_who_is_always_refused_is_told_and_nothing_is_stored(
    store: DynamoJobStore, line: FaultyLine, fault: Callable[[Any], Any]
) -> None:
    line.next("TransactWriteItems", *[fault] * TRIES)
    with pytest.raises(StorageError) as failed:
        await submit(store)
    assert failed.value.code == "storage_failed"
    assert failed.value.details["reason"] in {"throttled", "outage"}
    assert line.sent.count("TransactWriteItems") == TRIES
    with pytest.raises(NotFoundError):
        await store.get("job_1")
    assert (await store.counts()).queued == 0


async def test_a_key_whose_answer_was_lost_is_accepted_once(store: DynamoJobStore, line: FaultyLine) -> None:
    line.next("TransactWriteItems", answer_lost)
    result = await store.submit(a_new_job("job_1", key="k"), now=T0, max_queued=1)
    assert result.created
    again = await store.submit(a_new_job("job_2", key="k"), now=T0, max_queued=1)
    assert (again.created, again.job) == (False, result.job)


async def test_an_id_that_is_taken_is_refused(store: DynamoJobStore) -> None:
    await submit(store, "job_1")
    with pytest.raises(ValueError, match="taken"):
        await submit(store, "job_1")
    assert (await store.counts()).queued == 1


@pytest.mark.requirement("8.6.1")
async def test_no_prompt_is_told_by_errors_and_logs(
    store: DynamoJobStore, line: FaultyLine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line.next("TransactWriteItems", *[refused("AccessDeniedException")], *[refused("ThrottlingException")] * TRIES)
    for reason in ("not_allowed", "throttled"):
        with pytest.raises(StorageError) as failed:
            await store.submit(a_new_job("job_1", key="k", prompt=SECRET), now=T0, max_queued=1)
        assert failed.value.details["reason"] == reason
        assert SECRET not in f"{failed.value.message} {failed.value.details} {failed.value.__cause__!r}"
    assert SECRET not in caplog.text


@pytest.mark.requirement("3.3.1")
async def test_two_workers_that_claim_at_once_get_one_job_each(
    home: JobHome, emulator: Emulator, store: DynamoJobStore
) -> None:
    await submit(store, "job_1", "job_2", "job_3")
    barrier = Barrier(2)
    lines = [FaultyLine(emulator) for _ in range(2)]
    for each in lines:
        each.next("TransactWriteItems", meeting(barrier))
    workers = [home.open(dynamodb=each.client, clock=FakeClock(auto_advance=True)) for each in lines]
    claims = await _together(
        *(claim(worker, limit=1, worker_id=f"worker_{n}") for n, worker in enumerate(workers)),
    )
    assert sorted(each.job.id for found in claims for each in found) == ["job_1", "job_2"]
    for found, worker in zip(claims, workers, strict=True):
        await worker.append([delta(found[0].lease, 3, "mine")], now=T0)
        await worker.close()
    assert [e.kind for e in await store.events("job_1", after=0, limit=9)][1:] == [EventKind.STARTED, EventKind.DELTA]
    assert (await store.counts()).queued == 1


async def test_a_finish_and_a_reaper_that_meet_leave_one_end(
    home: JobHome, emulator: Emulator, store: DynamoJobStore
) -> None:
    lease = await running(store)
    barrier = Barrier(2)
    lines = [FaultyLine(emulator) for _ in range(2)]
    for each in lines:
        each.next("TransactWriteItems", meeting(barrier))
    worker, router = (home.open(dynamodb=each.client, clock=FakeClock(auto_advance=True)) for each in lines)
    finished, reaped = await _together(
        worker.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0 + 100),
        router.reap(now=T0 + 100),
    )
    job = await store.get("job_1")
    events = await store.events("job_1", after=0, limit=9)
    if isinstance(finished, LeaseLostError):
        assert (reaped, job.status, events[-1].kind) == (["job_1"], JobStatus.QUEUED, EventKind.RESTARTED)
    else:
        assert (reaped, job.status, events[-1].kind) == ([], JobStatus.SUCCEEDED, EventKind.SUCCEEDED)
    assert [e.seq for e in events] == list(range(1, job.last_seq + 1))
    await worker.close()
    await router.close()


async def test_what_was_claimed_before_aws_failed_is_handed_out(store: DynamoJobStore, line: FaultyLine) -> None:
    """A lease that nobody knows of would have to run out first."""
    await submit(store, "job_1", "job_2")
    line.next("TransactWriteItems", lambda _: None, *[refused("AccessDeniedException")] * TRIES)
    (claimed,) = await claim(store)
    line.reset()
    (other,) = await claim(store)
    assert {claimed.job.id, other.job.id} == {"job_1", "job_2"}


@pytest.mark.requirement("4.1.2")
async def test_texts_over_the_limit_of_an_item_are_kept_whole(store: DynamoJobStore, home: JobHome) -> None:
    prompt, middle, rest = "p" * 500_000, "é" * 300_000, "🙂" * 100_000
    await store.submit(a_new_job("job_1", key="k", prompt=prompt), now=T0, max_queued=10)
    (claimed,) = await claim(store)
    assert claimed.job.request.messages[0].content == prompt
    await store.append([delta(claimed.lease, 3, middle)], now=T0)
    await store.finish(claimed.lease, seq=4, rest=Piece(text=rest), outcome=succeeded(), now=T0)
    assert (await store.get("job_1")).request == claimed.job.request
    assert (await store.list_jobs(limit=1)).jobs[0].request == claimed.job.request
    events = await store.events("job_1", after=0, limit=9)
    assert answer_text(events) == middle + rest
    assert [e.kind for e in await store.events("job_1", after=3, limit=9)] == [EventKind.DELTA, EventKind.SUCCEEDED]
    assert len(home.objects()) == 3
    assert await store.purge(finished_before=T0 + 1, limit=1) == 1
    assert home.objects() == []


async def test_a_job_whose_text_was_thrown_away_is_a_forgotten_job(store: DynamoJobStore, home: JobHome) -> None:
    """The bucket throws old objects away by itself."""
    await store.submit(a_new_job("job_1", prompt="p" * 400_000), now=T0, max_queued=10)
    await submit(store, "job_2")
    home.emulator.s3.delete_object(Bucket=home.places.bucket, Key=home.objects()[0])
    with pytest.raises(NotFoundError):
        await store.get("job_1")
    assert [job.id for job in (await store.list_jobs(limit=5)).jobs] == ["job_2"]
    assert [each.job.id for each in await claim(store)] == ["job_2"]
    assert await store.reap(now=T0 + 100_000) != []


async def test_a_bucket_that_fails_refuses_the_prompt(home: JobHome, emulator: Emulator) -> None:
    s3 = emulator.session.client("s3", endpoint_url=emulator.endpoint, config=NO_RETRIES)
    s3.meta.events.register("before-send.s3.PutObject", lambda request, **_: unreachable(request))
    store = home.open(s3=s3, clock=FakeClock(auto_advance=True))
    with pytest.raises(StorageError) as failed:
        await store.submit(a_new_job("job_1", key="k", prompt="p" * 400_000), now=T0, max_queued=10)
    assert failed.value.details["reason"] == "unreachable"
    assert {item["pk"]["S"] for item in home.items()} <= {"COUNTER"}
    await store.close()


async def test_much_text_of_one_job_is_one_step(store: DynamoJobStore, line: FaultyLine) -> None:
    lease = await running(store)
    line.reset()
    await store.append([delta(lease, 3 + n, f"{n} ") for n in range(150)], now=T0)
    assert line.sent == ["TransactWriteItems"]
    events = await store.events("job_1", after=0, limit=1000)
    assert answer_text(events) == "".join(f"{n} " for n in range(150))
    assert [e.seq for e in await store.events("job_1", after=100, limit=3)] == [101, 102, 103]


async def test_more_text_than_one_transaction_takes_is_written_in_parts_or_not_at_all(
    store: DynamoJobStore, line: FaultyLine
) -> None:
    await submit(store, "job_1", "job_2", "job_3")
    leases = [each.lease for each in await claim(store)]
    line.reset()
    long = "a" * (CHARACTERS_AT_ONCE // 2)
    with pytest.raises(ValueError, match="gap"):
        await store.append([*(delta(each, 3, long) for each in leases[:-1]), delta(leases[-1], 4, long)], now=T0)
    assert "TransactWriteItems" not in line.sent
    await store.append([delta(each, 3, long) for each in leases], now=T0)
    assert line.sent.count("TransactWriteItems") == 2
    assert {job.last_seq for job in (await store.list_jobs(limit=100)).jobs} == {3}


async def test_an_old_and_a_new_lease_of_one_job_in_one_call(store: DynamoJobStore) -> None:
    old = await running(store)
    await store.release(old, reason="?", count_attempt=True, now=T0)
    (new,) = await claim(store)
    lost = await store.append([delta(old, 5, "ghost"), delta(new.lease, 5, "x")], now=T0)
    assert lost == {"job_1"}
    assert answer_text(await store.events("job_1", after=0, limit=9)) == "x"


async def test_what_aws_left_undone_of_a_batch_is_done_again(
    store: DynamoJobStore, line: FaultyLine, home: JobHome
) -> None:
    lease = await running(store)
    await store.finish(lease, seq=3, outcome=succeeded(), now=T0)

    def undone(request: Any) -> Any:
        return answered({"UnprocessedItems": json.loads(request.body)["RequestItems"]})(request)

    line.next("BatchWriteItem", undone)
    assert await store.purge(finished_before=T0 + 1, limit=1) == 1
    assert {item["pk"]["S"] for item in home.items()} == {"COUNTER"}


async def test_a_purge_that_broke_off_is_done_again(store: DynamoJobStore, line: FaultyLine, home: JobHome) -> None:
    lease = await running(store)
    await store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    line.next("BatchWriteItem", lambda _: None, refused("AccessDeniedException"))
    with pytest.raises(StorageError):
        await store.purge(finished_before=T0 + 1, limit=1)
    with pytest.raises(NotFoundError):
        await store.get("job_1")
    assert await store.purge(finished_before=T0 + 1, limit=1) == 1
    assert {item["pk"]["S"] for item in home.items()} == {"COUNTER"}


async def test_a_job_that_the_index_still_shows_is_not_listed(store: DynamoJobStore, line: FaultyLine) -> None:
    await submit(store, "job_1")
    stale = {"pk": {"S": "JOB#gone"}, "sk": {"S": "EV#0000000001"}, "created_at": {"N": "1"}, "owner": {"S": ""}}
    for _ in range(2):
        line.next("Query", answered({"Items": [stale], "Count": 1}))
        assert (await store.list_jobs(limit=5)).jobs == ()
        line.next("Query", answered({"Items": [stale], "Count": 1}))
        assert await store.purge(finished_before=T0, limit=5) == 0


async def test_events_behind_a_gap_are_not_shown(store: DynamoJobStore, home: JobHome) -> None:
    """A read of many items is not of one moment: the second of two steps may show before the first."""
    lease = await running(store)
    await store.append([delta(lease, 3, "a")], now=T0)
    await store.append([delta(lease, 4, "b")], now=T0)
    key: Any = {"pk": {"S": "JOB#job_1"}, "sk": {"S": "EV#0000000003"}}
    home.emulator.dynamodb.delete_item(TableName=home.places.table, Key=key)
    assert [e.seq for e in await store.events("job_1", after=0, limit=9)] == [1, 2]
    assert await store.events("job_1", after=2, limit=9) == []


@pytest.mark.requirement("3.5.1")
async def test_only_what_has_ended_is_forgotten_by_the_table_itself(store: DynamoJobStore, home: JobHome) -> None:
    lease = await running(store)
    (record,) = [item for item in home.items() if item["sk"]["S"] == "JOB"]
    assert "expires" not in record
    await store.finish(lease, seq=3, outcome=succeeded(), now=T0 + 100)
    (record,) = [item for item in home.items() if item["sk"]["S"] == "JOB"]
    assert T0 + 30 * 86_400 < int(record["expires"]["N"]) < T0 + 40 * 86_400


@pytest.mark.parametrize(
    "nonsense",
    [
        {"poll_seconds": -1},
        {"poll_seconds": 21},
        {"keep_seconds": 0.0},
        {"keep_seconds": -1.0},
        {"keep_seconds": float("nan")},
        {"keep_seconds": float("inf")},
        {"inline_bytes": -1},
        {"inline_bytes": 10**9},
    ],
)
def test_nonsense_is_no_setting(home: JobHome, nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"seconds|ended jobs|bytes"):
        home.open(**nonsense)


async def _together(*calls: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)
