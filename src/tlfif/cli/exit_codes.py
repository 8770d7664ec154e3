"""Exit codes. Part of the interface: scripts depend on these numbers."""

from tlfif.client.errors import ApiError, RefusedError
from tlfif.kernel.errors import InvalidInputError, NotFoundError, TlfifError

DONE = 0
USAGE = 2
"""Wrong use or bad input: the request must be changed."""
JOB_FAILED = 3
"""The job failed, expired, or was cancelled by somebody else."""
NO_MACHINE = 4
"""The machine cannot start: its model, capacity, quota or budget is missing."""
NO_ACCESS = 5
"""The server is not reachable, overloaded or broken, or this caller is not allowed."""
INTERRUPTED = 130
"""Ctrl-C or a request to end; the job was cancelled."""
OUTPUT_CLOSED = 141
"""The reader of the output closed it (as in `| head`); the job was cancelled. A shell's number for SIGPIPE."""

_MACHINE_PREFIXES = (
    "account_pending",
    "account_plan",
    "aws_busy",
    "aws_denied",
    "aws_unreachable",
    "budget_",
    "disk_",
    "hub_",
    "image_missing",
    "machine_",
    "model_",
    "no_capacity",
    "no_quota",
    "no_schedule",
    "pull_",
)
_USAGE_CODES = frozenset(
    {"settings_invalid", "port_taken", "server_running", "idempotency_conflict", "model_file_invalid"}
)


def exit_code_of(error: TlfifError) -> int:
    """The exit code that an error means."""
    if isinstance(error, InvalidInputError | NotFoundError | RefusedError) or error.code in _USAGE_CODES:
        return USAGE
    if error.code.startswith(_MACHINE_PREFIXES):
        return NO_MACHINE
    if isinstance(error, ApiError) and error.status == 409:
        return USAGE
    return NO_ACCESS


def exit_code_of_job(status: str, error_code: str | None) -> int:
    """The exit code of a command that waited for a job, by how the job ended."""
    if status == "succeeded":
        return DONE
    if error_code is not None and error_code.startswith(_MACHINE_PREFIXES):
        return NO_MACHINE
    return JOB_FAILED
