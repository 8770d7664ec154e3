"""Jobs, machines and their parts with sensible contents, so that a test names only what it is about."""

from tests.fakes.clock import START
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import ClaimedJob, DeltaWrite, FinishReason, Job, JobStatus, Lease, NewJob, Outcome, Receipt
from tlfif.jobs.pieces import Piece
from tlfif.jobs.request import GenerationRequest, Message, Sampling
from tlfif.machines.machine import Heartbeat, MachineRecord, MachineState, Phase

MODEL = "smollm2-135m"
LEASE_SECONDS = 30.0
WAIT_SECONDS = 600.0
T0 = START
"""The time at which test jobs are accepted unless a test says otherwise."""


def a_request(
    prompt: str = "What is a cloud computer?", *, model: str = MODEL, max_tokens: int = 64
) -> GenerationRequest:
    """A request as ``domain.limits`` would pass it."""
    return GenerationRequest(
        model=model,
        messages=(Message(role="user", content=prompt),),
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0.7, seed=7),
    )


def a_new_job(
    job_id: str = "job_1",
    *,
    key: str | None = None,
    prompt: str = "What is a cloud computer?",
    model: str = MODEL,
    base: str | None = None,
    now: float = T0,
    wait_seconds: float = WAIT_SECONDS,
    owner: str = "",
) -> NewJob:
    """A job ready to be submitted at ``now``."""
    return NewJob(
        id=job_id,
        request=a_request(prompt, model=model),
        base=base or model,
        idempotency_key=key,
        expires_at=now + wait_seconds,
        owner=owner,
    )


def a_receipt(*, model: str = MODEL, attempt: int = 1) -> Receipt:
    """A receipt with every field filled in."""
    return Receipt(
        model=model,
        model_sha256="ab" * 32,
        image="embedded-1",
        machine_id="machine_1",
        attempt=attempt,
        prompt_tokens=12,
        completion_tokens=34,
        finish_reason=FinishReason.STOP,
        queue_seconds=0.25,
        first_token_seconds=0.5,
        total_seconds=1.5,
        tokens_per_second=34.0,
    )


def succeeded() -> Outcome:
    """A whole answer."""
    return Outcome(status=JobStatus.SUCCEEDED, receipt=a_receipt())


async def submit(store: JobStore, *job_ids: str, now: float = T0, model: str = MODEL) -> list[Job]:
    """Accept jobs with these ids, in this order."""
    results = [
        await store.submit(a_new_job(job_id, model=model, now=now), now=now, max_queued=1000)
        for job_id in (job_ids or ("job_1",))
    ]
    return [result.job for result in results]


async def claim(
    store: JobStore,
    *,
    now: float = T0,
    limit: int = 10,
    worker_id: str = "worker_1",
    model: str = MODEL,
    lease_seconds: float = LEASE_SECONDS,
) -> list[ClaimedJob]:
    """Claim as a worker does."""
    return await store.claim(worker_id=worker_id, model=model, limit=limit, lease_seconds=lease_seconds, now=now)


async def running(store: JobStore, job_id: str = "job_1", *, now: float = T0, worker_id: str = "worker_1") -> Lease:
    """Accept one job, claim it and return its lease."""
    await submit(store, job_id, now=now)
    (claimed,) = await claim(store, now=now, worker_id=worker_id)
    assert claimed.lease.job_id == job_id
    return claimed.lease


def delta(lease: Lease, seq: int, text: str) -> DeltaWrite:
    """Text as event number ``seq``."""
    return DeltaWrite(lease=lease, seq=seq, piece=Piece(text=text))


def a_machine(
    machine_id: str = "machine_1", *, model: str = MODEL, image: str = "embedded-1", created_at: float = T0
) -> MachineRecord:
    """The intent to launch a machine."""
    return MachineRecord(
        id=machine_id,
        state=MachineState.LAUNCHING,
        model=model,
        image=image,
        created_at=created_at,
        phase=Phase.LAUNCH,
        phase_started_at=created_at,
    )


def a_beat(
    machine_id: str = "machine_1",
    *,
    boot_id: str = "boot_1",
    state: MachineState = MachineState.LOADING,
    phase: Phase | None = Phase.ENGINE_START,
    idle_since: float | None = None,
    reason: str = "",
) -> Heartbeat:
    """A heartbeat of a machine that starts."""
    return Heartbeat(
        machine_id=machine_id,
        boot_id=boot_id,
        state=state,
        phase=phase,
        idle_since=idle_since,
        worker_pid=111,
        engine_pid=222,
        reason=reason,
    )
