"""Tools for models whose template knows none: told in words, called in a form, read as they come."""

import json
from dataclasses import replace

import pytest

from tlfif.adapters.engines.told_tools import (
    MARK,
    CallReader,
    MarkWatch,
    call_form,
    call_or,
    needs_telling,
    told,
)
from tlfif.jobs.events import Event, EventKind, answer_calls
from tlfif.jobs.pieces import Piece
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Tool, ToolCall, ToolUse

WEATHER = Tool(
    name="weather",
    description="How it is in a city. One city\nat a time.",
    parameters='{"properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}}, "required": ["city"]}',
)
NOW = Tool(name="now")
USER = Message(role="user", content="Is it raining?")
ASKED = GenerationRequest(
    model="m", messages=(USER,), max_tokens=9, sampling=Sampling(), tools=ToolUse(offered=(WEATHER, NOW))
)
CALL = ToolCall(id="a", name="weather", arguments='{"city": "Vienna"}')


def test_tools_are_told_in_the_system_text() -> None:
    request = told(ASKED, context_tokens=2048)
    assert request.tools is None
    system, user = request.messages
    assert (system.role, user) == ("system", USER)
    assert (
        '- weather(city: string, unit?: "C"|"F"): How it is in a city. One city at a time.\n- now()\n' in system.content
    )
    own = told(replace(ASKED, messages=(Message(role="system", content="Be brief."), USER)), context_tokens=2048)
    assert [message.role for message in own.messages] == ["system", "user"]
    assert own.messages[0].content.startswith("Be brief.\n\nThese functions")


@pytest.mark.parametrize(
    ("context", "told_of", "not_told_of"),
    [(300, "in a city.", "at a time"), (180, "- weather(city: string", "in a city"), (150, "- weather\n", "city")],
)
def test_as_much_is_told_as_there_is_room_for(context: int, told_of: str, not_told_of: str) -> None:
    many = (replace(WEATHER, description="How it is in a city. " + "One at a time. " * 20), *[NOW] * 20)
    said = told(replace(ASKED, tools=ToolUse(offered=many)), context_tokens=context).messages[0].content
    assert told_of in said
    assert not_told_of not in said


def test_tools_that_do_not_even_fit_by_name_are_left_out() -> None:
    many = tuple(replace(NOW, name=f"tool_number_{number}") for number in range(128))
    said = told(replace(ASKED, tools=ToolUse(offered=many)), context_tokens=512).messages[0].content
    assert "- tool_number_3\n" in said
    assert len(said) < 900


def test_a_named_tool_is_the_only_one_that_is_told_of() -> None:
    said = told(replace(ASKED, tools=ToolUse(offered=(WEATHER, NOW), choice="function:now")), context_tokens=2048)
    assert "weather" not in said.messages[0].content


def test_calls_and_results_are_turns_of_assistant_and_user() -> None:
    messages = (
        USER,
        Message(role="assistant", content="I look.", tool_calls=(CALL, replace(CALL, id="b", arguments=""))),
        Message(role="tool", content="Rain.", tool_call_id="a"),
        Message(role="tool", content="Sun.", tool_call_id="b"),
        Message(role="user", content="Thanks"),
    )
    request = told(replace(ASKED, tools=None, messages=messages), context_tokens=2048)
    assert [(message.role, message.content) for message in request.messages] == [
        ("user", "Is it raining?"),
        (
            "assistant",
            f'I look.\n{MARK}[{{"name": "weather", "arguments": {{"city": "Vienna"}}}}, '
            '{"name": "weather", "arguments": {}}]',
        ),
        ("user", "<tool_response>\nRain.\n</tool_response>\n<tool_response>\nSun.\n</tool_response>"),
        ("user", "Thanks"),
    ]
    assert needs_telling(replace(ASKED, tools=None, messages=messages))
    assert not needs_telling(replace(ASKED, tools=None))


def test_the_form_of_calls_keeps_what_a_schema_refers_to() -> None:
    tree = Tool(
        name="plant",
        parameters='{"properties": {"tree": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"items": {"$ref": "#"}}}}',
    )
    form = json.loads(call_form(ToolUse(offered=(WEATHER, tree, NOW), parallel=False)).schema or "")
    assert (form["minItems"], form["maxItems"]) == (1, 1)
    assert [one["properties"]["name"] for one in form["items"]["anyOf"]] == [
        {"const": "weather"}, {"const": "plant"}, {"const": "now"}
    ]  # fmt: skip
    assert form["$defs"]["tool1"]["properties"]["tree"] == {"$ref": "#/$defs/tool1/$defs/t"}
    assert form["$defs"]["tool1"]["$defs"]["t"]["items"] == {"$ref": "#/$defs/tool1"}
    assert form["$defs"]["tool2"] == {"type": "object", "properties": {}, "additionalProperties": False}
    either = json.loads(call_or(AnswerForm(schema='{"$ref": "#/$defs/x"}'), ToolUse(offered=(NOW,))).schema or "")
    assert either["anyOf"][1] == {"$ref": "#/$defs/answer"}
    assert either["$defs"]["answer"] == {"$ref": "#/$defs/answer/$defs/x"}


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_text_is_passed_on_until_the_mark_comes(size: int) -> None:
    for said, before, found in (
        (f"Let me look. {MARK}[{{", "Let me look. ", True),
        (MARK, "", True),
        ("a < b <tool_box> <tool_call", "a < b <tool_box> <tool_call", False),
        (f"<<tool_{MARK}", "<<tool_", True),
    ):
        watch, passed, came = MarkWatch(), "", False
        for start in range(0, len(said), size):
            text, came = watch.take(said[start : start + size])
            passed += text
            if came:
                break
        assert (passed + watch.rest(), came) == (before, found)


CALLS = (
    '[\n {"name": "we\\"ather", "arguments": {"a": [{"b": "}]\\\\\\""}], "c": {}} } , {"name":"now","arguments":{}}]'
)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_calls_are_read_as_they_come(size: int) -> None:
    ids = iter("abc")
    reader = CallReader(lambda: next(ids))
    pieces = [reader.take(CALLS[start : start + size]) for start in range(0, len(CALLS), size)]
    events = [Event(seq=1, kind=EventKind.DELTA, at=0.0, data=Piece(tool_calls=one).data()) for one in pieces]
    first, second = answer_calls(events)
    assert (first.id, first.name, json.loads(first.arguments)) == (
        "call_a", 'we"ather', {"a": [{"b": '}]\\"'}], "c": {}}
    )  # fmt: skip
    assert second == ToolCall(id="call_b", name="now", arguments="{}")
    assert reader.count == 2
