"""What bad input gets: a stable code, a sentence a person understands, and nothing stored."""

import json
from typing import Any

import httpx2
import pytest

from tests.functional.api_server import CONTEXT, ApiServer, assert_problem
from tlfif.jobs.limits import MAX_MESSAGES

JSON = {"content-type": "application/json"}
USER = {"role": "user", "content": "Hello"}


def refused(api: ApiServer, http: httpx2.Client, body: Any, status: int, code: str, **more: Any) -> dict[str, Any]:
    """Send ``body`` (bytes go as they are) to ``/v1/infer``; it must be refused and leave no trace."""
    before = api.newest_job()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = http.post("/v1/infer", content=content, headers={**JSON, **more})
    problem = assert_problem(answer, status, code)
    assert api.newest_job() == before
    return problem


@pytest.mark.parametrize("prompt", ["", " ", "\n\t \r\n", "\u00a0\u2003"])
def test_a_blank_prompt_is_refused(api: ApiServer, http: httpx2.Client, prompt: str) -> None:
    refused(api, http, {"prompt": prompt}, 422, "prompt_empty")
    refused(api, http, {"messages": [{"role": "user", "content": prompt}]}, 422, "prompt_empty")


def test_a_blank_system_text_is_refused(api: ApiServer, http: httpx2.Client) -> None:
    refused(api, http, {"prompt": "Hello", "system": " "}, 422, "system_empty")


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\x0b"])
def test_control_characters_are_refused_and_named(api: ApiServer, http: httpx2.Client, bad: str) -> None:
    problem = refused(api, http, {"prompt": f"Hello {bad} you"}, 422, "prompt_not_text")
    assert f"U+{ord(bad[0]):04X}" in problem["detail"]
    refused(api, http, {"prompt": "Hello", "system": bad}, 422, "system_not_text")


@pytest.mark.parametrize("bad", ["\\ud800", "\\udfff", "\\udc00\\ud800"])
def test_half_a_character_is_refused(api: ApiServer, http: httpx2.Client, bad: str) -> None:
    refused(api, http, b'{"prompt": "Hello %s"}' % bad.encode(), 422, "prompt_not_text")
    refused(api, http, b'{"prompt": "Hello", "system": "%s"}' % bad.encode(), 422, "system_not_text")
    refused(api, http, b'{"prompt": "Hello", "model": "%s"}' % bad.encode(), 422, "unknown_model")
    refused(api, http, b'{"prompt": "Hello", "%s": 1}' % bad.encode(), 422, "text_broken")


@pytest.mark.parametrize("prompt", ["Grüße 😀", "a\tb\r\nc", "\ufeffHello", "\\ud83d\\ude00", "日本", "e\u0301"])
def test_every_real_text_is_taken_as_it_is(http: httpx2.Client, prompt: str) -> None:
    answer = http.post("/v1/infer", json={"prompt": prompt})
    assert answer.status_code == 202
    job = http.get(f"/v1/jobs/{answer.json()['job_id']}").json()
    assert job["messages"] == [{"role": "user", "content": prompt}]


def test_a_prompt_over_the_context_names_tokens_and_limit(api: ApiServer, http: httpx2.Client) -> None:
    problem = refused(api, http, {"prompt": "word " * 3000, "max_tokens": 48}, 422, "prompt_too_long")
    assert (problem["tokens"], problem["limit"], problem["context"]) == (3001, CONTEXT - 48, CONTEXT)
    assert "at least 3001 tokens" in problem["detail"]
    assert str(CONTEXT - 48) in problem["detail"]


def test_a_megabyte_without_a_space_is_over_the_context_too(api: ApiServer, http: httpx2.Client) -> None:
    refused(api, http, {"prompt": "x" * 1_000_000}, 422, "prompt_too_long")


def test_a_wish_for_more_tokens_than_fit_is_refused_not_cut(api: ApiServer, http: httpx2.Client) -> None:
    refused(api, http, {"prompt": "word " * 100, "max_tokens": 2048}, 422, "prompt_too_long")


@pytest.mark.requirement("11.2.1")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gpt-5", "unknown_model"),
        ("", "unknown_model"),
        ("../../etc/passwd", "unknown_model"),
        ("x" * 10_000, "unknown_model"),
        ("small\u0000lm", "unknown_model"),
        ("file:", "model_file_invalid"),
        ("file:\u0000.gguf", "model_file_invalid"),
        ("file:../../../etc/passwd", "model_file_invalid"),
        ("file:/dev/zero", "model_file_invalid"),
        ("file:/", "model_file_invalid"),
        ("file:" + "a" * 5000 + ".gguf", "model_file_invalid"),
        ("file:/nowhere/at/all.gguf", "model_file_invalid"),
        ("file:~nobody-of-that-name/x.gguf", "model_file_invalid"),
    ],
)
def test_a_model_that_is_not_there_is_refused(api: ApiServer, http: httpx2.Client, name: str, code: str) -> None:
    problem = refused(api, http, {"prompt": "Hello", "model": name}, 422, code)
    assert "root:" not in problem["detail"]


