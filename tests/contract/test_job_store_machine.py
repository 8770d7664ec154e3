"""Any sequence of calls: no accepted job is lost, doubled or stuck, in any adapter.

The model below is what the contract says, written down a second time without storage, wake-ups or SQL.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.aws.dynamo_jobs import a_job_home
from tests.aws.emulator import Emulator, running_emulator
from tests.builders import LEASE_SECONDS, MODEL, T0, WAIT_SECONDS, a_new_job, delta, succeeded
from tests.fakes.clock import FakeIds
from tests.fakes.memory_job_store import MemoryJobStore
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.jobs.events import Event, EventKind, answer_text
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import MAX_ATTEMPTS, Job, JobStatus, Lease, Outcome
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import BusyError, IdempotencyConflictError, LeaseLostError

pytestmark = pytest.mark.timeout(300)  # what ends in the middle of an example would look like a fault of the store

T = TypeVar("T")
MODELS = (MODEL, "other")
WORKERS = ("worker_1", "worker_2")
MANY = 1000

picks = st.integers(min_value=0, max_value=999)
rarely = st.integers(min_value=0, max_value=3).map(lambda drawn: drawn == 3)
texts = st.sampled_from(["", "a", "bc", "é🙂"])
models = st.sampled_from((MODEL, MODEL, MODEL, "other"))
ends = st.sampled_from([JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED])


@dataclass
class Expected:
    """One accepted job as the contract says it must be."""

    id: str
    key: str | None
    prompt: str
    model: str
    wait_until: float
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    text: str = ""
    last_seq: int = 1
    cancel: bool = False
    lease: Lease | None = None
    lease_until: float | None = None
    finished_under: str | None = None
    leases: list[Lease] = field(default_factory=list)

    def end(self, status: JobStatus) -> None:
        assert not self.status.is_terminal
        self.status, self.lease, self.lease_until = status, None, None
        self.last_seq += 1

    def lose_attempt(self, now: float, *, count: bool) -> None:
        if self.cancel:
            self.end(JobStatus.CANCELLED)
        elif count and self.attempt == MAX_ATTEMPTS:
            self.end(JobStatus.FAILED)
        else:
            self.status, self.lease, self.lease_until = JobStatus.QUEUED, None, None
            self.attempt -= 0 if count else 1
            self.text = ""
            self.last_seq += 1
            self.wait_until = now + WAIT_SECONDS


class JobStoreMachine(RuleBasedStateMachine):
    """Rules common to all adapters."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = T0
        self.made = 0
        self.expected: dict[str, Expected] = {}
        self.store = self.open()

    def open(self) -> JobStore:
        raise NotImplementedError

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def with_status(self, status: JobStatus) -> list[Expected]:
        return [job for job in self.expected.values() if job.status is status]

    def pick_lease(self, pick: int) -> tuple[Expected, Lease]:
        leased = [job for job in self.expected.values() if job.leases]
        job = leased[pick % len(leased)]
        # Mostly the newest lease, which may be current; now and then one of old.
        return job, job.leases[0] if pick % 3 == 2 else job.leases[-1]

    def any_lease(self) -> bool:
        return any(job.leases for job in self.expected.values())

    @initialize(jobs=st.integers(min_value=1, max_value=3))
    def a_worker_is_busy(self, jobs: int) -> None:
        """Most that can go wrong goes wrong with jobs that run, so each example begins with some."""
        for _ in range(jobs):
            self.submit(key=None, prompt="One", model=MODEL, max_queued=MANY)
        self.claim(model=MODEL, worker=WORKERS[0], limit=2)

    @rule(
        key=st.sampled_from([None, None, "a", "b"]),
        prompt=st.sampled_from(["One", "Two"]),
        model=models,
        max_queued=st.sampled_from([3, MANY, MANY]),
    )
    def submit(self, key: str | None, prompt: str, model: str, max_queued: int) -> None:
        self.made += 1
        new = a_new_job(f"job_{self.made}", key=key, prompt=prompt, model=model, now=self.now)
        known = next((j for j in self.expected.values() if key is not None and j.key == key), None)
        call = self.store.submit(new, now=self.now, max_queued=max_queued)
        if known is not None and (known.prompt, known.model) != (prompt, model):
            with pytest.raises(IdempotencyConflictError):
                self.run(call)
        elif known is not None:
            result = self.run(call)
            assert (result.created, result.job.id) == (False, known.id)
        elif len(self.with_status(JobStatus.QUEUED)) >= max_queued:
            with pytest.raises(BusyError):
                self.run(call)
        else:
            assert self.run(call).created
            self.expected[new.id] = Expected(
                id=new.id, key=key, prompt=prompt, model=model, wait_until=self.now + WAIT_SECONDS
            )

    @rule(model=models, worker=st.sampled_from(WORKERS), limit=st.sampled_from([1, 2, 3, 0]))
    def claim(self, model: str, worker: str, limit: int) -> None:
        claimed = self.run(
            self.store.claim(worker_id=worker, model=model, limit=limit, lease_seconds=LEASE_SECONDS, now=self.now)
        )
        waiting = [
            job for job in self.with_status(JobStatus.QUEUED) if job.model == model and self.now <= job.wait_until
        ]
        assert [c.job.id for c in claimed] == [job.id for job in waiting[:limit]]
        for got, job in zip(claimed, waiting, strict=False):
            job.status = JobStatus.RUNNING
            job.attempt += 1
            job.last_seq += 1
            job.lease, job.lease_until = got.lease, self.now + LEASE_SECONDS
            assert got.lease.token not in {lease.token for lease in job.leases}
            job.leases.append(got.lease)
            assert (got.lease.attempt, got.lease.worker_id) == (job.attempt, worker)

    @precondition(any_lease)
    @rule(pick=picks)
    def heartbeat(self, pick: int) -> None:
        job, lease = self.pick_lease(pick)
        (state,) = self.run(self.store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=self.now))
        held = job.lease == lease
        assert (state.held, state.cancel_requested) == (held, held and job.cancel)
        if held:
            job.lease_until = self.now + LEASE_SECONDS

    @precondition(any_lease)
    @rule(pick=picks, text=texts, again=st.booleans())
    def append(self, pick: int, text: str, again: bool) -> None:
        job, lease = self.pick_lease(pick)
        writes = [delta(lease, job.last_seq + 1, text)] * (2 if again else 1)
        lost = self.run(self.store.append(writes, now=self.now))
        if job.lease == lease:
            assert lost == frozenset()
            job.text += text
            job.last_seq += 1
        else:
            assert lost == {job.id}

    @precondition(any_lease)
    @rule(pick=picks)
    def append_what_was_written(self, pick: int) -> None:
        job, lease = self.pick_lease(pick)
        self.run(self.store.append([delta(lease, job.last_seq, "again")], now=self.now))

    @precondition(any_lease)
    @rule(pick=picks)
    def append_over_a_gap(self, pick: int) -> None:
        job, lease = self.pick_lease(pick)
        call = self.store.append(
            [delta(lease, job.last_seq + 1, "x"), delta(lease, job.last_seq + 3, "y")], now=self.now
        )
        if job.lease == lease:
            with pytest.raises(ValueError, match="gap"):
                self.run(call)
        else:
            assert self.run(call) == {job.id}

    @precondition(any_lease)
    @rule(pick=picks, text=texts, status=ends, appended_before=st.booleans())
    def finish(self, pick: int, text: str, status: JobStatus, appended_before: bool) -> None:
        job, lease = self.pick_lease(pick)
        seq = job.last_seq if appended_before else job.last_seq + 1
        outcome = Outcome(status=status)
        call = self.store.finish(lease, seq=seq, rest=Piece(text=text), outcome=outcome, now=self.now)
        if job.lease == lease:
            self.run(call)
            if text and not appended_before:
                job.text += text
                job.last_seq += 1
            job.end(status)
            job.finished_under = lease.token
        elif job.finished_under == lease.token:
            self.run(call)  # said twice: heard once
        else:
            with pytest.raises(LeaseLostError):
                self.run(call)

    @precondition(any_lease)
    @rule(pick=picks, count=st.booleans())
    def release(self, pick: int, count: bool) -> None:
        job, lease = self.pick_lease(pick)
        call = self.store.release(lease, reason="drained", count_attempt=count, now=self.now)
        if job.lease == lease:
            status = self.run(call)
            job.lose_attempt(self.now, count=count)
            assert status is job.status
        else:
            with pytest.raises(LeaseLostError):
                self.run(call)

    @precondition(lambda self: bool(self.expected))
    @rule(pick=picks, really=rarely)
    def cancel(self, pick: int, really: bool) -> None:
        job = list(self.expected.values())[pick % len(self.expected)]
        if job.status is JobStatus.QUEUED and not really:
            return  # a cancelled job has no more adventures
        got = self.run(self.store.request_cancel(job.id, reason="by hand", now=self.now))
        if job.status is JobStatus.QUEUED:
            job.cancel = True
            job.end(JobStatus.CANCELLED)
        elif job.status is JobStatus.RUNNING:
            job.cancel = True
        assert (got.status, got.cancel_requested) == (job.status, job.cancel)

    @rule(worker=st.sampled_from(WORKERS))
    def abandon(self, worker: str) -> None:
        mine = [j for j in self.with_status(JobStatus.RUNNING) if j.lease and j.lease.worker_id == worker]
        assert set(self.run(self.store.abandon(worker, reason="gone", now=self.now))) == {j.id for j in mine}
        for job in mine:
            job.lose_attempt(self.now, count=True)

    @rule(seconds=st.sampled_from([1.0, LEASE_SECONDS, LEASE_SECONDS + 1, -5.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(really=rarely)
    def much_time_passes(self, really: bool) -> None:
        self.now += WAIT_SECONDS + 1 if really else 0.0

    @rule(worker=st.sampled_from(WORKERS))
    def all_leases_run_out_and_another_worker_takes_over(self, worker: str) -> None:
        self.time_passes(seconds=LEASE_SECONDS + 1)
        self.reap()
        self.claim(model=MODEL, worker=worker, limit=3)

    @rule()
    def reap(self) -> None:
        late = [j for j in self.with_status(JobStatus.QUEUED) if j.wait_until < self.now]
        silent = [j for j in self.with_status(JobStatus.RUNNING) if (j.lease_until or 0.0) < self.now]
        assert set(self.run(self.store.reap(now=self.now))) == {j.id for j in (*late, *silent)}
        for job in late:
            job.end(JobStatus.EXPIRED)
        for job in silent:
            job.lose_attempt(self.now, count=True)

    @invariant()
    def every_accepted_job_is_there_as_it_must_be(self) -> None:
        page = self.run(self.store.list_jobs(limit=MANY))
        assert [job.id for job in page.jobs] == list(reversed(self.expected))
        for job in page.jobs:
            self.check(job, self.expected[job.id])
        counts = self.run(self.store.counts())
        assert counts.queued == len(self.with_status(JobStatus.QUEUED))
        assert counts.running == len(self.with_status(JobStatus.RUNNING))

    def check(self, job: Job, want: Expected) -> None:
        events = self.run(self.store.events(job.id, after=0, limit=MANY))
        assert job.status is want.status
        assert (job.attempt, job.last_seq, job.cancel_requested) == (want.attempt, want.last_seq, want.cancel)
        assert 0 <= job.attempt <= MAX_ATTEMPTS
        assert (job.lease_expires_at, job.expires_at) == (want.lease_until, want.wait_until)
        assert answer_text(events) == want.text
        self.check_log(events, job)

    @staticmethod
    def check_log(events: list[Event], job: Job) -> None:
        assert [event.seq for event in events] == list(range(1, job.last_seq + 1))
        assert events[0].kind is EventKind.QUEUED
        terminal = [event for event in events if event.kind.is_terminal]
        if job.status.is_terminal:
            assert terminal == [events[-1]]
            assert terminal[0].kind.value == job.status.value
        else:
            assert terminal == []

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.run(self.store.close())
            self.runner.close()

    def drain(self) -> None:
        """A healthy worker and a router that reaps bring every job to its end."""
        for _ in range(MAX_ATTEMPTS + 1):
            self.now += LEASE_SECONDS + 1
            self.run(self.store.reap(now=self.now))
            for model in MODELS:
                claimed = self.run(
                    self.store.claim(
                        worker_id="worker_3", model=model, limit=MANY, lease_seconds=LEASE_SECONDS, now=self.now
                    )
                )
                for each in claimed:
                    seq = each.job.last_seq + 1
                    outcome = succeeded()
                    self.run(
                        self.store.finish(each.lease, seq=seq, rest=Piece(text="end"), outcome=outcome, now=self.now)
                    )
        jobs = self.run(self.store.list_jobs(limit=MANY)).jobs
        assert {job.id for job in jobs} == set(self.expected)
        for job in jobs:
            assert job.status.is_terminal
            self.check_log(self.run(self.store.events(job.id, after=0, limit=MANY)), job)


class MemoryMachine(JobStoreMachine):
    """The memory adapter."""

    def open(self) -> JobStore:
        return MemoryJobStore(FakeIds())


class SqliteMachine(JobStoreMachine):
    """The SQLite adapter, whose process also dies now and then."""

    def open(self) -> JobStore:
        self.folder = Path(tempfile.mkdtemp())
        self.ids = FakeIds()
        return self.open_file()

    def open_file(self) -> JobStore:
        return SqliteJobStore(self.run(Database.open(self.folder / "tlfif.db")), self.ids)

    @rule()
    def crash_and_reopen(self) -> None:
        """What is on disk at this moment is all that the next process finds, as after kill -9."""
        snapshot = Path(tempfile.mkdtemp())
        for file in self.folder.iterdir():
            shutil.copy(file, snapshot / file.name)
        self.run(self.store.close())
        shutil.rmtree(self.folder)
        self.folder = snapshot
        self.store = self.open_file()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            shutil.rmtree(self.folder)


class AwsMachine(JobStoreMachine):
    """The AWS adapter, whose process also dies now and then."""

    emulator: ClassVar[Emulator]

    def open(self) -> JobStore:
        self.home = a_job_home(self.emulator)
        return self.home.open()

    @rule()
    def another_process(self) -> None:
        """All that is known lies in the table."""
        self.run(self.store.close())
        self.store = self.home.open()


# How slow, how picky and how long an example is, is meant. The first ones may be called too long by chance: Hypothesis
# breaks off what is five times as long as the shortest.
COMMON = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

TestMemoryJobStore = MemoryMachine.TestCase
TestMemoryJobStore.settings = COMMON
TestSqliteJobStore = SqliteMachine.TestCase
TestSqliteJobStore.settings = settings(COMMON, max_examples=40)


class TestAwsJobStore(AwsMachine.TestCase):
    """Runs :class:`AwsMachine`."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.emulating = ExitStack()
        AwsMachine.emulator = cls.emulating.enter_context(running_emulator())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.emulating.close()


TestAwsJobStore.settings = settings(COMMON, max_examples=3, stateful_step_count=12)  # a step is some 10 requests
