"""Redis's errors as messages for the owner."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from redis import exceptions

from tlfif.kernel.errors import StorageError


class _Cause(NamedTuple):
    """A kind of error, with what it is called here and what the owner reads."""

    kind: type[exceptions.RedisError]
    code: str
    sentence: str


_BY_KIND = (
    _Cause(
        exceptions.AuthenticationError,
        code="store_password",
        sentence="The Redis server refused the password. Give the right one; nothing was changed.",
    ),
    _Cause(
        exceptions.NoPermissionError,
        code="store_password",
        sentence="The Redis server does not let this user do what the job store needs. Give it all commands on keys "
        "that begin with tlfif:, then try again.",
    ),
    _Cause(
        exceptions.OutOfMemoryError,
        code="storage_full",
        sentence="The Redis server's memory is full. Raise its maxmemory, or delete old jobs (./tlfif jobs delete), "
        "then try again; nothing was changed.",
    ),
    _Cause(
        exceptions.ReadOnlyError,
        code="store_read_only",
        sentence="The Redis server is a copy that takes no writes. Use the main server.",
    ),
    _Cause(
        exceptions.ConnectionError,
        code="store_unreachable",
        sentence="The Redis server does not answer. Start it, then repeat the request; it may have been accepted.",
    ),
    _Cause(
        exceptions.TimeoutError,
        code="store_unreachable",
        sentence="The Redis server did not answer in time. Repeat the request with its key; it may have been accepted.",
    ),
)
_BY_WORD = {"NOAUTH": 0, "WRONGPASS": 0, "OOM": 2, "READONLY": 3}


def storage_error(error: exceptions.RedisError) -> StorageError:
    """Translate ``error``; ``details`` has ``reason`` for programs. No message of the server is passed on: it may quote
    a prompt."""
    if isinstance(error.__cause__, exceptions.AuthenticationError):
        error = error.__cause__  # while it connects, the client calls it a failed connection
    refused = _refused_certificate(error)
    if refused is not None:
        return StorageError(
            f"The Redis server's certificate is not accepted ({refused.verify_message}). Set SSL_CERT_FILE to the "
            "file of the certificate that signed it; also look at this computer's clock. No prompt was sent.",
            code="store_unreachable",
            details={"reason": "certificate"},
        )
    words = str(error).split()
    found = next((word for word in words if word in _BY_WORD), "")
    kinds = [_BY_KIND[_BY_WORD[found]]] if found else [one for one in _BY_KIND if isinstance(error, one.kind)]
    if kinds:
        cause = kinds[0]
        return StorageError(cause.sentence, code=cause.code, details={"reason": cause.code})
    return StorageError(
        "The Redis server refused to write or read. See its own log (a full disk stops writes too), then try again.",
        details={"reason": "other", "cause": type(error).__name__},
    )


def _refused_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def damaged(error: Exception) -> StorageError:
    """The server does not hold what this program wrote."""
    return StorageError(
        "A job in the Redis server is damaged: its keys (tlfif:) were changed by another program. Restore a copy of "
        "its data, or use the store on this computer.",
        code="storage_damaged",
        details={"reason": "corrupt", "cause": type(error).__name__},
    )


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise StorageError for failures of the server or of the way to it."""
    try:
        yield
    except exceptions.RedisError as error:
        raise storage_error(error) from None
