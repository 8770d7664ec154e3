"""Writing an answer and ending the job with it."""

import pytest

from tests.builders import T0, a_receipt, claim, delta, running, submit, succeeded
from tlfif.jobs.events import Event, EventKind, answer_text
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import DeltaWrite, FinishReason, JobStatus, Lease, Outcome
from tlfif.jobs.pieces import CallPiece, Piece, Vector
from tlfif.kernel.errors import LeaseLostError


async def text_of(store: JobStore, job_id: str = "job_1") -> str:
    return answer_text(await store.events(job_id, after=0, limit=1000))


async def test_text_is_appended_in_order(job_store: JobStore) -> None:
    lease = await running(job_store)
    assert await job_store.append([delta(lease, 3, "Hel"), delta(lease, 4, "lo")], now=T0 + 1) == frozenset()
    assert await job_store.append([delta(lease, 5, " Zoë 🙂")], now=T0 + 2) == frozenset()
    assert await text_of(job_store) == "Hello Zoë 🙂"
    assert (await job_store.get("job_1")).last_seq == 5
    last = (await job_store.events("job_1", after=4, limit=10))[0]
    assert last == Event(seq=5, kind=EventKind.DELTA, at=T0 + 2, data={"text": " Zoë 🙂"})


WHOLE = Piece(
    text="Hm 🙂",
    reasoning="Well.",
    tool_calls=(CallPiece(index=0, id="a", name="w", arguments='{"x": "ü'), CallPiece(index=1, arguments="}")),
    logprobs=({"token": "H", "logprob": -0.1, "bytes": [72], "top_logprobs": []},),
    embeddings=(Vector(index=0, values=(0.25, -1e-07)),),
)


