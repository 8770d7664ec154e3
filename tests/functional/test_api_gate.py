"""Who may call at all: the gate, tried over a real socket with requests that no polite client sends."""

import json
import socket

import httpx2
import pytest

from tests.functional.api_server import TOKEN, ApiServer, assert_problem
from tlfif.api import request_body
from tlfif.api.request_body import MAX_BODY_BYTES

BEARER = f"Authorization: Bearer {TOKEN}"


def send(api: ApiServer, *lines: str, body: bytes = b"") -> tuple[int, dict[str, object], bytes]:
    """Status, problem and headers that a request made of ``lines`` gets."""
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
    answer = api.raw(head + body)
    headers, _, content = answer.partition(b"\r\n\r\n")
    return int(headers.split()[1]), json.loads(content) if content.startswith(b"{") else {}, headers.lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "LOCALHOST", "LocalHost"])
def test_the_servers_own_names_are_right(api: ApiServer, host: str) -> None:
    status, _, _ = send(api, "GET /v1/machine HTTP/1.1", f"Host: {host}:{api.port}", BEARER)
    assert status == 200


@pytest.mark.requirement("2.2.5")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1:{port}0",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.1.evil.example:{port}",
        "localhost.:{port}",
        "0.0.0.0:{port}",
        "[::1]",
        "[::2]:{port}",
        "127.1:{port}",
        "user@127.0.0.1:{port}",
        "",
        "127.0.0.1:{port}, evil.example",
        "\xff",
    ],
)
@pytest.mark.parametrize("path", ["/v1/machine", "/healthz", "/v1/openapi.json"])
def test_a_page_that_rebinds_its_name_gets_nothing(api: ApiServer, host: str, path: str) -> None:
    named = host.format(port=api.port)
    status, problem, headers = send(api, f"GET {path} HTTP/1.1", f"Host: {named}", BEARER)
    assert (status, problem["code"]) == (421, "host_wrong")
    assert b"access-control" not in headers


def test_no_host_or_two_hosts(api: ApiServer) -> None:
    right = f"Host: 127.0.0.1:{api.port}"
    for lines in (("GET /v1/machine HTTP/1.0",), ("GET /v1/machine HTTP/1.1", "Host: evil.example", right)):
        assert send(api, *lines, BEARER)[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:{port}", "file://", ""])
@pytest.mark.parametrize("path", ["/v1/machine", "/healthz"])
def test_a_web_page_gets_nothing(api: ApiServer, origin: str, path: str) -> None:
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{api.port}", BEARER, f"Origin: {origin.format(port=api.port)}")
    status, problem, headers = send(api, *lines)
    assert (status, problem["code"]) == (403, "origin_not_allowed")
    assert b"access-control" not in headers


def test_a_preflight_gets_nothing(api: ApiServer) -> None:
    wishes = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
    host = f"Host: 127.0.0.1:{api.port}"
    status, _, headers = send(api, "OPTIONS /v1/infer HTTP/1.1", host, "Origin: https://evil.example", *wishes)
    assert status == 403
    assert b"access-control" not in headers
    status, _, headers = send(api, "OPTIONS /v1/infer HTTP/1.1", host, BEARER, *wishes)
    assert status == 405
    assert b"access-control" not in headers


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f'Bearer "{TOKEN}"',
        "Bearer \xe9",
        "Bearer " + "x" * 10_000,
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/machine", "/v1/nowhere", "/metrics", "/v1/openapi.json", "/healthz/", "//healthz"]
)
def test_without_the_token_nothing_is_told(api: ApiServer, given: str | None, path: str) -> None:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{api.port}"]
    if given is not None:
        lines.append(f"Authorization: {given}")
    status, problem, headers = send(api, *lines)
    assert (status, problem["code"]) == (401, "token_wrong")
    assert b"www-authenticate: bearer" in headers
    assert TOKEN not in json.dumps(problem)


def test_the_scheme_may_be_in_any_case(api: ApiServer) -> None:
    host = f"Host: 127.0.0.1:{api.port}"
    assert send(api, "GET /v1/machine HTTP/1.1", host, f"authorization: bearer {TOKEN}")[0] == 200


