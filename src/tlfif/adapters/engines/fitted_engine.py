"""Engines whose tokenizer is asked: the text of messages stays text, and the answer is fitted behind the prompt."""

import json
import math
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tlfif.adapters.engines.control_tokens import WORD_JOINER, as_plain_text, is_turn_mark, suspects
from tlfif.adapters.engines.llama_batch import BATCH_TOKENS
from tlfif.adapters.engines.one_line_json import SAMPLE, on_one_line, with_line_breaks
from tlfif.adapters.engines.openai_engine import ACCEPT_SECONDS, TOO_LONG, OpenAIEngine, refusal
from tlfif.adapters.engines.request_bodies import LLAMA_BODY, VLLM_BODY, BodyDialect, chat
from tlfif.adapters.engines.told_tools import CallReader, MarkWatch, call_form, call_or, is_forced, needs_telling, told
from tlfif.jobs.engine import Chunk, EngineAddress
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.limits import MIN_ANSWER_TOKENS, fit_max_tokens
from tlfif.jobs.pieces import Vector
from tlfif.jobs.request import GenerationRequest, Task, ToolUse
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineRejectedError, PromptTooLongError

MOST_HARMLESS = 10_000
"""Pieces written like control tokens that are remembered to be none, so that the tokenizer is asked once."""
MESSAGE_TOKENS = 32
FIXED_TOKENS = 128
"""More than the chat templates of our models add to a message, and once (SmolLM2's own system prompt among it)."""
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerDialect:
    """How a server's tokenizer is asked. ``count_path`` takes a conversation, and ``count_field`` of the answer holds
    its tokens. ``/tokenize`` takes a text as ``text_field`` beside ``options``; ``pieces`` reads the answer, each
    token as it is written; beside ``prompt_options`` it takes a whole prompt, and ``prompt_tokens`` reads how many it
    has. ``words``: of its requests. ``says_templates``: whether ``/props`` says what the chat template knows.
    ``vector_tokens``: how many tokens a vector is made of at most; None: the server takes whole texts.
    ``indents``: whether a form leaves line breaks between its parts to the model."""

    words: BodyDialect
    count_path: str
    count_field: str
    text_field: str
    options: dict[str, bool]
    pieces: Callable[[Any], set[str]]
    prompt_options: dict[str, bool]
    prompt_tokens: Callable[[Any], int]
    says_templates: bool
    vector_tokens: int | None = None
    indents: bool = False


