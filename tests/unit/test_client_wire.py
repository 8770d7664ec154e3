"""The client's types are the server's schemas."""

from typing import get_type_hints, is_typeddict

import pytest
from pydantic import BaseModel

from tlfif.api import cost_schemas, schemas
from tlfif.client.errors import (
    AccessDeniedError,
    ApiError,
    NotPossibleError,
    OverloadedError,
    RefusedError,
    ServerFailedError,
    error_from,
)
from tlfif.wire import answers as wire
from tlfif.wire import money as cost_wire

PAIRS = [
    (wire.MessageView, schemas.MessageBody),
    (wire.Pids, schemas.Pids),
    (wire.MachineView, schemas.MachineView),
    (wire.PhaseView, schemas.PhaseView),
    (wire.PastMachineView, schemas.PastMachineView),
    (wire.MachineHistory, schemas.MachineHistory),
    (wire.ReceiptView, schemas.ReceiptView),
    (wire.ErrorView, schemas.ErrorView),
    (wire.JobView, schemas.JobView),
    (wire.Accepted, schemas.Accepted),
    (wire.JobList, schemas.JobList),
    (wire.DeletedJobs, schemas.DeletedJobs),
    (wire.StopResult, schemas.StopResultView),
    (wire.ModelView, schemas.ModelView),
    (wire.ServerView, schemas.ServerView),
    (cost_wire.CostShareView, schemas.CostShareView),
    *(
        (kind, getattr(cost_schemas, name))
        for name, kind in vars(cost_wire).items()
        if is_typeddict(kind) and name != "CostShareView"
    ),
]


@pytest.mark.parametrize(("here", "there"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_sides_name_the_same_members(here: type, there: type[BaseModel]) -> None:
    assert set(get_type_hints(here)) == set(there.model_fields)


def test_every_answer_about_money_is_compared() -> None:
    answers = {name for name in vars(cost_schemas) if name.endswith(("View", "List"))}
    assert answers <= {kind.__name__ for kind, _ in PAIRS}


def test_the_list_of_models_is_there_beside_what_other_clients_want() -> None:
    assert set(get_type_hints(wire.ModelList)) <= set(schemas.ModelList.model_fields)


def test_what_is_asked_is_what_the_server_takes() -> None:
    assert set(get_type_hints(wire.Asking)) <= set(schemas.InferRequest.model_fields)


def test_the_machine_without_a_server_has_every_key() -> None:
    assert set(wire.NO_MACHINE) == set(schemas.MachineView.model_fields)
    assert set(wire.NO_MACHINE["pids"]) == set(schemas.Pids.model_fields)


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
