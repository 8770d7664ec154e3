"""A conversation: remembered, trimmed aloud, and not ended by a fault."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fakes.desk import FakeClient, FakeDesk, events
from tlfif.cli.arguments import AnswerOptions
from tlfif.cli.chat import COMMANDS, Conversation, Exchange, Talk, trimmed_note
from tlfif.client.conversation_window import MAX_EXCHANGES
from tlfif.client.errors import NotReachableError, RefusedError
from tlfif.jobs.events import EventKind
from tlfif.wire.jobs import Asking, FollowUpdate


def answered(text: str) -> list[FollowUpdate]:
    return events(text, EventKind.SUCCEEDED)


def talk_with(client: FakeClient, desk: FakeDesk, *, at_terminal: bool = False) -> Talk:
    return Talk(client, "smollm2", AnswerOptions(system="Be kind."), desk.console, at_terminal)


def lines(*given: str) -> Callable[[], str]:
    source: Iterator[str] = iter(given)

    def read() -> str:
        try:
            return next(source)
        except StopIteration:
            raise EOFError from None

    return read


def loop(talk: Talk, *given: str) -> int:
    with asyncio.Runner() as runner:
        return talk.loop(runner.run, lines(*given))


def sent(asking: Asking) -> list[str]:
    return [m["content"] for m in asking["messages"]]


def test_what_was_said_is_sent_again() -> None:
    client, desk = FakeClient(answered("Ann."), answered("Ann!")), FakeDesk()
    assert loop(talk_with(client, desk), "I am Ann.", "", "Who am I?") == 0
    assert sent(client.asked[1]) == ["Be kind.", "I am Ann.", "Ann.", "Who am I?"]
    assert desk.out.getvalue() == "Ann.\nAnn!\n"


def test_commands() -> None:
    client, desk = FakeClient(answered("A"), answered("B")), FakeDesk()
    assert loop(talk_with(client, desk), "one", "/new", "/nonsense", "/help", "two", "/quit", "three") == 0
    assert [sent(asking) for asking in client.asked] == [["Be kind.", "one"], ["Be kind.", "two"]]
    assert "There is no command /nonsense" in desk.said
    assert desk.said.splitlines()[-1] == COMMANDS
    assert "/help" in COMMANDS


class ContextLimit:
    """Refuses like the server: characters stand for tokens."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, asking: Asking) -> None:
        tokens = sum(len(text) for text in sent(asking))
        if tokens > self.limit:
            details = {"tokens": tokens, "limit": self.limit}
            raise RefusedError("Too long.", code="prompt_too_long", status=422, details=details)


def test_a_conversation_over_the_limit_is_trimmed_and_it_is_said() -> None:
    client, desk = FakeClient(*[answered("a" * 20) for _ in range(5)]), FakeDesk()
    client.on_infer = ContextLimit(100)
    talk = talk_with(client, desk)
    assert loop(talk, *[f"{n}" + "q" * 19 for n in range(5)]) == 0
    assert len(client.asked) == 5
    assert sent(client.asked[-1])[0] == "Be kind."
    assert sent(client.asked[-1])[-1].startswith("4")
    assert not any(text.startswith("0") for text in sent(client.asked[-1]))
    assert desk.said.count("too long for the model") == 3
    assert "the oldest question and its answer were left out, 1 is kept" in desk.said


REFUSED = events((EventKind.FAILED, {"error_code": "prompt_too_long", "error_message": "It has 2041 tokens."}))


def test_a_conversation_that_the_engine_finds_too_long_is_trimmed_too() -> None:
    client, desk = FakeClient(*[answered("a" * 20) for _ in range(4)], REFUSED, answered("Yes.")), FakeDesk()
    assert loop(talk_with(client, desk), *[f"{n}" + "q" * 19 for n in range(5)]) == 0
    asked = client.asked
    assert len(asked) == 6
    assert len(sent(asked[4])) == 10
    assert sent(asked[5]) == ["Be kind.", *sent(asked[4])[5:]]
    assert "the oldest 2 questions and their answers were left out, 2 are kept" in desk.said
    assert "[prompt_too_long]" not in desk.said


