"""One prompt at the desk: streaming, starting over, interruption, a reader that leaves."""

import asyncio
import errno
import json
from typing import Any

import pytest

from tests.fakes.desk import FakeClient, FakeDesk, Terminal, events, machine_news
from tests.fakes.money import NOTHING, SHARE
from tlfif.cli.answering import STARTED_OVER, answer_prompt, with_cost
from tlfif.cli.arguments import AnswerOptions
from tlfif.cli.ask import _report, as_object, asking_for, failure_of
from tlfif.cli.output.console import Console, OutputLostError
from tlfif.client.errors import ConnectionLostError
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import InvalidInputError, StorageError
from tlfif.wire.jobs import Asking, JobView

ASKING: Asking = {"messages": [{"role": "user", "content": "Why?"}], "model": "smollm2"}
RECEIPT: dict[str, object] = {
    "model": "smollm2", "model_sha256": "b1", "image": None, "instance_type": None, "engine": "llama",
    "machine_id": "m", "attempt": 1, "prompt_tokens": 1,
    "completion_tokens": 2, "finish_reason": "stop", "queue_seconds": 1.0, "first_token_seconds": 1.0,
    "total_seconds": 2.0, "tokens_per_second": 2.0,
}  # fmt: skip
DONE: tuple[EventKind, dict[str, object]] = (EventKind.SUCCEEDED, {"receipt": RECEIPT})


async def test_pieces_are_printed_as_they_come_and_the_line_is_ended() -> None:
    desk = FakeDesk()
    client = FakeClient(events(EventKind.QUEUED, EventKind.STARTED, "Be", "cause.", DONE))
    answer = await answer_prompt(client, ASKING, desk.console)
    assert desk.out.getvalue() == "Because.\n"
    assert (answer.status, answer.text, answer.model) == ("succeeded", "Because.", "smollm2")
    assert await _report(client, answer, desk.console, as_json=False) == 0
    assert desk.said.startswith("— SmolLM2-135M-Instruct · ")


async def test_what_keeps_the_server_from_the_machine_is_told_once_while_the_prompt_waits() -> None:
    desk = FakeDesk()
    fault = {"code": "storage_failed", "message": "The disk is full. Free some space."}
    news = machine_news(state="launching", eta_seconds=0.0, fault=fault)
    await answer_prompt(FakeClient([news, news, *events("Because.", DONE)]), ASKING, desk.console)
    assert desk.said.count("The disk is full. Free some space. TL-FIF tries again by itself. —") == 1


@pytest.mark.parametrize("terminal", [True, False])
async def test_thinking_is_no_part_of_what_is_printed(terminal: bool) -> None:
    desk = FakeDesk(terminal=terminal)
    thoughts = [(EventKind.DELTA, {"text": "", "reasoning": "Well, now. "}) for _ in range(2)]
    answer = await answer_prompt(FakeClient(events(*thoughts, "Because.", DONE)), ASKING, desk.console)
    assert "Well" not in desk.out.getvalue()
    assert ("Thinking (4 words so far)" in desk.said) is terminal
    assert (answer.text, answer.reasoning) == ("Because.", "Well, now. Well, now. ")


async def test_an_answer_that_starts_over_is_announced_and_counts_once() -> None:
    desk = FakeDesk()
    restart: tuple[EventKind, dict[str, object]] = (EventKind.RESTARTED, {"reason": "the worker was lost"})
    client = FakeClient(events("Bec", restart, "Because.", DONE))
    answer = await answer_prompt(client, ASKING, desk.console)
    assert desk.out.getvalue() == "Bec\n--- started over ---\nBecause.\n"
    assert desk.out.getvalue().partition(f"\n{STARTED_OVER}\n")[2] == answer.text + "\n"
    assert "— started over: the worker was lost —" in desk.said
    assert answer.text == "Because."


async def test_on_a_terminal_starting_over_is_told_on_standard_error_alone() -> None:
    out, err = Terminal(), Terminal()
    restart: tuple[EventKind, dict[str, object]] = (EventKind.RESTARTED, {"reason": "the worker was lost"})
    await answer_prompt(FakeClient(events("Bec", restart, "Because.", DONE)), ASKING, Console(out, err))
    assert out.getvalue() == "Bec\nBecause.\n"
    assert "started over: the worker was lost" in err.getvalue()