def test_a_model_that_is_not_fetched_yet_says_how(api: ApiServer, http: httpx2.Client) -> None:
    problem = refused(api, http, {"prompt": "Hello", "model": "tinyllama"}, 409, "model_absent")
    assert "./tlfif model pull tinyllama" in problem["detail"]


HUGE = 10**9
WRONG_NUMBERS = [("", "wrong_type"), ("5", "wrong_type"), (True, "wrong_type"), ([], "wrong_type"), ({}, "wrong_type")]


@pytest.mark.parametrize(
    ("value", "code"),
    [(0, "out"), (-1, "out"), (2049, "out"), (HUGE, "out"), (10**30, "out"), (1.5, "wrong_type"), *WRONG_NUMBERS],
)
def test_max_tokens_out_of_range(api: ApiServer, http: httpx2.Client, value: object, code: str) -> None:
    expected = "max_tokens_out_of_range" if code == "out" else code
    problem = refused(api, http, {"prompt": "Hello", "max_tokens": value}, 422, expected)
    assert "max_tokens" in problem["detail"]


@pytest.mark.parametrize(
    ("value", "code"), [(-0.1, "out"), (-1, "out"), (2.01, "out"), (HUGE, "out"), (10**30, "out"), *WRONG_NUMBERS]
)
def test_temperature_out_of_range(api: ApiServer, http: httpx2.Client, value: object, code: str) -> None:
    expected = "temperature_out_of_range" if code == "out" else code
    problem = refused(api, http, {"prompt": "Hello", "temperature": value}, 422, expected)
    assert "temperature" in problem["detail"]


@pytest.mark.parametrize(
    ("value", "code"), [(-1, "out"), (2**32 - 1, "out"), (10**30, "out"), (1.5, "wrong_type"), *WRONG_NUMBERS]
)
def test_seed_out_of_range(api: ApiServer, http: httpx2.Client, value: object, code: str) -> None:
    refused(api, http, {"prompt": "Hello", "seed": value}, 422, "seed_out_of_range" if code == "out" else code)


@pytest.mark.parametrize(
    ("value", "code"), [(0, "out"), (-1, "out"), (0.09, "out"), (240.1, "out"), (HUGE, "out"), *WRONG_NUMBERS]
)
def test_idle_timeout_out_of_range(api: ApiServer, http: httpx2.Client, value: object, code: str) -> None:
    expected = "idle_timeout_out_of_range" if code == "out" else code
    before = api.run(api.container.machines.idle_timeout())
    refused(api, http, {"prompt": "Hello", "idle_timeout_minutes": value}, 422, expected)
    assert_problem(http.put("/v1/machine/idle-timeout", json={"minutes": value}), 422, expected)
    assert api.run(api.container.machines.idle_timeout()) == before


@pytest.mark.requirement("2.1.2")
@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_numbers_that_are_none_are_out_of_range(api: ApiServer, http: httpx2.Client, value: bytes) -> None:
    refused(api, http, b'{"prompt": "Hello", "temperature": %s}' % value, 422, "temperature_out_of_range")
    refused(api, http, b'{"prompt": "Hello", "idle_timeout_minutes": %s}' % value, 422, "idle_timeout_out_of_range")
    refused(api, http, b'{"prompt": "Hello", "max_tokens": %s}' % value, 422, "wrong_type")
    refused(api, http, b'{"prompt": "Hello", "seed": %s}' % value, 422, "wrong_type")


@pytest.mark.requirement("2.1.2")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", 1),
        ("max_tokens", 2040),
        ("temperature", 0),
        ("temperature", 2),
        ("seed", 0),
        ("seed", 2**32 - 2),
        ("seed", None),
        ("idle_timeout_minutes", 0.1),
        ("idle_timeout_minutes", 240),
    ],
)
def test_the_ends_of_each_range_are_taken(http: httpx2.Client, field: str, value: object) -> None:
    assert http.post("/v1/infer", json={"prompt": "Hello", field: value}).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"prompt": "Hello"',
        b"{'prompt': 'Hello'}",
        b'{"prompt": "Hello",}',
        b'{"prompt": "a\nb"}',
        b"not json",
        b'{"prompt": "Hello"} {"prompt": "Hello"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"prompt": "Hello", "seed": 1' + b"0" * 5000 + b"}",
        b'\xef\xbb\xbf{"prompt": "Hello"}',
        '{"prompt": "Hello"}'.encode("utf-16"),
        b'{"prompt": "\xc0\x80"}',
        b'{"prompt": "\xed\xa0\x80"}',
        b'{"prompt": "\xff"}',
        b"\x00",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_a_body_that_is_no_json_is_refused(api: ApiServer, http: httpx2.Client, body: bytes) -> None:
    refused(api, http, body, 400, "json_malformed")


