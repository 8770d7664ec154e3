"""What a dialect submits as the body of ``POST /v1/infer``; jobs and models of another home as this one has them."""

import json
from dataclasses import asdict
from typing import Any, cast

from tlfif.control.submit_job import Submission
from tlfif.jobs.jobs import JobState, JobStatus
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolCall, ToolUse
from tlfif.models.model_store import ModelInfo, ModelState
from tlfif.wire.jobs import Asking, JobView
from tlfif.wire.models import ModelView


def asking(asked: Submission) -> Asking:
    """The body of ``POST /v1/infer`` for it; what is not asked for is left out."""
    body: dict[str, Any] = {
        "messages": [_message(message) for message in asked.messages],
        "model": asked.model,
        "max_tokens": asked.max_tokens,
        "fits_max_tokens": asked.fits_max_tokens or None,
        "idle_timeout_minutes": asked.idle_timeout_minutes,
        "task": None if asked.task is Task.CHAT else asked.task.value,
        "logprobs": asked.logprobs,
        "notes": asked.notes or None,
        **asdict(asked.sampling),
        "stop": list(asked.sampling.stop) or None,
        "logit_bias": {str(token): value for token, value in asked.sampling.logit_bias} or None,
    }
    if asked.form is not None:
        body["form"] = {} if asked.form.schema is None else {"json_schema": json.loads(asked.form.schema)}
    if asked.tools is not None:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": json.loads(tool.parameters),
                "strict": tool.strict,
            }
            for tool in asked.tools.offered
        ]
        body["tool_choice"] = asked.tools.choice
        body["parallel_tool_calls"] = asked.tools.parallel
    return cast(Asking, {name: value for name, value in body.items() if value is not None})


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None:
        found["name"] = message.name
    if message.tool_calls:
        found["tool_calls"] = [asdict(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        found["tool_call_id"] = message.tool_call_id
    return found


def state_of(view: JobView, owner: str) -> JobState:
    """The job, as far as another home tells."""
    error = view["error"]
    return JobState(
        id=view["job_id"],
        status=JobStatus(view["status"]),
        idempotency_key=None,
        created_at=view["created_at"],
        expires_at=view["created_at"],
        attempt=view["attempt"],
        last_seq=view["last_seq"],
        started_at=view["started_at"],
        finished_at=view["finished_at"],
        cancel_requested=view["cancel_requested"],
        cancel_reason=view["cancel_reason"],
        error_code=None if error is None else error["code"],
        error_message=None if error is None else error["message"],
        owner=owner,
    )


def request_of(view: JobView) -> GenerationRequest:
    """What was asked, as that home stored it."""
    asked: dict[str, Any] = {"temperature": view["temperature"], "seed": view["seed"], **view.get("asked", {})}
    plain = {name: asked[name] for name in Sampling.__dataclass_fields__ if name in asked}
    bias = tuple((int(token), value) for token, value in asked.get("logit_bias", {}).items())
    turns: list[dict[str, Any]] = [dict(message) for message in view["messages"]]
    messages = [
        Message(**{**message, "tool_calls": tuple(ToolCall(**call) for call in message.get("tool_calls", ()))})
        for message in turns
    ]
    form, schema = asked.get("form"), (asked.get("form") or {}).get("json_schema")
    offered = tuple(Tool(**{**tool, "parameters": json.dumps(tool["parameters"])}) for tool in asked.get("tools", ()))
    choice, parallel = asked.get("tool_choice", "auto"), asked.get("parallel_tool_calls", True)
    return GenerationRequest(
        model=view["model"],
        messages=tuple(messages),
        max_tokens=view["max_tokens"],
        sampling=Sampling(**{**plain, "stop": tuple(asked.get("stop", ())), "logit_bias": bias}),
        task=Task(asked.get("task", Task.CHAT)),
        form=None if form is None else AnswerForm(schema=None if schema is None else json.dumps(schema)),
        tools=ToolUse(offered=offered, choice=choice, parallel=parallel) if offered else None,
        logprobs=asked.get("logprobs"),
        notes=asked.get("notes", ""),
    )


def model_of(view: ModelView) -> ModelInfo:
    """A model of another home."""
    known: dict[str, Any] = {**view, "state": ModelState(view["state"])}
    return ModelInfo(**{name: known[name] for name in ModelInfo.__dataclass_fields__ if name in known})
