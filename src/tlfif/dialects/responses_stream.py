"""A job's answer as OpenAI's response: whole, and as the stream of events that make it.

Each event of the stream follows from the job's log alone, and so does its number: who reads it again, from wherever,
reads the same.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from tlfif.dialects.answer import Answer, End
from tlfif.dialects.extension import extension
from tlfif.dialects.responses import conversation, notes_of
from tlfif.dialects.starting_over import MARK
from tlfif.jobs.jobs import FinishReason, JobStatus
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import NAMED_TOOL, GenerationRequest, Message
from tlfif.kernel.errors import InvalidInputError, TlfifError

Shape = dict[str, Any]
"""An object of OpenAI's, as it is written to JSON."""

CANCELLED = "job_cancelled"


@dataclass(slots=True, kw_only=True)
class ResponseStream:
    """One response while it grows. Begin with :meth:`begin`, :meth:`add` each piece, end with :meth:`end` or
    :meth:`fail`; each returns the events to send. ``created_at``: epoch seconds."""

    job_id: str
    created_at: float
    request: GenerationRequest
    _answer: Answer = field(default_factory=Answer)
    _order: list[str] = field(default_factory=list)
    """The ids of the items, in the order in which they began."""
    _open: list[str] = field(default_factory=list)
    """Those of them that may still grow."""
    _lost: int = 0
    """How many items belong to attempts that were lost with their machine."""
    _attempt: int = 1
    _number: int = 0
    _working: bool = False

    def begin(self) -> list[Shape]:
        """The job is stored."""
        status = "queued" if self._background else "in_progress"
        return [self._of("created", status), self._of("queued" if self._background else "in_progress", status)]

    def add(self, piece: Piece) -> list[Shape]:
        """More of the answer."""
        if piece.text == MARK:
            return self._start_over()
        found = self._begin_work()
        if piece.reasoning:
            found += self._text("rs", "reasoning_text", piece.reasoning, {})
            self._answer.add(Piece(reasoning=piece.reasoning))
        if piece.text:
            found += self._text("msg", "output_text", piece.text, {"logprobs": list(piece.logprobs)})
            self._answer.add(Piece(text=piece.text, logprobs=piece.logprobs))
        for call in piece.tool_calls:
            found += self._call(call)
        return found

    def end(self, end: End) -> list[Shape]:
        """The answer is whole."""
        found = self._begin_work()
        found += self._close(self._open)
        short = end.finish_reason == FinishReason.LENGTH
        kind = "incomplete" if short else "completed"
        return [*found, self._numbered(f"response.{kind}", response=self.ended(end))]

    def fail(self, error: TlfifError) -> list[Shape]:
        """The job brought no answer."""
        return [self._numbered("response.failed", response=self.failed(error))]

    def broken(self, error: TlfifError) -> Shape:
        """The stream ends and the job goes on. It is no part of the job's log, so it has the number of the event before
        it: a reader that comes back misses nothing."""
        number = max(0, self._number - 1)
        return {"type": "error", "code": error.code, "message": error.message, "param": None, "sequence_number": number}

    def ended(self, end: End) -> Shape:
        """The whole response."""
        usage = {
            "input_tokens": end.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": end.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": end.total_tokens,
        }
        if end.finish_reason == FinishReason.LENGTH:
            cut = {"reason": "max_output_tokens"}
            return self.now("incomplete", usage=usage, incomplete_details=cut, **extension([end]))
        return self.now("completed", usage=usage, **extension([end]))

    def failed(self, error: TlfifError) -> Shape:
        """The response of a job that ended without an answer."""
        if error.code == CANCELLED:
            return self.now("cancelled")
        kind = "invalid_prompt" if isinstance(error, InvalidInputError) else "server_error"
        return self.now("failed", error={"code": kind, "message": error.message, "type": error.code})

    def waiting(self, status: JobStatus) -> Shape:
        """The response of a job that has not ended."""
        return self.now("queued" if status is JobStatus.QUEUED else "in_progress")

    def now(self, status: str, **more: Any) -> Shape:
        """The response so far."""
        notes, request = notes_of(self.request), self.request
        done = "completed" if status == "completed" else "incomplete" if status != "in_progress" else status
        return {
            "id": self.job_id,
            "object": "response",
            "created_at": int(self.created_at),
            "status": status,
            "background": self._background,
            "error": None,
            "incomplete_details": None,
            "instructions": request.messages[0].content if notes.get("instructions") else None,
            "max_output_tokens": notes.get("max_output_tokens"),
            "metadata": notes.get("metadata") or {},
            "model": request.model,
            "output": [self._item(item_id, done) for item_id in self._order],
            "parallel_tool_calls": request.tools is None or request.tools.parallel,
            "previous_response_id": notes.get("previous_response_id"),
            "reasoning": {"effort": None, "summary": None},
            "store": True,
            "temperature": request.sampling.temperature,
            "text": {"format": _format(request, notes)},
            "tool_choice": _choice(request),
            "tools": _tools(request),
            "top_p": request.sampling.top_p,
            "truncation": notes.get("truncation", "disabled"),
            "usage": None,
            "user": notes.get("user"),
            **more,
        }

    @property
    def _background(self) -> bool:
        return bool(notes_of(self.request).get("background"))

    def _begin_work(self) -> list[Shape]:
        if self._working:
            return []
        self._working = True
        return [self._of("in_progress", "in_progress")] if self._background else []

    def _of(self, kind: str, status: str) -> Shape:
        return self._numbered(f"response.{kind}", response=self.now(status))

    def _numbered(self, kind: str, **members: Any) -> Shape:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **members}

    def _at(self, item_id: str) -> Shape:
        return {"item_id": item_id, "output_index": self._index(item_id)}

    def _index(self, item_id: str) -> int:
        return self._lost + self._order.index(item_id)

    def _named(self, kind: str) -> str:
        again = f"-{self._attempt}" if self._attempt > 1 else ""
        return f"{kind}_{self.job_id}{again}"

    def _start_over(self) -> list[Shape]:
        """What was said so far ends as it is, visibly; the new attempt's items stand behind it in the stream, and alone
        in the whole response."""
        said = self._named("msg")
        found: list[Shape] = []
        if said in self._open:
            found = self._text("msg", "output_text", MARK, {"logprobs": []})
            self._answer.add(Piece(text=MARK))
        found += self._close(self._open, status="incomplete")
        self._lost += len(self._order)
        self._attempt += 1
        self._order.clear()
        self._answer.forget()
        return found

    def _text(self, kind: str, part: str, text: str, more: Shape) -> list[Shape]:
        item_id = self._named(kind)
        found: list[Shape] = []
        if item_id not in self._order:
            found = self._added(item_id)
            empty = self._part(item_id, text="")
            found.append(
                self._numbered("response.content_part.added", **self._at(item_id), content_index=0, part=empty)
            )
        delta = self._numbered(f"response.{part}.delta", **self._at(item_id), content_index=0, delta=text, **more)
        return [*found, delta]

    def _call(self, piece: CallPiece) -> list[Shape]:
        item_id = f"{self._named('fc')}_{piece.index}"
        found: list[Shape] = []
        if item_id not in self._order:
            self._answer.add(Piece(tool_calls=(replace(piece, arguments=""),)))
            found = self._added(item_id)
        self._answer.add(Piece(tool_calls=(piece,)))
        if piece.arguments:
            kind = "response.function_call_arguments.delta"
            found.append(self._numbered(kind, **self._at(item_id), delta=piece.arguments))
        return found

    def _added(self, item_id: str) -> list[Shape]:
        """An item begins, which ends what the model thought or said before it. Calls may grow side by side."""
        found = self._close([one for one in self._open if not one.startswith("fc_")])
        self._order.append(item_id)
        self._open.append(item_id)
        item = self._item(item_id, "in_progress", begun=False)
        added = self._numbered("response.output_item.added", output_index=self._index(item_id), item=item)
        return [*found, added]

    def _close(self, item_ids: list[str], *, status: str = "completed") -> list[Shape]:
        found: list[Shape] = []
        for item_id in list(item_ids):
            self._open.remove(item_id)
            found += self._done(item_id, status)
        return found

    def _done(self, item_id: str, status: str) -> list[Shape]:
        item = self._item(item_id, status)
        at = self._at(item_id)
        found: list[Shape] = []
        if item["type"] == "function_call":
            arguments = {"name": item["name"], "arguments": item["arguments"]}
            found.append(self._numbered("response.function_call_arguments.done", **at, **arguments))
        else:
            part = self._part(item_id)
            more = {"logprobs": part["logprobs"]} if "logprobs" in part else {}
            kind = f"response.{part['type']}.done"
            found.append(self._numbered(kind, **at, content_index=0, text=part["text"], **more))
            found.append(self._numbered("response.content_part.done", **at, content_index=0, part=part))
        last = self._numbered("response.output_item.done", output_index=at["output_index"], item=item)
        return [*found, last]

    def _item(self, item_id: str, status: str, *, begun: bool = True) -> Shape:
        kind = item_id.partition("_")[0]
        if kind == "fc":
            call = self._answer.tool_calls[int(item_id.rpartition("_")[2])]
            return {
                "id": item_id,
                "type": "function_call",
                "status": status,
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }
        content = [self._part(item_id)] if begun else []
        if kind == "rs":
            return {"id": item_id, "type": "reasoning", "summary": [], "content": content, "status": status}
        return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}

    def _part(self, item_id: str, *, text: str | None = None) -> Shape:
        if item_id.startswith("rs"):
            return {"type": "reasoning_text", "text": self._answer.reasoning if text is None else text}
        logprobs = [] if text is not None else list(self._answer.logprobs)
        shown = self._answer.text if text is None else text
        return {"type": "output_text", "text": shown, "annotations": [], "logprobs": logprobs}