class FittedEngine(OpenAIEngine):
    """Keeps the text of messages from becoming control tokens, and fits each answer into the context, because whoever
    accepted the prompt could only estimate its tokens.

    An answer that was to be longer than what the prompt leaves is shortened to that, and ends with the reason "length"
    as any answer does that reaches its limit: a refusal does not help a person who has waited for the machine.
    """

    def __init__(
        self,
        address: EngineAddress,
        *,
        context_tokens: int,
        dialect: TokenizerDialect,
        named: bool = False,
        adapters: Mapping[str, int] | None = None,
        accept_seconds: float = ACCEPT_SECONDS,
        new_id: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        """``named``, ``adapters``, ``accept_seconds``: see the base. ``new_id`` makes the ids of calls of tools."""
        super().__init__(address, words=dialect.words, named=named, adapters=adapters, accept_seconds=accept_seconds)
        self._new_id = new_id
        self._template_knows_tools: bool | None = None if dialect.says_templates else False
        self._context = context_tokens
        self._dialect = dialect
        self._harmless: set[str] = set()
        self._line_breaks: tuple[int, ...] | None = None if dialect.indents else ()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port. A prompt that leaves no space is an EngineRejectedError with the code ``prompt_too_long``."""
        asked, request = request, await self._as_plain_text(request)
        put_in = request != asked and not any(WORD_JOINER in text for text in _texts(asked))
        if needs_telling(request):
            chunks = self._with_tools(request, template_knows=await self._knows_tools())
        else:
            chunks = super().generate(await self._shortened(request))
        async with aclosing(chunks):
            async for chunk in chunks:
                # An answer that repeats what was typed repeats what was put into it, too.
                yield without_joiners(chunk) if put_in else chunk

    async def _shortened(self, request: GenerationRequest) -> GenerationRequest:
        """The request, its answer shortened to what its prompt leaves of the context, and JSON kept on one line."""
        if request.form is not None:
            request = on_one_line(request, await self._breaks())
        if request.task is Task.EMBEDDING or self._fits_for_certain(request):
            return request
        return replace(request, max_tokens=self._fit(request, await self._count(request)))

    async def _fitted(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        async with aclosing(super().generate(await self._shortened(request))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _with_tools(self, request: GenerationRequest, *, template_knows: bool) -> AsyncGenerator[Chunk]:
        """The model is told of its tools by its template, or else in words. Where it may call one, it writes freely
        until it says that it does, or in one of two forms. Where it must, it is told in words in any case: not every
        server holds every template's calls to a form."""
        tools, in_words = request.tools, told(request, context_tokens=self._context)
        as_known = request if template_knows else in_words
        if tools is None or tools.choice == "none":
            chunks = self._fitted(as_known)
        elif is_forced(tools):
            chunks = self._calling(in_words, tools)
        elif request.form is not None:
            chunks = self._called(replace(in_words, form=call_or(request.form, tools)))
        else:
            chunks = self._free_to_call(as_known, in_words, tools)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def _free_to_call(
        self, request: GenerationRequest, in_words: GenerationRequest, tools: ToolUse
    ) -> AsyncGenerator[Chunk]:
        """``in_words``: how it is asked once it says that it calls a tool, where the server does not read its calls."""
        watch, tokens = MarkWatch(), 0
        async with aclosing(self._fitted(request)) as chunks:
            async for chunk in chunks:
                tokens += 1
                text, calls = watch.take(chunk.text)
                if calls:
                    break
                if chunk.finish_reason is not None:
                    text += watch.rest()
                if (chunk := replace(chunk, text=text)) or chunk.finish_reason is not None:
                    yield chunk
            else:
                return
        if text:
            yield Chunk(text=text)
        left = replace(in_words, max_tokens=max(MIN_ANSWER_TOKENS, request.max_tokens - tokens))
        async with aclosing(self._calling(left, tools)) as chunks:
            async for chunk in chunks:
                spent = None if chunk.completion_tokens is None else chunk.completion_tokens + tokens
                yield replace(chunk, completion_tokens=spent)

    def _calling(self, request: GenerationRequest, tools: ToolUse) -> AsyncGenerator[Chunk]:
        """The answer is calls, and what ends another answer does not end them half-way."""
        sampling = replace(request.sampling, stop=())
        return self._called(replace(request, form=call_form(tools), sampling=sampling, logprobs=None))

    async def _called(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """An answer in JSON: a list is one of calls."""
        reader = CallReader(self._new_id)
        is_list: bool | None = None
        async with aclosing(self._fitted(request)) as chunks:
            async for chunk in chunks:
                if is_list is None and (begun := chunk.text.lstrip()):
                    is_list = begun.startswith("[")
                if not is_list:
                    yield chunk
                    continue
                calls = reader.take(chunk.text)
                reason = chunk.finish_reason
                if reason is FinishReason.STOP and reader.count:
                    reason = FinishReason.TOOL_CALLS
                if calls or reason is not None:
                    yield replace(chunk, text="", tool_calls=calls, finish_reason=reason, logprobs=())

    async def _embedded(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """The vector of a text that is longer than one batch is the mean of those of its parts."""
        most = self._dialect.vector_tokens
        if most is None:
            async with aclosing(super()._embedded(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        counted = 0
        for index, message in enumerate(request.messages):
            body = {self._dialect.text_field: message.content, "add_special": True, "parse_special": False}
            tokens = await self._ask_tokenizer("/tokenize", body, lambda answer: list(answer["tokens"]))
            if len(tokens) > self._context:
                raise self._with_context(EngineRejectedError("", code=TOO_LONG))
            counted += len(tokens)
            parts = [tokens[start : start + most] for start in range(0, len(tokens), most)]
            vectors = await self._vectors(parts, request)
            yield Chunk(embeddings=(Vector(index=index, values=mean_vector(vectors, list(map(len, parts)))),))
        yield Chunk(finish_reason=FinishReason.STOP, prompt_tokens=counted, completion_tokens=0)

    async def _breaks(self) -> tuple[int, ...]:
        if self._line_breaks is None:
            body = {self._dialect.text_field: SAMPLE, **self._dialect.options}
            self._line_breaks = await self._ask_tokenizer(
                "/tokenize", body, lambda answer: with_line_breaks(answer["tokens"])
            )
        return self._line_breaks

    async def _knows_tools(self) -> bool:
        """Whether the model's own template tells it of tools. Where it does, the server reads its calls, too."""
        if self._template_knows_tools is None:
            answer = await self._asked("GET", "/props")
            try:
                knows = json.loads(answer)["chat_template_caps"]
                self._template_knows_tools = bool(knows["supports_tools"] and knows["supports_tool_calls"])
            except (ValueError, LookupError, TypeError):
                self._template_knows_tools = False
        return self._template_knows_tools

    def _fits_for_certain(self, request: GenerationRequest) -> bool:
        """No token is less than a byte, so most prompts need not be counted."""
        if request.tools is not None:
            return False  # how a template writes them is its own affair
        most = sum(MESSAGE_TOKENS + len(message.content.encode()) for message in request.messages)
        return FIXED_TOKENS + most + request.max_tokens <= self._context

    async def _as_plain_text(self, request: GenerationRequest) -> GenerationRequest:
        """The request with nothing in its texts that would become a control token."""
        alike = suspects(_texts(request)) - self._harmless
        if not alike:
            return request
        body = {self._dialect.text_field: "\n".join(sorted(alike)), **self._dialect.options}
        pieces = await self._ask_tokenizer("/tokenize", {"model": request.model, **body}, self._dialect.pieces)
        control = {one for one in alike if one in pieces or is_turn_mark(one)}
        if len(self._harmless) < MOST_HARMLESS:
            self._harmless |= alike - control
        return _with_texts(request, lambda text: as_plain_text(text, control))

    async def _count(self, request: GenerationRequest) -> int:
        """Prompt tokens, chat template included, by the server's own count."""
        if request.task is Task.COMPLETION:
            prompt = {self._dialect.text_field: request.messages[0].content, **self._dialect.prompt_options}
            return await self._ask_tokenizer(
                "/tokenize", {"model": request.model, **prompt}, self._dialect.prompt_tokens
            )
        body = {"model": request.model, **chat(request, self._dialect.words)}
        return await self._ask_tokenizer(
            self._dialect.count_path, body, lambda answer: int(answer[self._dialect.count_field])
        )

    async def _ask_tokenizer(self, path: str, body: Mapping[str, object], read: Callable[[Any], Read]) -> Read:
        answer = await self._asked("POST", path, body)
        try:
            return read(json.loads(answer))
        except (ValueError, LookupError, TypeError) as error:
            raise EngineGoneError("The engine did not say what tokens the prompt has.") from error

    async def _asked(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        async with self._http.asked(method, path, body, accept_seconds=self._accept_seconds) as answer:
            said = await answer.whole()
        if answer.status != 200:
            raise self._with_context(refusal(answer.status, said))
        return said

    def _with_context(self, error: EngineError) -> EngineError:
        if error.code != TOO_LONG:
            return error
        return EngineRejectedError(
            f"The prompt is longer than the {self._context} tokens that this model holds for prompt and answer "
            "together. Shorten the prompt.",
            code=TOO_LONG,
        )

    def _fit(self, request: GenerationRequest, counted: int) -> int:
        asked = request.max_tokens if request.max_tokens < MIN_ANSWER_TOKENS else None
        try:
            return fit_max_tokens(prompt_tokens=counted, asked=asked, default=request.max_tokens, context=self._context)
        except PromptTooLongError as error:
            raise EngineRejectedError(error.message, code=error.code, details=error.details) from error


def mean_vector(vectors: Sequence[Sequence[float]], weights: Sequence[int]) -> tuple[float, ...]:
    """Their weighted mean, of length 1 again."""
    if len(vectors) == 1:
        return tuple(vectors[0])
    sums = [
        sum(value * weight for value, weight in zip(values, weights, strict=True))
        for values in zip(*vectors, strict=True)
    ]
    length = math.hypot(*sums) or 1.0
    return tuple(float(f"{value / length:.8g}") for value in sums)


def without_joiners(chunk: Chunk) -> Chunk:
    """The piece of an answer without word joiners."""
    text, reasoning = (found.replace(WORD_JOINER, "") for found in (chunk.text, chunk.reasoning))
    calls = tuple(replace(call, arguments=call.arguments.replace(WORD_JOINER, "")) for call in chunk.tool_calls)
    return replace(chunk, text=text, reasoning=reasoning, tool_calls=calls)


def _texts(request: GenerationRequest) -> Iterator[str]:
    """All that goes into the prompt."""
    for message in request.messages:
        yield message.content
        if message.name is not None:
            yield message.name
        for call in message.tool_calls:
            yield call.arguments
    for tool in request.tools.offered if request.tools is not None else ():
        yield tool.description
        yield tool.parameters


def _with_texts(request: GenerationRequest, change: Callable[[str], str]) -> GenerationRequest:
    """The request with ``change`` made to all that goes into the prompt."""
    messages = tuple(
        replace(
            message,
            content=change(message.content),
            name=None if message.name is None else change(message.name),
            tool_calls=tuple(replace(call, arguments=change(call.arguments)) for call in message.tool_calls),
        )
        for message in request.messages
    )
    tools = request.tools
    if tools is not None:
        offered = tuple(
            replace(tool, description=change(tool.description), parameters=change(tool.parameters))
            for tool in tools.offered
        )
        tools = replace(tools, offered=offered)
    return replace(request, messages=messages, tools=tools)


LLAMA = TokenizerDialect(
    words=LLAMA_BODY,
    count_path="/v1/chat/completions/input_tokens",
    count_field="input_tokens",
    text_field="content",
    options={"parse_special": True, "with_pieces": True},
    # a piece that is no whole character is a list of bytes
    pieces=lambda answer: {token["piece"] for token in answer["tokens"] if isinstance(token["piece"], str)},
    prompt_options={"add_special": True, "parse_special": True},
    prompt_tokens=lambda answer: len(answer["tokens"]),
    says_templates=True,
    vector_tokens=BATCH_TOKENS,
    indents=True,
)
VLLM = TokenizerDialect(
    words=VLLM_BODY,
    count_path="/tokenize",
    count_field="count",
    text_field="prompt",
    options={"add_special_tokens": False, "return_token_strs": True},
    pieces=lambda answer: set(answer["token_strs"]),
    prompt_options={},
    prompt_tokens=lambda answer: int(answer["count"]),
    says_templates=False,
)


def llama_engine(
    address: EngineAddress, *, context_tokens: int, adapters: Mapping[str, int] | None = None
) -> FittedEngine:
    """llama.cpp, which serves one model. ``adapters``: the numbers of those that it has loaded, by sha256."""
    return FittedEngine(address, context_tokens=context_tokens, dialect=LLAMA, adapters=adapters)


def vllm_engine(address: EngineAddress, *, context_tokens: int) -> FittedEngine:
    """vLLM: every request names its model, the served one or a personal one on top of it."""
    return FittedEngine(address, context_tokens=context_tokens, dialect=VLLM, named=True)
