"""Where an unexpected exception came from, in words that may be logged."""

import traceback


def redacted_traceback(error: BaseException) -> str:
    """The kind of an exception, where it came from, and the same of what led to it; never its message, which may
    quote a prompt."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = f"{type(current).__module__}.{type(current).__qualname__}"
        parts.append(f"{kind}\n{''.join(traceback.format_tb(current.__traceback__))}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "led to by ".join(parts)