@pytest.mark.parametrize(
    "body",
    [b'{"prompt": "a", "prompt": "b"}', b'{"messages": [{"role": "user", "role": "system", "content": "x"}]}'],
)
def test_a_field_given_twice_is_refused(api: ApiServer, http: httpx2.Client, body: bytes) -> None:
    refused(api, http, body, 400, "repeated_field")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_missing"),
        (None, "wrong_type"),
        ([], "wrong_type"),
        ([{"prompt": "Hello"}], "wrong_type"),
        ("Hello", "wrong_type"),
        (5, "wrong_type"),
        ({}, "prompt_or_messages"),
        ({"prompt": None}, "prompt_or_messages"),
        ({"prompt": "Hello", "messages": [USER]}, "prompt_or_messages"),
        ({"prompt": 5}, "wrong_type"),
        ({"prompt": ["Hello"]}, "wrong_type"),
        ({"prompt": {"text": "Hello"}}, "wrong_type"),
        ({"prompt": "Hello", "model": 5}, "wrong_type"),
        ({"prompt": "Hello", "system": ["x"]}, "wrong_type"),
        ({"messages": "Hello"}, "wrong_type"),
        ({"messages": {"role": "user"}}, "wrong_type"),
        ({"messages": ["Hello"]}, "wrong_type"),
        ({"messages": [None]}, "wrong_type"),
        ({"messages": [{"role": "user"}]}, "missing_field"),
        ({"messages": [{"content": "Hello"}]}, "missing_field"),
        ({"messages": [{"role": "user", "content": None}]}, "wrong_type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "wrong_type"),
        ({"messages": [{"role": "tool", "content": "Hello"}]}, "tool_call_invalid"),
        ({"messages": [{"role": "developer", "content": "Hello"}]}, "role_unknown"),
        ({"messages": [{"role": "User", "content": "Hello"}]}, "role_unknown"),
        ({"messages": [{"role": "", "content": "Hello"}]}, "role_unknown"),
        ({"messages": [{**USER, "refusal": "x"}]}, "unknown_field"),
        ({"messages": []}, "messages_empty"),
        ({"messages": [USER, {"role": "system", "content": "Hi"}]}, "last_message_not_user"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "last_message_not_user"),
        ({"messages": [USER] * (MAX_MESSAGES + 1)}, "messages_too_many"),
        ({"messages": [USER] * 300}, "messages_too_many"),
        ({"messages": [1] * 100_000}, "wrong_type"),
        ({"prompt": "Hello", "top_q": 1}, "unknown_field"),
        ({"prompt": "Hello", "Prompt": "Hello"}, "unknown_field"),
        ({"prompt": "Hello", "": 1}, "unknown_field"),
        ({f"f{i}": i for i in range(50_000)}, "unknown_field"),
        ({"prompt": "Hello", "__proto__": {}}, "unknown_field"),
        ({"prompt": "Hello", "x" * 1000: 1}, "unknown_field"),
        ({"prompt": "Hello", "\x1b[31m": 1}, "unknown_field"),
    ],
)
def test_the_wrong_shape_is_refused(api: ApiServer, http: httpx2.Client, body: object, code: str) -> None:
    problem = refused(api, http, body, 422, code)
    assert len(json.dumps(problem)) < 3000
    assert "\x1b" not in problem["detail"]


def test_as_many_messages_as_are_allowed(http: httpx2.Client) -> None:
    assert http.post("/v1/infer", json={"messages": [USER] * MAX_MESSAGES}).status_code == 202


