"""Counts tokens from the vocabulary and the chat template inside a model's GGUF file."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.local.models.chat_template import ChatTemplate, TemplateFailedError
from tlfif.adapters.local.models.gguf_file import GgufError, read_gguf
from tlfif.adapters.local.models.llama_vocabulary import UnknownVocabularyError, Vocabulary
from tlfif.jobs.jobs import Message
from tlfif.jobs.tokenizer import Tokenizer
from tlfif.kernel.errors import ModelError
from tlfif.models.catalogue import file_path_of
from tlfif.models.model_store import ModelStore

FIXED_BYTES = 256
"""More than the templates of the catalogue's models add once (SmolLM2's own system sentence: 122 bytes)."""

TURN_BYTES = 64
"""More than these templates add to each message (at most 27 bytes and the role)."""

_KEPT_MODELS = 2

logger = logging.getLogger(__name__)


class GgufTokenizer(Tokenizer):
    """Loads a vocabulary on first need, in a thread, and keeps the last two (about 15 MB each)."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models
        self._loaded: OrderedDict[tuple[str, str], _Counter] = OrderedDict()
        self._loading = asyncio.Lock()

    async def count(self, model: str, messages: Sequence[Message]) -> int:
        counter = await self._counter(model)
        return await asyncio.to_thread(counter.count, messages)

    async def count_if_over(self, model: str, messages: Sequence[Message], *, limit: int) -> int | None:
        if file_path_of(model) is None and text_bytes(messages) <= limit:
            return None
        tokens = await self.count(model, messages)
        return tokens if tokens > limit else None

    async def is_exact(self, model: str) -> bool:
        """Whether this model's counts are the engine's own, and no upper bound."""
        return (await self._counter(model)).vocabulary is not None

    async def _counter(self, model: str) -> "_Counter":
        file = await self._models.checked_file(model)
        identity = (file.path, file.sha256)
        async with self._loading:
            counter = self._loaded.get(identity)
            if counter is None:
                counter = await asyncio.to_thread(_load, model, Path(file.path))
                self._loaded[identity] = counter
                while len(self._loaded) > _KEPT_MODELS:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(identity)
            return counter


def text_bytes(messages: Sequence[Message]) -> int:
    """No conversation with a model of the catalogue has more tokens: none is shorter than a byte."""
    return FIXED_BYTES + sum(
        TURN_BYTES + len(turn.role.encode()) + len(turn.content.encode("utf-8", "surrogatepass")) for turn in messages
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counter:
    """A vocabulary and a template; None: of a kind unknown here, so that bytes are counted instead."""

    vocabulary: Vocabulary | None
    template: ChatTemplate | None
    template_bytes: int

    def count(self, messages: Sequence[Message]) -> int:
        text = self._render(messages)
        if text is None:
            return text_bytes(messages) + self.template_bytes * (len(messages) + 1)
        if self.vocabulary is None:
            return len(text.encode("utf-8", "surrogatepass")) + 2  # begin and end token
        return self.vocabulary.count(text)

    def _render(self, messages: Sequence[Message]) -> str | None:
        if self.template is None:
            return None
        vocabulary = self.vocabulary
        try:
            return self.template.render(
                messages,
                strip_bos=vocabulary is not None and vocabulary.add_bos,
                strip_eos=vocabulary is not None and vocabulary.add_eos,
            )
        except TemplateFailedError:
            return None


def _load(model: str, path: Path) -> _Counter:
    try:
        metadata = read_gguf(path)
    except (GgufError, OSError) as error:
        raise ModelError(
            f"The file of model {model} cannot be read: {error}. Check it: `./tlfif model verify {model}`.",
            code="model_corrupt",
        ) from error
    vocabulary: Vocabulary | None = None
    try:
        vocabulary = Vocabulary(metadata)
    except UnknownVocabularyError as error:
        logger.warning("prompts for model %s are measured in bytes, an upper bound: %s", model, error)
    source = metadata.text("tokenizer.chat_template")
    bos_text, eos_text = (vocabulary.bos_text, vocabulary.eos_text) if vocabulary else ("", "")
    template: ChatTemplate | None = None
    try:
        template = ChatTemplate(source, bos_text=bos_text, eos_text=eos_text)
    except TemplateFailedError as error:
        logger.warning("the chat template of model %s cannot be used for counting: %s", model, error)
    return _Counter(vocabulary=vocabulary, template=template, template_bytes=len((source or "").encode()))
