"""What AWS refuses, told apart by its codes: one table for every service that TL-FIF calls.

Codes: "Common errors" of AWS's API references; Amazon EC2 API reference, "Error codes for the Amazon EC2 API"; the
references of DynamoDB, S3, SQS, Scheduler and Cost Explorer; and those that botocore itself repeats, which a test
compares.
"""

import re
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, TypeAlias, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

T = TypeVar("T")

QUOTED = 300
"""Characters of AWS's own words that are shown."""

AwsError: TypeAlias = ClientError | BotoCoreError | ResponseParserError
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

CONDITION_FAILED = "ConditionalCheckFailed"
"""DynamoDB's code in a cancelled transaction; a single write says the same with ``Exception`` behind it."""


class Fault(Enum):
    """What went wrong. Where a cancelled transaction names several, the first in this order counts."""

    CONDITION = auto()
    """A conditional write found something else."""
    NO_CREDENTIALS = auto()
    """This computer has none."""
    SIGN_IN_EXPIRED = auto()
    """The sign-in that credentials are fetched with has run out."""
    EXPIRED = auto()
    """The credentials themselves have run out."""
    CLOCK = auto()
    SIGNATURE = auto()
    """A mistyped secret, or a clock that is off."""
    UNKNOWN_CALLER = auto()
    DENIED = auto()
    """AWS knows who asks, and does not permit it."""
    NOT_OPEN = auto()
    """The account is new, blocked, or not subscribed to the service."""
    REGION_OFF = auto()
    ABSENT = auto()
    NO_QUOTA = auto()
    NO_CAPACITY = auto()
    THROTTLED = auto()
    CONFLICT = auto()
    """Another writer came in between."""
    OUTAGE = auto()
    """A fault of AWS's own."""
    UNREACHABLE = auto()
    """No answer came, or not all of it."""
    OTHER = auto()


CALLER_UNKNOWN = frozenset(
    {
        Fault.NO_CREDENTIALS,
        Fault.SIGN_IN_EXPIRED,
        Fault.EXPIRED,
        Fault.CLOCK,
        Fault.SIGNATURE,
        Fault.UNKNOWN_CALLER,
    }
)
"""AWS cannot tell who asks."""

_CODES: dict[Fault, Iterable[str]] = {
    Fault.CONDITION: (CONDITION_FAILED, f"{CONDITION_FAILED}Exception"),
    Fault.EXPIRED: ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
    Fault.CLOCK: ("RequestInTheFuture", "RequestTimeTooSkewed"),
    Fault.SIGNATURE: ("InvalidSignatureException", "SignatureDoesNotMatch"),
    Fault.UNKNOWN_CALLER: (
        "AuthFailure",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    ),
    Fault.DENIED: (
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    ),
    Fault.NOT_OPEN: ("Blocked", "OptInRequired", "PendingVerification", "SubscriptionRequiredException"),
    Fault.REGION_OFF: ("InvalidRegion", "RegionDisabledException"),
    Fault.ABSENT: (
        "404",  # of a request without a body, such as HeadBucket
        "ChangeSetNotFound",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "TrailNotFoundException",
    ),
    Fault.NO_QUOTA: ("InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "VcpuLimitExceeded"),
    Fault.NO_CAPACITY: (
        "InsufficientAddressCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientVolumeCapacity",
        "Unsupported",
    ),
    Fault.THROTTLED: (
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    ),
    Fault.CONFLICT: ("TransactionConflict", "TransactionConflictException", "TransactionInProgressException"),
    Fault.OUTAGE: (
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    ),
}
_FAULTS = {code: fault for fault, codes in _CODES.items() for code in codes}
_WITHOUT_ANSWER: tuple[tuple[tuple[type[Exception], ...], Fault], ...] = (
    ((HTTPClientError, BotoConnectionError, IncompleteReadError, ResponseParserError), Fault.UNREACHABLE),
    ((NoCredentialsError, PartialCredentialsError, ProfileNotFound, NoRegionError), Fault.NO_CREDENTIALS),
    ((CredentialRetrievalError, SSOError, TokenRetrievalError), Fault.SIGN_IN_EXPIRED),
)
_REPEATABLE = frozenset({Fault.THROTTLED, Fault.CONFLICT, Fault.OUTAGE, Fault.UNREACHABLE})
_ACTION = re.compile(r"perform: ([a-z0-9-]+:[A-Za-z]+)")


class Verdict(Enum):
    """What a failed call means for the next step."""

    REPEAT = "repeat"
    """The same call again, a little later; it may have been executed."""
    NEXT = "next"
    """Not here: another zone or type may have one."""
    REFUSED = "refused"
    """Asking again changes nothing."""


def code_of(error: AwsError) -> str:
    """AWS's code, or the error's own name where no answer came."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def words_of(error: AwsError) -> str:
    """What AWS says, in one line, safe to show."""
    text = str(error.response.get("Error", {}).get("Message", "")) if isinstance(error, ClientError) else str(error)
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:QUOTED]


def fault_of(error: AwsError) -> Fault:
    """What went wrong. An unknown code with a status of 500 or more is an outage; a lack of capacity comes with such a
    status, too, and is none."""
    if not isinstance(error, ClientError):
        return next((fault for kinds, fault in _WITHOUT_ANSWER if isinstance(error, kinds)), Fault.OTHER)
    codes = {code_of(error), *(str(each.get("Code")) for each in cancelled_because(error) or ())}
    found = {_FAULTS[code] for code in codes if code in _FAULTS}
    if any(code.endswith(".NotFound") for code in codes):  # as EC2 says it of each kind of thing
        found.add(Fault.ABSENT)
    if not found and int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500:
        return Fault.OUTAGE
    return next((fault for fault in Fault if fault in found), Fault.OTHER)


def verdict(error: AwsError) -> Verdict:
    """What to do about ``error``."""
    fault = fault_of(error)
    if fault is Fault.NO_CAPACITY:
        return Verdict.NEXT
    return Verdict.REPEAT if fault in _REPEATABLE else Verdict.REFUSED


def may_be_executed(error: AwsError) -> bool:
    """Whether the call may have been executed in spite of ``error``."""
    never_sent = isinstance(error, ConnectTimeoutError | EndpointConnectionError)
    return not never_sent and fault_of(error) in {Fault.OUTAGE, Fault.UNREACHABLE}


def is_absent(error: AwsError) -> bool:
    """Whether what was asked about does not exist, or no longer. CloudFormation has no code for that."""
    no_stack = code_of(error) == "ValidationError" and "does not exist" in words_of(error)
    return no_stack or fault_of(error) is Fault.ABSENT


def unless_absent(call: Callable[[], T]) -> T | None:
    """What ``call`` returns; None where what it is about does not exist, or no longer. Raises AWS's other errors."""
    try:
        return call()
    except ClientError as error:
        if is_absent(error):
            return None
        raise


def missing_right(error: AwsError) -> str | None:
    """The action that AWS's words say is not permitted, such as ``ec2:RunInstances``; None where they name none."""
    named = _ACTION.search(words_of(error))
    return named[1] if named else None


def cancelled_because(error: AwsError) -> list[dict[str, Any]] | None:
    """The reason for each write of a cancelled transaction, in order (``Code`` and ``Item``); None for other errors."""
    if isinstance(error, ClientError) and code_of(error) == "TransactionCanceledException":
        return [dict(each) for each in error.response.get("CancellationReasons", ())]
    return None