def test_every_fault_is_listed_but_not_without_end(api: ApiServer, http: httpx2.Client) -> None:
    problem = refused(api, http, {"prompt": 1, "seed": "x", "nonsense": 1}, 422, "wrong_type")
    assert [fault["field"] for fault in problem["faults"]] == ["prompt", "seed", "nonsense"]
    problem = refused(api, http, {f"f{i}": i for i in range(50)}, 422, "unknown_field")
    assert len(problem["faults"]) == 10


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"]
)
def test_a_body_not_sent_as_json_is_refused(api: ApiServer, http: httpx2.Client, kind: str | None) -> None:
    before = api.newest_job()
    headers = {"content-type": kind} if kind else {}
    answer = http.post("/v1/infer", content=b'{"prompt": "Hello"}', headers=headers)
    assert "application/json" in assert_problem(answer, 415, "content_type_wrong")["detail"]
    assert api.newest_job() == before


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_of_its_names(http: httpx2.Client, kind: str) -> None:
    assert http.post("/v1/infer", content=b'{"prompt": "x"}', headers={"content-type": kind}).status_code == 202


@pytest.mark.parametrize("key", [b"", b"two words", b"x" * 201, "schlüssel".encode(), b"\xff", b"tab\tbed"])
def test_a_bad_idempotency_key_is_refused(api: ApiServer, http: httpx2.Client, key: bytes) -> None:
    before = api.newest_job()
    headers = [(b"idempotency-key", key), (b"content-type", b"application/json")]
    answer = http.post("/v1/infer", content=b'{"prompt": "Hello"}', headers=headers)
    assert_problem(answer, 422, "idempotency_key_invalid")
    assert api.newest_job() == before


def test_a_known_key_with_the_same_request_is_the_same_job(api: ApiServer, http: httpx2.Client) -> None:
    key = {"Idempotency-Key": "k-same"}
    first = http.post("/v1/infer", json={"prompt": "Hello"}, headers=key).json()
    again = http.post("/v1/infer", json={"prompt": "Hello"}, headers=key)
    assert again.status_code == 202
    assert (again.json()["job_id"], again.json()["created"]) == (first["job_id"], False)
    assert first["created"] is True
    assert api.newest_job() == first["job_id"]


@pytest.mark.parametrize(
    "other", [{"prompt": "Other"}, {"prompt": "Hello", "seed": 1}, {"prompt": "Hello", "system": "x"}]
)
def test_a_known_key_with_another_request_is_refused(
    api: ApiServer, http: httpx2.Client, other: dict[str, object]
) -> None:
    key = {"Idempotency-Key": "k-other"}
    first = http.post("/v1/infer", json={"prompt": "Hello"}, headers=key).json()
    problem = refused(api, http, other, 409, "idempotency_conflict", **key)
    assert problem["job_id"] == first["job_id"]


JOB = "/v1/jobs/job_" + "0" * 32


@pytest.mark.parametrize(
    "job_id",
    ["job_" + "f" * 32, "x", "%00", "%0A", "..", "%2e%2e", "a%20b", "j" * 5000, "%F0%9F%98%80", "%ff", "'; DROP TABLE"],
)
def test_an_unknown_job(http: httpx2.Client, job_id: str) -> None:
    path = f"/v1/jobs/{job_id}"
    if job_id in {"..", "%2e%2e"}:  # a client may tidy the dots away: send them as they are
        path = "/v1/jobs/%2e%2e"
    for answer in (http.get(path), http.get(f"{path}/events"), http.post(f"{path}/cancel")):
        assert len(assert_problem(answer, 404, "job_not_found")["detail"]) < 200


@pytest.mark.parametrize(
    "path", ["/v1/jobs/..%2F..%2Fetc%2Fpasswd", "/v1/images/..%2f..%2fx/promote", "/v1/jobs/", "/v1", "/x"]
)
def test_a_path_that_leads_nowhere(http: httpx2.Client, path: str) -> None:
    method = "POST" if path.endswith("promote") else "GET"
    assert_problem(http.request(method, path), 404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/jobs", "DELETE, GET"),
        ("POST", "/v1/jobs", "DELETE, GET"),
        ("GET", "/v1/infer", "POST"),
        ("PATCH", "/v1/machine", "GET"),
        ("OPTIONS", "/v1/infer", "POST"),
        ("TRACE", "/v1/machine", "GET"),
        ("PUT", "/v1/jobs/0123456789abcdef", "DELETE, GET"),
    ],
)
def test_the_wrong_method_says_the_right_one(http: httpx2.Client, method: str, path: str, allow: str) -> None:
    answer = http.request(method, path)
    assert allow in assert_problem(answer, 405, "method_not_allowed")["detail"]
    assert answer.headers["allow"] == allow