async def test_json_has_no_line_between_attempts() -> None:
    desk = FakeDesk()
    restart: tuple[EventKind, dict[str, object]] = (EventKind.RESTARTED, {"reason": "x"})
    answer = await answer_prompt(FakeClient(events("Bec", restart, "Because.", DONE)), ASKING, desk.console, show=False)
    assert (desk.out.getvalue(), answer.text) == ("", "Because.")


async def test_a_prompt_that_is_held_back_says_so_once_in_a_pipe_too() -> None:
    held = machine_news(state="off", held=True)
    desk = FakeDesk()
    await answer_prompt(FakeClient([held, held, *events("Hi", DONE)]), ASKING, desk.console)
    assert desk.said == "Kept, because the machine was stopped. To go on: ./tlfif machine start\n"
    desk = FakeDesk(terminal=True)
    await answer_prompt(FakeClient([held, held, *events("Hi", DONE)]), ASKING, desk.console)
    assert desk.said.count("./tlfif machine start") == 1


async def test_what_was_announced_comes_with_an_answer_only() -> None:
    desk = FakeDesk()
    desk.console.announce("The small model answers.")
    await answer_prompt(FakeClient(events("Hi", DONE)), ASKING, desk.console)
    desk.console.line("more")
    assert desk.said == "The small model answers.\n"
    desk = FakeDesk()
    desk.console.announce("The small model answers.")
    desk.console.error(InvalidInputError("Too long.", code="prompt_too_long"))
    desk.console.line("later")
    assert desk.said == "tlfif: Too long. [prompt_too_long]\n"


async def test_starting_over_before_the_first_word_is_nobodys_business() -> None:
    desk = FakeDesk()
    restart: tuple[EventKind, dict[str, object]] = (EventKind.RESTARTED, {"reason": "x"})
    await answer_prompt(FakeClient(events(restart, "Because.", DONE)), ASKING, desk.console)
    assert desk.said == ""


async def test_waiting_is_shown_on_a_terminal_only() -> None:
    news = [machine_news(state="loading", phase="engine_start", eta_seconds=2.0), *events("Hi", DONE)]
    for terminal in (True, False):
        desk = FakeDesk(terminal=terminal)
        await answer_prompt(FakeClient(news), ASKING, desk.console)
        assert ("The machine is loading the model, about 2 s left" in desk.said) is terminal


async def interrupted(client: FakeClient, desk: FakeDesk) -> Any:
    task = asyncio.create_task(answer_prompt(client, ASKING, desk.console))
    await client.hanging.wait()
    task.cancel()
    return await task


async def test_an_interruption_cancels_the_job_and_keeps_what_was_said() -> None:
    desk, client = FakeDesk(), FakeClient(events("Once upon"))
    client.hang = True
    answer = await interrupted(client, desk)
    assert client.cancelled == ["job_1"]
    assert (answer.interrupted, answer.status, answer.text) == (True, "cancelled", "Once upon")
    assert await _report(client, answer, desk.console, as_json=False) == 130
    assert desk.said.endswith("You cancelled this answer.\n")


async def test_an_interruption_while_submitting_cancels_what_was_stored() -> None:
    client = FakeClient([])
    gate = asyncio.Event()
    infer = client.infer

    async def slow(asking: Asking, *, key: str | None = None) -> Any:
        await gate.wait()
        return await infer(asking, key=key)

    client.infer = slow
    task = asyncio.create_task(answer_prompt(client, ASKING, FakeDesk().console))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    answer = await task
    assert client.cancelled == ["job_1"]
    assert (answer.interrupted, answer.job_id, answer.status) == (True, "job_1", "cancelled")


