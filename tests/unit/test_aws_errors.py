"""The one table of AWS's codes: what each means for every audience, compared with what botocore repeats."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    ProxyConnectionError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from tlfif.adapters.aws.calls.errors import AwsError, Fault, Verdict, fault_of, missing_right, verdict
from tlfif.adapters.aws.calls.storage_errors import reason_of
from tlfif.adapters.aws.deployment.errors import deployment_error
from tlfif.adapters.aws.machines.ec2_errors import machine_error
from tlfif.adapters.aws.money.cost_explorer_bill_source import bill_error


def refused(code: str, message: str = "no", status: int = 400, reasons: tuple[str, ...] = ()) -> ClientError:
    response: dict[str, object] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    if reasons:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "Operation")  # type: ignore[arg-type]  # as botocore makes it


BY_BOTOCORE = [
    *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
    *TransientRetryableChecker._TRANSIENT_ERROR_CODES,
]


@pytest.mark.parametrize("code", BY_BOTOCORE)
def test_what_awss_own_client_repeats_is_repeated(code: str) -> None:
    assert verdict(refused(code)) is Verdict.REPEAT


@pytest.mark.parametrize(
    ("error", "fault", "next_step"),
    [
        (refused("InsufficientInstanceCapacity", status=500), Fault.NO_CAPACITY, Verdict.NEXT),
        (refused("VcpuLimitExceeded"), Fault.NO_QUOTA, Verdict.REFUSED),
        (refused("SomethingNew", status=503), Fault.OUTAGE, Verdict.REPEAT),
        (refused("SomethingNew"), Fault.OTHER, Verdict.REFUSED),
        (refused("InvalidVolume.NotFound"), Fault.ABSENT, Verdict.REFUSED),
        (refused("404", status=404), Fault.ABSENT, Verdict.REFUSED),
        (refused("RequestTimeTooSkewed", status=403), Fault.CLOCK, Verdict.REFUSED),
        (refused("ConditionalCheckFailedException"), Fault.CONDITION, Verdict.REFUSED),
        (ConnectTimeoutError(endpoint_url="https://x"), Fault.UNREACHABLE, Verdict.REPEAT),
        (ResponseParserError("half an answer"), Fault.UNREACHABLE, Verdict.REPEAT),
        (NoCredentialsError(), Fault.NO_CREDENTIALS, Verdict.REFUSED),
        (TokenRetrievalError(provider="sso", error_msg="old"), Fault.SIGN_IN_EXPIRED, Verdict.REFUSED),
    ],
)
def test_a_fault_says_what_comes_next(error: AwsError, fault: Fault, next_step: Verdict) -> None:
    assert (fault_of(error), verdict(error)) == (fault, next_step)


def test_of_a_cancelled_transactions_reasons_a_failed_condition_counts_first() -> None:
    """Repeating it would only find the same again."""
    mixed = refused("TransactionCanceledException", reasons=("None", "TransactionConflict", "ConditionalCheckFailed"))
    assert (fault_of(mixed), verdict(mixed)) == (Fault.CONDITION, Verdict.REFUSED)
    conflict = refused("TransactionCanceledException", reasons=("None", "TransactionConflict"))
    assert (fault_of(conflict), verdict(conflict)) == (Fault.CONFLICT, Verdict.REPEAT)


@pytest.mark.parametrize(
    ("code", "reason", "machine", "deployment", "bill"),
    [
        ("AccessDeniedException", "not_allowed", "aws_denied", "aws_denied", "bill_not_enabled"),
        ("ExpiredTokenException", "not_allowed", "aws_denied", "aws_expired", "bill_denied"),
        ("InvalidClientTokenId", "not_allowed", "aws_denied", "aws_credentials_wrong", "bill_denied"),
        ("MissingAuthenticationTokenException", "not_allowed", "aws_denied", "aws_credentials_wrong", "bill_denied"),
        ("RequestTimeTooSkewed", "not_allowed", "aws_denied", "clock_wrong", "bill_denied"),
        ("OptInRequired", "other", "account_pending", "aws_region_disabled", "bill_failed"),
        ("RequestLimitExceeded", "throttled", "aws_busy", "aws_busy", "bill_throttled"),
        ("LimitExceededException", "throttled", "aws_busy", "aws_limit", "bill_throttled"),
        ("InternalFailure", "outage", "aws_busy", "aws_busy", "bill_failed"),
        ("ResourceNotFoundException", "not_deployed", "machine_failed", "aws_refused", "bill_failed"),
    ],
)
def test_one_code_means_one_thing_to_every_audience(
    code: str, reason: str, machine: str, deployment: str, bill: str
) -> None:
    error = refused(code)
    assert reason_of(error) == reason
    assert machine_error(error, region="eu-central-1").code == machine
    assert deployment_error(error, "ec2").code == deployment
    assert bill_error(error).code == bill


def test_a_proxy_that_is_in_the_way_is_named() -> None:
    error = deployment_error(ProxyConnectionError(proxy_url="http://socks5h://127.0.0.1:9"), "sts")
    assert error.code == "aws_unreachable"
    assert 'Failed to connect to proxy URL: "http://socks5h://127.0.0.1:9"' in error.message


def test_the_missing_right_is_the_one_that_aws_names() -> None:
    named = refused("AccessDenied", "User x is not authorized to perform: iam:CreateRole on resource y")
    assert missing_right(named) == "iam:CreateRole"
    assert missing_right(refused("AccessDenied", "no")) is None
