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
_OWN = frozenset({"add", "approve", "pull", "retire", "verify"})
"""Below a model's name, to change something: TL-FIF's own. To read, it is the end of a name with a slash."""
_READS = frozenset({"GET", "HEAD"})


def canonical(path: str) -> str:
    """The address as routes know it: without a slash at its end, with ``/v1`` in front. Others are left as they are."""
    shorter = path.rstrip("/")
    first = shorter.split("/", 2)[1] if shorter.startswith("/") else ""
    if first in _WITHOUT_VERSION:
        shorter = "/v1" + shorter
    return shorter if dialect_of(shorter, "GET") is not None else path


def dialect_of(path: str, method: str) -> Dialect | None:
    """The dialect spoken at ``path`` by requests of that ``method``, None for TL-FIF's own."""
    parts = path.rstrip("/").split("/")[1:]
    if parts[:1] == ["api"]:
        return Dialect.OLLAMA
    if parts and parts[0] in _WITHOUT_VERSION:
        parts.insert(0, "v1")
    if parts[:2] == ["v1", "messages"]:
        return Dialect.ANTHROPIC
    if len(parts) < 2 or parts[0] != "v1" or parts[1] not in _OPENAI:
        return None
    is_own = parts[1] == "models" and len(parts) > 3 and parts[-1] in _OWN and method not in _READS
    return None if is_own else Dialect.OPENAI
