"""What the client makes of a refusal."""

import pytest

from tlfif.client.errors import (
    AccessDeniedError,
    ApiError,
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


@pytest.mark.parametrize("body", [None, [], "text"])
def test_an_answer_that_is_no_problem_is_an_error_all_the_same(body: object) -> None:
    error = error_from(502, body)
    assert (error.code, error.status) == ("http_502", 502)
