"""AWS's errors in words for the owner, and which of them pass if the call is repeated. For DynamoDB, SQS and S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError

from tlfif.kernel.errors import StorageError

CONDITION_FAILED = "ConditionalCheckFailed"
"""In a cancelled transaction; a single write says the same with ``Exception`` behind it."""

_BUSY = frozenset({"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"})
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_OUTAGE = frozenset({"InternalError", "InternalFailure", "InternalServerError", "RequestTimeout", "ServiceUnavailable"})
_NOT_ALLOWED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_ABSENT = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "NoSuchBucket", "QueueDoesNotExist", "ResourceNotFoundException"}
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
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
_PASSING = frozenset({"busy", "throttled", "outage", "unreachable"})


def error_code(error: Exception) -> str:
    """AWS's own code of an error, empty where AWS did not answer at all."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def cancelled_because(error: Exception) -> list[dict[str, Any]] | None:
    """The reason for each write of a cancelled transaction, in order (``Code`` and ``Item``); None for other errors."""
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        return [dict(each) for each in error.response.get("CancellationReasons", ())]
    return None


def reason_of(error: Exception) -> str:
    """One word for programs: the ``reason`` of :func:`storage_error`."""
    reasons = cancelled_because(error) or []
    codes = {error_code(error)} | {str(each.get("Code")) for each in reasons}
    if isinstance(error, HTTPClientError | AwsConnectionError):
        return "unreachable"
    if isinstance(error, _NO_CREDENTIALS):
        return "no_credentials"
    for reason, known in (
        ("not_allowed", _NOT_ALLOWED),
        ("not_deployed", _ABSENT),
        ("throttled", _THROTTLED),
        ("busy", _BUSY),
        ("outage", _OUTAGE),
    ):
        if codes & known:
            return reason
    said = " ".join([str(error), *(str(each.get("Message")) for each in reasons)])
    if codes & {"ValidationException", "ValidationError"} and "maximum allowed size" in said:
        return "too_large"
    return "outage" if _http_status(error) >= 500 else "other"


def passes(error: Exception) -> bool:
    """Whether the same call may succeed a moment later. After ``outage`` and ``unreachable`` it may have been carried
    out already: only what may be done twice may be repeated."""
    return reason_of(error) in _PASSING


def storage_error(error: Exception) -> StorageError:
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
    except (BotoCoreError, ClientError) as error:
        if error_code(error) == "ValidationException" and reason_of(error) == "other":
            raise
        raise storage_error(error) from error


def _http_status(error: Exception) -> int:
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