def test_health_needs_no_token_and_tells_nothing(api: ApiServer) -> None:
    with httpx2.Client(base_url=api.url, trust_env=False) as stranger:
        assert set(stranger.get("/healthz").json()) == {"status", "version"}


def test_a_refused_caller_does_not_keep_the_server_awake(api: ApiServer, http: httpx2.Client) -> None:
    http.get("/v1/machine")
    seen = api.requests
    with httpx2.Client(base_url=api.url, trust_env=False) as stranger:
        stranger.get("/v1/machine")
        stranger.get("/healthz")
    assert api.requests == seen


def padded(size: int) -> bytes:
    """A valid request of ``size`` bytes: blanks between the fields cost nothing."""
    body = b'{"prompt": "Hello"' + b"}"
    return body[:-1] + b" " * (size - len(body)) + b"}"


def test_exactly_one_mebibyte_is_taken(http: httpx2.Client) -> None:
    body = padded(MAX_BODY_BYTES)
    assert len(body) == MAX_BODY_BYTES
    assert http.post("/v1/infer", content=body, headers={"content-type": "application/json"}).status_code == 202


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 20 * MAX_BODY_BYTES])
def test_a_declared_body_over_the_limit_is_refused(api: ApiServer, http: httpx2.Client, size: int) -> None:
    before = api.newest_job()
    answer = http.post("/v1/infer", content=padded(size), headers={"content-type": "application/json"})
    assert_problem(answer, 413, "body_too_large")
    assert api.newest_job() == before


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 20 * MAX_BODY_BYTES])
def test_a_body_in_pieces_over_the_limit_is_refused(api: ApiServer, http: httpx2.Client, size: int) -> None:
    before = api.newest_job()
    body = padded(size)
    pieces = (body[at : at + 65536] for at in range(0, size, 65536))
    answer = http.post("/v1/infer", content=pieces, headers={"content-type": "application/json"})
    assert_problem(answer, 413, "body_too_large")
    assert api.newest_job() == before


@pytest.mark.parametrize("length", ["1048577", "99999999999999999999", "9223372036854775807"])
def test_a_caller_that_declares_much_and_sends_nothing_is_not_waited_for(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    monkeypatch.setattr(request_body, "DRAIN_SECONDS", 0.1)
    head = ["POST /v1/infer HTTP/1.1", f"Host: 127.0.0.1:{api.port}", BEARER, f"Content-Length: {length}"]
    answer = api.raw("\r\n".join([*head, "", ""]).encode())
    assert answer.split()[1] in {b"413", b"400"}


def test_a_caller_that_asks_first_is_told_before_it_sends(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "DRAIN_SECONDS", 60.0)
    head = ["POST /v1/infer HTTP/1.1", f"Host: 127.0.0.1:{api.port}", BEARER, "Content-Length: 2000000"]
    answer = api.raw("\r\n".join([*head, "Expect: 100-continue", "", ""]).encode())
    assert answer.split()[1] == b"413"


def test_a_caller_that_leaves_half_way_stores_nothing(api: ApiServer, http: httpx2.Client) -> None:
    before = api.newest_job()
    head = ["POST /v1/infer HTTP/1.1", f"Host: 127.0.0.1:{api.port}", BEARER, "Content-Type: application/json"]
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall("\r\n".join([*head, "Content-Length: 19", "", ""]).encode() + b'{"prompt": "Hello"')
    assert http.get("/v1/machine").status_code == 200
    assert api.newest_job() == before


@pytest.mark.parametrize(
    "request_line", ["nonsense", "GET /v1/machine", "GET  HTTP/1.1", "\x00\x01\x02", "GET /\xff HTTP/1.1"]
)
def test_what_is_no_http_ends_the_connection(api: ApiServer, http: httpx2.Client, request_line: str) -> None:
    answer = api.raw(f"{request_line}\r\nHost: 127.0.0.1:{api.port}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert not answer or answer.split()[1] in {b"400", b"401", b"404"}
    assert http.get("/healthz").status_code == 200