def test_a_single_question_that_the_engine_finds_too_long_is_told_and_the_talk_goes_on() -> None:
    client, desk = FakeClient(REFUSED, answered("Yes.")), FakeDesk()
    assert loop(talk_with(client, desk), "q" * 50, "Short?") == 3
    assert "It has 2041 tokens. [prompt_too_long]" in desk.said
    assert sent(client.asked[1]) == ["Be kind.", "Short?"]


def test_a_single_question_over_the_limit_is_refused_and_the_talk_goes_on() -> None:
    client, desk = FakeClient(answered("Yes.")), FakeDesk()
    client.on_infer = ContextLimit(30)
    assert loop(talk_with(client, desk), "q" * 50, "Short?") == 2
    assert "Too long. [prompt_too_long]" in desk.said
    assert sent(client.asked[0]) == ["Be kind.", "Short?"]


def test_bad_text_is_told_and_not_sent() -> None:
    client, desk = FakeClient(), FakeDesk()
    assert loop(talk_with(client, desk), "a\x00b") == 2
    assert "[prompt_not_text]" in desk.said
    assert client.asked == []


def test_in_a_pipe_an_unreachable_server_ends_the_talk() -> None:
    client, desk = FakeClient(), FakeDesk()
    calls: list[Any] = []

    def gone(asking: Asking) -> None:
        calls.append(asking)
        raise NotReachableError("Gone.")

    client.on_infer = gone
    assert loop(talk_with(client, desk), "one", "two") == 5
    assert len(calls) == 1


def test_at_a_terminal_a_fault_ends_nothing() -> None:
    client, desk = FakeClient(events(EventKind.FAILED), answered("Yes.")), FakeDesk()
    assert loop(talk_with(client, desk, at_terminal=True), "one", "two") == 0
    assert sent(client.asked[1]) == ["Be kind.", "two"]


class CutTalk(Talk):
    """A talk in which Ctrl-C comes during some questions, as ``say`` reports it."""

    async def ask(self, question: str) -> int:
        return {"cut": 130, "fail": 3}.get(question, 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("cut", "/quit"), 0),
        (("cut", "fine"), 0),
        (("cut",), 130),
        (("fail", "cut", "/quit"), 3),
        (("fail", "fine"), 3),
    ],
)
def test_an_interrupted_answer_is_no_failure_of_the_talk(given: tuple[str, ...], code: int) -> None:
    client, desk = FakeClient(), FakeDesk()
    talk = CutTalk(client, "smollm2", AnswerOptions(), desk.console, False)
    assert loop(talk, *given) == code
    assert loop(CutTalk(client, "smollm2", AnswerOptions(), desk.console, True), *given) == 0


async def test_an_interrupted_answer_is_remembered_as_far_as_it_went() -> None:
    client, desk = FakeClient(events("Once upon")), FakeDesk()
    client.hang = True
    talk = talk_with(client, desk)
    task = asyncio.create_task(talk.ask("A story"))
    await client.hanging.wait()
    task.cancel()
    assert await task == 130
    assert talk.conversation.messages("Go on")[1]["content"] == "Once upon"


def test_very_many_exchanges_stay_under_the_servers_limit() -> None:
    client, desk = FakeClient(answered("x")), FakeDesk()
    talk = talk_with(client, desk)
    talk.conversation = Conversation([Exchange(question="q", answer="a") for _ in range(200)])
    loop(talk, "Next?")
    assert len(client.asked[0]["messages"]) <= 256
    assert len(talk.conversation.exchanges) == MAX_EXCHANGES + 1
    assert "80 questions" in desk.said


def test_the_note_counts() -> None:
    assert "2 questions and their answers were left out, none is left" in trimmed_note(2, left=0)
    assert Conversation().trim(-5) == 0
