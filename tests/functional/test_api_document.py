"""The OpenAPI document: what it promises, and that the server keeps it whatever is sent."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.builders import T0, a_new_job
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers, like_a_model
from tlfif.dialects.addresses import dialect_of
from tlfif.images.image import ImageState, Profile, Source
from tlfif.jobs import limits

OWN = {
    ("get", "/v1/cost"): "get_cost",
    ("get", "/v1/cost/standing"): "get_standing_cost",
    ("get", "/v1/cost/advice"): "get_idle_advice",
    ("post", "/v1/cost/prices/refresh"): "refresh_prices",
    ("put", "/v1/budget"): "set_budget",
    ("post", "/v1/budget/release"): "release_budget",
    ("get", "/v1/images"): "list_images",
    ("post", "/v1/images/build"): "build_image",
    ("put", "/v1/images/watch"): "follow_repository",
    ("delete", "/v1/images/watch"): "leave_repository",
    ("post", "/v1/images/rollback"): "roll_back_image",
    ("get", "/v1/images/{version}"): "get_image",
    ("get", "/v1/images/{version}/log"): "follow_image",
    ("post", "/v1/images/{version}/approve"): "approve_image",
    ("post", "/v1/images/{version}/reject"): "reject_image",
    ("post", "/v1/images/{version}/promote"): "promote_image",
    ("post", "/v1/images/{version}/retire"): "retire_image",
    ("post", "/v1/infer"): "submit_job",
    ("get", "/v1/jobs"): "list_jobs",
    ("delete", "/v1/jobs"): "delete_jobs",
    ("delete", "/v1/jobs/{job_id}"): "delete_job",
    ("get", "/v1/jobs/{job_id}"): "get_job",
    ("get", "/v1/jobs/{job_id}/events"): "follow_job",
    ("post", "/v1/jobs/{job_id}/cancel"): "cancel_job",
    ("get", "/v1/machine"): "get_machine",
    ("get", "/v1/machine/history"): "get_machine_history",
    ("post", "/v1/machine/start"): "start_machine",
    ("post", "/v1/machine/stop"): "stop_machine",
    ("put", "/v1/machine/idle-timeout"): "set_idle_timeout",
    ("get", "/v1/models"): "list_models",
    ("post", "/v1/models/{name}/add"): "add_model",
    ("post", "/v1/models/{name}/approve"): "approve_model",
    ("post", "/v1/models/{name}/retire"): "retire_model",
    ("post", "/v1/models/{name}/pull"): "pull_model",
    ("post", "/v1/models/{name}/verify"): "verify_model",
    ("get", "/healthz"): "get_health",
    ("get", "/metrics"): "get_metrics",
    ("get", "/v1/server"): "get_server",
    ("post", "/v1/server/stop"): "stop_server",
}
FOR_PROGRAMS = {
    ("post", "/v1/chat/completions"): "create_chat_completion",
    ("post", "/v1/completions"): "create_completion",
    ("post", "/v1/embeddings"): "create_embedding",
    ("get", "/v1/models/{name}"): "get_model",
    ("post", "/v1/responses"): "create_response",
    ("get", "/v1/responses/{response_id}"): "get_response",
    ("delete", "/v1/responses/{response_id}"): "delete_response",
    ("post", "/v1/responses/{response_id}/cancel"): "cancel_response",
    ("get", "/v1/responses/{response_id}/input_items"): "list_input_items",
    ("post", "/v1/messages"): "create_message",
    ("post", "/v1/messages/count_tokens"): "count_message_tokens",
    ("post", "/api/chat"): "ollama_chat",
    ("post", "/api/generate"): "ollama_generate",
    ("post", "/api/embed"): "ollama_embed",
    ("post", "/api/embeddings"): "ollama_embeddings",
    ("get", "/api/tags"): "ollama_tags",
    ("post", "/api/show"): "ollama_show",
    ("get", "/api/ps"): "ollama_ps",
}
OPERATIONS = OWN | FOR_PROGRAMS
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROGRAM_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ProgramError"}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server whose model answers other programs at once."""
    container = build_container(tmp_path_factory.mktemp("api"))
    server = ApiServer(container, answers=ScriptedAnswers(container, like_a_model))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def document(api: ApiServer) -> dict[str, Any]:
    """As a client fetches it."""
    with api.client() as http:
        found: dict[str, Any] = http.get("/v1/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_operation_has_its_name(document: dict[str, Any]) -> None:
    assert {(m, p): o["operationId"] for m, p, o in operations(document)} == OPERATIONS


def test_every_operation_wants_the_token_but_health(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    without = [path for _, path, operation in operations(document) if operation.get("security") != [{"bearerAuth": []}]]
    assert without == ["/healthz"]


def test_every_error_is_a_problem_or_what_its_dialect_has(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        errors = {status: r for status, r in operation["responses"].items() if int(status) >= 400}
        is_own = dialect_of(path, method.upper()) is None
        expected = PROBLEM if is_own else PROGRAM_ERROR
        assert all(response["content"] == expected for response in errors.values()), path
        assert {"403", "413", "421", "500", "503"} <= set(errors), path
        if not is_own:
            continue
        assert "422" in errors
        assert ("400" in errors) == ("requestBody" in operation)
        assert ("404" in errors) == ("{" in path)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_ranges_are_those_that_are_enforced(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["InferRequest"]["properties"]
    for name, (low, high) in {
        "max_tokens": limits.MAX_TOKENS_RANGE,
        "temperature": limits.TEMPERATURE_RANGE,
        "seed": limits.SEED_RANGE,
    }.items():
        number = fields[name]["anyOf"][0]
        assert (number["minimum"], number["maximum"]) == (low, high)
    (key,) = document["paths"]["/v1/infer"]["post"]["parameters"]
    assert (key["name"], key["in"], key["schema"]["maxLength"]) == ("Idempotency-Key", "header", 200)


@pytest.mark.requirement("2.1.7")
def test_examples_are_accepted(document: dict[str, Any], http: httpx2.Client) -> None:
    examples = document["components"]["schemas"]["InferRequest"]["examples"]
    assert len(examples) >= 2
    for example in examples:
        answer = http.post("/v1/infer", json=example)
        assert answer.status_code == 202, answer.text
    for name in ("ChatRequest", "IdleTimeoutRequest", "StopRequest"):
        assert document["components"]["schemas"][name]["examples"], name


def test_streams_are_described(document: dict[str, Any]) -> None:
    for method, path in (("get", "/v1/jobs/{job_id}/events"), ("post", "/v1/chat/completions")):
        content = document["paths"][path][method]["responses"]["200"]["content"]
        assert set(content) == {"application/json", "text/event-stream"}


@pytest.fixture(scope="module")
def known_job(api: ApiServer, document: dict[str, Any]) -> None:
    """The job of the document's own example is there, and its image."""
    (example,) = document["paths"]["/v1/jobs/{job_id}"]["get"]["parameters"][0]["schema"]["examples"]
    api.run(api.container.jobs.submit(a_new_job(example, model=READY_MODEL), now=T0, max_queued=1000))
    images = api.container.images
    assert images is not None
    source = Source(repository="/src", commit="a" * 40, subject="A change", asked_by="a push")
    image = api.run(images.store.create(profile=Profile.BUNDLE, source=source, now=T0))
    ended = replace(image, state=ImageState.REJECTED, ended_at=T0, cleaned=True)  # nobody waits for its log
    api.run(images.store.replace(ended))


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


FEW = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
NOT_TO_END = {operation: name for operation, name in OWN.items() if name != "stop_server"}


@pytest.fixture(scope="module")
def schema(document: dict[str, Any]) -> Any:
    """The document as Schemathesis reads it."""
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def line() -> Iterator[requests.Session]:
    """To the server: a new one for each of 3,900 requests would cost seconds."""
    with requests.Session() as line:
        line.trust_env = False
        line.headers["Authorization"] = f"Bearer {TOKEN}"
        yield line


@pytest.mark.requirement("2.1.6")
@pytest.mark.parametrize(("method", "path"), [pytest.param(*each, id=name) for each, name in NOT_TO_END.items()])
def test_whatever_is_sent_gets_what_is_documented(
    method: str, path: str, schema: Any, api: ApiServer, line: requests.Session, known_job: None
) -> None:
    send_all(schema[path][method], api, line, settings(FEW, max_examples=10))


@pytest.mark.parametrize(("method", "path"), [pytest.param(*each, id=name) for each, name in FOR_PROGRAMS.items()])
def test_whatever_a_program_sends_gets_what_is_documented(
    method: str, path: str, schema: Any, api: ApiServer, line: requests.Session, known_job: None
) -> None:
    # Their requests have up to fifty fields, which take long to make up.
    send_all(schema[path][method], api, line, settings(FEW, max_examples=4))


def send_all(operation: Any, api: ApiServer, line: requests.Session, many: settings) -> None:
    """What Schemathesis's own ``parametrize`` does; but that makes its cases up while tests are collected, which takes
    seconds, in each of pytest's workers. Most of the 3,900 requests go to the fields' limits one by one; ``many`` says
    how many more are drawn."""

    def once(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=api.url, session=line, checks=CHECKS, timeout=10)

    build_operation_test(
        config=operation.schema.config,
        operation=operation,
        test_func=once,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=None),
        explicit_settings=many,
    )()
