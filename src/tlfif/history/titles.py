"""A conversation's title, made from its first prompt: its first sentence, without greeting, code and Markdown."""

import re
from collections.abc import Callable

from tlfif.wording.scripts import cut_at

TITLE_LENGTH = 60
"""Characters of a title that is made."""
NAME_LENGTH = 120
"""Characters of a name that its owner gives, to a conversation or a folder."""
_READ = 4000
"""Characters of a prompt that are looked at."""
_LEAST = 3
"""Letters without which a sentence says too little to be a title."""

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_FENCE = re.compile(r"^\s*(?:```|~~~).*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_HEADING = re.compile(r"^ *#{1,6} +(.*)$", re.MULTILINE)
_LINE_SIGNS = re.compile(r"^ *(?:[-*+] +|\d{1,3}[.)] +|[-*_=]{3,} *$)", re.MULTILINE)
_QUOTED = re.compile(r"^ *(?:> ?)+", re.MULTILINE)
_SIGNS = re.compile(r"`+|\*\*|__|~~|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_GREETING = re.compile(
    r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|dear [\w-]+|hallo|guten (?:tag|morgen|abend)|"
    r"moin|servus|grüß gott|liebe[rs]? [\w-]+|bonjour|salut|hola|ciao|buongiorno)"
    r"(?:\s+(?:there|all|everyone|again|zusammen|tl-fif))?|please|bitte)\b\s*[,.!:;\u2013\u2014-]*\s*",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?…]+(?=\s|$)|[\u3002\uff01\uff1f]+|\n\s*\n")


def title_of(prompt: str) -> str:
    """One line of 60 characters at most; what the prompt itself begins with where nothing else is left of it."""
    sentences = _sentences(prompt)
    return _short(sentences[0]) if sentences else _short(" ".join(_FENCE.sub(" ", prompt[:_READ]).split()))


def distinct_title(prompt: str, is_taken: Callable[[str], bool]) -> str:
    """A title that no other conversation has: with more of the prompt where that tells them apart, else with a
    number."""
    title = title_of(prompt)
    if not is_taken(title):
        return title
    rest = " ".join(_sentences(prompt)[1:])
    if rest:
        longer = _short(f"{_short(title, TITLE_LENGTH // 2)} · {rest}")
        if not is_taken(longer):
            return longer
    number = 2
    while is_taken(numbered := f"{_short(title, TITLE_LENGTH - 6)} ({number})"):
        number += 1
    return numbered


def name_of(text: str) -> str:
    """A name as its owner typed it, on one line, 120 characters at most; empty where nothing can be seen of it."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return _short(" ".join(shown.split()), NAME_LENGTH)


def _sentences(prompt: str) -> list[str]:
    text = _QUOTED.sub("", _LINK.sub(r"\1", _CODE.sub("\n\n", prompt[:_READ])))
    text = _SIGNS.sub("", _LINE_SIGNS.sub("\n\n", _HEADING.sub(r"\n\n\1\n\n", text)))
    found, begun = [], 0
    for end in (*(match.span() for match in _END.finditer(text)), (len(text), len(text))):
        sentence = " ".join(text[begun : end[1]].split())
        bare = _without_greeting(sentence)
        begun = end[1]
        if sum(sign.isalnum() for sign in bare) >= _LEAST or (bare and any(sign > "\u2e80" for sign in bare)):
            found.append(_begun(bare))
    if not found:  # a greeting is all that was said
        whole = " ".join(text.split())
        return [whole.rstrip(".!,")] if whole.rstrip(".!,") else []
    return [one.rstrip(".:,;。") or one for one in found]


def _begun(sentence: str) -> str:
    """With a capital, unless its first word is a name out of some code."""
    capital = sentence[:1].upper()
    return capital + sentence[1:] if len(capital) == 1 and sentence.split(" ")[0].isalpha() else sentence


def _without_greeting(sentence: str) -> str:
    while (match := _GREETING.match(sentence)) and match.end():
        sentence = sentence[match.end() :]
    return sentence


def _short(line: str, limit: int = TITLE_LENGTH) -> str:
    """The line, cut at a word where there is one, with an ellipsis where something is left out."""
    if len(line) <= limit:
        return line
    cut = line[: cut_at(line, limit - 1)]
    word = cut.rfind(" ")
    return (cut[:word] if word > limit // 2 else cut).rstrip(" ,;:·-") + "…"
