"""Claiming, keeping and losing leases."""

from dataclasses import replace

import pytest

from tests.builders import LEASE_SECONDS, T0, WAIT_SECONDS, a_new_job, claim, delta, running, submit, succeeded
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus, LeaseState
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import LeaseLostError

EXPIRY = T0 + LEASE_SECONDS


@pytest.mark.requirement("3.3.1")
async def test_the_oldest_jobs_are_claimed_first(job_store: JobStore) -> None:
    await submit(job_store, "job_b", "job_a", "job_c")
    first = await claim(job_store, limit=2)
    second = await claim(job_store, limit=2)
    assert [c.job.id for c in (*first, *second)] == ["job_b", "job_a", "job_c"]


async def test_a_claim_makes_the_job_run_under_a_lease(job_store: JobStore) -> None:
    await submit(job_store)
    (claimed,) = await claim(job_store, now=T0 + 1, worker_id="worker_7")
    job = claimed.job
    assert (job.status, job.attempt, job.worker_id) == (JobStatus.RUNNING, 1, "worker_7")
    assert (job.started_at, job.lease_expires_at) == (T0 + 1, T0 + 1 + LEASE_SECONDS)
    assert (claimed.lease.job_id, claimed.lease.worker_id, claimed.lease.attempt) == ("job_1", "worker_7", 1)
    assert await job_store.get("job_1") == job
    assert await job_store.events("job_1", after=1, limit=10) == [
        Event(seq=2, kind=EventKind.STARTED, at=T0 + 1, data={"attempt": 1})
    ]


async def test_a_claimed_job_is_not_claimed_again(job_store: JobStore) -> None:
    await submit(job_store)
    assert len(await claim(job_store)) == 1
    assert await claim(job_store) == []


@pytest.mark.parametrize("limit", [0, -1])
async def test_no_room_claims_nothing(job_store: JobStore, limit: int) -> None:
    await submit(job_store)
    assert await claim(job_store, limit=limit) == []


async def test_only_jobs_for_the_model_are_claimed(job_store: JobStore) -> None:
    await submit(job_store, "job_1", model="other")
    await submit(job_store, "job_2")
    assert [c.job.id for c in await claim(job_store)] == ["job_2"]


async def test_a_job_may_be_claimed_up_to_the_end_of_its_wait(job_store: JobStore) -> None:
    await submit(job_store)
    assert await claim(job_store, now=T0 + WAIT_SECONDS + 0.001) == []
    assert len(await claim(job_store, now=T0 + WAIT_SECONDS)) == 1


async def test_a_cancelled_job_is_not_claimed(job_store: JobStore) -> None:
    await submit(job_store)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    assert await claim(job_store) == []


async def test_two_leases_have_different_tokens(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2")
    one, two = await claim(job_store)
    assert one.lease.token != two.lease.token


async def test_a_lease_holds_at_exactly_its_end(job_store: JobStore) -> None:
    await running(job_store)
    assert await job_store.reap(now=EXPIRY) == []
    assert (await job_store.get("job_1")).status is JobStatus.RUNNING


async def test_a_lease_past_its_end_is_reaped(job_store: JobStore) -> None:
    await running(job_store)
    assert await job_store.reap(now=EXPIRY + 0.001) == ["job_1"]
    job = await job_store.get("job_1")
    assert (job.status, job.attempt, job.worker_id) == (JobStatus.QUEUED, 1, None)
    assert (job.lease_expires_at, job.started_at) == (None, None)


async def test_a_heartbeat_extends_the_lease(job_store: JobStore) -> None:
    lease = await running(job_store)
    states = await job_store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=T0 + 20)
    assert states == [LeaseState(job_id="job_1", held=True)]
    assert await job_store.reap(now=T0 + 20 + LEASE_SECONDS) == []
    assert await job_store.reap(now=T0 + 20 + LEASE_SECONDS + 0.001) == ["job_1"]


async def test_a_heartbeat_revives_a_lease_that_ran_out_but_was_not_reaped(job_store: JobStore) -> None:
    lease = await running(job_store)
    late = EXPIRY + 100
    assert (await job_store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=late))[0].held
    assert await job_store.reap(now=late + 1) == []


async def test_a_heartbeat_tells_of_a_lost_lease(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.reap(now=EXPIRY + 1)
    states = await job_store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=EXPIRY + 2)
    assert states == [LeaseState(job_id="job_1", held=False)]
    assert (await job_store.get("job_1")).status is JobStatus.QUEUED


async def test_a_heartbeat_tells_of_each_lease_in_order(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2", "job_3")
    leases = [c.lease for c in await claim(job_store)]
    await job_store.finish(leases[1], seq=3, outcome=succeeded(), now=T0)
    await job_store.request_cancel("job_3", reason="by hand", now=T0)
    states = await job_store.heartbeat(leases, lease_seconds=LEASE_SECONDS, now=T0)
    assert states == [
        LeaseState(job_id="job_1", held=True),
        LeaseState(job_id="job_2", held=False),
        LeaseState(job_id="job_3", held=True, cancel_requested=True),
    ]


async def test_a_heartbeat_without_leases_is_nothing(job_store: JobStore) -> None:
    assert await job_store.heartbeat([], lease_seconds=LEASE_SECONDS, now=T0) == []


@pytest.mark.requirement("4.2.4")
async def test_writes_under_an_old_lease_leave_no_trace(job_store: JobStore) -> None:
    old = await running(job_store)
    await job_store.reap(now=EXPIRY + 1)
    (new,) = await claim(job_store, now=EXPIRY + 2)
    before = (await job_store.get("job_1"), await job_store.events("job_1", after=0, limit=100))
    assert await job_store.append([delta(old, 5, "ghost")], now=EXPIRY + 3) == {"job_1"}
    with pytest.raises(LeaseLostError) as refused:
        await job_store.finish(old, seq=5, rest=Piece(text="ghost"), outcome=succeeded(), now=EXPIRY + 3)
    assert refused.value.code == "lease_lost"
    with pytest.raises(LeaseLostError):
        await job_store.release(old, reason="ghost", count_attempt=True, now=EXPIRY + 3)
    assert (await job_store.get("job_1"), await job_store.events("job_1", after=0, limit=100)) == before
    assert new.job.attempt == 2


async def test_a_made_up_token_is_refused(job_store: JobStore) -> None:
    lease = await running(job_store)
    forged = replace(lease, token="lease_forged")
    assert await job_store.append([delta(forged, 3, "x")], now=T0) == {"job_1"}
    assert not (await job_store.heartbeat([forged], lease_seconds=1, now=T0))[0].held
    with pytest.raises(LeaseLostError):
        await job_store.finish(forged, seq=3, outcome=succeeded(), now=T0)


async def test_a_lease_on_an_unknown_job_is_lost(job_store: JobStore) -> None:
    lease = replace(await running(job_store), job_id="job_none")
    assert await job_store.append([delta(lease, 3, "x")], now=T0) == {"job_none"}
    with pytest.raises(LeaseLostError):
        await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    with pytest.raises(LeaseLostError):
        await job_store.release(lease, reason="?", count_attempt=True, now=T0)


async def test_a_job_given_back_is_claimed_before_younger_ones(job_store: JobStore) -> None:
    lease = await running(job_store, "job_1")
    await job_store.submit(a_new_job("job_2"), now=T0 + 1, max_queued=10)
    await job_store.release(lease, reason="drained", count_attempt=False, now=T0 + 2)
    assert [c.job.id for c in await claim(job_store, now=T0 + 3)] == ["job_1", "job_2"]
