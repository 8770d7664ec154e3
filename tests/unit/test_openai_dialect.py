"""OpenAI's requests as submissions, and answers in its shapes: what the SDK's own tests do not show."""

import re
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, get_type_hints

import pytest

from tlfif.dialects.addresses import Dialect, canonical, dialect_of
from tlfif.dialects.answer import Answer, End
from tlfif.dialects.fields import ignored
from tlfif.dialects.openai_chat import ChatRequest, chat_submission
from tlfif.dialects.openai_completions import CompletionRequest
from tlfif.dialects.openai_embeddings import EmbeddingRequest
from tlfif.dialects.openai_errors import openai_refusal
from tlfif.dialects.refusal import Refusal
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import AnswerForm, ToolCall
from tlfif.kernel.errors import InvalidInputError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"
USER: dict[str, Any] = {"role": "user", "content": "Hello"}


def asked(**more: Any) -> ChatRequest:
    return ChatRequest(**{"messages": [USER], **more})


@pytest.mark.requirement("2.4.1")
@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("chat.completion_create_params.CompletionCreateParamsStreaming", ChatRequest),
        ("completion_create_params.CompletionCreateParamsStreaming", CompletionRequest),
        ("embedding_create_params.EmbeddingCreateParams", EmbeddingRequest),
    ],
)
def test_every_published_field_is_known(published: str, ours: Any) -> None:
    assert set(get_type_hints(resolve_name(f"openai.types.{published}"))) <= set(ours.model_fields)


def test_every_field_is_in_the_table() -> None:
    table = PAGE.read_text("utf-8").partition("## `POST /v1/chat/completions`")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)(?:\.[a-z_]+)?`", table))
    assert set(ChatRequest.model_fields) <= named


def test_fields_that_nobody_knows_are_named_wherever_they_are() -> None:
    body = asked(mirostat=2, nothing=None, messages=[{**USER, "mood": "good"}], stream_options={"colour": "red"})
    assert ignored(body) == ["mirostat", "stream_options.colour", "messages[0].mood"]


def test_a_conversation_in_all_its_shapes() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = chat_submission(
        asked(
            messages=[
                {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "system", "content": "  "},
                {**USER, "name": "anna"},
                {"role": "assistant", "content": "", "tool_calls": []},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "sunny"},
                {"role": "assistant", "content": None, "refusal": "No."},
            ]
        )
    ).messages
    assert [(m.role, m.content) for m in found] == [
        ("system", "a\nb"),
        ("user", "Hello"),
        ("assistant", ""),
        ("tool", "sunny"),
        ("assistant", "No."),
    ]
    assert (found[1].name, found[2].tool_calls) == ("anna", (ToolCall(id="c", name="f", arguments="{}"),))


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        ({"seed": -1}, "seed", None),
        ({"seed": 2**32 - 1}, "seed", 0),
        ({"seed": -5}, "seed", 2**32 - 6),
        ({"stop": ["a", "", "b"]}, "stop", ("a", "b")),
        ({"logit_bias": {"7": 1, "3": -100}}, "logit_bias", ((3, -100.0), (7, 1.0))),
        ({"repetition_penalty": 1.2}, "repeat_penalty", 1.2),
    ],
)
def test_how_words_are_chosen(more: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(chat_submission(asked(**more)).sampling, name) == value


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": -1}, 5),
        ({"max_tokens": 10**9}, 10**9),
    ],
)
def test_how_many_tokens(more: dict[str, Any], most: int | None) -> None:
    found = chat_submission(asked(**more))
    assert (found.max_tokens, found.fits_max_tokens) == (most, True)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("other", [{}, {"max_tokens": 5}, {"max_completion_tokens": 5}])
def test_no_tokens_are_refused(name: str, other: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        chat_submission(asked(**{**other, name: 0}))
    assert name in refused.value.message


def test_forms_of_answers() -> None:
    schema = {"type": "object"}
    forms = [
        ({"type": "text"}, None),
        ({"type": "json_object"}, AnswerForm()),
        ({"type": "json_object", "schema": schema}, AnswerForm(schema='{"type": "object"}')),
        ({"type": "json_schema", "json_schema": {"schema": schema}}, AnswerForm(schema='{"type": "object"}')),
    ]
    for form, expected in forms:
        assert chat_submission(asked(response_format=form)).form == expected


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"repeat_penalty": 1.1, "repetition_penalty": 1.2}, "repetition_penalty"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": 5, "tools": [{"function": {"name": "f"}}]}, "tool_choice"),
        ({"tools": {}}, "tools"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "f", "description": 5}}]}, "tools[0].function.description"),
        ({"tools": [{"function": {"name": "f", "parameters": 5}}]}, "tools[0].function.parameters"),
        ({"functions": 5}, "functions"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "assistant", "content": None, "audio": {"id": "a"}}]}, "messages[0].audio"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        chat_submission(asked(**more))
    refusal = Refusal(status=422, code=refused.value.code, message=refused.value.message, details=refused.value.details)
    assert (refusal.param, openai_refusal(refusal).status) == (param, 400)


def test_an_answer_grows_by_pieces_of_several_calls() -> None:
    answer = Answer()
    answer.add(Piece(tool_calls=(CallPiece(index=1, id="b", name="g", arguments="{"),)))
    answer.add(Piece(tool_calls=(CallPiece(index=0, id="a", name="f"), CallPiece(index=1, arguments="}"))))
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("a", ""), ("b", "{}")]
    assert End(finish_reason="stop", prompt_tokens=1, completion_tokens=2).total_tokens == 3


@pytest.mark.parametrize(
    ("path", "known_as", "dialect"),
    [
        ("/v1/chat/completions", "/v1/chat/completions", Dialect.OPENAI),
        ("/chat/completions/", "/v1/chat/completions", Dialect.OPENAI),
        ("/models/a/b", "/v1/models/a/b", Dialect.OPENAI),
        ("/v1/models/approve", "/v1/models/approve", Dialect.OPENAI),
        ("/v1/models/a/pull", "/v1/models/a/pull", Dialect.OPENAI),
        ("/v1/files", "/v1/files", Dialect.OPENAI),
        ("/v1/jobs/", "/v1/jobs/", None),
        ("/healthz", "/healthz", None),
        ("/", "/", None),
        ("", "", None),
        ("chat", "chat", None),
    ],
)
def test_spellings_of_addresses(path: str, known_as: str, dialect: Dialect | None) -> None:
    assert (canonical(path), dialect_of(path, "GET")) == (known_as, dialect)


def test_only_a_change_below_a_models_name_is_not_a_dialects() -> None:
    """A model may be called as a change is: ``GET /v1/models/approve`` asks for one in OpenAI's words."""
    assert dialect_of("/v1/models/a/pull", "POST") is None
    assert dialect_of("/models/a/pull", "POST") is None
    assert dialect_of("/v1/models/approve", "POST") is Dialect.OPENAI
    assert dialect_of("/v1/files/approve", "POST") is Dialect.OPENAI
