"""Refusals of AWS while a home is deployed or destroyed, in words for the owner, each with what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from tlfif.adapters.aws.calls.errors import (
    AWS_ERRORS,
    AwsError,
    Fault,
    Verdict,
    code_of,
    fault_of,
    missing_right,
    verdict,
    words_of,
)
from tlfif.kernel.errors import InvalidInputError, TlfifError, UnavailableError

HOW = "docs/howto/first-day-on-aws.md says how, step by step."
_AGAIN = "Run the same command again; it continues where it stopped."
_LIMIT = re.compile(
    r"^(?!Request|Bandwidth).*LimitExceeded|QuotaExceeded|TooManyBuckets|TooManyEntities|ResourceLimit", re.IGNORECASE
)
"""RequestLimitExceeded and BandwidthLimitExceeded mean "later"; LimitExceededException is a limit of the account here.
"""
_LATE = re.compile(r"signature (?:expired|not yet current)|is now earlier|is now later", re.IGNORECASE)


@contextmanager
def deployment_errors(service: str) -> Iterator[None]:
    """Translate AWS's errors of ``service`` (its prefix in IAM actions, such as ``s3``) into the owner's words."""
    try:
        yield
    except AWS_ERRORS as error:
        raise deployment_error(error, service) from error


def deployment_error(error: AwsError, service: str) -> TlfifError:
    """``error`` in the owner's words, with a stable code."""
    return _about_caller(error) or _about_request(error, service)


def _about_caller(error: AwsError) -> TlfifError | None:
    code, fault = code_of(error), fault_of(error)
    if isinstance(error, ProfileNotFound):
        there = ", ".join(botocore.session.Session(profile="default").available_profiles) or "none"
        return InvalidInputError(
            f"{words_of(error)}. Profiles in ~/.aws on this computer: {there}. Choose one with --profile. Nothing was "
            "changed.",
            code="aws_profile_unknown",
        )
    if fault is Fault.NO_CREDENTIALS:
        return UnavailableError(
            "There are no AWS credentials on this computer. Make an access key in the AWS console and type "
            "`aws configure`, or `aws configure sso`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. "
            f"{HOW} Nothing was changed.",
            code="aws_no_credentials",
        )
    if fault in {Fault.SIGN_IN_EXPIRED, Fault.EXPIRED}:
        return UnavailableError(
            "Your AWS sign-in on this computer has expired. Sign in again (`aws sso login`, or fetch new credentials). "
            f"{_AGAIN}",
            code="aws_expired",
            details={"aws_code": code},
        )
    if fault is Fault.CLOCK or (fault is Fault.SIGNATURE and _LATE.search(words_of(error))):
        return UnavailableError(
            f"AWS says that this computer's clock is wrong. Set it (automatic date and time). {_AGAIN}",
            code="clock_wrong",
        )
    if fault in {Fault.UNKNOWN_CALLER, Fault.SIGNATURE}:
        return UnavailableError(
            "AWS does not know the credentials on this computer: the key is mistyped, deleted or another account's. "
            f"Make a new one. {HOW}",
            code="aws_credentials_wrong",
            details={"aws_code": code},
        )
    return None


def _about_request(error: AwsError, service: str) -> TlfifError:
    code, fault, details = code_of(error), fault_of(error), {"aws_code": code_of(error)}
    if fault is Fault.DENIED and isinstance(error, ClientError):
        action = missing_right(error) or f"{service}:{error.operation_name}"
        return UnavailableError(
            f"Your AWS user may not do {action}. Use a user with administrator rights for deploying and destroying. "
            f"{HOW} {_AGAIN}",
            code="aws_denied",
            details={**details, "permission": action},
        )
    if fault in {Fault.NOT_OPEN, Fault.REGION_OFF}:
        return UnavailableError(
            f"Your account does not use this region, or not this service ({service}) yet. Switch the region on in the "
            f"AWS console (Account, AWS Regions), or choose another with --region. AWS says: {words_of(error)}",
            code="aws_region_disabled",
            details=details,
        )
    if _LIMIT.search(code):
        return UnavailableError(
            f"Your account's limit is reached for {service}: {words_of(error).rstrip('.')}. Raise it in the AWS "
            f"console (Service Quotas), or remove what you no longer need. {_AGAIN}",
            code="aws_limit",
            details=details,
        )
    if isinstance(error, ClientError) and verdict(error) is Verdict.REPEAT:
        return UnavailableError(
            f"AWS is too busy at the moment ({service}: {code}). {_AGAIN}", code="aws_busy", details=details
        )
    if isinstance(error, ClientError):
        return UnavailableError(
            f"AWS refused a step ({service}:{error.operation_name}: {code}): {words_of(error).rstrip('.')}. {_AGAIN}",
            code="aws_refused",
            details=details,
        )
    if isinstance(error, BotoCoreError) and verdict(error) is not Verdict.REPEAT:
        return UnavailableError(
            f"AWS could not be asked ({service}: {words_of(error)}). {_AGAIN}", code="aws_refused", details=details
        )
    return UnavailableError(
        f"AWS does not answer ({service}: {words_of(error).rstrip('.')}). Check the network. {_AGAIN} AWS finishes by "
        "itself what it has begun.",
        code="aws_unreachable",
        details=details,
    )
