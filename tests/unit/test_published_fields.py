"""What is published of other programs' requests is known, and stands in the tables of what each field does."""

import re
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, get_type_hints

import pytest

from tlfif.dialects.anthropic import MessagesRequest
from tlfif.dialects.ollama import OllamaChat, OllamaEmbed, OllamaEmbeddings, OllamaGenerate, OllamaOptions
from tlfif.dialects.responses import ResponsesRequest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"
RESPONSES, MESSAGES, OLLAMA = "## `POST /v1/responses`", "## `POST /v1/messages`", "## Ollama's addresses"


@pytest.mark.parametrize(
    ("published", "ours", "heading"),
    [
        ("openai.types.responses.response_create_params.ResponseCreateParamsStreaming", ResponsesRequest, RESPONSES),
        ("anthropic.types.message_create_params.MessageCreateParamsStreaming", MessagesRequest, MESSAGES),
        ("ollama._types.ChatRequest", OllamaChat, OLLAMA),
        ("ollama._types.GenerateRequest", OllamaGenerate, OLLAMA),
        ("ollama._types.EmbedRequest", OllamaEmbed, OLLAMA),
        ("ollama._types.EmbeddingsRequest", OllamaEmbeddings, OLLAMA),
        ("ollama._types.Options", OllamaOptions, OLLAMA),
    ],
)
def test_every_published_field_is_known_and_explained(published: str, ours: Any, heading: str) -> None:
    known = set(ours.model_fields)
    theirs = resolve_name(published)
    assert set(getattr(theirs, "model_fields", None) or get_type_hints(theirs)) <= known
    section = PAGE.read_text("utf-8").partition(heading)[2].partition("\n## ")[0]
    assert known <= set(re.findall(r"`([a-z0-9_]+)(?:\.[a-z_.]+)?`", section))
