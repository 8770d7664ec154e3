"""Anthropic's messages: what a request asks for, and the events that its answer becomes."""

from typing import Any

import pytest

from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer, End
from tlfif.dialects.anthropic import MessagesRequest, MessageStream, asked
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import AnswerForm, Message, Sampling, Tool, ToolCall, ToolUse
from tlfif.kernel.errors import InvalidInputError

END = End(finish_reason="stop", prompt_tokens=3, completion_tokens=4)
WEATHER = {"name": "weather", "description": "Look out", "input_schema": {"type": "object"}}
HELLO = [{"role": "user", "content": "Hello"}]


def submission(**body: Any) -> Submission:
    return asked(MessagesRequest.model_validate({"max_tokens": 64, "messages": HELLO, **body}))


class TestAsked:
    def test_blocks_become_turns(self) -> None:
        messages = [
            {"role": "user", "content": [{"type": "text", "text": "Rain?", "cache_control": {"type": "ephemeral"}}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": ""},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Vienna"}},
                    {"type": "tool_use", "id": "t2", "name": "weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "wet"}]},
                    {"type": "tool_result", "tool_use_id": "t2", "content": "dry", "is_error": False},
                    {"type": "text", "text": "So?"},
                ],
            },
            {"role": "assistant", "content": "It is"},
        ]
        made = submission(messages=messages, system=[{"type": "text", "text": "Be"}, {"type": "text", "text": "short"}])
        calls = (
            ToolCall(id="t1", name="weather", arguments='{"city": "Vienna"}'),
            ToolCall(id="t2", name="weather", arguments="{}"),
        )
        assert made.messages == [
            Message(role="system", content="Be\n\nshort"),
            Message(role="user", content="Rain?"),
            Message(role="assistant", content="I look.", tool_calls=calls),
            Message(role="tool", content="wet", tool_call_id="t1"),
            Message(role="tool", content="dry", tool_call_id="t2"),
            Message(role="user", content="So?"),
            Message(role="assistant", content="It is"),
        ]

    def test_settings_go_where_they_belong(self) -> None:
        made = submission(
            model="smollm2",
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            stop_sequences=["END"],
            tools=[WEATHER],
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
            system="",
        )
        tool = Tool(name="weather", description="Look out", parameters='{"type": "object"}')
        assert (made.model, made.max_tokens, made.fits_max_tokens) == ("smollm2", 64, True)
        assert made.messages == [Message(role="user", content="Hello")]
        assert made.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=40, stop=("END",))
        assert made.tools == ToolUse(offered=(tool,), choice="required", parallel=False)
        assert made.form == AnswerForm(schema='{"type": "object"}')

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
            ({"tools": [WEATHER], "tool_choice": {"type": "perhaps"}}, "tool_choice.type"),
            ({"tools": [WEATHER], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
            ({"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
            ({"container": "c"}, "container"),
            ({"system": [{"type": "image"}]}, "system[0]"),
            ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
            ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0]"),
            ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}, "messages[0].content[0]"),
            (
                {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
                "messages[0].content[0].tool_use_id",
            ),
            ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ],
    )
    def test_what_would_change_the_answer_is_refused_by_its_name(self, body: dict[str, Any], param: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            submission(**body)
        assert refused.value.details["param"] == param


class TestStream:
    pieces = (
        Piece(reasoning="Hm"),
        Piece(text="I look."),
        Piece(tool_calls=(CallPiece(index=0, id="t1", name="weather"),)),
        Piece(tool_calls=(CallPiece(index=0, arguments='{"a":'),)),
        Piece(tool_calls=(CallPiece(index=0, arguments="1}"), CallPiece(index=1, id="t2", name="clock"))),
    )

    def test_each_block_is_closed_before_the_next_begins(self) -> None:
        growing = MessageStream(job_id="job_1", model="smollm2", shows_thinking=True)
        events = growing.begin()
        for piece in self.pieces:
            events += growing.add(piece)
        events += growing.end(End(finish_reason="tool_calls", prompt_tokens=3, completion_tokens=4))
        assert [(event["type"], event.get("index")) for event in events] == [
            ("message_start", None),
            ("ping", None),
            ("content_block_start", 0),
            ("content_block_delta", 0),
            ("content_block_stop", 0),
            ("content_block_start", 1),
            ("content_block_delta", 1),
            ("content_block_stop", 1),
            ("content_block_start", 2),
            ("content_block_delta", 2),
            ("content_block_delta", 2),
            ("content_block_stop", 2),
            ("content_block_start", 3),
            ("content_block_stop", 3),
            ("message_delta", None),
            ("message_stop", None),
        ]
        assert events[-2]["delta"]["stop_reason"] == "tool_use"
        assert events[-2]["usage"] == {"input_tokens": 3, "output_tokens": 4}

    def test_the_whole_message_has_the_same_blocks(self) -> None:
        answer = Answer()
        for piece in self.pieces:
            answer.add(piece)
        whole = MessageStream(job_id="job_1", model="smollm2").whole(answer, END)
        assert whole["content"] == [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "clock", "input": {}},
        ]
        assert (whole["id"], whole["stop_reason"]) == ("job_1", "end_turn")

    def test_thoughts_are_shown_to_who_asks_for_them_only(self) -> None:
        growing = MessageStream(job_id="job_1", model="smollm2")
        assert growing.add(Piece(reasoning="Hm")) == []
        assert MessagesRequest.model_validate(
            {"max_tokens": 1, "messages": HELLO, "thinking": {"type": "enabled", "budget_tokens": 1024}}
        ).shows_thinking
