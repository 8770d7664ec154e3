"""Splits text into tokens by a GGUF file's vocabulary, with the outcome of llama.cpp's own tokenizer.

Two kinds are known: ``llama`` (SentencePiece: the best-scored neighbours join first) and ``gpt2``
(byte-level BPE: the earliest merge rule joins first) with two of its pre-tokenizers. Both are one algorithm
with two ways to rank a join.
"""

import heapq
import re
import unicodedata
from collections.abc import Callable, Iterator

from tlfif.adapters.local.models.gguf_file import GgufMetadata

_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4
_SPACE = "\u2581"
_CACHE_ENTRIES = 4096
_CACHE_WORD_CHARS = 64

_CONTROL_LOOKING = frozenset(
    {
        *("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>"),
        *("_<EOT>", "[EOT]", "<|eom_id|>", "<end_of_utterance>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>"),
    }
)
"""Pieces that llama.cpp treats as control tokens whatever the file says of them."""

_SPLIT_DIGITS = frozenset({"smollm", "starcoder", "refact", "command-r"})
_PLAIN_GPT2 = frozenset({"gpt-2", "phi-2", "mpt", "olmo"})

Rank = Callable[[str, str], float | None]
"""How early two neighbours join: the lowest first; None: never."""


class UnknownVocabularyError(ValueError):
    """The vocabulary's kind is not one of those known here; the text names it."""


class Vocabulary:
    """Counts tokens of text as the engine would with ``parse_special`` and ``add_special`` on."""

    def __init__(self, metadata: GgufMetadata) -> None:
        """Build from a file's metadata, arrays included.

        Raises UnknownVocabularyError."""
        kind = metadata.text("tokenizer.ggml.model")
        tokens: list[str] = metadata.items("tokenizer.ggml.tokens")
        if not tokens:
            raise UnknownVocabularyError("there is no vocabulary in the file")
        if kind == "llama":
            self._pieces: _Pieces = _ScoredPieces(metadata, tokens)
        elif kind == "gpt2":
            self._pieces = _MergedPieces(metadata, tokens)
        else:
            raise UnknownVocabularyError(f"vocabulary kind {kind!r}")
        is_scored = kind == "llama"
        self.add_bos = metadata.flag("tokenizer.ggml.add_bos_token", default=is_scored)
        self.add_eos = metadata.flag("tokenizer.ggml.add_eos_token", default=False)
        self.bos_text = _token_text(metadata, tokens, "bos", default=1 if is_scored else 11)
        self.eos_text = _token_text(metadata, tokens, "eos", default=2 if is_scored else 11)
        self._specials = _special_pieces(metadata, tokens)
        self._prefix_space = is_scored and metadata.flag("tokenizer.ggml.add_space_prefix", default=True)

    def count(self, text: str) -> int:
        """Tokens of ``text``, begin and end tokens included where the model wants them."""
        total = int(self.add_bos) + int(self.add_eos)
        after_special = True
        for fragment, is_special in self._fragments(text):
            if is_special:
                total += 1
            else:
                total += self._pieces.count(" " + fragment if self._prefix_space and after_special else fragment)
            after_special = is_special
        return total

    def _fragments(self, text: str) -> list[tuple[str, bool]]:
        """``text`` cut at special tokens, the longest token first."""
        fragments = [(text, False)] if text else []
        for special in self._specials:
            if special in text:
                fragments = [part for fragment in fragments for part in _cut(fragment, special)]
        return fragments


def _cut(fragment: tuple[str, bool], special: str) -> Iterator[tuple[str, bool]]:
    text, is_special = fragment
    if is_special or special not in text:
        yield fragment
        return
    for index, part in enumerate(text.split(special)):
        if index:
            yield special, True
        if part:
            yield part, False


def _token_text(metadata: GgufMetadata, tokens: list[str], which: str, *, default: int) -> str:
    index = metadata.integer(f"tokenizer.ggml.{which}_token_id")
    index = default if index is None else index
    return tokens[index] if 0 <= index < len(tokens) else ""


def _special_pieces(metadata: GgufMetadata, tokens: list[str]) -> list[str]:
    kinds = metadata.items("tokenizer.ggml.token_type")
    special = {
        token
        for token, kind in zip(tokens, kinds, strict=False)
        if token and kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    }
    special.update(_CONTROL_LOOKING.intersection(tokens))
    return sorted(special, key=lambda token: -len(token.encode("utf-8", "surrogateescape")))


