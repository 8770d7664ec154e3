"""OpenAI's responses: what a request asks for, and the events that its answer becomes."""

from typing import Any

import pytest

from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer, End
from tlfif.dialects.responses import Earlier, ResponsesRequest, asked, jobs_needed
from tlfif.dialects.responses_stream import ResponseStream, Shape, input_items, page_of
from tlfif.dialects.starting_over import MARK
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Tool, ToolCall, ToolUse
from tlfif.kernel.errors import AnswerError, InvalidInputError

JOB = "job_0001"
END = End(finish_reason="stop", prompt_tokens=3, completion_tokens=4)
WEATHER = {"type": "function", "name": "weather", "description": "Look out", "parameters": {"type": "object"}}
CALL = ToolCall(id="c1", name="weather", arguments='{"city":"Vienna"}')


def submission(earlier: dict[str, Earlier] | None = None, **body: Any) -> Submission:
    return asked(ResponsesRequest.model_validate({"input": "Hello", **body}), earlier or {})


def stored(**body: Any) -> GenerationRequest:
    made = submission(**body)
    return GenerationRequest(
        model="smollm2",
        messages=tuple(made.messages),
        max_tokens=64,
        sampling=made.sampling,
        form=made.form,
        tools=made.tools,
        notes=made.notes,
    )


def stream(**body: Any) -> ResponseStream:
    return ResponseStream(job_id=JOB, created_at=17.9, request=stored(**body))


def all_events(growing: ResponseStream, *pieces: Piece, end: End = END) -> list[Shape]:
    found = growing.begin()
    for piece in pieces:
        found += growing.add(piece)
    return found + growing.end(end)


