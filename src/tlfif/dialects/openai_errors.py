"""Errors in OpenAI's shape, with its statuses, and its codes where programs act upon them."""

from http import HTTPStatus
from typing import Any

from tlfif.dialects.refusal import Refusal, Shaped

_CODES = {
    "unknown_model": (404, "model_not_found"),
    "model_absent": (404, "model_absent"),
    "model_corrupt": (404, "model_corrupt"),
    "prompt_too_long": (400, "context_length_exceeded"),
    "token_wrong": (401, "invalid_api_key"),
    "token_expired": (401, "invalid_api_key"),
    "budget_locked": (429, "insufficient_quota"),
    "budget_no_room": (429, "insufficient_quota"),
    "job_cancelled": (400, "job_cancelled"),
    "cancelled": (400, "job_cancelled"),
}
"""TL-FIF's code: OpenAI's status and code. A cancelled job is none of the statuses that programs repeat."""
_BAD_REQUEST = frozenset({409, 415, 422})
"""400 in OpenAI's words, which programs do not repeat."""


def openai_refusal(refusal: Refusal) -> Shaped:
    """``error`` as OpenAI's clients read it, beside TL-FIF's own problem: both read ``GET /v1/models``."""
    status, code = _CODES.get(refusal.code, (refusal.status, refusal.code))
    status = 400 if status in _BAD_REQUEST else status
    body = {
        **refusal.details,
        "error": _error(refusal, status, code),
        "type": f"urn:tlfif:problem:{refusal.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": refusal.code,
        "detail": refusal.message,
    }
    return Shaped(status=status, body=body)


def openai_stream_error(refusal: Refusal) -> dict[str, Any]:
    """The piece that ends a stream without an answer."""
    status, code = _CODES.get(refusal.code, (refusal.status, refusal.code))
    return {"error": _error(refusal, 400 if status in _BAD_REQUEST else status, code)}


def _error(refusal: Refusal, status: int, code: str) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    if status == 429:
        kind = code if code == "insufficient_quota" else "rate_limit_error"
    return {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}
