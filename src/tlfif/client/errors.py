"""Every error a caller of the client meets, as one tree below ``TlfifError``.

* ApiError                 the server answered with an error, or did not answer
  * RefusedError           the request is wrong as it stands; change it (400, 404, 405, 413, 422, a reused key)
  * NotPossibleError       the request is fine, the present state forbids it; the message says what to do (409)
  * AccessDeniedError      the token or the address is wrong (401, 403, 421)
  * OverloadedError        too much is waiting; send it again later (429)
  * ServerFailedError      the server failed or lacks something, and says so (5xx)
  * NotReachableError      no server answered, and none could be started
    * ConnectionLostError  the connection broke; whether the request arrived is not known
      * GatewayFailedError something in front of the server answered in its place (429, 5xx without a problem's code)
"""

from collections.abc import Mapping

from tlfif.kernel.errors import TlfifError


class ApiError(TlfifError):
    """Read ``code``. ``status`` is the HTTP status, or None where there was no answer."""

    code = "api_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details)
        self.status = status


class RefusedError(ApiError):
    """Change the request; it will never be accepted as it stands."""


class NotPossibleError(ApiError):
    """Do what the message says first, then repeat the request."""


class AccessDeniedError(ApiError):
    """Present the right token to the right address."""


class OverloadedError(ApiError):
    """Wait and send the same request again."""


class ServerFailedError(ApiError):
    """Look into the server's log; repeat when the cause is gone."""


class NotReachableError(ApiError):
    """Check that the server runs and why it does not start."""

    code = "not_reachable"


class ConnectionLostError(NotReachableError):
    """Find the server again and repeat what is safe to repeat."""

    code = "connection_lost"


class GatewayFailedError(ConnectionLostError):
    """Wait, then repeat what is safe to repeat. ``retry_after``: for so many seconds at least, if it says so."""

    code = "gateway_failed"

    def __init__(self, status: int, *, retry_after: float | None = None) -> None:
        super().__init__(
            f"The server did not answer; something in front of it did, with HTTP status {status}. Whether the request "
            "arrived is not known.",
            status=status,
        )
        self.retry_after = retry_after


_KINDS: dict[int, type[ApiError]] = {
    401: AccessDeniedError,
    403: AccessDeniedError,
    409: NotPossibleError,
    421: AccessDeniedError,
    429: OverloadedError,
}
_OWN_MEMBERS = frozenset({"type", "title", "status", "code", "detail"})


def error_from(status: int, body: object, *, retry_after: str = "") -> ApiError:
    """The error for a problem+json body, or for any other body of a failed request. ``retry_after``: the header."""
    problem = body if isinstance(body, dict) else {}
    if "code" not in problem and (status == 429 or status >= 500):
        seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        return GatewayFailedError(status, retry_after=seconds)
    code = str(problem.get("code") or f"http_{status}")
    message = str(problem.get("detail") or f"The server answered with HTTP status {status}.")
    kind = _KINDS.get(status, ServerFailedError if status >= 500 else RefusedError)
    if code == "idempotency_conflict":
        kind = RefusedError
    details = {key: value for key, value in problem.items() if key not in _OWN_MEMBERS}
    return kind(message, code=code, status=status, details=details)


def lost(error: Exception, url: str) -> ConnectionLostError:
    """The error for a connection to ``url`` that ``error`` broke or prevented."""
    from tlfif.kernel.outbound import why_unreachable  # the window needs this module at its start, and no HTTP yet

    why = f": {why_unreachable(error, url)}" if url.startswith("https:") else ""
    return ConnectionLostError(
        f"The connection to the server broke ({type(error).__name__}){why}. Try again; what was accepted is not lost."
    )