def test_head_gets_no_body(http: httpx2.Client) -> None:
    answer = http.head("/v1/jobs")
    assert (answer.status_code, answer.content) == (405, b"")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "limit_out_of_range"),
        ("limit=-1", "limit_out_of_range"),
        ("limit=101", "limit_out_of_range"),
        ("limit=1000000000", "limit_out_of_range"),
        ("limit=" + "9" * 5000, "wrong_type"),
        ("limit=", "wrong_type"),
        ("limit=NaN", "wrong_type"),
        ("limit=1.5", "wrong_type"),
        ("limit=true", "wrong_type"),
        ("cursor=", "cursor_invalid"),
        ("cursor=nonsense", "cursor_invalid"),
        ("cursor=before-0", "cursor_invalid"),
        ("cursor=before--1", "cursor_invalid"),
        ("cursor=before-" + "9" * 30, "cursor_invalid"),
        ("cursor=%00", "cursor_invalid"),
        ("status=done", "status_unknown"),
        ("status=", "status_unknown"),
        ("status=QUEUED", "status_unknown"),
        ("page=2", "unknown_parameter"),
        ("limit=5&limit=6", "repeated_parameter"),
        ("%1b%5b=1", "unknown_parameter"),
        ("=1", "unknown_parameter"),
    ],
)
def test_a_bad_page_of_the_list(http: httpx2.Client, query: str, code: str) -> None:
    assert "\x1b" not in assert_problem(http.get(f"/v1/jobs?{query}"), 422, code)["detail"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "limit_out_of_range"),
        ("limit=101", "limit_out_of_range"),
        ("limit=x", "wrong_type"),
        ("cursor=before-3", "unknown_parameter"),
    ],
)
def test_a_bad_page_of_the_history(http: httpx2.Client, query: str, code: str) -> None:
    assert_problem(http.get(f"/v1/machine/history?{query}"), 422, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=2", "cursor_past_end"),
        ("after=1000000000", "cursor_past_end"),
        ("after=-1", "cursor_invalid"),
        ("after=9007199254740992", "cursor_invalid"),
        ("after=" + "9" * 30, "cursor_invalid"),
        ("after=x", "wrong_type"),
        ("after=", "wrong_type"),
        ("after=1.5", "wrong_type"),
        ("after=NaN", "wrong_type"),
        ("wait=-1", "wait_out_of_range"),
        ("wait=30.1", "wait_out_of_range"),
        ("wait=NaN", "wait_out_of_range"),
        ("wait=inf", "wait_out_of_range"),
        ("wait=1e9", "wait_out_of_range"),
        ("wait=", "wrong_type"),
        ("wait=soon", "wrong_type"),
        ("since=1", "unknown_parameter"),
        ("after=0&after=1", "repeated_parameter"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_bad_cursor(api: ApiServer, http: httpx2.Client, query: str, code: str, accept: str) -> None:
    job_id = api.submit()
    assert_problem(http.get(f"/v1/jobs/{job_id}/events?{query}", headers={"accept": accept}), 422, code)


@pytest.mark.parametrize("value", [b"", b"x", b"-1", b"1.5", b"\xb2", b"9" * 16, b"1 1", "\u0661".encode()])
@pytest.mark.parametrize("accept", [b"application/json", b"text/event-stream"])
def test_a_bad_last_event_id(api: ApiServer, http: httpx2.Client, value: bytes, accept: bytes) -> None:
    headers = [(b"last-event-id", value), (b"accept", accept)]
    assert_problem(http.get(f"/v1/jobs/{api.submit()}/events", headers=headers), 422, "cursor_invalid")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/machine/start", {"model": "gpt-5"}, "unknown_model"),
        ("/v1/machine/start", {"model": 5}, "wrong_type"),
        ("/v1/machine/start", {"kind": "big"}, "unknown_field"),
        ("/v1/machine/start", [], "wrong_type"),
        ("/v1/machine/stop", {"jobs": "lose"}, "unknown_value"),
        ("/v1/machine/stop", {"jobs": None}, "unknown_value"),
        ("/v1/machine/stop", {"now": True}, "unknown_field"),
        ("/v1/models/tinyllama/pull", {"force": "yes"}, "wrong_type"),
        ("/v1/models/tinyllama/pull", {"force": 1}, "wrong_type"),
        ("/v1/models/gpt-5/pull", {}, "unknown_model"),
        ("/v1/models/gpt-5/verify", None, "unknown_model"),
    ],
)
def test_bad_orders_to_machine_and_models(api: ApiServer, http: httpx2.Client, path: str, body: Any, code: str) -> None:
    assert_problem(http.post(path, json=body), 422, code)
    assert api.run(api.container.machines.latest()) is None


@pytest.mark.parametrize("body", [{}, {"minutes": None}, {"minutes": 5, "hours": 1}])
def test_bad_idle_timeouts(http: httpx2.Client, body: Any) -> None:
    answer = http.put("/v1/machine/idle-timeout", json=body)
    assert answer.status_code == 422
    assert_problem(answer, 422, answer.json()["code"])
