"""The limits of jobs, each with its unit, range and reason."""

from dataclasses import dataclass

USUAL_TEMPERATURE = 0.7
"""Where neither request, owner nor the model's makers say one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicy:
    """Limits of jobs. All in seconds but ``max_queued`` (jobs) and ``default_max_tokens`` (tokens)."""

    lease_seconds: float = 30.0
    heartbeat_seconds: float = 5.0
    """Well under a third of the lease, so that two lost beats do not lose the job."""
    wait_limit_seconds: float = 3600.0
    """A job that waited this long expires: an answer an hour late is of no use."""
    run_limit_seconds: float = 1800.0
    """The slowest machine that is supported makes 2,048 tokens at two a second; rounded up."""
    batch_seconds: float = 0.05
    """How often the text of an answer is written: a reader sees no difference between 20 and 100 writes a second, the
    store does."""
    max_queued: int = 1000
    default_max_tokens: int = 512
    default_temperature: float | None = None
    """None: the model's own, else :data:`USUAL_TEMPERATURE`."""
    retention_seconds: float = 30 * 86400.0


AWS_JOB_POLICY = JobPolicy(batch_seconds=0.25, lease_seconds=630.0)
"""On AWS each write costs money, and readers poll four times a second. AWS refuses the requests of a clock that is over
five minutes off, so worker and router differ by ten at most; a worker that is gone is noticed by its machine's end."""
