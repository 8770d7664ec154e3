"""Text on its way into the event log: the first at once, the rest in batches, each word once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.builders import T0, running, succeeded
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.memory_job_store import MemoryJobStore
from tlfif.jobs.events import EventKind, answer_text
from tlfif.jobs.jobs import DeltaWrite, JobStatus, Lease, Outcome
from tlfif.jobs.pieces import NOTHING, CallPiece, Piece, Vector
from tlfif.kernel.errors import LeaseLostError, StorageError
from tlfif.worker.event_writer import EventWriter


class Store(MemoryJobStore):
    """Counts writes; ``faults`` says for the next ones whether they fail before or after they took effect."""

    def __init__(self) -> None:
        super().__init__(FakeIds())
        self.writes: list[list[str]] = []
        self.faults: list[str] = []

    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise StorageError("The disk is full.")
        self.writes.append([write.piece.text for write in writes])
        lost = await super().append(writes, now=now)
        if fault == "after":
            raise StorageError("The disk went away after it had written.")
        return lost

    async def finish(self, lease: Lease, *, seq: int, rest: Piece = NOTHING, outcome: Outcome, now: float) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise StorageError("The disk is full.")
        await super().finish(lease, seq=seq, rest=rest, outcome=outcome, now=now)
        if fault == "after":
            raise StorageError("The disk went away after it had written.")

    async def deltas(self, job_id: str = "job_1") -> list[str]:
        events = await self.events(job_id, after=0, limit=1000)
        return [str(e.data["text"]) for e in events if e.kind is EventKind.DELTA]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


@asynccontextmanager
async def writing(
    store: Store, lost: list[Lease] | None = None, *, batch_seconds: float = 0.05
) -> AsyncIterator[EventWriter]:
    heard = (lost if lost is not None else []).append
    writer = EventWriter(store, FakeClock(auto_advance=True), on_lost=heard, batch_seconds=batch_seconds)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)
    assert task.cancelled()


@pytest.mark.requirement("4.2.10")
async def test_the_first_text_does_not_wait_for_the_batch() -> None:
    store = Store()
    lease = await running(store)
    async with writing(store, batch_seconds=1000.0) as writer:
        log = writer.open(lease, next_seq=3)
        writer.emit(log, Piece(text="A "))
        await until(lambda: store.writes == [["A "]])
        writer.emit(log, Piece(text="clo"))
        writer.emit(log, Piece(text="ud"))
        for _ in range(50):
            await asyncio.sleep(0)
        assert store.writes == [["A "]], "what follows waits for its batch"
        await writer.finish(log, succeeded())
    assert await store.deltas() == ["A ", "cloud"]


@pytest.mark.requirement("4.2.10")
async def test_all_jobs_share_a_batch() -> None:
    store = Store()
    leases = [await running(store, job_id) for job_id in ("job_1", "job_2")]
    async with writing(store, batch_seconds=0.01) as writer:
        logs = [writer.open(lease, next_seq=3) for lease in leases]
        for log in logs:
            writer.emit(log, Piece(text="first "))
        await until(lambda: len(store.writes) == 1)
        for log in logs:
            writer.emit(log, Piece(text="second"))
        await until(lambda: len(store.writes) == 2)
    assert store.writes == [["first ", "first "], ["second", "second"]]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_write_that_failed_is_repeated_and_written_once(fault: str) -> None:
    store = Store()
    lease = await running(store)
    async with writing(store) as writer:
        log = writer.open(lease, next_seq=3)
        store.faults = [fault, fault]
        writer.emit(log, Piece(text="A "))
        await until(lambda: not store.faults)
        writer.emit(log, Piece(text="cloud"))
        await until(lambda: not log.pending and not log.buffer)
        await writer.finish(log, succeeded())
    assert "".join(await store.deltas()) == "A cloud"


@pytest.mark.parametrize("faults", [[], ["before"], ["after", "before"]])
async def test_reasoning_that_comes_just_before_the_end_is_written(faults: list[str]) -> None:
    store = Store()
    lease = await running(store)
    async with writing(store) as writer:
        log = writer.open(lease, next_seq=3)
        store.faults = faults
        writer.emit(log, Piece(reasoning="Well, "))
        await until(lambda: not store.faults)
        writer.emit(log, Piece(reasoning="clouds."))
        writer.emit(log, Piece(text="Yes"))
        await writer.finish(log, succeeded())
    events = await store.events("job_1", after=0, limit=1000)
    assert answer_text(events, part="reasoning") == "Well, clouds."
    assert answer_text(events) == "Yes"


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_an_end_that_failed_is_repeated_and_written_once(fault: str) -> None:
    store = Store()
    lease = await running(store)
    async with writing(store) as writer:
        log = writer.open(lease, next_seq=3)
        log.buffer.append(Piece(text="A cloud"))
        store.faults = [fault, fault]
        await writer.finish(log, succeeded())
        writer.close(log)
    assert await store.deltas() == ["A cloud"]
    events = await store.events("job_1", after=0, limit=99)
    assert [event.kind.is_terminal for event in events].count(True) == 1


async def test_a_batch_keeps_the_order_of_an_answer() -> None:
    store = Store()
    lease = await running(store)
    async with writing(store) as writer:
        log = writer.open(lease, next_seq=3)
        call = CallPiece(index=0, id="a", name="w")
        for piece in (
            Piece(reasoning="Hm"),
            Piece(text="I "),
            Piece(text="call."),
            Piece(tool_calls=(call,)),
            Piece(tool_calls=(CallPiece(index=0, arguments="{"),)),
            Piece(tool_calls=(CallPiece(index=0, arguments="}"),)),
            Piece(reasoning="Well", text="Done."),
        ):
            log.buffer.append(piece)
        await writer.finish(log, succeeded())
    found = [event.data for event in await store.events("job_1", after=2, limit=9) if event.kind is EventKind.DELTA]
    assert found == [
        {"text": "I call.", "reasoning": "Hm", "tool_calls": [{"index": 0, "id": "a", "name": "w", "arguments": "{}"}]},
        {"text": "Done.", "reasoning": "Well"},
    ]


async def test_long_pieces_are_not_put_together() -> None:
    store = Store()
    lease = await running(store)
    async with writing(store) as writer:
        log = writer.open(lease, next_seq=3)
        vectors = [Vector(index=number, values=(0.125,) * 9_000) for number in range(30)]
        log.buffer += [Piece(embeddings=(vector,)) for vector in vectors]
        await writer.finish(log, succeeded())
    events = await store.events("job_1", after=2, limit=99)
    assert len(events) == 31
    assert [event.data["embeddings"][0]["index"] for event in events[:30]] == list(range(30))
    assert len(store.writes) == 4, "eight at once"


async def test_a_lost_lease_is_told_once_and_its_text_dropped() -> None:
    store = Store()
    lost: list[Lease] = []
    theirs, mine = await running(store, "job_1"), await running(store, "job_2")
    async with writing(store, lost) as writer:
        logs = [writer.open(lease, next_seq=3) for lease in (theirs, mine)]
        await store.release(theirs, reason="taken away", count_attempt=True, now=T0)
        for log in logs:
            writer.emit(log, Piece(text="text"))
        await until(lambda: lost == [theirs])
        writer.emit(logs[0], Piece(text="more"))
        await writer.finish(logs[1], succeeded())
        with pytest.raises(LeaseLostError):
            await writer.finish(logs[0], succeeded())
    assert lost == [theirs]
    assert await store.deltas("job_1") == []
    assert await store.deltas("job_2") == ["text"]


async def test_giving_back_drops_what_was_not_written() -> None:
    store = Store()
    lease = await running(store)
    async with writing(store) as writer:
        log = writer.open(lease, next_seq=3)
        log.buffer.append(Piece(text="half a wo"))
        assert await writer.release(log, reason="ending", count_attempt=False) is JobStatus.QUEUED
        writer.close(log)
    assert await store.deltas() == []
