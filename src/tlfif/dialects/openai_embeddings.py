"""``POST /v1/embeddings``: texts as vectors."""

import base64
import math
import struct
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ConfigDict

from tlfif.control.answers import AskedJob
from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer, End
from tlfif.dialects.extension import extension
from tlfif.dialects.fields import Fields, wrong_type
from tlfif.dialects.refusal import not_supported, wrong_value
from tlfif.jobs.request import Message, Task


class EmbeddingRequest(Fields):
    """OpenAI's request. ``dimensions`` cuts the vectors to so many numbers and brings them back to length 1."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": "A text"}]})

    input: Any = None
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None


def embedding_submission(body: EmbeddingRequest) -> Submission:
    """What the request asks for. Raises InvalidInputError."""
    if body.dimensions is not None and body.dimensions < 1:
        raise wrong_value("dimensions", "must be 1 or more")
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not isinstance(texts, list) or not texts:
        raise wrong_type("input", "must be text or a list of texts")
    if not all(isinstance(text, str) for text in texts):
        raise not_supported("input", "numbers of tokens are not read; send the text.")
    return Submission(
        messages=[Message(role="user", content=text) for text in texts], model=body.model, task=Task.EMBEDDING
    )


def embedding_answer(body: EmbeddingRequest, job: AskedJob, answer: Answer, end: End) -> dict[str, Any]:
    """The vectors. Raises InvalidInputError where ``dimensions`` is more than the model's."""
    vectors = [_cut(vector, body.dimensions) for _, vector in sorted(answer.embeddings.items())]
    shown = _base64 if body.encoding_format == "base64" else list[float]
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": at, "embedding": shown(vector)} for at, vector in enumerate(vectors)],
        "model": job.model,
        "usage": {"prompt_tokens": end.prompt_tokens, "total_tokens": end.total_tokens},
        **extension([end]),
    }


def _cut(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    if dimensions is None or dimensions == len(vector):
        return vector
    if dimensions > len(vector):
        raise wrong_value("dimensions", f"must be at most {len(vector)}, which the model's vectors have")
    short = vector[:dimensions]
    length = math.hypot(*short) or 1.0
    return [number / length for number in short]


def _base64(vector: Sequence[float]) -> str:
    """Little-endian 32-bit numbers, as OpenAI's clients ask for them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
