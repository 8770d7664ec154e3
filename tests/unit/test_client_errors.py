"""What the client makes of a refusal."""

import pytest

from tlfif.client.errors import (
    AccessDeniedError,
    ApiError,
    GatewayFailedError,
    NotPossibleError,
    OverloadedError,
    RefusedError,
    ServerFailedError,
    error_from,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, AccessDeniedError),
        (404, RefusedError),
        (409, NotPossibleError),
        (413, RefusedError),
        (421, AccessDeniedError),
        (422, RefusedError),
        (429, OverloadedError),
        (500, ServerFailedError),
        (503, ServerFailedError),
    ],
)
def test_a_problem_becomes_an_error_of_its_kind(status: int, kind: type[ApiError]) -> None:
    problem = {"type": "x", "title": "t", "status": status, "code": "c", "detail": "A sentence.", "tokens": 7}
    error = error_from(status, problem)
    assert type(error) is kind
    assert (error.code, error.message, error.status, error.details) == ("c", "A sentence.", status, {"tokens": 7})


def test_a_reused_key_is_the_callers_fault() -> None:
    assert isinstance(error_from(409, {"code": "idempotency_conflict"}), RefusedError)


@pytest.mark.parametrize("body", [None, [], "text", {"message": "Service Unavailable"}])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_answer_without_a_problem_s_code_is_a_gateway_s(status: int, body: object) -> None:
    error = error_from(status, body)
    assert isinstance(error, GatewayFailedError)
    assert (error.code, error.status, error.retry_after) == ("gateway_failed", status, None)
    assert "not known" in error.message


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("-1", None), ("1.5", None), ("\u0663", None), ("", None)])
def test_how_long_a_gateway_asks_to_wait(header: str, seconds: float | None) -> None:
    error = error_from(503, None, retry_after=header)
    assert isinstance(error, GatewayFailedError)
    assert error.retry_after == seconds


def test_a_refusal_that_is_no_problem_is_an_error_all_the_same() -> None:
    error = error_from(404, None)
    assert (type(error), error.code, error.status) == (RefusedError, "http_404", 404)
