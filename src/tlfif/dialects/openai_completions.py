"""``POST /v1/completions``: OpenAI's older request, which goes on with a text, as a submission and its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict

from tlfif.control.answers import AskedJob
from tlfif.control.submit_job import Submission
from tlfif.dialects import frames
from tlfif.dialects.answer import Answer, End
from tlfif.dialects.extension import extension
from tlfif.dialects.fields import wrong_type
from tlfif.dialects.openai_chat import NOTHING, OpenAIRequest, most_tokens, usage_of
from tlfif.dialects.refusal import not_supported, wrong_value
from tlfif.jobs.pieces import Piece
from tlfif.jobs.request import Message, Task

MOST_LOGPROBS = 5


class CompletionRequest(OpenAIRequest):
    """OpenAI's request. ``docs/reference/clients.md`` says what each field does."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "Once upon a time", "max_tokens": 32}]})

    prompt: Any = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    logprobs: int | None = None

    @property
    def text(self) -> str:
        """The text to go on with. Raises InvalidInputError."""
        return prompt_text(self.prompt)


def prompt_text(prompt: Any) -> str:
    """One text, alone or in a list. Raises InvalidInputError, also for texts as numbers of tokens."""
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not prompt:
        raise wrong_type("prompt", "must be text")
    if not all(isinstance(one, str) for one in prompt):
        raise not_supported("prompt", "numbers of tokens are not read; send the text.")
    if len(prompt) > 1:
        raise not_supported("prompt", "one text is taken in a request; send the others by themselves.")
    text: str = prompt[0]
    return text


def completion_submission(body: CompletionRequest) -> Submission:
    """What the request asks for. Raises InvalidInputError."""
    if body.suffix:
        raise not_supported("suffix", "the model goes on with a text; it fills no gap in one.")
    if body.best_of is not None and body.best_of != body.choices:
        raise not_supported("best_of", "all answers that are made are returned: it can only be n.")
    if body.logprobs is not None and not 0 <= body.logprobs <= MOST_LOGPROBS:
        raise wrong_value("logprobs", f"must be a whole number from 0 to {MOST_LOGPROBS}")
    if body.logprobs is not None and body.echo:
        raise not_supported("echo", "the prompt's own logprobs are not known; ask for one of the two.")
    return Submission(
        messages=[Message(role="user", content=body.text)],
        model=body.model,
        max_tokens=most_tokens(body.max_tokens, "max_tokens"),
        sampling=body.sampling(),
        task=Task.COMPLETION,
        logprobs=body.logprobs,
        fits_max_tokens=True,
    )


@dataclass(slots=True, kw_only=True)
class CompletionAnswers:
    """The answers to one request. ``echo``: the prompt, where it is to stand before each answer."""

    job: AskedJob
    echo: str = ""
    wants_usage: bool = False
    logprobs: bool = False

    def whole(self, answers: Sequence[tuple[Answer, End]]) -> dict[str, Any]:
        """All of it, with a choice for each answer."""
        choices = [
            self._choice(at, self.echo + answer.text, logprobs=answer.logprobs, reason=end.finish_reason)
            for at, (answer, end) in enumerate(answers)
        ]
        ends = [end for _, end in answers]
        return {**self._head(), "choices": choices, "usage": usage_of(ends), **extension(ends)}

    def first(self, index: int) -> bytes:
        """The piece that begins a choice, where there is anything to begin with."""
        return self._chunk(self._choice(index, self.echo)) if self.echo else b""

    def piece(self, index: int, piece: Piece) -> bytes:
        """More of a choice."""
        if not piece.text and not piece.logprobs:
            return b""
        return self._chunk(self._choice(index, piece.text, logprobs=piece.logprobs))

    def end(self, index: int, end: End) -> bytes:
        """The piece that ends a choice."""
        return self._chunk(self._choice(index, "", reason=end.finish_reason), extension([end]))

    def last(self, ends: Sequence[End]) -> bytes:
        """What ends the stream."""
        usage = {**self._head(), "choices": [], "usage": usage_of(ends)}
        return (frames.data(usage) if self.wants_usage else b"") + frames.DONE

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.job.state.id,
            "object": "text_completion",
            "created": int(self.job.state.created_at),
            "model": self.job.model,
        }

    def _chunk(self, choice: dict[str, Any], more: Mapping[str, Any] = NOTHING) -> bytes:
        usage = {"usage": None} if self.wants_usage else {}
        return frames.data({**self._head(), "choices": [choice], **usage, **more})

    def _choice(
        self, index: int, text: str, *, logprobs: Sequence[Mapping[str, Any]] = (), reason: str | None = None
    ) -> dict[str, Any]:
        shown = _logprobs(logprobs) if self.logprobs and logprobs else None
        return {"index": index, "text": text, "logprobs": shown, "finish_reason": reason}


def _logprobs(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The older shape: lists beside each other."""
    offsets, at = [], 0
    for entry in entries:
        offsets.append(at)
        at += len(entry["token"])
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry["logprob"] for entry in entries],
        "top_logprobs": [
            {other["token"]: other["logprob"] for other in entry.get("top_logprobs", ())} for entry in entries
        ],
        "text_offset": offsets,
    }
