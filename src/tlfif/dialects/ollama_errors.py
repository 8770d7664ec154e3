"""Errors in Ollama's shape, with its statuses."""

from tlfif.dialects.refusal import Refusal, Shaped

_NOT_FOUND = frozenset({"unknown_model", "model_absent", "model_corrupt"})
_BAD_REQUEST = frozenset({409, 415, 422})


def ollama_refusal(refusal: Refusal) -> Shaped:
    """A sentence, also as a line that ends a stream; ``code`` is TL-FIF's."""
    status = 404 if refusal.code in _NOT_FOUND else 400 if refusal.status in _BAD_REQUEST else refusal.status
    return Shaped(status=status, body={"error": refusal.message, "code": refusal.code})
