"""The traceback of an unexpected exception without its messages, which may quote a prompt."""

import traceback


def redacted_traceback(error: BaseException) -> str:
    """The type and the traceback of an exception and of its causes, for the log."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = f"{type(current).__module__}.{type(current).__qualname__}"
        parts.append(f"{kind}\n{''.join(traceback.format_tb(current.__traceback__))}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "caused by ".join(parts)
