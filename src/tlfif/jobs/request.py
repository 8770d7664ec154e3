"""What a job is to generate: the conversation, how words are chosen, and what form the answer must have."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any


class Task(StrEnum):
    """What the model does with the messages."""

    CHAT = "chat"
    """Answer the conversation, through the model's chat template."""
    COMPLETION = "completion"
    """Go on with the text of the only message, without a template."""
    EMBEDDING = "embedding"
    """One vector for each message's text; no words are generated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call that the model asks its caller to make. ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation. ``role`` is ``system``, ``user``, ``assistant`` or ``tool``.

    ``name`` tells speakers of one role apart. ``tool_calls`` belong to an assistant's turn, whose ``content`` may then
    be empty; ``tool_call_id`` says which call a tool's turn answers.
    """

    role: str
    content: str
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next word is chosen; None: the model's own default, or else the engine's.

    ``temperature`` is 0 (always the likeliest) to 2. ``seed`` None means random. ``stop``: texts that end the answer
    and are no part of it. ``logit_bias``: what is added to the logit of a token, by its number. ``repeat_penalty`` is
    llama.cpp's name; vLLM calls it ``repetition_penalty``.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()

    def over(self, defaults: "Sampling") -> "Sampling":
        """``defaults`` with everything that is set here."""
        return replace(defaults, **set_fields(self))


AS_THE_MODEL_LIKES = Sampling()
"""Nothing is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """The answer must be JSON; ``schema`` is a JSON schema as text, None allows any JSON object."""

    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may ask its caller to call. ``parameters`` is a JSON schema as text."""

    name: str
    description: str = ""
    parameters: str = "{}"
    strict: bool = False


NAMED_TOOL = "function:"
"""Begins a ``ToolUse.choice`` that names the one function to be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """The tools of a request. ``choice`` is ``auto``, ``none``, ``required`` or ``function:NAME``; ``parallel``:
    whether one answer may have several calls."""

    offered: tuple[Tool, ...]
    choice: str = "auto"
    parallel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """What to generate. Checked by ``jobs.limits`` before it gets here.

    ``max_tokens`` counts completion tokens. ``logprobs`` None: none are asked for; 0 to 20: those of the chosen tokens
    and so many of the likeliest others. ``notes``: what a dialect wants to know again when it is asked for the job
    later; no engine reads it. ``adapter``: sha256 of the adapter of a personal model, as the home's registry has it for
    ``model``; no caller names it.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    sampling: Sampling
    task: Task = Task.CHAT
    form: AnswerForm | None = None
    tools: ToolUse | None = None
    logprobs: int | None = None
    notes: str = ""
    adapter: str = ""

    def to_json(self) -> str:
        """The request as one line of JSON with sorted keys; what is not set is left out."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [set_fields(message) | {"content": message.content} for message in self.messages],
            "max_tokens": self.max_tokens,
            "sampling": set_fields(self.sampling),
        }
        if self.task is not Task.CHAT:
            body["task"] = self.task.value
        if self.form is not None:
            body["form"] = asdict(self.form)
        if self.tools is not None:
            body["tools"] = asdict(self.tools)
        if self.logprobs is not None:
            body["logprobs"] = self.logprobs
        if self.notes:
            body["notes"] = self.notes
        if self.adapter:
            body["adapter"] = self.adapter
        return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "GenerationRequest":
        """The inverse of :meth:`to_json`; also for jobs stored before ``sampling`` had a place of its own."""
        body = json.loads(text)
        old = {name: body[name] for name in ("temperature", "seed") if body.get(name) is not None}
        tools, form = body.get("tools"), body.get("form")
        return cls(
            model=body["model"],
            messages=tuple(_message(one) for one in body["messages"]),
            max_tokens=body["max_tokens"],
            sampling=_sampling(body.get("sampling", old)),
            task=Task(body.get("task", Task.CHAT)),
            form=None if form is None else AnswerForm(**form),
            tools=None if tools is None else _tools(tools),
            logprobs=body.get("logprobs"),
            notes=body.get("notes", ""),
            adapter=body.get("adapter", ""),
        )

    def fingerprint(self) -> str:
        """sha256 of the request: two requests with one idempotency key must have the same."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def set_fields(value: Message | Sampling) -> dict[str, Any]:
    """The fields that are not as they are by default, as plain values."""
    plain = asdict(value)
    return {field.name: plain[field.name] for field in fields(value) if getattr(value, field.name) != field.default}


def _message(body: dict[str, Any]) -> Message:
    calls = tuple(ToolCall(**call) for call in body.get("tool_calls", ()))
    return Message(**{**body, "tool_calls": calls})


def _sampling(body: dict[str, Any]) -> Sampling:
    bias = tuple((int(token), float(value)) for token, value in body.get("logit_bias", ()))
    return Sampling(**{**body, "stop": tuple(body.get("stop", ())), "logit_bias": bias})


def _tools(body: dict[str, Any]) -> ToolUse:
    return ToolUse(**{**body, "offered": tuple(Tool(**tool) for tool in body["offered"])})
