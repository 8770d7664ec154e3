"""What a stranger without a token can take from the server: bounded heads, bounded waits, bounded connections."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.functional.api_server import TOKEN, ApiServer, build_container
from tlfif.api.ingress import HEAD_BYTES, HEAD_FIELDS, PIECE_BYTES, PIPELINED

LIMIT = 40
"""Connections of the small server."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server with few places and little patience."""
    server = ApiServer(build_container(tmp_path_factory.mktemp("ingress")), connections=LIMIT, head_seconds=0.3)
    server.start()
    yield server
    server.stop()


def problem(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer that is a problem as promised."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    assert b"connection: close" in head.lower()
    found = json.loads(body)
    assert found["detail"].endswith(".")
    assert found["status"] == int(head.split()[1])
    return found["status"], found["code"]


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes, also where it does so in the middle of being spoken to."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def healthy(api: ApiServer) -> bool:
    with httpx2.Client(base_url=api.url, trust_env=False, verify=False, timeout=5) as client:
        return client.get("/healthz").status_code == 200


HEAD = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"


@pytest.mark.parametrize(
    "more",
    [
        "X: " + "a" * (HEAD_BYTES + PIECE_BYTES) + "\r\n\r\n",
        "a" * 2 * HEAD_BYTES,
        "X: " + "a" * 1_000_000,
        "X:1\r\n" * 101 + "\r\n",
    ],
    ids=["one long header", "a name without an end", "a megabyte", "too many"],
)
def test_a_head_has_a_limit(api: ApiServer, more: str) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        try:
            connection.sendall((HEAD.format(port=api.port) + more).encode())
        except ConnectionError:  # the server has left
            return
        answer = read_all(connection)
    assert not answer or problem(answer) == (431, "head_too_large")
    assert len(more) > 100_000 or answer


def test_a_long_address_has_the_same_limit(api: ApiServer) -> None:
    assert problem(api.raw(b"GET /" + b"a" * 2 * HEAD_BYTES)) == (431, "head_too_large")


def test_what_clients_send_is_far_below_the_limits(api: ApiServer) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", **{f"X-{n}": "a" * 200 for n in range(HEAD_FIELDS - 10)}}
    with httpx2.Client(base_url=api.url, trust_env=False, verify=False) as client:
        assert client.get("/v1/machine", headers=headers).status_code == 200
        assert client.get("/v1/machine", headers=headers).status_code == 200  # counted anew


@pytest.mark.parametrize(
    "nonsense", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_is_told_as_a_problem(api: ApiServer, nonsense: bytes) -> None:
    assert problem(api.raw(nonsense)) == (400, "request_malformed")


def test_a_faulty_request_behind_another_one_does_not_spoil_its_answer(api: ApiServer) -> None:
    good = HEAD.format(port=api.port).encode() + b"\r\n"
    answer = api.raw(good + b"nonsense\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") <= 2
    assert b"Invalid HTTP request" not in answer


def test_no_more_than_a_few_requests_wait_in_one_connection(api: ApiServer) -> None:
    good = HEAD.format(port=api.port).encode() + b"\r\n"
    answer = api.raw(good * 1000)
    assert answer.count(b"HTTP/1.1 200") <= PIPELINED + 1
    few = good * (PIPELINED - 1) + HEAD.format(port=api.port).encode() + b"Connection: close\r\n\r\n"
    assert api.raw(few).count(b"HTTP/1.1 200") == PIPELINED


def test_a_head_has_little_time(small: ApiServer) -> None:
    begun = time.monotonic()
    for start in (b"", b"GET /healthz HT", b"\r\n\r\n", HEAD.encode() + b"X: a"):
        assert problem(small.raw(start)) == (408, "request_slow")
    assert time.monotonic() - begun < 4


def test_drops_do_not_prolong_it(small: ApiServer) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", small.port), timeout=0.05) as connection:
        answer = b""
        while not answer and time.monotonic() - begun < 5:
            connection.sendall(b"G" if answer is None else b"\r\n")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert problem(answer) == (408, "request_slow")
    assert time.monotonic() - begun < 2


def test_a_later_request_of_a_connection_has_as_little_time(small: ApiServer) -> None:
    whole = HEAD.format(port=small.port).encode() + b"\r\n"
    with socket.create_connection(("127.0.0.1", small.port), timeout=5) as connection:
        connection.sendall(whole)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(whole[:-2])
        assert problem(read_all(connection)) == (408, "request_slow")


def test_a_body_that_drips_after_its_answer_has_as_little_time(small: ApiServer) -> None:
    head = HEAD.format(port=small.port).encode() + b"Content-Length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", small.port), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"x")
        assert problem(read_all(connection)) == (408, "request_slow")


@pytest.mark.parametrize(
    "said", ["", "GET /v1", HEAD + "\r\n"], ids=["silent", "half a request", "one answered request"]
)
def test_the_oldest_that_waits_makes_room(small: ApiServer, said: str) -> None:
    with ExitStack() as stack:
        crowd = []
        for _ in range(3 * LIMIT):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", small.port), timeout=5))
            connection.sendall(said.format(port=small.port).encode())
            if said.endswith("\r\n\r\n"):
                assert connection.recv(12) == b"HTTP/1.1 200"  # from now on it waits; one that is answered never goes
            crowd.append(connection)
        assert healthy(small)
        assert len(small.connections_now()) <= LIMIT
        assert b"HTTP/1.1 200" not in read_all(crowd[0])


def test_an_answer_under_way_is_never_the_one_to_go(small: ApiServer) -> None:
    job = small.submit()
    head = f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1:{small.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    with ExitStack() as stack:
        reader = stack.enter_context(socket.create_connection(("127.0.0.1", small.port), timeout=5))
        reader.sendall((head + "Connection: close\r\nAccept: text/event-stream\r\n\r\n").encode())
        assert b"200 OK" in reader.recv(4096)
        for _ in range(3 * LIMIT):
            stack.enter_context(socket.create_connection(("127.0.0.1", small.port), timeout=5))
        assert healthy(small)
        small.empty_queue()
        assert b"failed" in read_all(reader)


@pytest.mark.requirement("2.2.5")
def test_stop_is_heard_while_every_place_is_taken(small: ApiServer) -> None:
    job = small.submit()
    line = f"Host: 127.0.0.1:{small.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    with ExitStack() as stack:
        readers = []
        for _ in range(LIMIT):
            reader = stack.enter_context(socket.create_connection(("127.0.0.1", small.port), timeout=5))
            reader.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\n{line}Accept: text/event-stream\r\n\r\n".encode())
            readers.append(reader)
        refused = [answer for answer in (reader.recv(4096) for reader in readers) if b" 429 " in answer]
        assert refused
        assert b"server_full" in refused[0]
        assert b"\r\nretry-after: 5\r\n" in refused[0]
        with small.client() as client:
            assert client.post("/v1/server/stop").status_code == 202
        assert healthy(small)
    assert small.stop_asked
    small.empty_queue()
