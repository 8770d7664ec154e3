"""Ollama's requests, and the lines that their answers become."""

from typing import Any

import pytest

from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer, End
from tlfif.dialects.fields import ignored
from tlfif.dialects.ollama import (
    AS_MANY_AS_FIT,
    OllamaChat,
    OllamaGenerate,
    asked_chat,
    asked_embed,
    asked_generate,
)
from tlfif.dialects.ollama_answers import Lines, embedded, running, shown, tags
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import AnswerForm, Message, Sampling, Task, Tool, ToolCall, ToolUse
from tlfif.kernel.errors import InvalidInputError
from tlfif.models.model_store import ModelInfo, ModelState

RECEIPT = {"total_seconds": 2.0, "first_token_seconds": 1.5, "queue_seconds": 1.0}
END = End(finish_reason="stop", prompt_tokens=3, completion_tokens=4, receipt=RECEIPT)
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Look out", "parameters": {}}}


def chat(**body: Any) -> Submission:
    hello = [{"role": "user", "content": "Hello"}]
    made = asked_chat(OllamaChat.model_validate({"model": "smollm2:latest", "messages": hello, **body}))
    assert made is not None
    return made


def generate(**body: Any) -> Submission | None:
    return asked_generate(OllamaGenerate.model_validate({"model": "smollm2", **body}))


def info(name: str, state: ModelState = ModelState.READY) -> ModelInfo:
    return ModelInfo(
        name=name,
        title="A model",
        licence="Apache-2.0",
        source="a wheel",
        context_tokens=2048,
        size_bytes=17,
        sha256="0" * 64,
        state=state,
    )


