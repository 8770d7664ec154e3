"""The bridge: real threads and a real loop over a client that plays back a script; and once over the real API."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from tests.fakes.bridge import Window, an_ask, closed, deltas, opened_windows, until
from tests.fakes.gui import FakeWindowClient, Script, event, machine_view, model_view, receipt_view
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.errors import ConnectionLostError, NotPossibleError, NotReachableError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge.bridge import Bridge
from tlfif.gui.bridge.image_acts import act_on_images
from tlfif.gui.bridge.message_queue import CAPACITY, MessageQueue
from tlfif.gui.bridge.watching import cost_seconds, images_seconds, machine_seconds
from tlfif.gui.core import WindowCore
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.state import ExchangeStage, Link, Press, StatusKind
from tlfif.history.history import History
from tlfif.jobs.events import EventKind
from tlfif.jobs.jobs import JobStatus, Outcome, Receipt


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Callable[..., Window]]:
    yield from opened_windows(tmp_path)


def test_an_answer_comes_whole_is_priced_and_kept(windows: Callable[..., Window]) -> None:
    end = event(9, EventKind.SUCCEEDED, receipt=receipt_view())
    window = windows(Script([*deltas("Hi", " ", "there"), end]))
    window.wait_for(messages.Connected)
    window.bridge.send(an_ask())
    priced = window.wait_for(messages.AnswerPriced)
    assert priced.job["answer"] == "whole"
    assert window.wait_for(messages.AnswerAccepted).accepted["job_id"] == "job_1"
    assert "".join(item.text for item in window.all(messages.AnswerExtended)) == "Hi there"
    assert window.client.asked[0][0] == "key-x1"
    kinds = [type(item) for item in window.heard if getattr(item, "exchange_id", None) == "x1"]
    assert kinds[0] is messages.AnswerAccepted
    assert kinds[-2:] == [messages.AnswerProgressed, messages.AnswerPriced]
    kept = closed(window)
    assert (kept[0].answer, kept[0].status) == ("whole", "succeeded")
    assert "SmolLM2" in kept[0].receipt


def test_thoughts_come_as_progress_and_are_no_text_of_the_answer(windows: Callable[..., Window]) -> None:
    thoughts = [event(seq, EventKind.DELTA, text="", reasoning="Hm. ") for seq in (2, 3)]
    window = windows(Script([*thoughts, *deltas("Hi", first=4), event(9, EventKind.SUCCEEDED)]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    assert [item.text for item in window.all(messages.AnswerExtended)] == ["Hi"]
    assert [item.event.seq for item in window.all(messages.AnswerProgressed)] == [2, 3, 9]


def test_a_prompt_that_the_engine_finds_too_long_is_kept_as_failed_and_told_as_a_refusal(
    windows: Callable[..., Window],
) -> None:
    data = {"error_code": "prompt_too_long", "error_message": "It has 2041 tokens."}
    window = windows(Script([event(2, EventKind.STARTED), event(3, EventKind.FAILED, **data)]))
    window.bridge.send(an_ask())
    failed = window.wait_for(messages.AnswerFailed)
    assert (failed.error.code, failed.error.message, failed.accepted) == (*data.values(), False)
    kinds = [type(item) for item in window.heard if getattr(item, "exchange_id", None) == "x1"]
    assert kinds[-2:] == [messages.AnswerPriced, messages.AnswerFailed]
    kept = closed(window)
    assert (kept[0].status, kept[0].note) == ("failed", "It has 2041 tokens.")


def test_ten_thousand_deltas_pass_without_one_being_lost_and_in_few_pieces(windows: Callable[..., Window]) -> None:
    texts = [f"{number} " for number in range(10_000)]
    window = windows(Script([*deltas(*texts), event(10_002, EventKind.SUCCEEDED)]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    found = window.all(messages.AnswerExtended)
    assert "".join(item.text for item in found) == "".join(texts)
    assert found[-1].seq == 10_001
    assert len(found) < 1_000


def test_the_machine_is_looked_at_once_it_answers(windows: Callable[..., Window]) -> None:
    window = windows(Script([event(2, EventKind.STARTED), *deltas("Hi", first=3)], hang=True))
    window.bridge.send(commands.Watch(running=False, visible=False, remote=True))  # the next look is two minutes away
    window.wait_for(messages.CostUpdated)  # both have been looked at
    window.watching.machine_now = machine_view("ready")
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerExtended)

    def seen() -> bool:
        window.heard += window.bridge.poll(100)
        return window.all(messages.MachineUpdated)[-1].machine["state"] == "ready"

    until(seen, "it is seen to be ready")


def test_a_window_that_does_not_read_stops_the_reading_not_the_answering(windows: Callable[..., Window]) -> None:
    produced: list[int] = []

    def script() -> Iterator[Any]:
        for number in range(200):
            produced.append(number)
            yield event(number + 2, EventKind.DELTA, text="x" * 8192)
        yield event(300, EventKind.SUCCEEDED)

    window = windows(Script(script()))
    window.bridge.send(an_ask())
    until(lambda: len(produced) >= 32, "it reads until the box is full")
    threading.Event().wait(0.05)
    assert len(produced) < 40
    window.wait_for(messages.AnswerPriced)
    assert sum(len(item.text) for item in window.all(messages.AnswerExtended)) == 200 * 8192


@pytest.mark.requirement("1.1.8")
def test_cancelling_before_the_server_named_the_job_cancels_it_as_soon_as_it_does(
    windows: Callable[..., Window],
) -> None:
    client = FakeWindowClient(Script([event(2, EventKind.CANCELLED)]))
    window = windows(client=client)
    window.wait_for(messages.Connected)
    client.on_ask = lambda: window.bridge._accept(commands.Cancel(exchange_id="x1", job_id=None))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    assert client.cancelled == ["job_1"]


def test_cancelling_while_a_model_is_fetched_sends_nothing(windows: Callable[..., Window]) -> None:
    client = FakeWindowClient()
    client.catalogue = [model_view("tinyllama", "absent"), model_view("smollm2")]
    window = windows(client=client)
    window.wait_for(messages.Connected)
    window.bridge.send(an_ask(model=None))
    window.bridge.send(commands.Cancel(exchange_id="x1", job_id=None))
    window.wait_for(messages.AnswerDropped)
    assert client.asked == []


def test_without_a_choice_the_default_model_is_fetched_and_the_small_one_stands_in(
    windows: Callable[..., Window],
) -> None:
    client = FakeWindowClient(Script([event(2, EventKind.SUCCEEDED)]))
    client.catalogue = [model_view("tinyllama", "corrupt"), model_view("smollm2", "absent")]
    window = windows(client=client)
    window.bridge.send(an_ask(model=None))
    window.wait_for(messages.AnswerPriced)
    assert client.done == ["pull smollm2"]
    assert client.asked[0][1]["model"] == "smollm2"
    assert window.all(messages.FallbackChosen)[0].code == "model_corrupt"
    assert window.all(messages.AnswerModelUpdated)


def test_a_default_that_its_source_does_not_hand_out_is_stood_in_for_and_why_is_said(
    windows: Callable[..., Window],
) -> None:
    client = FakeWindowClient(Script([event(2, EventKind.SUCCEEDED)]))
    client.catalogue = [model_view("tinyllama", "absent"), model_view("smollm2")]
    client.pull_errors["tinyllama"] = NotPossibleError(
        "No way.", code="hub_unreachable", status=409, details={"why": "HTTPS_PROXY is no proxy"}
    )
    window = windows(client=client)
    window.bridge.send(an_ask(model=None))
    chosen = window.wait_for(messages.FallbackChosen)
    assert (chosen.code, chosen.cause) == ("hub_unreachable", "HTTPS_PROXY is no proxy")
    window.wait_for(messages.AnswerPriced)
    assert client.asked[0][1]["model"] == "smollm2"


def test_a_default_that_can_be_fetched_answers_itself(windows: Callable[..., Window]) -> None:
    client = FakeWindowClient(Script([event(2, EventKind.SUCCEEDED)]))
    client.catalogue = [model_view("tinyllama", "absent"), model_view("smollm2")]
    window = windows(client=client)
    window.bridge.send(an_ask(model=None))
    window.wait_for(messages.AnswerPriced)
    assert client.asked[0][1]["model"] == "tinyllama"
    assert not window.all(messages.FallbackChosen)


def test_a_refusal_names_its_cause_and_is_not_kept_as_running(windows: Callable[..., Window]) -> None:
    refusal = NotPossibleError("Used up.", code="budget_locked", status=409)
    window = windows(Script([refusal]))
    window.bridge.send(an_ask())
    failed = window.wait_for(messages.AnswerFailed)
    assert (failed.error.code, failed.accepted) == ("budget_locked", False)
    window.bridge.close()
    history = History(window.folder / "history.db")
    assert history.unfinished() == []
    history.close()


def test_a_broken_connection_is_told_try_by_try(windows: Callable[..., Window]) -> None:
    window = windows(Script([*deltas("Half"), ConnectionLostError("It broke.")]))
    window.bridge.send(an_ask())
    failed = window.wait_for(messages.AnswerFailed)
    assert failed.accepted
    assert failed.error.code == "connection_lost"
    window.bridge._loop.call_soon_threadsafe(lambda: window.bridge._spawn(window.client.sleep(0.1)))
    assert window.wait_for(messages.RetryStarted).attempt == 1


def test_other_commands_are_done_and_their_failures_named(windows: Callable[..., Window]) -> None:
    window = windows()
    window.wait_for(messages.Connected)
    window.bridge.send(commands.StopMachine(jobs="requeue"))
    assert window.wait_for(messages.MachineStopped).result["was_running"]
    window.bridge.send(commands.SetIdleTimeout(minutes=2.5))
    assert window.wait_for(messages.IdleTimeoutSet).machine["idle_timeout_minutes"] == 2.5
    window.bridge.send(commands.PullModel(name="smollm2"))
    until(lambda: window.wait_for(messages.ModelUpdated).model["name"], "the fetch")
    assert window.client.done == ["stop requeue", "idle 2.5", "pull smollm2"]


def test_looking_goes_on_while_the_server_is_gone_and_starts_nothing(windows: Callable[..., Window]) -> None:
    client = FakeWindowClient()
    client.machine_error = NotReachableError("There is none.", code="server_start_failed")
    window = windows(client=client)
    assert window.wait_for(messages.ConnectionFailed).error.code == "server_start_failed"
    assert window.wait_for(messages.MachineUpdated).machine["state"] == "off"
    assert window.wait_for(messages.CostUpdated)


def test_a_mistake_in_the_background_becomes_news(windows: Callable[..., Window]) -> None:
    client = FakeWindowClient()
    client.catalogue = []
    window = windows(client=client)
    window.bridge.send(an_ask(model=None))
    assert "IndexError" in window.wait_for(messages.BridgeFailed).text


def test_a_command_sent_before_the_loop_runs_is_done(tmp_path: Path) -> None:
    window = Window(FakeWindowClient(Script([event(2, EventKind.SUCCEEDED)])), tmp_path)
    window.bridge.send(an_ask())
    window.bridge.send(commands.Watch(running=False, visible=True))
    window.bridge.start()
    window.wait_for(messages.AnswerPriced)
    assert not window.all(messages.BridgeFailed)
    window.bridge.close()


def test_a_mistake_outside_of_any_task_becomes_news_too(windows: Callable[..., Window]) -> None:
    window = windows()
    window.bridge._call(lambda: [][0])
    assert "IndexError" in window.wait_for(messages.BridgeFailed).text


def test_closing_twice_and_sending_after_the_end_do_nothing(windows: Callable[..., Window]) -> None:
    window = windows()
    window.bridge.close()
    window.bridge.send(commands.ReadModels())
    window.bridge.close()


def test_looking_is_seldom_at_rest_and_seldomer_unseen() -> None:
    busy, rest = commands.Watch(running=True, visible=True), commands.Watch(running=False, visible=True)
    unseen = commands.Watch(running=False, visible=False)
    assert (machine_seconds(busy), cost_seconds(busy)) == (1.0, 2.0)
    assert machine_seconds(busy) < machine_seconds(rest) < machine_seconds(unseen)
    assert cost_seconds(busy) < cost_seconds(rest) < cost_seconds(unseen)


@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("running", [True, False])
def test_looks_that_aws_counts_are_fewer(running: bool, visible: bool) -> None:
    local, remote = (commands.Watch(running=running, visible=visible, remote=away) for away in (False, True))
    assert machine_seconds(local) < machine_seconds(remote)
    assert cost_seconds(local) < cost_seconds(remote)
    for images in (True, False):
        here, there = structs.replace(local, images=images), structs.replace(remote, images=images)
        assert images_seconds(here) < images_seconds(there)


def test_a_home_that_makes_no_images_is_told_and_everything_else_goes_on(windows: Callable[..., Window]) -> None:
    client = FakeWindowClient()
    client.images_error = NotPossibleError("It makes none.", code="images_not_here")
    window = windows(client=client)
    window.watching.images_error = client.images_error
    window.bridge.send(commands.Watch(running=False, visible=True, images=True))
    assert window.wait_for(messages.ImagesMissing).error.code == "images_not_here"
    window.wait_for(messages.MachineUpdated, 2)


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (commands.BuildImage(repository="/r", branch="b"), ("build_image", (), ("/r", "b", None))),
        (
            commands.FollowRepository(repository="/r", branch=None, promotes=True),
            ("follow_repository", ("/r",), (None, True)),
        ),
        (commands.LeaveRepository(), ("leave_repository", (), ())),
        *(
            (commands.DecideOnImage(version="v2", decision=decision, profile="bundle"), call)
            for decision, call in (
                (ImageDecision.APPROVE, ("decide_on_image", ("v2", "approve"), ())),
                (ImageDecision.REJECT, ("decide_on_image", ("v2", "reject"), ())),
                (ImageDecision.PROMOTE, ("promote_image", ("v2",), ())),
                (ImageDecision.ROLL_BACK, ("roll_back_image", (), ("bundle",))),
            )
        ),
    ],
)
async def test_what_is_decided_about_images_reaches_the_server(command: Any, call: object) -> None:
    seen: list[object] = []

    class Client:
        def __getattr__(self, name: str) -> Any:
            async def method(*given: object, **named: object) -> None:
                seen.append((name, given, tuple(named.values())))

            return method

    await act_on_images(cast(TlfifClient, Client()), command)
    assert seen == [call]


def test_the_box_keeps_the_order_of_each_answer_and_the_newest_of_the_rest() -> None:
    box = MessageQueue()
    box.put(messages.AnswerExtended(exchange_id="a", text="1", seq=1))
    box.put(messages.MachineUpdated(machine=machine_view("off")))
    box.put(messages.AnswerExtended(exchange_id="b", text="x", seq=1))
    box.put(messages.AnswerExtended(exchange_id="a", text="2", seq=2))
    box.put(messages.AnswerProgressed(exchange_id="a", event=event(3, EventKind.RESTARTED)))
    box.put(messages.AnswerExtended(exchange_id="a", text="3", seq=4))
    box.put(messages.MachineUpdated(machine=machine_view("ready")))
    taken = box.take(100)
    shape = [(type(item).__name__, getattr(item, "text", "")) for item in taken]
    assert shape == [
        ("AnswerExtended", "12"), ("MachineUpdated", ""), ("AnswerExtended", "x"), ("AnswerProgressed", ""),
        ("AnswerExtended", "3"),
    ]  # fmt: skip
    assert isinstance(taken[1], messages.MachineUpdated)
    assert taken[1].machine["state"] == "ready"
    assert box.take(1) == []


def test_a_full_box_says_so_drops_nothing_and_tells_when_there_is_room() -> None:
    told: list[bool] = []
    box = MessageQueue(on_space=lambda: told.append(True))
    fits = [
        box.put(messages.AnswerProgressed(exchange_id="a", event=event(n, EventKind.STARTED)))
        for n in range(CAPACITY + 5)
    ]
    assert fits.index(False) == CAPACITY - 1
    assert len(box.take(5)) == 5
    assert told == []
    assert len(box.take(CAPACITY)) == CAPACITY
    assert told == [True]
    assert box.put(messages.Connected())


def test_over_the_real_api_a_prompt_is_answered_and_the_machine_stopped(tmp_path: Path) -> None:
    server = ApiServer(build_container(tmp_path))
    server.start()

    def connect(sleep: Any) -> TlfifClient:
        return TlfifClient(FixedEndpoint(endpoint=Endpoint(base_url=server.url, token=TOKEN)), sleep=sleep)

    bridge = Bridge(
        connect=connect, watch=connect, history_path=tmp_path / "h.db", preferences_path=tmp_path / "w.json"
    )
    core = WindowCore(bridge)
    bridge.start()

    def wait(what: str, found: Callable[[], object]) -> None:
        until(lambda: (core.poll(), found())[1], f"{what}: {core.state}")

    try:
        wait("connected", lambda: core.state.connection.link is Link.CONNECTED and core.state.cost.simulated)
        assert core.state.status_line.kind is StatusKind.OFF
        values = replace(core.state.settings.values, model=READY_MODEL)
        core.press(intents.ChangeSettings(values))
        core.press(intents.Send("Tell me"))
        wait("accepted", lambda: core.state.conversation.exchanges[-1].job_id)
        claimed = server.claim()
        server.append(claimed, 3, "Once ")
        wait("streaming", lambda: str(core.state.conversation.exchanges[-1].answer) == "Once ")
        outcome = Outcome(status=JobStatus.SUCCEEDED, receipt=Receipt(model=READY_MODEL, first_token_seconds=0.5))
        server.finish(claimed, 4, outcome, "upon a time.")
        wait("priced", lambda: core.state.conversation.exchanges[-1].stage is ExchangeStage.DONE)
        one = core.state.conversation.exchanges[-1]
        assert str(one.answer) == "Once upon a time."
        assert one.receipt is not None
        assert "first word after 0.50 s" in one.receipt.line
        wait("listed", lambda: core.state.history.found and core.state.history.found[0].title == "Tell me")
        core.press(intents.PressButton(Press.START_MACHINE))
        wait("started", lambda: core.state.machine.stop.enabled)
        core.press(intents.TypeIdleMinutes("7"))
        core.press(intents.ApplyIdleMinutes())
        wait("idle time-out", lambda: core.state.machine.idle.in_force == 7.0)
        core.press(intents.StopMachineNow())
        wait("stop taken", lambda: core.state.machine.stopped_text)
        core.press(intents.TypeBudget("0.05"))
        core.press(intents.ApplyBudget(practice=True))
        wait("budget", lambda: core.state.cost.budget.limit_eur == 0.05)
        core.press(intents.Send("\x00"))
        assert core.state.composer.problem
    finally:
        core.close()
        server.stop()