async def test_every_part_of_an_answer_is_kept(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([DeltaWrite(lease=lease, seq=3, piece=WHOLE)], now=T0)
    await job_store.finish(lease, seq=4, rest=WHOLE, outcome=succeeded(), now=T0)
    first, second, _ = await job_store.events("job_1", after=2, limit=10)
    assert first.data == second.data == WHOLE.data()


async def test_long_pieces_come_one_by_one(job_store: JobStore) -> None:
    lease = await running(job_store)
    long = Piece(text="x" * 99_000, embeddings=(Vector(index=0, values=(0.5,) * 200),))
    writes = [DeltaWrite(lease=lease, seq=seq, piece=long) for seq in range(3, 11)]
    assert await job_store.append(writes, now=T0) == frozenset()
    assert len(await job_store.events("job_1", after=2, limit=10)) == 8


async def test_reasoning_is_kept_beside_the_text(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append(
        [DeltaWrite(lease=lease, seq=3, piece=Piece(reasoning="Hm. 🙂")), delta(lease, 4, "Yes")], now=T0
    )
    events = await job_store.events("job_1", after=2, limit=10)
    assert [event.data for event in events] == [{"text": "", "reasoning": "Hm. 🙂"}, {"text": "Yes"}]
    assert (answer_text(events), answer_text(events, part="reasoning")) == ("Yes", "Hm. 🙂")


async def test_half_a_character_from_an_engine_is_kept(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([delta(lease, 3, "\ud83d"), delta(lease, 4, "\x00")], now=T0)
    assert await text_of(job_store) == "\ud83d\x00"


async def test_many_jobs_are_written_in_one_step(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2")
    one, two = (c.lease for c in await claim(job_store))
    await job_store.append([delta(one, 3, "a"), delta(two, 3, "x"), delta(one, 4, "b")], now=T0)
    assert (await text_of(job_store, "job_1"), await text_of(job_store, "job_2")) == ("ab", "x")


async def test_a_write_said_twice_is_written_once(job_store: JobStore) -> None:
    lease = await running(job_store)
    for _ in range(2):
        await job_store.append([delta(lease, 3, "a"), delta(lease, 4, "b")], now=T0)
    await job_store.append([delta(lease, 4, "b"), delta(lease, 5, "c")], now=T0)
    assert await text_of(job_store) == "abc"


@pytest.mark.requirement("4.2.3")
async def test_a_gap_is_refused_and_nothing_of_the_call_is_kept(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2")
    one, two = (c.lease for c in await claim(job_store))
    with pytest.raises(ValueError, match="gap"):
        await job_store.append([delta(one, 3, "a"), delta(two, 4, "x")], now=T0)
    assert (await job_store.get("job_1")).last_seq == 2
    assert (await job_store.get("job_2")).last_seq == 2


async def test_a_lost_lease_does_not_hinder_the_others(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2")
    one, two = (c.lease for c in await claim(job_store))
    await job_store.release(one, reason="drained", count_attempt=False, now=T0)
    lost = await job_store.append([delta(one, 3, "a"), delta(two, 3, "x")], now=T0)
    assert lost == {"job_1"}
    assert (await text_of(job_store, "job_1"), await text_of(job_store, "job_2")) == ("", "x")


async def test_appending_nothing_is_nothing(job_store: JobStore) -> None:
    assert await job_store.append([], now=T0) == frozenset()


async def test_finishing_writes_the_rest_and_ends_the_job(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([delta(lease, 3, "Hel")], now=T0 + 1)
    await job_store.finish(lease, seq=4, rest=Piece(text="lo"), outcome=succeeded(), now=T0 + 2)
    job = await job_store.get("job_1")
    assert (job.status, job.finished_at, job.last_seq) == (JobStatus.SUCCEEDED, T0 + 2, 5)
    assert (job.lease_expires_at, job.worker_id, job.attempt) == (None, "worker_1", 1)
    assert job.receipt == a_receipt()
    assert job.receipt is not None
    assert job.receipt.finish_reason is FinishReason.STOP
    assert await text_of(job_store) == "Hello"


async def test_the_last_event_carries_the_receipt(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0 + 2)
    (last,) = await job_store.events("job_1", after=2, limit=10)
    assert (last.seq, last.kind, last.at) == (3, EventKind.SUCCEEDED, T0 + 2)
    assert set(last.data) == {"receipt", "error_code", "error_message"}
    receipt = last.data["receipt"]
    assert isinstance(receipt, dict)
    assert (receipt["completion_tokens"], receipt["finish_reason"]) == (34, "stop")
    assert type(receipt["finish_reason"]) is str


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (
            Outcome(status=JobStatus.FAILED, error_code="engine_rejected", error_message="No."),
            EventKind.FAILED,
        ),
        (Outcome(status=JobStatus.CANCELLED, receipt=a_receipt()), EventKind.CANCELLED),
    ],
)
async def test_other_ends(job_store: JobStore, outcome: Outcome, kind: EventKind) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, rest=Piece(text="half"), outcome=outcome, now=T0)
    job = await job_store.get("job_1")
    last = (await job_store.events("job_1", after=0, limit=10))[-1]
    assert (job.status, job.error_code, job.error_message) == (
        outcome.status,
        outcome.error_code,
        outcome.error_message,
    )
    assert (last.kind, last.data["error_code"]) == (kind, outcome.error_code)
    assert await text_of(job_store) == "half"


async def test_text_that_was_appended_before_is_not_written_again(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([delta(lease, 3, "all")], now=T0)
    await job_store.finish(lease, seq=3, rest=Piece(text="all"), outcome=succeeded(), now=T0)
    assert await text_of(job_store) == "all"


@pytest.mark.parametrize("text", ["", "more"])
async def test_finishing_over_a_gap_is_refused(job_store: JobStore, text: str) -> None:
    lease = await running(job_store)
    with pytest.raises(ValueError, match="gap"):
        await job_store.finish(lease, seq=4, rest=Piece(text=text), outcome=succeeded(), now=T0)
    assert (await job_store.get("job_1")).status is JobStatus.RUNNING


async def test_finishing_twice_changes_nothing(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0 + 1)
    before = (await job_store.get("job_1"), await job_store.events("job_1", after=0, limit=10))
    failed = Outcome(status=JobStatus.FAILED, error_code="late")
    await job_store.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0 + 2)
    await job_store.finish(lease, seq=9, rest=Piece(text="No."), outcome=failed, now=T0 + 3)
    assert (await job_store.get("job_1"), await job_store.events("job_1", after=0, limit=10)) == before


async def test_finishing_after_the_lease_was_reaped_is_refused(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.reap(now=T0 + 1000)
    with pytest.raises(LeaseLostError):
        await job_store.finish(lease, seq=3, rest=Piece(text="late"), outcome=succeeded(), now=T0 + 1001)
    assert (await job_store.get("job_1")).status is JobStatus.QUEUED


async def test_finishing_what_another_attempt_finished_is_refused(job_store: JobStore) -> None:
    old = await running(job_store)
    await job_store.reap(now=T0 + 100)
    (new,) = await claim(job_store, now=T0 + 101)
    await job_store.finish(new.lease, seq=5, rest=Piece(text="new"), outcome=succeeded(), now=T0 + 102)
    with pytest.raises(LeaseLostError):
        await job_store.finish(old, seq=3, rest=Piece(text="old"), outcome=succeeded(), now=T0 + 103)
    assert await text_of(job_store) == "new"


@pytest.mark.requirement("4.2.3")
async def test_nothing_follows_the_last_event(job_store: JobStore) -> None:
    lease: Lease = await running(job_store)
    await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    assert await job_store.append([delta(lease, 4, "x")], now=T0) == {"job_1"}
    with pytest.raises(LeaseLostError):
        await job_store.release(lease, reason="?", count_attempt=True, now=T0)
    assert await job_store.reap(now=T0 + 10_000) == []
    assert (await job_store.get("job_1")).last_seq == 3
