"""Errors in Anthropic's shape, with its statuses."""

from typing import Any

from tlfif.dialects.refusal import Refusal, Shaped

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_NOT_FOUND = frozenset({"unknown_model", "model_absent", "model_corrupt"})
_BAD_REQUEST = frozenset({409, 415, 422})
"""400 in Anthropic's words."""


def anthropic_refusal(refusal: Refusal) -> Shaped:
    """``error`` as Anthropic's clients read it; ``code`` is TL-FIF's."""
    status = 404 if refusal.code in _NOT_FOUND else 400 if refusal.status in _BAD_REQUEST else refusal.status
    return Shaped(status=status, body=_body(refusal, status))


def anthropic_stream_error(refusal: Refusal) -> dict[str, Any]:
    """The event that ends a stream without an answer."""
    return anthropic_refusal(refusal).body


def _body(refusal: Refusal, status: int) -> dict[str, Any]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": refusal.message, "code": refusal.code}}
