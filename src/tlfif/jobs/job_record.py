"""A job as a store keeps it: what the transitions read and write."""

from dataclasses import dataclass, fields

from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import ClaimedJob, Job, JobState, JobStatus, Lease, NewJob
from tlfif.jobs.request import GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(JobState):
    """A job as a store keeps it, without its request, which is long and never changes.

    ``position`` is the acceptance number and orders the queue and the list. ``wait_seconds`` is how long the job may
    wait each time it is queued. ``base``: as in :class:`NewJob`; all that decides which machine answers a job looks at
    it, and not at the model that the request names. ``step`` is free for stores without transactions: it names the last
    write, so that a writer notices another one and recognises its own. After a job's end, ``lease_token`` is that of
    the lease that finished it, and None if no worker did.
    """

    base: str
    wait_seconds: float
    position: int
    step: str = ""
    lease_token: str | None = None

    def held_by(self, token: str) -> bool:
        """Whether the job runs and ``token`` is that of its lease."""
        return self.status is JobStatus.RUNNING and self.lease_token == token

    def may_grow(self, after: int) -> bool:
        """Whether a reader who has seen event ``after`` must wait for the next one: it may come, but is not here."""
        return not self.status.is_terminal and self.last_seq <= after

    def job(self, request: GenerationRequest) -> Job:
        """The job as callers of the store see it."""
        return Job(request=request, **{field.name: getattr(self, field.name) for field in fields(JobState)})

    def claimed(self, request: GenerationRequest) -> ClaimedJob:
        """A running job with its lease, as its worker gets it. Raises ValueError if the job does not run."""
        if self.lease_token is None or self.worker_id is None:
            raise ValueError(f"job {self.id} does not run")
        lease = Lease(job_id=self.id, token=self.lease_token, worker_id=self.worker_id, attempt=self.attempt)
        return ClaimedJob(job=self.job(request), lease=lease)


def new_record(job: NewJob, *, position: int, now: float) -> JobRecord:
    """The record of a job that is accepted. Its :func:`first_event` is written with it."""
    return JobRecord(
        id=job.id,
        status=JobStatus.QUEUED,
        base=job.base,
        idempotency_key=job.idempotency_key,
        created_at=now,
        expires_at=job.expires_at,
        wait_seconds=job.expires_at - now,
        position=position,
        owner=job.owner,
        last_seq=1,
    )


def first_event(record: JobRecord) -> Event:
    """Event 1 of a new job."""
    return Event(seq=1, kind=EventKind.QUEUED, at=record.created_at)
