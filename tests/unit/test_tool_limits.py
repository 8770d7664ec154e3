"""What the form of an answer and the tools of a request may be."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolUse
from tlfif.jobs.tool_limits import check_form, check_together, check_tools
from tlfif.kernel.errors import InvalidInputError

WEATHER = Tool(name="weather", description="How it is outside", parameters='{"type": "object"}')


def refusal(check: Any, value: object) -> str:
    with pytest.raises(InvalidInputError) as caught:
        check(value)
    return caught.value.code


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth - 1):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {
            "type": "object",
            "properties": {"age": {"type": "integer"}},
            "required": ["age"],
            "additionalProperties": False,
        },
        {"$defs": {"a": {"type": "string", "maxLength": 100_000}}, "items": {"$ref": "#/$defs/a"}},
        {"type": "string", "pattern": "^[a-z]{2,2000}$"},
        {"type": "string", "pattern": r"^(\d{1,3}\.){3}\d{1,3}$"},
        {"type": "string", "pattern": r"^[+-]?\d*\.?\d*([eE][+-]?\d+)?(\s*,\s*[+-]?\d*\.?\d*)?(;a*b*c*)?$"},
        {"enum": list(range(1000))},
        {"type": "string", "pattern": "^([0-9a-f]{0,4}:){2,7}([0-9a-f]?)*\\p{L}$"},
        {"allOf": [{"type": "number"}, {"type": "integer"}, {"minimum": 3}]},
        nested(32),
    ],
)
def test_forms(schema: dict[str, Any]) -> None:
    check_form(AnswerForm(schema=json.dumps(schema)))


def test_any_object_is_a_form() -> None:
    check_form(AnswerForm())


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ("", "schema_invalid"),
        ("[]", "schema_invalid"),
        ("[" * 10_000, "schema_invalid"),
        ('{"$ref": "https://example.com/schema"}', "schema_invalid"),
        ('{"properties": {"a": {"enum": []}}}', "schema_invalid"),
        (json.dumps(nested(33)), "schema_too_large"),
        (json.dumps({"description": "x" * 65_536}), "schema_too_large"),
        ('{"minItems": 2001}', "schema_too_large"),
        ('{"minLength": 1000000000}', "schema_too_large"),
        ('{"pattern": "(a{1,9999})*"}', "schema_too_large"),
        (json.dumps({"pattern": "a" * 513}), "schema_too_large"),
        (json.dumps({"pattern": "^(([a-z ]{0,40}){0,40})$"}), "schema_too_large"),
        (json.dumps({"pattern": "^(a?b?c?){0,60}$"}), "schema_too_large"),
        (json.dumps({"pattern": "^" + "[a-z]*" * 20 + "$"}), "schema_too_large"),
        (json.dumps({"pattern": "^" + "(?:a)?(\\d{0,3})" * 9 + "$"}), "schema_too_large"),
        (json.dumps({"enum": list(range(1001))}), "schema_too_large"),
        ('{"allOf": [{"type": "string"}, {"type": ["integer", "null"]}]}', "schema_invalid"),
    ],
)
def test_forms_that_no_grammar_can_be_made_of(schema: str, code: str) -> None:
    assert refusal(check_form, AnswerForm(schema=schema)) == code


def test_tools() -> None:
    many = tuple(replace(WEATHER, name=f"server.tool-{number}") for number in range(128))
    for choice in ("auto", "none", "required", "function:server.tool-7"):
        check_tools(ToolUse(offered=many, choice=choice))


@pytest.mark.parametrize(
    ("tools", "code"),
    [
        (ToolUse(offered=()), "tools_invalid"),
        (ToolUse(offered=tuple(replace(WEATHER, name=f"t{n}") for n in range(129))), "tools_invalid"),
        (ToolUse(offered=(WEATHER, WEATHER)), "tools_invalid"),
        (ToolUse(offered=(replace(WEATHER, name="two words"),)), "tools_invalid"),
        (ToolUse(offered=(replace(WEATHER, description="x" * 524_288),)), "tools_too_large"),
        (ToolUse(offered=(WEATHER,), choice="function:news"), "tool_choice_unknown"),
        (ToolUse(offered=(WEATHER,), choice="any"), "tool_choice_unknown"),
        (ToolUse(offered=(replace(WEATHER, parameters="[]"),)), "schema_invalid"),
        (ToolUse(offered=(replace(WEATHER, parameters='{"type": "string"}'),)), "schema_invalid"),
    ],
)
def test_tools_that_no_model_can_be_told_of(tools: ToolUse, code: str) -> None:
    assert refusal(check_tools, tools) == code


ASKED = GenerationRequest(
    model="m", messages=(Message(role="user", content="Hi"),), max_tokens=8, sampling=Sampling(), logprobs=None
)
BEGUN = (*ASKED.messages, Message(role="assistant", content="It is"))


def test_what_can_be_asked_for_together() -> None:
    check_together(replace(ASKED, form=AnswerForm(), tools=ToolUse(offered=(WEATHER,)), logprobs=3))
    check_together(replace(ASKED, messages=BEGUN, tools=ToolUse(offered=(WEATHER,))))


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, task=Task.COMPLETION, tools=ToolUse(offered=(WEATHER,))),
        replace(ASKED, task=Task.EMBEDDING, form=AnswerForm()),
        replace(ASKED, task=Task.EMBEDDING, logprobs=0),
        replace(ASKED, messages=BEGUN, form=AnswerForm()),
        replace(ASKED, messages=BEGUN, tools=ToolUse(offered=(WEATHER,), choice="required")),
    ],
)
def test_what_rules_each_other_out(asked: GenerationRequest) -> None:
    assert refusal(check_together, asked) == "fields_conflict"
