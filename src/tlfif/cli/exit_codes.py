"""Exit codes. Part of the interface: scripts depend on these numbers."""

from tlfif.client.errors import ApiError, RefusedError
from tlfif.kernel.error_codes import ERROR_CODES
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


def exit_code_of(error: TlfifError) -> int:
    """The exit code that an error means; by its class where this version does not know the code."""
    if isinstance(error, InvalidInputError | NotFoundError | RefusedError):
        return USAGE
    known = ERROR_CODES.get(error.code)
    if known is not None:
        return known.exit
    return USAGE if isinstance(error, ApiError) and error.status == 409 else NO_ACCESS


def exit_code_of_job(status: str, error_code: str | None) -> int:
    """The exit code of a command that waited for a job, by how the job ended."""
    if status == "succeeded":
        return DONE
    known = ERROR_CODES.get(error_code or "")
    # A prompt's own model file was there when the prompt was accepted, and is not any more: no machine could start.
    no_machine = error_code == "model_file_invalid" or (known is not None and known.exit == NO_MACHINE)
    return NO_MACHINE if no_machine else JOB_FAILED
