"""What is published of other programs' requests is known, and stands in the tables of what each field does."""

import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from anthropic.types import message_create_params
from ollama import _types as ollama_types
from openai.types.responses import response_create_params

from tlfif.dialects.anthropic import MessagesRequest
from tlfif.dialects.ollama import OllamaChat, OllamaEmbed, OllamaEmbeddings, OllamaGenerate, OllamaOptions
from tlfif.dialects.responses import ResponsesRequest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"
RESPONSES, MESSAGES, OLLAMA = "## `POST /v1/responses`", "## `POST /v1/messages`", "## Ollama's addresses"


@pytest.mark.parametrize(
    ("published", "ours", "heading"),
    [
        (set(get_type_hints(response_create_params.ResponseCreateParamsStreaming)), ResponsesRequest, RESPONSES),
        (set(get_type_hints(message_create_params.MessageCreateParamsStreaming)), MessagesRequest, MESSAGES),
        (set(ollama_types.ChatRequest.model_fields), OllamaChat, OLLAMA),
        (set(ollama_types.GenerateRequest.model_fields), OllamaGenerate, OLLAMA),
        (set(ollama_types.EmbedRequest.model_fields), OllamaEmbed, OLLAMA),
        (set(ollama_types.EmbeddingsRequest.model_fields), OllamaEmbeddings, OLLAMA),
        (set(ollama_types.Options.model_fields), OllamaOptions, OLLAMA),
    ],
)
def test_every_published_field_is_known_and_explained(published: set[str], ours: Any, heading: str) -> None:
    known = set(ours.model_fields)
    assert published <= known
    section = PAGE.read_text("utf-8").partition(heading)[2].partition("\n## ")[0]
    assert known <= set(re.findall(r"`([a-z0-9_]+)(?:\.[a-z_.]+)?`", section))
