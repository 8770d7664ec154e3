"""The worker: what becomes of a claimed job, whatever interrupts it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from tests.builders import MODEL, T0, a_request, submit
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.engine import WORDS, FakeEngine
from tests.fakes.memory_job_store import MemoryJobStore
from tlfif.jobs.events import EventKind, answer_text
from tlfif.jobs.jobs import ClaimedJob, FinishReason, Job, JobStatus, Lease
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolUse
from tlfif.jobs.run_job import Provenance, may_be_empty
from tlfif.kernel.errors import EngineGoneError, EngineRejectedError, EngineStuckError, StorageError
from tlfif.worker.worker import Worker

ANSWER = "".join(WORDS)
POLICY = JobPolicy(heartbeat_seconds=0.02)


@dataclass(kw_only=True)
class Bench:
    """A worker at work."""

    jobs: MemoryJobStore
    clock: FakeClock
    worker: Worker

    async def job(self, job_id: str = "job_1") -> Job:
        return await self.jobs.get(job_id)

    async def kinds(self, job_id: str = "job_1") -> list[str]:
        """Kinds of events with runs of deltas as one."""
        kinds = [str(e.kind) for e in await self.jobs.events(job_id, after=0, limit=1000)]
        return [
            kind for kind, before in zip(kinds, [None, *kinds], strict=False) if (kind, before) != ("delta", "delta")
        ]

    async def text(self, job_id: str = "job_1") -> str:
        return answer_text(await self.jobs.events(job_id, after=0, limit=1000))

    async def until(self, condition: Callable[[], Awaitable[bool] | bool]) -> None:
        """Let the worker go on until ``condition``; bounded."""
        async with asyncio.timeout(10):
            while True:
                found = condition()
                if await found if isinstance(found, Awaitable) else found:
                    return
                await asyncio.sleep(0)

    async def until_status(self, status: JobStatus, job_id: str = "job_1") -> Job:
        async def reached() -> bool:
            return (await self.job(job_id)).status is status

        await self.until(reached)
        return await self.job(job_id)

    async def until_text(self, job_id: str = "job_1") -> None:
        async def some() -> bool:
            return bool(await self.text(job_id))

        await self.until(some)

    async def until_idle(self) -> None:
        await self.until(lambda: self.worker.active == 0)


@asynccontextmanager
async def at_work(
    engine: FakeEngine | None, *, jobs: MemoryJobStore | None = None, slots: int = 4, policy: JobPolicy = POLICY
) -> AsyncIterator[Bench]:
    store = jobs or MemoryJobStore(FakeIds())
    clock = FakeClock(auto_advance=True)
    worker = Worker(
        jobs=store,
        clock=clock,
        provenance=Provenance(
            machine_id="machine_1",
            image="embedded-1",
            model=MODEL,
            model_sha256="ab" * 32,
            engine="vllm",
            instance_type="g5.xlarge",
        ),
        policy=policy,
        slots=slots,
    )
    if engine is not None:
        worker.engine_up(engine)
    running = asyncio.create_task(worker.run())
    try:
        yield Bench(jobs=store, clock=clock, worker=worker)
        assert not running.done(), "the worker's loop ended by itself"
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=5)
    assert running.cancelled(), "it ends when told"


@pytest.mark.requirement("5.6.2")
async def test_an_answer() -> None:
    engine = FakeEngine()
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.SUCCEEDED)
        assert await bench.kinds() == ["queued", "started", "delta", "succeeded"]
        assert await bench.text() == ANSWER
        assert job.receipt is not None
        assert (job.receipt.machine_id, job.receipt.model_sha256) == ("machine_1", "ab" * 32)
        assert (job.receipt.instance_type, job.receipt.engine) == ("g5.xlarge", "vllm")
        assert (job.receipt.prompt_tokens, job.receipt.completion_tokens) == (7, 6)
        assert job.receipt.finish_reason == "stop"
        await bench.until_idle()
        assert bench.worker.idle_from is not None


@pytest.mark.requirement("5.6.2")
async def test_what_a_model_thinks_is_kept_apart_from_its_answer() -> None:
    async with at_work(FakeEngine(thoughts=["Well, ", "clouds."])) as bench:
        await submit(bench.jobs)
        await bench.until_status(JobStatus.SUCCEEDED)
        assert await bench.text() == ANSWER
        events = await bench.jobs.events("job_1", after=0, limit=1000)
        assert answer_text(events, part="reasoning") == "Well, clouds."


@pytest.mark.parametrize(
    ("words", "thoughts", "why"),
    [
        ([], ["Well, ", "clouds."], "The model thought, and ended without an answer"),
        ([" "] * 99, ["Well."], "tokens of the answer on thinking. Ask again and allow more"),
        (["\n"] * 99, [], "tokens of the answer on no visible text"),
        ([], [], "The model ended without an answer"),
    ],
)
async def test_an_answer_without_text_is_no_success(words: list[str], thoughts: list[str], why: str) -> None:
    async with at_work(FakeEngine(words, thoughts=thoughts)) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.FAILED)
        assert job.error_code == "answer_empty"
        assert why in str(job.error_message)
        assert job.receipt is not None
        events = await bench.jobs.events("job_1", after=0, limit=1000)
        assert answer_text(events, part="reasoning") == "".join(thoughts), "it can be read"


async def test_an_empty_answer_keeps_the_engines_reason() -> None:
    async with at_work(FakeEngine(["\n"] * 999)) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.FAILED)
        assert job.receipt is not None
        assert job.receipt.finish_reason is FinishReason.LENGTH


PLAIN = a_request()


@pytest.mark.parametrize(
    ("request_", "may_be"),
    [
        (PLAIN, False),
        (replace(PLAIN, max_tokens=1), True),
        (replace(PLAIN, sampling=Sampling(stop=("END",))), True),
        (replace(PLAIN, form=AnswerForm()), True),
        (replace(PLAIN, tools=ToolUse(offered=(Tool(name="now"),))), True),
        (replace(PLAIN, task=Task.COMPLETION), True),
        (replace(PLAIN, messages=(*PLAIN.messages, Message(role="assistant", content="It is"))), True),
    ],
)
def test_what_may_be_answered_with_nothing(request_: GenerationRequest, may_be: bool) -> None:
    assert may_be_empty(request_) is may_be


async def test_nothing_is_claimed_without_an_engine() -> None:
    async with at_work(None) as bench:
        await submit(bench.jobs)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (await bench.job()).status is JobStatus.QUEUED
        bench.worker.engine_up(FakeEngine())
        await bench.until_status(JobStatus.SUCCEEDED)


@pytest.mark.requirement("5.6.1")
async def test_no_more_at_once_than_slots_and_another_model_is_left_alone() -> None:
    engine = FakeEngine(hold_after=1)
    async with at_work(engine, slots=2) as bench:
        await submit(bench.jobs, "other", model="another-model")
        await submit(bench.jobs, *(f"job_{n}" for n in range(5)))
        await bench.until(lambda: engine.streams == 2)
        engine.go_on.set()
        for n in range(5):
            await bench.until_status(JobStatus.SUCCEEDED, f"job_{n}")
        assert engine.most_streams == 2
        assert (await bench.job("other")).status is JobStatus.QUEUED


@pytest.mark.requirement("5.6.3")
async def test_cancel_closes_the_stream_and_keeps_what_was_said() -> None:
    engine = FakeEngine(hold_after=3)
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        await bench.until(lambda: engine.streams == 1)
        await bench.jobs.request_cancel("job_1", reason="by you", now=T0)
        job = await bench.until_status(JobStatus.CANCELLED)
        assert engine.streams == 0, "the engine's slot is free"
        assert job.receipt is not None
        assert job.receipt.finish_reason == "cancelled"
        assert ANSWER.startswith(await bench.text())


async def test_cancel_wakes_the_worker_at_once() -> None:
    """Not only at its next heartbeat: a person waits."""
    engine = FakeEngine(hold_after=1)
    async with at_work(engine, policy=JobPolicy(heartbeat_seconds=1000.0)) as bench:
        await submit(bench.jobs)
        await bench.until(lambda: engine.streams == 1)
        await bench.jobs.request_cancel("job_1", reason="by you", now=T0)
        await bench.until_status(JobStatus.CANCELLED)


@pytest.mark.requirement("4.2.5")
async def test_a_rejected_request_fails_and_is_not_repeated() -> None:
    engine = FakeEngine(fault=EngineRejectedError("The engine refused the request: no."))
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.FAILED)
        assert (job.error_code, job.attempt) == ("engine_rejected", 1)
        assert not bench.worker.engine_failed.is_set()


async def test_a_request_that_hangs_the_engine_fails_and_is_not_repeated() -> None:
    engine = FakeEngine(fault=EngineStuckError("The engine did not take the prompt in within 60 s."))
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.FAILED)
        assert (job.error_code, job.attempt) == ("engine_stuck", 1)
        assert job.error_message == engine.fault.message
        assert job.receipt is not None
        assert bench.worker.engine_failed.is_set(), "so that it is ended"


async def test_an_engine_that_goes_gives_the_job_back_and_takes_no_other() -> None:
    engine = FakeEngine(fault=EngineGoneError("Gone."), fault_after=3)
    async with at_work(engine) as bench:
        await submit(bench.jobs, "job_1")
        await bench.until(bench.worker.engine_failed.is_set)
        await bench.until_idle()
        await submit(bench.jobs, "job_2")
        for _ in range(50):
            await asyncio.sleep(0)
        assert (await bench.job("job_2")).status is JobStatus.QUEUED, "not for an engine that is known to be gone"
        assert (await bench.kinds())[-1] == "restarted"
        assert len(engine.requests) == 1
        bench.worker.engine_up(FakeEngine())
        await bench.until_status(JobStatus.SUCCEEDED)
        assert await bench.text() == ANSWER, "nothing of the first attempt is left in it"
        assert (await bench.job()).attempt == 2


async def test_three_attempts() -> None:
    async with at_work(None) as bench:
        await submit(bench.jobs)
        for _ in range(3):
            bench.worker.engine_up(FakeEngine(fault=EngineGoneError("Gone."), fault_after=2))
            await bench.until(bench.worker.engine_failed.is_set)
            await bench.until_idle()
        job = await bench.job()
        assert (job.status, job.error_code) == (JobStatus.FAILED, "attempts_exhausted")
        assert "The last one ended so: Gone. Send" in (job.error_message or "")
        kinds = await bench.kinds()
        assert kinds.count("restarted") == 2
        assert sum(EventKind(kind).is_terminal for kind in kinds) == 1


async def test_a_fault_of_our_own_does_not_end_in_silence() -> None:
    engine = FakeEngine()
    engine.words = ("fine", None)
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.SUCCEEDED)
        assert job.receipt is not None
        engine.requests = None
        await submit(bench.jobs, "job_2")
        job = await bench.until_status(JobStatus.FAILED, "job_2")
        assert job.error_code == "internal_error"
        assert "attribute" not in str(job.error_message), "a sentence for a person"


@pytest.mark.requirement("5.6.7")
async def test_a_run_limit() -> None:
    engine = FakeEngine(hold_after=2)
    async with at_work(engine, policy=JobPolicy(run_limit_seconds=0.05, heartbeat_seconds=0.02)) as bench:
        await submit(bench.jobs)
        job = await bench.until_status(JobStatus.FAILED)
        assert job.error_code == "run_timeout"
        assert engine.streams == 0


@pytest.mark.requirement("5.6.8")
async def test_release_gives_back_uncounted() -> None:
    engine = FakeEngine(hold_after=2)
    async with at_work(engine) as bench:
        await submit(bench.jobs, "job_1", "job_2")
        await bench.until(lambda: engine.streams == 2)
        await bench.worker.release_all()
        for job_id in ("job_1", "job_2"):
            job = await bench.job(job_id)
            assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
            assert (await bench.kinds(job_id))[-1] == "restarted"
        assert engine.streams == 0
        for _ in range(50):
            await asyncio.sleep(0)
        assert (await bench.job()).status is JobStatus.QUEUED, "it takes nothing more"


async def test_release_while_a_claim_is_under_way() -> None:
    """What the claim brings is given back as well: nothing stays leased to a machine that ends."""

    class SlowClaim(MemoryJobStore):
        claiming = asyncio.Event()
        go_on = asyncio.Event()

        async def claim(self, **wanted: object) -> list[ClaimedJob]:
            found = await super().claim(**wanted)
            if found:
                self.claiming.set()
                await self.go_on.wait()
            return found

    store = SlowClaim(FakeIds())
    engine = FakeEngine(hold_after=1)
    async with at_work(engine, jobs=store) as bench:
        await submit(bench.jobs)
        await bench.until(store.claiming.is_set)
        releasing = asyncio.create_task(bench.worker.release_all())
        await asyncio.sleep(0)
        store.go_on.set()
        await releasing
        job = await bench.job()
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)


async def test_a_lease_that_ran_out_while_the_computer_slept() -> None:
    """The same worker gets its own job again: the first attempt must not spoil the second."""
    engine = FakeEngine(hold_after=2)
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        await bench.until_text()
        bench.clock.jump(7200)
        await bench.jobs.reap(now=bench.clock.now())
        await bench.until(lambda: len(engine.requests) == 2)
        await bench.until(lambda: engine.streams == 1)
        assert bench.worker.active == 1
        engine.go_on.set()
        job = await bench.until_status(JobStatus.SUCCEEDED)
        assert job.attempt == 2
        assert await bench.text() == ANSWER
        assert await bench.kinds() == ["queued", "started", "delta", "restarted", "started", "delta", "succeeded"]
        await bench.until_idle()


async def test_a_lease_that_somebody_else_holds_now() -> None:
    engine = FakeEngine(hold_after=2)
    async with at_work(engine) as bench:
        await submit(bench.jobs)
        await bench.until(lambda: engine.streams == 1)
        bench.worker.stop_taking()
        await bench.jobs.abandon("machine_1", reason="the machine ended", now=T0)
        (theirs,) = await bench.jobs.claim(worker_id="machine_2", model=MODEL, limit=1, lease_seconds=30, now=T0)
        engine.go_on.set()
        await bench.until_idle()
        job = await bench.job()
        assert (job.status, job.worker_id) == (JobStatus.RUNNING, "machine_2")
        assert (await bench.kinds())[-1] == "started", "the first attempt wrote nothing more"
        assert theirs.lease.attempt == 2


class FullDisk(MemoryJobStore):
    """Refuses to write while :attr:`full`."""

    full = False
    refused = 0

    def _check(self) -> None:
        if self.full:
            self.refused += 1
            raise StorageError("The disk is full.")

    async def append(self, *args: object, **kwargs: object) -> frozenset[str]:
        self._check()
        return await super().append(*args, **kwargs)

    async def finish(self, *args: object, **kwargs: object) -> None:
        self._check()
        await super().finish(*args, **kwargs)

    async def heartbeat(self, *args: object, **kwargs: object) -> list:
        self._check()
        return await super().heartbeat(*args, **kwargs)

    async def claim(self, **kwargs: object) -> list[ClaimedJob]:
        self._check()
        return await super().claim(**kwargs)


@pytest.mark.parametrize("words_before", [0, 3, len(WORDS)])
async def test_a_full_disk_loses_no_word(words_before: int) -> None:
    store = FullDisk(FakeIds())
    engine = FakeEngine(hold_after=words_before)
    async with at_work(engine, jobs=store) as bench:
        await submit(bench.jobs)
        await bench.until(lambda: engine.streams == 1)
        store.full = True
        engine.go_on.set()
        await bench.until(lambda: engine.streams == 0)
        await bench.until(lambda: store.refused > 5)
        assert (await bench.job()).status is JobStatus.RUNNING
        store.full = False
        await bench.until_status(JobStatus.SUCCEEDED)
        assert await bench.text() == ANSWER
        assert (await bench.job()).attempt == 1


async def test_a_lost_lease_of_one_does_not_touch_the_other() -> None:
    engine = FakeEngine(hold_after=2)
    async with at_work(engine) as bench:
        await submit(bench.jobs, "job_1", "job_2")
        await bench.until(lambda: engine.streams == 2)
        bench.worker.stop_taking()
        (entry,) = [r for r in bench.worker._active.values() if r.lease.job_id == "job_1"]
        lease: Lease = entry.lease
        await bench.jobs.release(lease, reason="taken away", count_attempt=True, now=T0)
        engine.go_on.set()
        await bench.until_status(JobStatus.SUCCEEDED, "job_2")
        await bench.until_idle()
        assert (await bench.job("job_1")).status is JobStatus.QUEUED
        assert await bench.text("job_2") == ANSWER