def input_items(job_id: str, request: GenerationRequest) -> list[Shape]:
    """What the response was made from, oldest first: the whole conversation, without the instructions."""
    found: list[Shape] = []
    for number, message in enumerate(conversation(request)):
        found += _input_items(f"in_{job_id}_{number}", message)
    return found


def page_of(items: list[Shape], *, after: str | None, limit: int, newest_first: bool) -> Shape:
    """One page of ``items``, which are oldest first, beyond the one with the id ``after``."""
    ordered = items[::-1] if newest_first else items
    start = next((at + 1 for at, item in enumerate(ordered) if item["id"] == after), 0)
    page = ordered[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(ordered),
    }


def _input_items(item_id: str, message: Message) -> list[Shape]:
    if message.role == "tool":
        kind = "function_call_output"
        return [
            {
                "id": item_id,
                "type": kind,
                "call_id": message.tool_call_id,
                "output": message.content,
                "status": "completed",
            }
        ]
    calls: list[Shape] = [
        {
            "id": f"{item_id}_{index}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }
        for index, call in enumerate(message.tool_calls)
    ]
    if not message.content and calls:
        return calls
    said = message.role == "assistant"
    part: Shape = {"type": "output_text" if said else "input_text", "text": message.content}
    if said:
        part["annotations"] = []
    item = {"id": item_id, "type": "message", "status": "completed", "role": message.role, "content": [part]}
    return [item, *calls]


def _format(request: GenerationRequest, notes: Shape) -> Shape:
    if request.form is None:
        return {"type": "text"}
    if request.form.schema is None:
        return {"type": "json_object"}
    schema = json.loads(request.form.schema)
    return {"type": "json_schema", "name": notes.get("format") or "answer", "schema": schema, "strict": True}


def _choice(request: GenerationRequest) -> str | Shape:
    choice = "auto" if request.tools is None else request.tools.choice
    if choice.startswith(NAMED_TOOL):
        return {"type": "function", "name": choice.removeprefix(NAMED_TOOL)}
    return choice


def _tools(request: GenerationRequest) -> list[Shape]:
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": json.loads(tool.parameters),
            "strict": tool.strict,
        }
        for tool in (request.tools.offered if request.tools is not None else ())
    ]