def kinds(events: list[Shape]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


class TestAsked:
    def test_a_text_is_the_users_and_the_instructions_come_first(self) -> None:
        assert submission(instructions="Be short").messages == [
            Message(role="system", content="Be short"),
            Message(role="user", content="Hello"),
        ]

    def test_items_become_turns_and_calls_belong_to_the_turn_before(self) -> None:
        items = [
            {"role": "developer", "content": "Be short"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Rain?"}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"role": "assistant", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Vienna"}'},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "wet"}]},
            {"type": "function_call_output", "call_id": "c2", "output": "dry"},
        ]
        assert submission(input=items).messages == [
            Message(role="system", content="Be short"),
            Message(role="user", content="Rain?"),
            Message(
                role="assistant",
                content="I look.",
                tool_calls=(CALL, ToolCall(id="c2", name="weather", arguments="{}")),
            ),
            Message(role="tool", content="wet", tool_call_id="c1"),
            Message(role="tool", content="dry", tool_call_id="c2"),
        ]

    def test_settings_go_where_they_belong(self) -> None:
        made = submission(
            model="smollm2",
            temperature=0.5,
            top_p=0.9,
            max_output_tokens=100_000,
            tools=[WEATHER],
            tool_choice={"type": "function", "name": "weather"},
            parallel_tool_calls=False,
            text={"format": {"type": "json_schema", "name": "river", "schema": {"type": "object"}, "strict": True}},
            include=["message.output_text.logprobs"],
        )
        tool = Tool(name="weather", description="Look out", parameters='{"type": "object"}')
        assert (made.model, made.max_tokens, made.fits_max_tokens) == ("smollm2", 100_000, True)
        assert made.sampling == Sampling(temperature=0.5, top_p=0.9)
        assert made.tools == ToolUse(offered=(tool,), choice="function:weather", parallel=False)
        assert made.form == AnswerForm(schema='{"type": "object"}')
        assert made.logprobs == 0

    def test_only_the_allowed_tools_are_offered(self) -> None:
        choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
        made = submission(tools=[WEATHER, {**WEATHER, "name": "clock"}], tool_choice=choice).tools
        assert made is not None
        assert [tool.name for tool in made.offered] == ["weather"]
        assert made.choice == "required"

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"input": None}, "input"),
            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
            ({"tools": [WEATHER], "tool_choice": {"type": "mcp"}}, "tool_choice.type"),
            ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice"),
            ({"conversation": "conv_1"}, "conversation"),
            ({"prompt": {"id": "pmpt_1"}}, "prompt"),
            ({"truncation": "perhaps"}, "truncation"),
            ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
            ({"input": [{"type": "image_generation_call"}]}, "input[0]"),
            ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
            ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
            ({"input": [{"type": "function_call", "name": "weather"}]}, "input[0].call_id"),
            ({"input": [{"type": "item_reference", "id": "msg_of_another"}]}, "input[0].id"),
            ({"metadata": {"x": "y" * 513}}, "metadata"),
        ],
    )
    def test_what_would_change_the_answer_is_refused_by_its_name(self, body: dict[str, Any], param: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            submission(**body)
        assert refused.value.details["param"] == param


class TestEarlierResponses:
    before = Earlier(
        request=stored(input="Rain?", instructions="Be short"),
        answer=Answer(text="I look.", tool_calls=[CALL]),
        ended=True,
    )

    def test_the_conversation_goes_on_without_the_earlier_instructions(self) -> None:
        answer = [{"type": "function_call_output", "call_id": "c1", "output": "wet"}]
        body = {"input": answer, "previous_response_id": JOB, "instructions": "Be long"}
        assert jobs_needed(ResponsesRequest.model_validate(body)) == [JOB]
        assert submission({JOB: self.before}, **body).messages == [
            Message(role="system", content="Be long"),
            Message(role="user", content="Rain?"),
            Message(role="assistant", content="I look.", tool_calls=(CALL,)),
            Message(role="tool", content="wet", tool_call_id="c1"),
        ]

    def test_items_may_be_named_instead_of_sent(self) -> None:
        named = [{"type": "item_reference", "id": item} for item in (f"rs_{JOB}", f"msg_{JOB}", f"fc_{JOB}_0")]
        body = ResponsesRequest.model_validate({"input": [*named, {"role": "user", "content": "Go on"}]})
        assert jobs_needed(body) == [JOB]
        assert asked(body, {JOB: self.before}).messages == [
            Message(role="assistant", content="I look.", tool_calls=(CALL,)),
            Message(role="user", content="Go on"),
        ]

    def test_one_that_is_still_being_made_cannot_be_gone_on_from(self) -> None:
        unfinished = Earlier(request=self.before.request, answer=Answer(), ended=False)
        with pytest.raises(InvalidInputError, match="still being made"):
            submission({JOB: unfinished}, previous_response_id=JOB)

    def test_the_input_is_shown_in_pages_without_the_instructions(self) -> None:
        request = stored(
            instructions="Be short",
            input=[
                {"role": "user", "content": "Rain?"},
                {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "wet"},
            ],
        )
        items = input_items(JOB, request)
        assert [item["type"] for item in items] == ["message", "function_call", "function_call_output"]
        first = page_of(items, after=None, limit=2, newest_first=True)
        assert [item["type"] for item in first["data"]] == ["function_call_output", "function_call"]
        assert first["has_more"]
        second = page_of(items, after=first["last_id"], limit=2, newest_first=True)
        assert [item["type"] for item in second["data"]] == ["message"]
        assert not second["has_more"]


class TestStream:
    def test_events_are_numbered_and_come_in_the_published_order(self) -> None:
        events = all_events(stream(), Piece(text="Hel"), Piece(text="lo"))
        assert kinds(events) == [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
        assert [event["sequence_number"] for event in events] == list(range(10))
        whole = events[-1]["response"]
        assert whole["status"] == "completed"
        assert whole["output"][0]["content"][0]["text"] == "Hello"
        assert whole["usage"]["total_tokens"] == 7

    def test_one_in_the_background_is_queued_until_somebody_works_on_it(self) -> None:
        growing = stream(background=True)
        assert kinds(growing.begin()) == ["created", "queued"]
        assert kinds(growing.add(Piece(text="x")))[0] == "in_progress"

    def test_thinking_text_and_calls_are_items_of_their_own(self) -> None:
        first, second = CallPiece(index=0, id="c1", name="weather"), CallPiece(index=1, id="c2", name="clock")
        events = all_events(
            stream(),
            Piece(reasoning="Hm", text="I look."),
            Piece(tool_calls=(first,)),
            Piece(tool_calls=(CallPiece(index=0, arguments='{"a":'), second)),
            Piece(tool_calls=(CallPiece(index=0, arguments="1}"), CallPiece(index=1, arguments="{}"))),
        )
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        assert [item["type"] for item in done] == ["reasoning", "message", "function_call", "function_call"]
        assert done == events[-1]["response"]["output"]
        assert done[0]["content"][0]["text"] == "Hm"
        assert [item["arguments"] for item in done[2:]] == ['{"a":1}', "{}"]
        arguments = [event for event in events if event["type"] == "response.function_call_arguments.done"]
        assert [event["output_index"] for event in arguments] == [2, 3]

    def test_one_that_was_cut_short_is_incomplete(self) -> None:
        short = End(finish_reason="length", prompt_tokens=1, completion_tokens=1)
        last = all_events(stream(), Piece(text="Hel"), end=short)[-1]
        assert last["type"] == "response.incomplete"
        assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}

    def test_one_that_failed_says_why_and_one_that_was_cancelled_that(self) -> None:
        growing = stream()
        growing.begin()
        failed = growing.fail(AnswerError("Given up.", code="attempts_exhausted"))[0]
        assert failed["type"] == "response.failed"
        assert failed["response"]["error"] == {
            "code": "server_error",
            "message": "Given up.",
            "type": "attempts_exhausted",
        }
        assert stream().failed(AnswerError("Ended.", code="job_cancelled"))["status"] == "cancelled"

    def test_a_new_attempt_stands_behind_the_lost_one_and_alone_in_the_whole(self) -> None:
        events = all_events(stream(), Piece(text="Hel"), Piece(text=MARK), Piece(text="Good day"))
        done = [event for event in events if event["type"] == "response.output_item.done"]
        assert [(event["output_index"], event["item"]["id"], event["item"]["status"]) for event in done] == [
            (0, f"msg_{JOB}", "incomplete"),
            (1, f"msg_{JOB}-2", "completed"),
        ]
        assert done[0]["item"]["content"][0]["text"] == "Hel" + MARK
        assert events[-1]["response"]["output"] == [done[1]["item"]]
        named = {"input": [{"type": "item_reference", "id": f"msg_{JOB}-2"}, {"role": "user", "content": "Go on"}]}
        assert jobs_needed(ResponsesRequest.model_validate(named)) == [JOB]

    def test_it_shows_again_what_was_asked(self) -> None:
        body = {
            "instructions": "Be short",
            "metadata": {"a": "b"},
            "tools": [WEATHER],
            "tool_choice": "required",
            "text": {"format": {"type": "json_schema", "name": "river", "schema": {"type": "object"}}},
            "previous_response_id": None,
            "max_output_tokens": 12,
            "user": "me",
        }
        shown = stream(**body).now("in_progress")
        for name in ("instructions", "metadata", "tool_choice", "max_output_tokens", "user"):
            assert shown[name] == body[name], name
        assert shown["tools"] == [{**WEATHER, "strict": False}]
        assert shown["text"]["format"]["name"] == "river"
        assert (shown["id"], shown["created_at"]) == (JOB, 17)
