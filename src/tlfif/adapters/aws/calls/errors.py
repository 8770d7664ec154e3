"""What AWS refuses, told apart by its codes: one table for every service that TL-FIF calls."""

from enum import Enum
from typing import TypeAlias

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

QUOTED = 300
"""Characters of AWS's own words that are shown."""

AwsError: TypeAlias = ClientError | BotoCoreError | ResponseParserError

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

UNREACHABLE = (HTTPClientError, BotoConnectionError, IncompleteReadError, ResponseParserError)

NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)

NO_CAPACITY = frozenset(
    {
        "InsufficientAddressCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientVolumeCapacity",
        "Unsupported",
    }
)

NO_QUOTA = frozenset({"InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "VcpuLimitExceeded"})

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})

BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)

ACCOUNT = frozenset({"Blocked", "OptInRequired", "PendingVerification"})

BUSY = frozenset(
    {
        "EC2ThrottledException",
        "InternalError",
        "InternalFailure",
        "InternalServerException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "Unavailable",
    }
)


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


def verdict(error: AwsError) -> Verdict:
    """What to do about ``error``. A lack of capacity comes with status 500 and is no fault of AWS's servers."""
    if isinstance(error, UNREACHABLE):
        return Verdict.REPEAT
    code = code_of(error)
    if code in NO_CAPACITY:
        return Verdict.NEXT
    if code in BUSY:
        return Verdict.REPEAT
    known = code in NO_QUOTA | DENIED | BAD_CREDENTIALS | ACCOUNT
    status = (
        error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(error, ClientError) else 0
    )
    return Verdict.REPEAT if status >= 500 and not known else Verdict.REFUSED
