"""One request in the words of llama.cpp's and vLLM's servers, which differ in a few names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tlfif.jobs.request import NAMED_TOOL, AnswerForm, GenerationRequest, Message, Sampling, Task, ToolUse

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
LEAST_TOP_P = 1e-6
"""vLLM takes no 0, which means the likeliest token alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyDialect:
    """``repeat_penalty`` is the server's name for it; ``goes_on``: what has it go on with a last message of the
    assistant's; ``least_likeliest``: how many likely tokens must be asked for to be told of the chosen one."""

    repeat_penalty: str
    goes_on: Mapping[str, object] = field(default_factory=dict)
    least_likeliest: int = 0


LLAMA_BODY = BodyDialect(repeat_penalty="repeat_penalty", least_likeliest=1)
"""It goes on with an assistant's last message by itself."""
VLLM_BODY = BodyDialect(
    repeat_penalty="repetition_penalty", goes_on={"continue_final_message": True, "add_generation_prompt": False}
)


def path_and_body(request: GenerationRequest, dialect: BodyDialect) -> tuple[str, dict[str, object]]:
    """Where a request that generates words is sent, and its body; only what is set is in it. The messages are sent as
    they are: what the model's template does not know must have been put into words before."""
    body: dict[str, object] = {"max_tokens": request.max_tokens}
    if request.task is Task.COMPLETION:
        body |= {"prompt": request.messages[0].content}
        if request.logprobs is not None:
            body["logprobs"] = max(request.logprobs, dialect.least_likeliest)
    else:
        body |= chat(request, dialect)
        if request.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": max(request.logprobs, dialect.least_likeliest)}
        if request.form is not None:
            body["response_format"] = _format(request.form)
    body |= _sampling(request.sampling, dialect)
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    return COMPLETION if request.task is Task.COMPLETION else CHAT, body


def chat(request: GenerationRequest, dialect: BodyDialect) -> dict[str, object]:
    """The part of a conversation that makes its prompt."""
    body: dict[str, object] = {"messages": [_message(message) for message in request.messages]}
    if request.tools is not None:
        body |= _tools(request.tools)
    if request.messages[-1].role == "assistant":
        body |= dialect.goes_on
    return body


def _message(message: Message) -> dict[str, object]:
    body: dict[str, object] = {"role": message.role, "content": message.content}
    if message.name is not None:
        body["name"] = message.name
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return body


def _arguments(text: str) -> str:
    """What a model wrote as arguments may have been cut; templates and servers take nothing but an object."""
    try:
        if isinstance(json.loads(text), dict):
            return text
    except (ValueError, RecursionError):
        pass
    return json.dumps({"text": text} if text else {})


def _tools(tools: ToolUse) -> dict[str, object]:
    """A named tool is the only one offered: servers differ in how they want it named."""
    named = tools.choice.removeprefix(NAMED_TOOL) if tools.choice.startswith(NAMED_TOOL) else None
    return {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": json.loads(tool.parameters),
                },
            }
            for tool in tools.offered
            if named in (None, tool.name)
        ],
        "tool_choice": "required" if named else tools.choice,
        "parallel_tool_calls": tools.parallel,
    }


def _format(form: AnswerForm) -> dict[str, object]:
    schema: Any = {"type": "object"} if form.schema is None else json.loads(form.schema)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def _sampling(sampling: Sampling, dialect: BodyDialect) -> dict[str, object]:
    body: dict[str, object] = {
        "temperature": sampling.temperature,
        "top_p": None if sampling.top_p is None else max(sampling.top_p, LEAST_TOP_P),
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        dialect.repeat_penalty: sampling.repeat_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "logit_bias": {str(token): value for token, value in sampling.logit_bias} or None,
    }
    return {name: value for name, value in body.items() if value is not None}
