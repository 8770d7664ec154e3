"""OpenAI's responses, asked with its own client, unchanged; and as bytes what only a log of numbered events can do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tests.functional.scripted_answers import ScriptedAnswers
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.home_answers import HomeAnswers
from tlfif.dialects.starting_over import MARK
from tlfif.jobs.jobs import FinishReason, JobStatus, Outcome, Receipt

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
RECEIPT = Receipt(model=READY_MODEL, prompt_tokens=3, completion_tokens=2, finish_reason=FinishReason.STOP)
DONE = Outcome(status=JobStatus.SUCCEEDED, receipt=RECEIPT)


class City(BaseModel):
    """What a program wants to know."""

    city: str


@pytest.fixture(scope="module")
def client(scripted: ApiServer) -> Iterator[Any]:
    """The client of a server whose model answers at once. It must never need its retries."""
    import openai

    with openai.OpenAI(base_url=f"{scripted.url}/v1", api_key=TOKEN, max_retries=0, timeout=10) as found:
        yield found


@pytest.fixture
def live(api: ApiServer) -> Iterator[Any]:
    """The client of a server whose worker is the test."""
    import openai

    api.empty_queue()
    with openai.OpenAI(base_url=f"{api.url}/v1", api_key=TOKEN, max_retries=0, timeout=10) as found:
        yield found


def submissions(server: ApiServer) -> list[Any]:
    """What arrived, oldest first."""
    assert isinstance(server.answers, ScriptedAnswers)
    return server.answers.asked


class TestWithTheClient:
    def test_a_text(self, client: Any) -> None:
        answer = client.responses.create(input="Hello", model=READY_MODEL, instructions="Be short", metadata={"a": "b"})
        assert (answer.output_text, answer.status, answer.model) == ("Hi there", "completed", READY_MODEL)
        assert (answer.instructions, answer.metadata) == ("Be short", {"a": "b"})
        assert answer.usage is not None
        assert answer.usage.total_tokens == 5

    def test_one_is_kept_read_again_and_forgotten(self, client: Any) -> None:
        import openai

        made = client.responses.create(input=[{"role": "user", "content": "Hello"}])
        again = client.responses.retrieve(made.id)
        assert again.model_dump() == made.model_dump()
        (item,) = client.responses.input_items.list(made.id).data
        assert item.model_dump()["content"][0]["text"] == "Hello"
        client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)

    def test_a_conversation_goes_on(self, client: Any, scripted: ApiServer) -> None:
        first = client.responses.create(input="Hello", instructions="Be short")
        second = client.responses.create(input="And now?", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        turns = [(message.role, message.content) for message in submissions(scripted)[-1].messages]
        assert turns == [("user", "Hello"), ("assistant", "Hi there"), ("user", "And now?")]

    def test_a_stream(self, client: Any) -> None:
        with client.responses.stream(model=READY_MODEL, input="Hello") as stream:
            events = list(stream)
            final = stream.get_final_response()
        again = list(client.responses.retrieve(final.id, stream=True))
        assert [(event.type, event.sequence_number) for event in again] == [
            (event.type, event.sequence_number) for event in events
        ]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        texts = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert ("".join(texts), final.output_text) == ("Hi there", "Hi there")

    def test_what_it_cost_and_where_it_was_answered(self, client: Any) -> None:
        made: Any = client.responses.create(model=READY_MODEL, input="Hello")
        read: Any = client.responses.retrieve(made.id)
        assert made.tlfif == read.tlfif
        assert (made.tlfif["place"], made.tlfif["cost"]["usd"]) == ("the test", 0.0)

    def test_a_form_is_parsed(self, client: Any) -> None:
        answer = client.responses.parse(model=READY_MODEL, input="Where?", text_format=City)
        assert answer.output_parsed == City(city="Graz")

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_function_is_called_and_answered(self, client: Any, scripted: ApiServer, stream: bool) -> None:
        body: Any = {"model": READY_MODEL, "input": "Rain?", "tools": [WEATHER], "tool_choice": "required"}
        if stream:
            with client.responses.stream(**body) as streaming:
                answer: Any = streaming.get_final_response()
        else:
            answer = client.responses.create(**body)
        (call,) = answer.output
        assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Graz"})
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "wet"}
        told = client.responses.create(input=[{"role": "user", "content": "Rain?"}, call.model_dump(), result])
        assert told.output_text == "Hi there"
        assert [message.role for message in submissions(scripted)[-1].messages] == ["user", "assistant", "tool"]

    @pytest.mark.parametrize("more", [{}, {"tools": [WEATHER], "tool_choice": "required"}])
    def test_one_that_is_cut_short_is_incomplete(self, client: Any, more: Any) -> None:
        answer = client.responses.create(input="Hello", max_output_tokens=1, **more)
        assert answer.status == "incomplete"
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == "max_output_tokens"

    def test_what_is_refused_says_which_field(self, client: Any) -> None:
        import openai

        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(input="Hello", tools=[{"type": "web_search"}])
        assert (refused.value.param, refused.value.code) == ("tools[0].type", "unsupported_value")
        with pytest.raises(openai.NotFoundError):
            client.responses.create(input="Hello", previous_response_id="job_of_nobody")


class TestLive:
    @pytest.mark.requirement("2.4.2")
    def test_in_the_background_it_is_read_later_from_where_a_reader_left(self, live: Any, api: ApiServer) -> None:
        made = live.responses.create(input="Hello", background=True, model=READY_MODEL)
        assert made.status == "queued"
        worker = api.claim()
        api.append(worker, 3, "Hi ")
        assert live.responses.retrieve(made.id).output_text == "Hi "
        api.append(worker, 4, "there")
        api.finish(worker, 5, DONE)
        whole = list(live.responses.retrieve(made.id, stream=True))
        rest = list(live.responses.retrieve(made.id, stream=True, starting_after=5))
        assert [event.type for event in whole[:3]] == ["response.created", "response.queued", "response.in_progress"]
        assert [event.model_dump() for event in rest] == [event.model_dump() for event in whole[6:]]
        assert live.responses.retrieve(made.id).output_text == "Hi there"

    def test_a_stream_in_the_background_goes_on_when_its_reader_leaves(self, live: Any, api: ApiServer) -> None:
        stream = live.responses.create(input="Hello", background=True, stream=True, model=READY_MODEL)
        first: Any = next(iter(stream))
        stream.close()
        worker = api.claim()
        api.finish(worker, 3, DONE, text="Hi")
        rest = list(live.responses.retrieve(first.response.id, stream=True, starting_after=first.sequence_number))
        assert (rest[0].type, rest[-1].type) == ("response.queued", "response.completed")

    def test_cancel_ends_it(self, live: Any, api: ApiServer) -> None:
        made = live.responses.create(input="Hello", background=True, model=READY_MODEL)
        assert live.responses.cancel(made.id).status == "cancelled"
        assert live.responses.retrieve(made.id).status == "cancelled"
        assert live.responses.cancel(made.id).status == "cancelled"

    def test_one_that_is_being_made_is_neither_deleted_nor_gone_on_from(self, live: Any, api: ApiServer) -> None:
        import openai

        made = live.responses.create(input="Hello", background=True, model=READY_MODEL)
        with pytest.raises(openai.BadRequestError):
            live.responses.delete(made.id)
        with pytest.raises(openai.BadRequestError) as refused:
            live.responses.create(input="And now?", previous_response_id=made.id)
        assert refused.value.param == "previous_response_id"

    def test_a_failed_one_says_why_in_the_stream_and_later(self, live: Any, api: ApiServer) -> None:
        made = live.responses.create(input="Hello", background=True, model=READY_MODEL)
        failed = Outcome(status=JobStatus.FAILED, error_code="attempts_exhausted", error_message="Given up.")
        api.finish(api.claim(), 3, failed)
        last: Any = list(live.responses.retrieve(made.id, stream=True))[-1]
        assert (last.type, last.response.error.message) == ("response.failed", "Given up.")
        assert live.responses.retrieve(made.id).status == "failed"

    @pytest.mark.requirement("2.4.2")
    def test_one_that_starts_over_reads_the_same_for_each_reader(self, live: Any, api: ApiServer) -> None:
        made = live.responses.create(input="Hello", background=True, model=READY_MODEL, temperature=1)
        worker = api.claim()
        api.append(worker, 3, "Hel")
        now = api.container.clock.now()
        api.run(api.container.jobs.release(worker.lease, reason="lost", count_attempt=True, now=now))
        again = api.claim()
        api.append(again, 6, "Good ")
        api.finish(again, 7, DONE, text="day")
        events: list[Any] = list(live.responses.retrieve(made.id, stream=True))
        texts = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert texts == ["Hel", MARK, "Good ", "day"]
        assert events[-1].response.output_text == live.responses.retrieve(made.id).output_text == "Good day"
        assert [event.sequence_number for event in events] == list(range(len(events)))


def test_at_another_home_it_is_kept_gone_on_from_and_followed_as_here(
    api: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import openai

    api.empty_queue()
    there = HomeAnswers(FixedEndpoint(endpoint=Endpoint(base_url=api.url, token=TOKEN, streams=False, stays=True)))
    here = ApiServer(build_container(tmp_path_factory.mktemp("here")), answers=there)
    here.start()
    try:
        with openai.OpenAI(base_url=f"{here.url}/v1", api_key=TOKEN, max_retries=0, timeout=10) as client:
            body: Any = {"model": READY_MODEL, "metadata": {"a": "b"}, "instructions": "Be short"}
            made = client.responses.create(input="Hello", background=True, **body)
            worker = api.claim()
            api.append(worker, 3, "Hi ")
            assert client.responses.retrieve(made.id).output_text == "Hi "
            api.finish(worker, 4, DONE, text="there")
            whole = list(client.responses.retrieve(made.id, stream=True))
            rest = list(client.responses.retrieve(made.id, stream=True, starting_after=4))
            assert [event.model_dump() for event in rest] == [event.model_dump() for event in whole[5:]]
            found = client.responses.retrieve(made.id)
            assert (found.output_text, found.metadata, found.instructions) == ("Hi there", {"a": "b"}, "Be short")
            client.responses.create(input="And now?", previous_response_id=made.id, background=True)
            turns = [message.content for message in api.claim().job.request.messages]
            assert turns == ["Hello", "Hi there", "And now?"]
            client.responses.delete(made.id)
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(made.id)
    finally:
        here.run(there.close())
        here.stop()
