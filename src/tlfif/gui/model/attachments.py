"""Text files that go along with a prompt: what may, how large they are for a model, how they stand in the prompt."""

import re
from dataclasses import dataclass

MAX_FILE_BYTES = 1_000_000
"""More than any model in use holds; a larger file is refused unread."""
MAX_FILES = 20
BYTES_PER_TOKEN = 4
"""About, in English; other languages and code have more tokens."""
_TICKS = re.compile(r"`{3,}")
_DROPPED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BINARY_SHARE = 0.01
_ENCODINGS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file's name without its folder, and its text."""

    name: str
    text: str

    @property
    def tokens(self) -> int:
        """An estimate: only the model's own tokenizer knows."""
        return about_tokens(self.text)


def about_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def text_in(content: bytes) -> str | None:
    """A file's content as text with plain line ends; None where it is no text. UTF-8, and UTF-16 with its mark."""
    encoding = next((name for mark, name in _ENCODINGS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None
    kept = _DROPPED.sub("", text)  # a form feed now and then is no harm
    return None if "\0" in text or len(text) - len(kept) > _BINARY_SHARE * len(text) else kept


def why_not_attached(*, name: str, size: int, text: str | None, there: tuple[AttachedFile, ...]) -> str:
    """Why a file does not go along, as a sentence; empty where it does. ``text`` None: it is not text."""
    if size > MAX_FILE_BYTES:
        return f"{name} has {size / 1e6:.1f} MB; at most {MAX_FILE_BYTES / 1e6:g} MB of text can go along."
    if text is None:
        return f"{name} is not a text file. Only text can go along."
    if not text.strip():
        return f"{name} is empty."
    if len(there) >= MAX_FILES:
        return f"At most {MAX_FILES} files can go along."
    return ""


def prompt_with(text: str, files: tuple[AttachedFile, ...]) -> str:
    """The prompt as it is sent: what was typed, then each file in a block that nothing in it can end."""
    return "\n\n".join([text, *(_block(one) for one in files)])


def _block(one: AttachedFile) -> str:
    longest = max((len(run) for run in _TICKS.findall(one.text)), default=2)
    fence = "`" * (longest + 1)
    return f"{one.name}:\n{fence}\n{one.text.rstrip(chr(10))}\n{fence}"
