"""AWS's errors as StorageError, in words for the owner: for DynamoDB, SQS and S3."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TypeVar

from botocore.exceptions import ParamValidationError

from tlfif.adapters.aws.calls.errors import (
    AWS_ERRORS,
    CALLER_UNKNOWN,
    AwsError,
    Fault,
    cancelled_because,
    code_of,
    fault_of,
)
from tlfif.adapters.aws.calls.patient_calls import PatientCalls, random_pauses
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import StorageError

T = TypeVar("T")

_REASONS: dict[Fault, str] = {
    **dict.fromkeys(CALLER_UNKNOWN, "not_allowed"),
    Fault.DENIED: "not_allowed",
    Fault.NO_CREDENTIALS: "no_credentials",
    Fault.SIGN_IN_EXPIRED: "no_credentials",
    Fault.ABSENT: "not_deployed",
    Fault.THROTTLED: "throttled",
    Fault.CONFLICT: "busy",
    Fault.OUTAGE: "outage",
    Fault.UNREACHABLE: "unreachable",
}
_SENTENCES = {
    "busy": "Several parts of TL-FIF wrote to the same record at AWS at the same time, and this write did not get "
    "its turn. Try again in a few seconds; it was not accepted.",
    "throttled": "AWS is taking no more requests for a moment. Wait a minute and try again; this one was not accepted.",
    "outage": "AWS has a fault of its own at the moment. Try again in a few minutes; this request was not confirmed.",
    "unreachable": "AWS could not be reached, or did not answer in time. Check the connection to the Internet and try "
    "again; this request was not confirmed.",
    "not_allowed": "AWS did not allow TL-FIF to use its records. Sign in again; if it stays so, run ./tlfif doctor. "
    "Nothing was accepted.",
    "no_credentials": "TL-FIF has no permission to speak to AWS yet. Sign in to AWS and try again; nothing was "
    "accepted.",
    "not_deployed": "TL-FIF's records do not exist in this AWS account and region. Run ./tlfif deploy; nothing was "
    "accepted.",
    "too_large": "This is larger than one record at AWS may be. Make it shorter and try again; nothing was accepted.",
    "other": "The records at AWS could not be used. Try again; if it stays so, run ./tlfif doctor.",
}


def reason_of(error: AwsError) -> str:
    """One word for programs: the ``reason`` of :func:`storage_error`."""
    fault = fault_of(error)
    if fault is Fault.OTHER:
        reasons = cancelled_because(error) or []
        codes = {code_of(error), *(str(each.get("Code")) for each in reasons)}
        said = " ".join([str(error), *(str(each.get("Message")) for each in reasons)])
        if codes & {"ValidationException", "ValidationError"} and "maximum allowed size" in said:
            return "too_large"
    return _REASONS.get(fault, "other")


def storage_error(error: AwsError) -> StorageError:
    """The same failure as a StorageError; ``details`` has ``reason`` for programs and AWS's own ``cause``."""
    reason = reason_of(error)
    return StorageError(_SENTENCES[reason], details={"reason": reason, "cause": str(error)})


def still_busy() -> StorageError:
    """Others wrote in between every time."""
    return StorageError(_SENTENCES["busy"], details={"reason": "busy", "cause": "the record changed at every try"})


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate what AWS does wrong. What the program does wrong (a malformed request) passes through: it needs a
    change of code, not of the account."""
    try:
        yield
    except ParamValidationError:
        raise
    except AWS_ERRORS as error:
        if code_of(error) == "ValidationException" and reason_of(error) == "other":
            raise
        raise storage_error(error) from error


class StorageCalls:
    """Makes each call up to ``tries`` times, after random pauses. Every call must be one that may be made twice.
    Raises StorageError."""

    def __init__(self, *, tries: int, first_pause: float, clock: Clock, rng: Random) -> None:
        self._tries = tries
        self._first_pause = first_pause
        self._clock = clock
        self._rng = rng

    async def __call__(self, call: Callable[[], T]) -> T:
        pauses = random_pauses(self._rng, tries=self._tries, first=self._first_pause)
        with storage_errors():
            return await PatientCalls(self._clock, pauses).do(call)