class TestAsked:
    def test_a_tools_turn_answers_the_open_call_of_its_name(self) -> None:
        calls = [
            {"function": {"name": "weather", "arguments": {"city": "Vienna"}}},
            {"function": {"name": "clock", "arguments": {}}},
        ]
        messages = [
            {"role": "user", "content": "Rain?"},
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "content": "noon", "tool_name": "clock"},
            {"role": "tool", "content": "wet"},
        ]
        assert chat(messages=messages).messages == [
            Message(role="user", content="Rain?"),
            Message(
                role="assistant",
                content="",
                tool_calls=(
                    ToolCall(id="call_1_0", name="weather", arguments='{"city": "Vienna"}'),
                    ToolCall(id="call_1_1", name="clock", arguments="{}"),
                ),
            ),
            Message(role="tool", content="noon", tool_call_id="call_1_1"),
            Message(role="tool", content="wet", tool_call_id="call_1_0"),
        ]

    def test_options_go_where_they_belong(self) -> None:
        made = chat(
            options={
                "num_predict": 5,
                "temperature": 0.5,
                "top_p": 0.9,
                "top_k": 40,
                "min_p": 0.1,
                "seed": 7,
                "stop": "END",
                "repeat_penalty": 1.1,
                "num_ctx": 4096,
                "new_one": 1,
            },
            tools=[WEATHER],
            format={"type": "object"},
            keep_alive="5m",
        )
        assert (made.model, made.max_tokens) == ("smollm2", 5)
        assert made.sampling == Sampling(
            temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, seed=7, stop=("END",), repeat_penalty=1.1
        )
        assert made.tools == ToolUse(offered=(Tool(name="weather", description="Look out"),))
        assert made.form == AnswerForm(schema='{"type": "object"}')
        body = OllamaChat.model_validate({"options": {"num_ctx": 1, "new_one": 1}})
        assert ignored(body) == ["options.new_one"]

    def test_as_many_tokens_as_there_is_room_for(self) -> None:
        made = chat(options={"num_predict": -1}, format="json")
        assert (made.max_tokens, made.fits_max_tokens, made.form) == (AS_MANY_AS_FIT, True, AnswerForm())

    def test_a_prompt_is_a_conversation_of_one_turn_and_raw_none_at_all(self) -> None:
        made, raw = generate(prompt="Hello", system="Be short"), generate(prompt="Once", raw=True)
        assert made is not None
        assert made.messages == [Message(role="system", content="Be short"), Message(role="user", content="Hello")]
        assert raw is not None
        assert raw.task is Task.COMPLETION

    def test_nothing_to_answer_only_loads_the_model(self) -> None:
        assert generate() is None
        assert asked_chat(OllamaChat(model="smollm2", messages=[])) is None

    def test_each_text_becomes_a_vector(self) -> None:
        made = asked_embed("smollm2", ["a", "b"])
        assert (made.task, len(made.messages)) == (Task.EMBEDDING, 2)

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"model": None}, "model"),
            ({"format": "xml"}, "format"),
            ({"messages": [{"role": "user", "content": "x", "images": ["AAAA"]}]}, "messages[0].images"),
            ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
            ({"tools": [{"type": "browser"}]}, "tools[0]"),
        ],
    )
    def test_a_chat_that_cannot_be_is_refused_by_its_name(self, body: dict[str, Any], param: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            chat(**body)
        assert refused.value.details["param"] == param

    @pytest.mark.parametrize("name", ["template", "suffix", "context", "images"])
    def test_what_would_change_the_answer_is_refused_by_its_name(self, name: str) -> None:
        value = {"template": "x", "suffix": "x", "context": [1], "images": ["AAAA"]}[name]
        with pytest.raises(InvalidInputError) as refused:
            generate(prompt="x", **{name: value})
        assert refused.value.details["param"] == name


class TestLines:
    pieces = (
        Piece(reasoning="Hm"),
        Piece(text="Hi"),
        Piece(tool_calls=(CallPiece(index=0, id="c1", name="weather", arguments='{"a":'),)),
        Piece(tool_calls=(CallPiece(index=0, arguments="1}"), CallPiece(index=1, id="c2", name="clock"))),
    )

    def test_calls_come_whole_and_the_last_line_says_what_it_took(self) -> None:
        growing = Lines(model="smollm2:latest", chats=True)
        lines = [line for piece in self.pieces for line in growing.add(piece, at=1.25)]
        lines += growing.end(END, at=2)
        assert [line["message"] for line in lines] == [
            {"role": "assistant", "content": "Hi"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": {"a": 1}}}],
            },
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c2", "function": {"name": "clock", "arguments": {}}}],
            },
            {"role": "assistant", "content": ""},
        ]
        assert lines[0]["created_at"] == "1970-01-01T00:00:01.250000Z"
        assert [line["done"] for line in lines] == [False, False, False, True]
        assert lines[-1]["done_reason"] == "stop"
        durations = {name: value / 1e9 for name, value in lines[-1].items() if name.endswith("_duration")}
        assert durations == {
            "total_duration": 2.0,
            "load_duration": 1.0,
            "prompt_eval_duration": 0.5,
            "eval_duration": 0.5,
        }

    def test_the_whole_answer_is_one_object(self) -> None:
        growing = Lines(model="smollm2", chats=False, shows_thinking=True)
        answer = Answer()
        for piece in self.pieces:
            answer.add(piece)
        whole = growing.whole(answer, END, at=2)
        assert (whole["response"], whole["thinking"], whole["done"]) == ("Hi", "Hm", True)
        assert (whole["prompt_eval_count"], whole["eval_count"]) == (3, 4)

    def test_vectors_come_in_the_order_of_their_texts(self) -> None:
        answer = Answer(embeddings={1: [0.2], 0: [0.1]})
        assert embedded("smollm2", answer, END)["embeddings"] == [[0.1], [0.2]]


class TestModels:
    def test_only_what_can_answer_is_listed_and_has_a_tag(self) -> None:
        models = [info("smollm2"), info("tinyllama", ModelState.ABSENT), info("file:/m/x.gguf")]
        assert [one["name"] for one in tags(models)["models"]] == ["smollm2:latest", "file:/m/x.gguf"]
        assert [one["name"] for one in running("smollm2", models)["models"]] == ["smollm2:latest"]
        assert running(None, models) == {"models": []}
        assert shown(info("smollm2"))["model_info"]["unknown.context_length"] == 2048
