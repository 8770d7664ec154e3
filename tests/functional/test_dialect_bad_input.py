"""Bad input in other programs' dialects: refused in their own shape, by the field's name, and nothing is stored."""

import json
from typing import Any

import pytest

from tests.functional.api_server import READY_MODEL, ApiServer

USER = {"role": "user", "content": "Hello"}
HALF = "\ud800"
DEEP = b'{"input":' + b"[" * 5000 + b"]" * 5000 + b"}"
SCHEMA = {"type": "object", "properties": {"x": {"const": HALF}}}
MANY = [{"type": "function", "name": f"f{at}", "description": "d" * 9000, "parameters": {}} for at in range(100)]


def responses(**more: Any) -> tuple[str, Any]:
    return "/v1/responses", {"input": "Hello", **more}


def messages(**more: Any) -> tuple[str, Any]:
    return "/v1/messages", {"messages": [USER], "max_tokens": 9, **more}


def chat(**more: Any) -> tuple[str, Any]:
    return "/api/chat", {"model": READY_MODEL, "messages": [USER], **more}


def function(parameters: Any) -> dict[str, Any]:
    return {"type": "function", "name": "f", "parameters": parameters}


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        (("/v1/responses", DEEP), "json_malformed", None),
        (("/v1/messages", b"[]"), "wrong_type", None),
        (("/api/chat", b""), "body_missing", None),
        (responses(input=5), "wrong_type", "input"),
        (responses(input=[{"role": 5}]), "wrong_type", "input[0].role"),
        (responses(input=HALF), "prompt_not_text", "messages"),
        (responses(tools=[function(SCHEMA)]), "schema_invalid", None),
        (responses(tools=[function({"type": "string"})]), "schema_invalid", None),
        (responses(tools=MANY), "tools_too_large", None),
        (responses(tool_choice="required"), "unknown_value", "tool_choice"),
        (responses(text={"format": {"type": "json_schema", "schema": {"enum": []}}}), "schema_invalid", None),
        (responses(max_output_tokens=0), "max_tokens_out_of_range", "max_tokens"),
        (responses(metadata={str(at): "x" for at in range(17)}), "metadata_invalid", "metadata"),
        (responses(user="u" * 70_000), "notes_too_long", None),
        (responses(previous_response_id=HALF), "job_not_found", None),
        (messages(stop_sequences=["x"] * 1000), "stop_invalid", None),
        (messages(tools=[{"name": "f", "input_schema": SCHEMA}]), "schema_invalid", None),
        (messages(tool_choice={"type": "any"}), "unknown_value", None),
        (messages(messages=[{"role": "user", "content": [{"type": "image"}]}]), "unsupported_value", None),
        (chat(options={"num_predict": 0}), "max_tokens_out_of_range", None),
        (chat(options={"top_k": 10**12}), "top_k_out_of_range", None),
        (chat(format="xml"), "unknown_value", None),
        (
            ("/api/generate", {"model": READY_MODEL, "prompt": "x", "raw": True, "format": "json"}),
            "fields_conflict",
            None,
        ),
        (("/api/embed", {"model": READY_MODEL, "input": ["x"] * 3000}), "messages_too_many", None),
    ],
)
def test_it_is_refused_and_nothing_is_stored(
    scripted: ApiServer, asked: tuple[str, Any], code: str, param: str | None
) -> None:
    path, body = asked
    before = scripted.newest_job()
    with scripted.client() as http:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = http.post(path, content=content)
    found = answer.json()
    assert answer.status_code in {400, 404}, found
    if path.startswith("/api/"):
        assert (found["code"], type(found["error"])) == (code, str)
    elif path == "/v1/messages":
        assert (found["type"], found["error"]["code"]) == ("error", code)
    else:
        assert (found["error"]["code"], found["error"]["param"]) == (code, param)
    assert answer.headers["x-should-retry"] == "false"
    assert scripted.newest_job() == before


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages", "/api/chat"])
def test_a_wrong_key_is_refused_in_the_dialects_shape(scripted: ApiServer, path: str) -> None:
    with scripted.client(headers={"Authorization": "Bearer wrong"}) as http:
        answer = http.post(path, json={})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert "key" in (error if isinstance(error, str) else error["message"])


def test_a_programs_own_words_come_back_as_they_were(scripted: ApiServer) -> None:
    with scripted.client() as http:
        answer = http.post("/v1/responses", json={"input": "Hello", "metadata": {"a": "é"}})
        half = http.post("/v1/responses", content=json.dumps({"input": "Hello", "metadata": {"a": HALF}}))
    assert answer.json()["metadata"] == {"a": "é"}
    assert half.json()["metadata"] == {"a": HALF}
