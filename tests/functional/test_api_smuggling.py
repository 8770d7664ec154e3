"""Two readings of one request: whatever a request's length is made to look like, its body is never a request."""

import re

import pytest

from tests.functional.api_server import TOKEN, ApiServer

BEARER = f"Authorization: Bearer {TOKEN}"
HIDDEN = "GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n" + BEARER + "\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
EMPTY_CHUNK = "0\r\n\r\n"

AMBIGUOUS: dict[str, tuple[tuple[str, ...], str]] = {
    "length and chunked": (("Content-Length: 4", CHUNKED), EMPTY_CHUNK),
    "chunked and length": ((CHUNKED, "Content-Length: 200"), EMPTY_CHUNK),
    "length 0 and chunked": (("Content-Length: 0", CHUNKED), "1\r\nx\r\n" + EMPTY_CHUNK),
    "two lengths": (("Content-Length: 0", "Content-Length: 200"), ""),
    "a list of lengths": (("Content-Length: 0, 200",), ""),
    "a length with a plus": (("Content-Length: +200",), ""),
    "a negative length": (("Content-Length: -1",), ""),
    "a hexadecimal length": (("Content-Length: 0xc8",), ""),
    "a length beyond 64 bits": (("Content-Length: 18446744073709551616",), ""),
    "a length with a blank inside": (("Content-Length: 2 00",), ""),
    "a name with a blank behind": (("Content-Length : 0",), ""),
    "chunked with a blank behind the name": (("Content-Length: 200", "Transfer-Encoding : chunked"), EMPTY_CHUNK),
    "chunked behind a tab": (("Content-Length: 200", "Transfer-Encoding:\tchunked"), EMPTY_CHUNK),
    "chunked misspelt": (("Content-Length: 0", "Transfer-Encoding: xchunked"), ""),
    "chunked in quotes": (("Content-Length: 0", 'Transfer-Encoding: "chunked"'), ""),
    "chunked and identity": (("Content-Length: 200", "Transfer-Encoding: chunked, identity"), EMPTY_CHUNK),
    "identity and chunked": (("Content-Length: 200", "Transfer-Encoding: identity, chunked"), EMPTY_CHUNK),
    "chunked twice": (("Content-Length: 200", CHUNKED, CHUNKED), EMPTY_CHUNK),
    "chunked folded": (("Content-Length: 200", "Transfer-Encoding:", " chunked"), EMPTY_CHUNK),
    "a zero byte in the name": (("Content-Length: 0", "Transfer-Encoding\x00: chunked"), ""),
    "a bare carriage return": (("Content-Length: 0", "X: y\rTransfer-Encoding: chunked"), ""),
    "bare line feeds": (("Content-Length: 0\nX: y",), ""),
    "a chunk of negative size": ((CHUNKED,), "-1\r\n\r\n"),
    "a chunk beyond 64 bits": ((CHUNKED,), "fffffffffffffffff\r\n"),
    "a chunk without its end": ((CHUNKED,), "1\r\nxy" + EMPTY_CHUNK),
    "a chunk ended by a bare line feed": ((CHUNKED,), "1\nx\n0\n\n"),
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_no_request_hides_in_anothers_body(api: ApiServer, shape: str) -> None:
    lines, before = AMBIGUOUS[shape]
    head = "\r\n".join(["POST /v1/machine/start HTTP/1.1", f"Host: 127.0.0.1:{api.port}", BEARER, *lines, "", ""])
    answer = api.raw((head + before + HIDDEN.format(port=api.port)).encode("latin-1"))
    assert answer.count(b"HTTP/1.1 ") <= 1, "the hidden request was answered"
    assert b"smuggled" not in answer


def test_a_body_that_looks_like_a_request_is_a_body(api: ApiServer) -> None:
    hidden = HIDDEN.format(port=api.port)
    lines = ["POST /v1/machine/start HTTP/1.1", f"Host: 127.0.0.1:{api.port}", BEARER, f"Content-Length: {len(hidden)}"]
    last = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nConnection: close\r\n\r\n"
    answer = api.raw(("\r\n".join([*lines, "", ""]) + hidden + last).encode())
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"415", b"200"]
    assert b"smuggled" not in answer