async def test_a_reader_that_leaves_cancels_the_job() -> None:
    desk, client = FakeDesk(), FakeClient(events("Once", " upon", DONE))

    def broken(text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    desk.out.write = broken
    with pytest.raises(OutputLostError) as caught:
        await answer_prompt(client, ASKING, desk.console)
    assert caught.value.reader_left
    assert client.cancelled == ["job_1"]


@pytest.mark.parametrize(
    ("end", "code", "exit_code"),
    [
        ((EventKind.FAILED, {"error_code": "engine_gone", "error_message": "It died."}), "engine_gone", 3),
        ((EventKind.FAILED, {"error_code": "machine_broken", "error_message": "No start."}), "machine_broken", 4),
        ((EventKind.EXPIRED, {"error_code": "expired", "error_message": "Too late."}), "expired", 3),
        ((EventKind.CANCELLED, {}), "cancelled", 3),
    ],
)
async def test_other_ends_are_told(end: tuple[EventKind, dict[str, object]], code: str, exit_code: int) -> None:
    desk, client = FakeDesk(), FakeClient(events("Half", end))
    answer = await answer_prompt(client, ASKING, desk.console)
    assert await _report(client, answer, desk.console, as_json=False) == exit_code
    assert desk.said.startswith("tlfif: ")
    assert f"[{code}]" in desk.said
    assert desk.out.getvalue() == "Half\n"


@pytest.mark.requirement("1.6.2")
@pytest.mark.parametrize("failed", [False, True])
async def test_json_is_one_object_and_nothing_else(failed: bool) -> None:
    end = (EventKind.FAILED, {"error_code": "engine_gone", "error_message": "It died."}) if failed else DONE
    desk, client = FakeDesk(), FakeClient(events("Grüße\n", end))
    answer = await answer_prompt(client, ASKING, desk.console, show=False)
    assert await _report(client, answer, desk.console, as_json=True) == (3 if failed else 0)
    found = json.loads(desk.out.getvalue())
    keys = {"job_id", "status", "answer", "reasoning", "model", "machine", "receipt"}
    assert set(found) == (keys | {"error"} if failed else keys)
    assert found["answer"] == "Grüße\n"
    assert found["machine"]["state"] == "off"
    assert "Grüße" in desk.out.getvalue()
    assert desk.said == ""


class PricedClient(FakeClient):
    """Knows what its jobs cost, or fails when asked for them."""

    fault: Exception | None = None

    async def job(self, job_id: str) -> JobView:
        if self.fault is not None:
            raise self.fault
        return {"job_id": job_id, "status": "succeeded", "cost": NOTHING, "simulated_aws": SHARE, "as_if_aws": SHARE}


async def test_the_receipt_has_what_the_answer_cost() -> None:
    desk, client = FakeDesk(), PricedClient(events("Yes.", DONE), events("Yes.", DONE))
    answer = await answer_prompt(client, ASKING, desk.console)
    assert await _report(client, answer, desk.console, as_json=False) == 0
    assert desk.said.endswith(" · costs nothing (on AWS so far $0.083)\n")
    assert desk.said.count("\n") == 1
    desk = FakeDesk()
    await _report(client, await answer_prompt(client, ASKING, desk.console, show=False), desk.console, as_json=True)
    receipt = json.loads(desk.out.getvalue())["receipt"]
    assert receipt == {**RECEIPT, "cost": NOTHING, "simulated_aws": SHARE, "as_if_aws": SHARE}


@pytest.mark.parametrize(
    "fault", [ConnectionLostError("Gone."), TimeoutError(), StorageError("Full."), OSError(5, "x")]
)
async def test_a_cost_that_cannot_be_learnt_fails_no_answer(fault: Exception) -> None:
    desk, client = FakeDesk(), PricedClient(events("Yes.", DONE))
    client.fault = fault
    answer = await answer_prompt(client, ASKING, desk.console)
    assert await _report(client, answer, desk.console, as_json=False) == 0
    assert desk.said.endswith(" · costs nothing: this computer\n")
    found: Any = await as_object(client, await with_cost(client, answer))
    assert found["receipt"] == {**RECEIPT, "cost": None, "simulated_aws": None, "as_if_aws": None}


async def test_an_interruption_while_the_cost_is_asked_for_leaves_the_answer() -> None:
    desk, client = FakeDesk(), PricedClient(events("Yes.", DONE))
    answer = await answer_prompt(client, ASKING, desk.console)
    asked, never = asyncio.Event(), asyncio.Event()

    async def hang(job_id: str) -> JobView:
        asked.set()
        await never.wait()
        raise AssertionError("cancelled before")

    client.job = hang
    task = asyncio.create_task(_report(client, answer, desk.console, as_json=False))
    await asked.wait()
    task.cancel()
    assert await task == 0
    assert desk.said.startswith("— SmolLM2")


async def test_an_end_without_a_reason_still_says_something() -> None:
    answer = await answer_prompt(FakeClient(events(EventKind.FAILED)), ASKING, FakeDesk().console)
    failure = failure_of(answer)
    assert failure is not None
    assert "did not say why" in failure.message


def test_the_system_prompt_comes_first() -> None:
    asking = asking_for([{"role": "user", "content": "Why?"}], "smollm2", AnswerOptions(system="Be kind.", seed=1))
    assert [m["role"] for m in asking["messages"]] == ["system", "user"]
    assert (asking["model"], asking["seed"], asking["max_tokens"]) == ("smollm2", 1, None)
