"""Which dialect is spoken at an address, and the one spelling of addresses that clients spell in several ways."""

from enum import StrEnum


class Dialect(StrEnum):
    """Whose requests, answers and errors they are."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"


_OPENAI = frozenset(
    {"assistants", "audio", "batches", "chat", "completions", "conversations", "embeddings", "files", "fine_tuning"}
    | {"models", "moderations", "realtime", "responses", "threads", "uploads", "vector_stores", "videos"}
)
"""What follows ``/v1/`` in OpenAI's addresses, also in those that TL-FIF does not have: their 404 has its shape."""
_WITHOUT_VERSION = frozenset({"chat", "completions", "embeddings", "messages", "models", "responses"})
"""Some programs leave ``/v1`` out."""
_OWN = ("add", "approve", "pull", "retire", "verify")
"""Below a model's name: TL-FIF's own."""


def canonical(path: str) -> str:
    """The address as routes know it: without a slash at its end, with ``/v1`` in front. Others are left as they are."""
    shorter = path.rstrip("/")
    first = shorter.split("/", 2)[1] if shorter.startswith("/") else ""
    if first in _WITHOUT_VERSION:
        shorter = "/v1" + shorter
    return shorter if dialect_of(shorter) is not None else path


def dialect_of(path: str) -> Dialect | None:
    """The dialect spoken at ``path``, None for TL-FIF's own."""
    parts = path.rstrip("/").split("/")
    if parts[1:2] == ["api"]:
        return Dialect.OLLAMA
    if parts[1:3] == ["v1", "messages"] or parts[1:2] == ["messages"]:
        return Dialect.ANTHROPIC
    if len(parts) > 1 and parts[1] in _WITHOUT_VERSION:
        return Dialect.OPENAI
    if len(parts) > 2 and parts[1] == "v1" and parts[2] in _OPENAI and parts[-1] not in _OWN:
        return Dialect.OPENAI
    return None
