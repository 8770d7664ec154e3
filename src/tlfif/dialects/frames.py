"""Server-sent events as dialects' streams have them."""

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def data(value: dict[str, Any], *, event: str = "") -> bytes:
    """One event. ASCII: some line readers split at U+2028 as well."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def comment(text: str) -> bytes:
    """What readers pass over, and what keeps a connection open. ``text`` empty: just a sign of life."""
    return f": {' '.join(text.split()) or 'alive'}\n\n".encode("utf-8", "replace")
