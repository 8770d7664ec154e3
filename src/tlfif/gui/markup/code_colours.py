"""Which parts of code are words of its language, texts, numbers and remarks. Loads Pygments only when there is code."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

KEYWORD, STRING, NUMBER, REMARK, NAME, ADDED, TAKEN = (
    "code-keyword",
    "code-string",
    "code-number",
    "code-remark",
    "code-name",
    "code-added",
    "code-taken",
)
USUAL = tuple("python bash javascript typescript json html css sql java c cpp rust go yaml".split())  # noqa: SIM905  # a list of words is read more easily so
"""Languages that are loaded before they are asked for."""
KINDS = (KEYWORD, STRING, NUMBER, REMARK, NAME, ADDED, TAKEN)
_BY_TOKEN = {
    "Keyword": KEYWORD,
    "Operator.Word": KEYWORD,
    "Name.Tag": KEYWORD,
    "Literal.String": STRING,
    "Literal.Number": NUMBER,
    "Keyword.Constant": NUMBER,
    "Comment": REMARK,
    "Name.Function": NAME,
    "Name.Class": NAME,
    "Name.Decorator": NAME,
    "Name.Attribute": NAME,
    "Name.Builtin": NAME,
    "Generic.Inserted": ADDED,
    "Generic.Deleted": TAKEN,
}


def spans(code: str, language: str) -> Iterator[tuple[int, int, str]]:
    """First and last character and the kind of each part that has one, bit by bit, so that somebody else may have the
    time in between. Nothing where nobody knows the language."""
    lexer = load(language)
    if lexer is None:
        return
    for start, token, text in lexer.get_tokens_unprocessed(code):
        kind = _kind(str(token).removeprefix("Token."))
        yield start, start + len(text), kind


@lru_cache(maxsize=64)
def load(language: str) -> "Lexer | None":
    """What knows a language, None where nobody does. The first time takes up to 50 ms."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language.lower()) if language else None
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _kind(token: str) -> str:
    """The kind of a token, or of the family that it is of; empty where it has none."""
    while token:
        if token in _BY_TOKEN:
            return _BY_TOKEN[token]
        token = token.rpartition(".")[0]
    return ""