class _Pieces:
    """What both kinds share: words are looked up in a small cache, and joined where they are not in it."""

    def __init__(self) -> None:
        self._cache: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Tokens of a text without special tokens."""
        total = 0
        cache = self._cache
        for word in self._words(text):
            known = cache.get(word)
            if known is None:
                known = self._count_word(word)
                if len(word) <= _CACHE_WORD_CHARS:
                    if len(cache) >= _CACHE_ENTRIES:
                        cache.clear()
                    cache[word] = known
            total += known
        return total

    def _words(self, text: str) -> Iterator[str]:
        raise NotImplementedError

    def _count_word(self, word: str) -> int:
        raise NotImplementedError


class _ScoredPieces(_Pieces):
    """SentencePiece vocabulary (``llama``): pieces with scores, bytes for whatever is not in it."""

    def __init__(self, metadata: GgufMetadata, tokens: list[str]) -> None:
        super().__init__()
        scores = metadata.items("tokenizer.ggml.scores")
        if len(scores) != len(tokens):
            raise UnknownVocabularyError("a vocabulary without scores")
        self._order = {token: -score for token, score in zip(tokens, scores, strict=True)}
        # Two characters that stand side by side in no piece never join: text may be cut between them.
        self._pairs = {token[at : at + 2] for token in self._order for at in range(len(token) - 1)}

    def _words(self, text: str) -> Iterator[str]:
        text = text.replace(" ", _SPACE)
        pairs, start = self._pairs, 0
        for at in range(1, len(text)):
            if text[at - 1 : at + 1] not in pairs:
                yield text[start:at]
                start = at
        if text:
            yield text[start:]

    def _count_word(self, word: str) -> int:
        order = self._order
        parts = _joined(word, lambda left, right: order.get(left + right))
        return sum(1 if part in order else len(part.encode()) for part in parts)


class _MergedPieces(_Pieces):
    """Byte-level BPE vocabulary (``gpt2``): an ordered list of merge rules over bytes written as letters."""

    def __init__(self, metadata: GgufMetadata, tokens: list[str]) -> None:
        super().__init__()
        pre = metadata.text("tokenizer.ggml.pre")
        if pre in _SPLIT_DIGITS:
            self._pattern = _DIGITS_APART
        elif pre in _PLAIN_GPT2:
            self._pattern = _GPT2
        else:
            raise UnknownVocabularyError(f"pre-tokenizer {pre!r}")
        self._ranks = {rule: rank for rank, rule in enumerate(metadata.items("tokenizer.ggml.merges"))}
        self._tokens = frozenset(tokens)

    def _words(self, text: str) -> Iterator[str]:
        for match in self._pattern.finditer(text.translate(_CLASSES)):
            yield text[match.start() : match.end()]

    def _count_word(self, word: str) -> int:
        ranks = self._ranks
        letters = word.encode("utf-8", "surrogatepass").decode("latin-1").translate(_BYTE_LETTERS)
        parts = _joined(letters, lambda left, right: ranks.get(f"{left} {right}"))
        return sum(1 if part in self._tokens else self._count_unknown(part) for part in parts)

    def _count_unknown(self, part: str) -> int:
        """A part that is no token falls apart into single bytes, of which llama.cpp finds the ASCII ones only.

        Not every vocabulary has a letter for every byte: SmolLM2's has none for 0xF2."""
        return sum(byte < 0x80 and chr(byte) in self._tokens for byte in part.encode())


def _joined(text: str, rank: Rank) -> list[str]:
    """The parts of ``text`` once no two neighbours can join: the lowest rank first, then the leftmost."""
    parts = list(text)
    after = [*range(1, len(parts)), -1]
    before = list(range(-1, len(parts) - 1))
    waiting: list[tuple[float, int, int, int]] = []

    def consider(left: int, right: int) -> None:
        if left >= 0 and right >= 0:
            order = rank(parts[left], parts[right])
            if order is not None:
                heapq.heappush(waiting, (order, left, right, len(parts[left]) + len(parts[right])))

    for left in range(len(parts) - 1):
        consider(left, left + 1)
    while waiting:
        _, left, right, length = heapq.heappop(waiting)
        if not parts[left] or not parts[right] or len(parts[left]) + len(parts[right]) != length:
            continue  # one of the two has joined another since
        parts[left] += parts[right]
        parts[right] = ""
        after[left] = after[right]
        if after[left] >= 0:
            before[after[left]] = left
        consider(before[left], left)
        consider(left, after[left])
    return [part for part in parts if part]


class _CharacterClasses(dict[int, str]):
    """Maps a character to an ASCII one of the same class, so that a plain pattern can split any script."""

    def __missing__(self, code: int) -> str:
        self[code] = found = self._find(code)
        return found

    @staticmethod
    def _find(code: int) -> str:
        character = chr(code)
        if code < 0x80:
            return character
        if code in _OTHER_SPACES:
            return "\t"
        category = unicodedata.category(character)
        return {"L": "A", "N": "0"}.get(category[0], "!")


def _byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes: printable ones stand for themselves, the others for letters from U+0100."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}


_OTHER_SPACES = frozenset({0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000})
_CLASSES = _CharacterClasses()
_BYTE_LETTERS = _byte_letters()
_WORDS = r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+|{digits}| ?[^\sA-Za-z0-9]+|\s+(?!{mark})|\s+"
_GPT2 = re.compile(_WORDS.format(digits=" ?[0-9]+", mark=r"\S"), re.ASCII)
_DIGITS_APART = re.compile(_WORDS.format(digits="[0-9]", mark=r"[^\s0-9]"), re.ASCII)
