"""The conversation: what is sent, what streams in, what a person may do with an answer."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.gui import (
    Desk,
    accepted,
    budget_view,
    cost_view,
    event,
    job_view,
    machine_view,
    model_view,
    receipt_view,
    share,
)
from tlfif.client.errors import ConnectionLostError, NotPossibleError, RefusedError, ServerFailedError
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.state import Choice, ExchangeStage, Press, StatusKind
from tlfif.gui.presenters.endings import CUT
from tlfif.gui.presenters.receipts import kept_price_words
from tlfif.gui.views.exchange_lines import foot_of
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import JobView
from tlfif.wire.machines import StopMode


def asked(text: str = "Hello", **machine: Any) -> Desk:
    """A desk whose prompt the server has."""
    desk = Desk()
    desk.hear("off")
    desk.core.press(intents.Send(text))
    desk.say(
        messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted(machine=machine_view("off", **machine)))
    )
    return desk


def answered(text: str = "Hi there", prompt: str = "Hello") -> Desk:
    """A desk with one whole answer."""
    desk = asked(prompt)
    finish(desk, text)
    return desk


def finish(desk: Desk, text: str) -> None:
    """Stream ``text`` into the newest exchange and end it well."""
    one = desk.last.id
    desk.say(
        messages.AnswerProgressed(exchange_id=one, event=event(2, EventKind.STARTED, attempt=1)),
        messages.AnswerExtended(exchange_id=one, text=text, seq=3),
        messages.AnswerProgressed(exchange_id=one, event=event(4, EventKind.SUCCEEDED, receipt=receipt_view())),
    )


def say_next(desk: Desk, prompt: str, answer: str) -> None:
    desk.core.press(intents.Send(prompt))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted("job_n")))
    finish(desk, answer)


@pytest.mark.requirement("1.1.2")
@pytest.mark.parametrize(
    ("text", "says"), [("", "empty"), ("  \n", "empty"), ("a\x00b", "control"), ("\ud800", "half")]
)
def test_what_cannot_be_sent_stays_in_the_box_and_says_why(text: str, says: str) -> None:
    desk = Desk()
    desk.core.press(intents.Send(text))
    assert says in desk.core.state.composer.problem
    assert desk.core.state.composer.clear == 0
    assert not desk.bridge.all(commands.Ask)
    desk.core.press(intents.TypePrompt("a"))
    assert desk.core.state.composer.problem == ""


@pytest.mark.requirement("1.3.2")
def test_the_first_prompt_after_a_pause_is_taken_at_once_and_its_wait_is_shown() -> None:
    desk = asked(phase="launch", eta_seconds=12.0)
    assert desk.core.state.composer.clear == 1
    assert desk.last.stage is ExchangeStage.WAITING
    assert "about 12 s" in desk.last.status
    waiting = machine_view("loading", phase="engine_start", eta_seconds=5.0, queued=1)
    desk.say(messages.AnswerDelayed(exchange_id=desk.last.id, machine=waiting))
    assert "loading the model, about 5 s" in desk.last.status
    assert desk.core.state.status_line.kind is StatusKind.LOADING


def test_what_a_model_thinks_is_shown_apart_from_its_answer() -> None:
    desk = asked()
    one = desk.last.id
    thought = event(3, EventKind.DELTA, text="", reasoning="Well.")
    desk.say(messages.AnswerProgressed(exchange_id=one, event=thought))
    assert (desk.last.status, str(desk.last.answer)) == ("Thinking", "")
    finish(desk, "Because.")
    desk.say(messages.AnswerPriced(exchange_id=one, job=job_view(reasoning="Well.\n")))
    assert (str(desk.last.answer), desk.last.reasoning, desk.last.status) == ("Because.", "Well.", "")
    assert ("Thinking, before the answer: Well.\n", ("receipt",)) in foot_of(replace(desk.last, detailed=True))


def test_an_answer_that_was_cut_at_the_length_allowed_says_so() -> None:
    desk = asked()
    one = desk.last.id
    desk.say(messages.AnswerExtended(exchange_id=one, text="It was", seq=3))
    cut = event(4, EventKind.SUCCEEDED, receipt=receipt_view(finish_reason="length"))
    desk.say(messages.AnswerProgressed(exchange_id=one, event=cut))
    assert desk.last.status == CUT
    assert ("status",) in [tags for _, tags in foot_of(desk.last)]


def test_who_answers_instead_of_the_model_wished_for_is_said_under_the_answer() -> None:
    desk = asked()
    tiny, small = model_view("tinyllama", "absent"), model_view("smollm2")
    code = "hub_unreachable"
    for cause in (
        "",
        "there is no connection to hub.example; the background server keeps the proxy that it was started with",
    ):
        chosen = messages.FallbackChosen(exchange_id=desk.last.id, wanted=tiny, fallback=small, code=code, cause=cause)
        desk.say(chosen)
    assert desk.last.marks == ("Tinyllama is not downloaded (no connection). The smaller Smollm2 answers.",)


@pytest.mark.requirement("1.1.2")
def test_a_second_prompt_waits_for_the_end_of_the_first() -> None:
    desk = asked()
    assert not desk.core.state.composer.can_send
    desk.core.press(intents.Send("More"))
    assert "under way" in desk.core.state.composer.problem
    finish(desk, "Done")
    assert desk.core.state.composer.can_send
    assert len(desk.bridge.all(commands.Ask)) == 1


@pytest.mark.requirement("1.1.6")
def test_a_whole_answer_has_latency_speed_receipt_and_two_prices_that_are_not_mixed() -> None:
    desk = answered()
    job = job_view(cost=share(usd=0.0, eur=0.0), simulated_aws=share(final=False, idle_at_most_usd=0.04))
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job))
    one = desk.last
    assert (str(one.answer), one.stage, one.status) == ("Hi there", ExchangeStage.DONE, "")
    assert one.receipt is not None
    assert (one.receipt.latency_seconds, one.receipt.tokens_per_second) == (2.5, 70.0)
    for part in ("SmolLM2", "first word after 2.5 s", "3.0 s in all", "12 tokens at 70/s", "machine started"):
        assert part in one.receipt.line
    nothing, _, aws = one.receipt.cost.partition(" · ")
    assert nothing == "Cost nothing on this computer"
    assert aws == "on AWS it would have cost $0.0004 · 0.0003 €, and up to $0.04 more while the machine idles"


def test_the_price_under_an_answer_is_settled_when_its_machine_has_ended() -> None:
    desk = answered()
    job = job_view(cost=share(usd=0.0, eur=0.0), simulated_aws=share(final=False, idle_at_most_usd=0.04))
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job))
    assert desk.last.receipt is not None
    assert desk.last.receipt.cost.endswith(" more while the machine idles")
    settled = {**job, "job_id": desk.last.job_id, "simulated_aws": share(usd=0.02, eur=0.016)}
    desk.hear("off", cost=cost_view(receipts=[settled]))
    assert desk.last.receipt.cost == "Cost nothing on this computer · on AWS it would have cost $0.02 · 0.016 €"
    same = desk.last
    desk.hear("off", cost=cost_view(receipts=[settled]))
    assert desk.last is same


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (
            job_view(cost=share(usd=0.0), simulated_aws=share(final=False, idle_at_most_usd=0.04)),
            "Cost nothing on this computer · on AWS it would have cost $0.0004 · 0.0003 € without the idle time "
            "after it",
        ),
        (job_view(cost=share(final=False)), "Cost $0.0004 · 0.0003 € without the idle time after it"),
        (job_view(cost=share()), "Cost $0.0004 · 0.0003 €"),
        (job_view(cost=share(usd=0.0, final=False)), ""),
        (job_view(), ""),
    ],
)
def test_what_is_kept_of_a_price_promises_nothing_that_is_over_when_it_is_read(job: JobView, line: str) -> None:
    assert kept_price_words(job) == line


@pytest.mark.requirement("1.4.2")
def test_the_conversation_so_far_and_the_settings_go_along() -> None:
    desk = answered("One.")
    values = replace(desk.core.state.settings.values, system="Be brief.", temperature=0.2, seed=7, model="smollm2")
    desk.core.press(intents.ChangeSettings(values))
    desk.core.press(intents.Send("And two?"))
    sent = desk.bridge.last(commands.Ask)
    assert sent.asking["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "And two?"},
    ]
    assert (sent.asking["temperature"], sent.asking["seed"], sent.asking["model"]) == (0.2, 7, "smollm2")
    assert not any(words in repr(sent) for words in ("Be brief", "And two", "One."))


def test_ten_thousand_deltas_cost_the_same_each_and_a_view_appends_only_what_is_new() -> None:
    desk = asked()
    one, shown, taken = desk.last.id, [], 0
    for seq in range(10_000):
        desk.bridge.say(messages.AnswerExtended(exchange_id=one, text=f"{seq} ", seq=seq + 3))
        desk.core.poll()
        text = desk.last.answer
        shown.append(text.since(taken))
        taken = text.count
    assert "".join(shown) == str(desk.last.answer) == "".join(f"{seq} " for seq in range(10_000))
    assert all(len(piece) <= 6 for piece in shown)


def test_the_last_word_of_a_long_answer_costs_no_more_than_the_first() -> None:
    text, taken, spent = AnswerText(), 0, []
    for _ in range(10):
        started = time.process_time()
        for _ in range(20_000):
            text = text.add("word ")
            assert text.since(taken) == "word "
            taken = text.count
        spent.append(time.process_time() - started)
    assert min(spent[-3:]) < 5 * max(spent[:3])  # copying the text each time makes it many times that


def test_an_answer_that_starts_over_drops_its_text_and_says_so() -> None:
    desk = asked()
    one = desk.last.id
    desk.say(messages.AnswerExtended(exchange_id=one, text="Wrong sta", seq=3))
    before = desk.last.answer
    desk.say(
        messages.AnswerProgressed(
            exchange_id=one, event=event(4, EventKind.RESTARTED, reason="the machine died", attempt=1)
        )
    )
    assert str(desk.last.answer) == ""
    assert desk.last.answer.generation == before.generation + 1
    assert desk.last.marks == ("Started over: the machine died. The text that stood here does not count.",)
    desk.say(messages.AnswerExtended(exchange_id=one, text="Right", seq=6))
    assert str(desk.last.answer) == "Right"


def test_cancel_travels_and_the_words_so_far_stay() -> None:
    desk = asked()
    one = desk.last.id
    desk.say(messages.AnswerExtended(exchange_id=one, text="Half an", seq=3))
    desk.core.press(intents.CancelAnswer(one))
    assert desk.bridge.last(commands.Cancel) == commands.Cancel(exchange_id=one, job_id="job_1")
    assert desk.last.status == "Cancelling…"
    desk.core.press(intents.CancelAnswer(one))
    assert len(desk.bridge.all(commands.Cancel)) == 1
    desk.say(messages.AnswerProgressed(exchange_id=one, event=event(4, EventKind.CANCELLED)))
    assert (desk.last.stage, desk.last.status) == (ExchangeStage.CANCELLED, "You cancelled this answer")
    assert str(desk.last.answer) == "Half an"


@pytest.mark.requirement("1.1.8")
def test_a_cancellation_that_did_not_arrive_is_said() -> None:
    desk = asked()
    desk.core.press(intents.CancelAnswer(desk.last.id))
    desk.say(messages.CommandFailed(command="Cancel", error=ConnectionLostError("It broke.")))
    assert desk.last.can_cancel
    assert "did not arrive" in desk.last.status


@pytest.mark.parametrize(("jobs", "said"), [("cancel", "the machine was stopped"), ("requeue", "Cancelled elsewhere")])
def test_an_answer_that_stop_gpu_ended_says_so(jobs: StopMode, said: str) -> None:
    desk = asked()
    desk.hear("ready", running=1)
    desk.core.press(intents.StopMachineNow(jobs))
    desk.hear("off")
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(3, EventKind.CANCELLED)))
    assert said in desk.last.status


def test_stop_gpu_is_not_blamed_for_what_the_next_machine_loses() -> None:
    desk = asked()
    desk.hear("ready", running=1)
    desk.core.press(intents.StopMachineNow())
    desk.hear("off")
    desk.hear("ready", machine_id="m2", running=1)
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(3, EventKind.CANCELLED)))
    assert "Cancelled elsewhere" in desk.last.status


def test_a_cancellation_by_another_is_not_called_yours() -> None:
    desk = asked()
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(3, EventKind.CANCELLED)))
    assert "Cancelled elsewhere" in desk.last.status


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        (EventKind.FAILED, {"error_code": "attempts_exhausted", "error_message": "Three."}, "attempts_exhausted"),
        (EventKind.FAILED, {}, "job_failed"),
        (EventKind.EXPIRED, {}, "expired"),
    ],
)
def test_an_answer_that_failed_says_why_and_can_be_tried_again_as_a_new_job(
    kind: EventKind, data: dict[str, object], code: str
) -> None:
    desk = asked()
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(3, kind, **data)))
    assert desk.last.problem is not None
    assert desk.last.problem.code == code
    first = desk.bridge.last(commands.Ask)
    desk.core.press(intents.PressButton(Press.RETRY, desk.last.id))
    again = desk.bridge.last(commands.Ask)
    assert again.exchange_id == first.exchange_id
    assert again.key != first.key
    assert len(desk.core.state.conversation.exchanges) == 1


@pytest.mark.requirement("1.3.3")
def test_after_a_lost_submit_the_same_key_is_used_so_that_no_prompt_is_sent_twice() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    first = desk.bridge.last(commands.Ask)
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=ConnectionLostError("Gone."), accepted=False))
    assert desk.core.state.status_line.kind is StatusKind.NOT_CONNECTED
    assert back_in_the_box(desk) == "Hello"
    desk.core.press(intents.Send("Hello"))
    again = desk.bridge.last(commands.Ask)
    assert again is not first
    assert (again.key, again.exchange_id) == (first.key, first.exchange_id)
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=ConnectionLostError("Gone."), accepted=False))
    desk.core.press(intents.Send("Hello, you"))
    other = desk.bridge.last(commands.Ask)
    assert other.exchange_id == first.exchange_id, "it takes the other one's place"
    assert other.key != first.key
    desk.core.press(intents.NewConversation())
    desk.core.press(intents.Send("Hello"))
    assert desk.bridge.last(commands.Ask).exchange_id != first.exchange_id


def back_in_the_box(desk: Desk) -> str:
    """The text that the last refusal put back; it stands nowhere else."""
    composer = desk.core.state.composer
    assert composer.returned
    assert composer.can_send
    assert composer.draft is not None
    assert all(one.prompt != composer.draft.prompt for one in desk.core.state.conversation.exchanges)
    return composer.draft.text


@pytest.mark.requirement("1.3.5")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RefusedError("It has 3000 tokens.", code="prompt_too_long"), "The prompt is too long. It has 3000 tokens."),
        (ServerFailedError("No room left.", code="storage_failed"), "It could not be saved or read. No room left."),
        (NotPossibleError("Wait.", code="queue_full"), "Too many prompts wait. Wait."),
    ],
)
def test_what_is_refused_comes_back_into_the_box_with_its_reason(error: TlfifError, reason: str) -> None:
    desk = answered("First answer")
    desk.core.press(intents.Send("Hello again"))
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    while len(desk.core.state.conversation.exchanges) > 1:  # asked once more with a shorter conversation
        desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    assert back_in_the_box(desk) == "Hello again"
    assert desk.core.state.composer.problem == f"Not sent. {reason}"
    assert Press.RETRY not in desk.core.state.composer.presses
    assert desk.core.state.conversation.left_out == 0, "what was left out for it counts again"
    desk.core.press(intents.TypePrompt("Hell"))
    assert not desk.core.state.composer.problem
    desk.core.press(intents.Send("Hell"))
    assert [one.prompt for one in desk.core.state.conversation.exchanges][1:] == ["Hell"]


@pytest.mark.requirement("1.3.5")
def test_the_reason_goes_with_its_cause_and_the_text_stays() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=ConnectionLostError("Gone."), accepted=False))
    assert desk.core.state.composer.problem
    desk.say(messages.Connected())
    assert not desk.core.state.composer.problem
    assert back_in_the_box(desk) == "Hello"


def test_what_failed_before_and_is_tried_again_stays_where_it_is_and_what_is_hopeless_offers_nothing() -> None:
    desk = asked()
    ended = event(4, EventKind.FAILED, error_code="run_timeout", error_message="Too slow.")
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=ended))
    assert desk.last.can_retry
    desk.core.press(intents.RetryAnswer(desk.last.id))
    long = RefusedError("Long.", code="prompt_too_long")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=long, accepted=False))
    assert desk.last.stage is ExchangeStage.FAILED
    assert not desk.last.can_retry


def test_a_key_that_belongs_to_an_earlier_try_leads_to_its_answer() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    error = RefusedError("Known.", code="idempotency_conflict", details={"job_id": "job_9"})
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    assert desk.bridge.last(commands.Follow) == commands.Follow(exchange_id=desk.last.id, job_id="job_9", after=0)
    assert desk.last.problem is None


def test_an_answer_whose_reader_was_lost_is_followed_from_where_it_was_once_connected() -> None:
    desk = asked()
    one = desk.last.id
    desk.say(messages.AnswerExtended(exchange_id=one, text="Half", seq=7))
    desk.say(messages.AnswerFailed(exchange_id=one, error=ConnectionLostError("Gone."), accepted=True))
    assert desk.last.resumable
    desk.hear("ready")
    assert desk.bridge.last(commands.Follow) == commands.Follow(exchange_id=one, job_id="job_1", after=7)
    assert not desk.last.resumable
    desk.say(messages.AnswerExtended(exchange_id=one, text=" more", seq=8))
    assert str(desk.last.answer) == "Half more"
    assert len(desk.bridge.all(commands.Ask)) == 1


def test_a_locked_budget_stands_under_the_box_with_its_button() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    error = NotPossibleError("Used up (./tlfif budget release).", code="budget_locked", status=409)
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    composer = desk.core.state.composer
    assert composer.problem == "Not sent. The month's budget is used up. Used up."
    desk.core.press(intents.PressButton(composer.presses[0]))
    assert not desk.bridge.all(commands.UnlockBudget)
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.all(commands.UnlockBudget)
    desk.say(messages.BudgetChanged(budget=budget_view()))
    assert not desk.core.state.composer.problem


@pytest.mark.requirement("1.4.6")
def test_another_answer_replaces_the_newest_one_and_is_not_told_of_it() -> None:
    desk = answered("First answer")
    old = desk.last.id
    desk.core.press(intents.Regenerate(old))
    sent = desk.bridge.last(commands.Ask)
    assert sent.instead_of == old
    assert sent.asking["messages"] == [{"role": "user", "content": "Hello"}]
    assert [one.id for one in desk.core.state.conversation.others] == [old]
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted("job_2")))
    finish(desk, "Second answer")
    desk.core.press(intents.Regenerate(old))
    assert len(desk.bridge.all(commands.Ask)) == 2
    desk.core.press(intents.Send("Next"))
    assert "First answer" not in str(desk.bridge.last(commands.Ask).asking)


def test_the_answer_before_counts_again_when_another_one_is_refused() -> None:
    desk = answered("First answer")
    desk.core.press(intents.Regenerate(desk.last.id))
    error = NotPossibleError("Used up.", code="budget_locked")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    assert [str(one.answer) for one in desk.core.state.conversation.exchanges] == ["First answer"]
    composer = desk.core.state.composer
    assert "Used up." in composer.problem
    assert not composer.returned, "its prompt stands there"


@pytest.mark.requirement("1.4.6")
@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_the_answer_before_counts_again_when_another_one_comes_to_nothing(end: str) -> None:
    desk = answered("First answer")
    old = desk.last.id
    desk.core.press(intents.Regenerate(old))
    new = desk.last.id
    desk.say(messages.AnswerAccepted(exchange_id=new, accepted=accepted("job_2")))
    desk.say(messages.AnswerExtended(exchange_id=new, text="Half an", seq=3))
    desk.say(messages.AnswerProgressed(exchange_id=new, event=event(4, EventKind(end))))
    assert [one.id for one in desk.core.state.conversation.exchanges] == [new]
    desk.core.press(intents.RetryAnswer(new))
    assert [one.id for one in desk.core.state.conversation.others] == [old]
    sent = desk.bridge.last(commands.Ask)
    assert (sent.instead_of, sent.asking["messages"]) == (old, [{"role": "user", "content": "Hello"}])
    desk.say(messages.AnswerFailed(exchange_id=new, error=NotPossibleError("No.", code="queue_full"), accepted=False))
    desk.core.press(intents.Send("Next"))
    said = [one["content"] for one in desk.bridge.last(commands.Ask).asking["messages"]]
    assert said == ["Hello", "First answer", "Next"]


def test_a_machine_that_started_for_an_answer_is_named_also_after_the_window_was_closed_meanwhile() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    finish(desk, "Hi")
    assert desk.last.receipt is not None
    assert "machine started" not in desk.last.receipt.line
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job_view(simulated_aws=share(boot_usd=0.0002))))
    assert "machine started for this (2.0 s)" in desk.last.receipt.line
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job_view(simulated_aws=share(boot_usd=0.0))))
    assert "machine started" not in desk.last.receipt.line


@pytest.mark.requirement("1.4.2")
def test_a_conversation_too_long_for_the_model_is_shortened_and_says_so() -> None:
    desk = answered("a" * 400, prompt="p" * 100)
    for number in range(3):
        say_next(desk, f"{number}" * 100, "b" * 400)
    desk.core.press(intents.Send("Last"))
    first = desk.bridge.last(commands.Ask)
    error = RefusedError("Long.", code="prompt_too_long", details={"tokens": 1000, "limit": 700})
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    again = desk.bridge.last(commands.Ask)
    assert len(first.asking["messages"]) == 9
    assert len(again.asking["messages"]) == 5
    assert desk.last.stage is ExchangeStage.SENDING
    assert "the oldest 2 questions and their answers were left out, 2 are kept" in desk.last.marks[-1]
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    finish(desk, "ok")
    desk.core.press(intents.Send("After"))
    assert len(desk.bridge.last(commands.Ask).asking["messages"]) == 7


def test_a_conversation_that_the_engine_finds_too_long_is_asked_again_shorter_as_a_new_job() -> None:
    desk = answered("a" * 400, prompt="p" * 100)
    for number in range(3):
        say_next(desk, f"{number}" * 100, "b" * 400)
    desk.core.press(intents.Send("Last"))
    first = desk.bridge.last(commands.Ask)
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job_view()))
    error = RefusedError("Long.", code="prompt_too_long")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    again = desk.bridge.last(commands.Ask)
    assert again.exchange_id == first.exchange_id
    assert again.key != first.key
    assert len(again.asking["messages"]) == 5
    assert (desk.last.stage, desk.last.job_id, desk.last.receipt) == (ExchangeStage.SENDING, None, None)
    assert "the oldest 2 questions and their answers were left out, 2 are kept" in desk.last.marks[-1]


def test_a_prompt_that_the_engine_finds_too_long_by_itself_comes_back_and_is_another_job_next_time() -> None:
    desk = asked()
    first = desk.bridge.last(commands.Ask)
    error = RefusedError("Long.", code="prompt_too_long")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    assert back_in_the_box(desk) == first.prompt
    assert len(desk.bridge.all(commands.Ask)) == 1
    desk.core.press(intents.Send(first.prompt))
    assert desk.bridge.last(commands.Ask).key != first.key


def test_answers_under_way_go_on_when_another_conversation_is_begun() -> None:
    desk = asked()
    one = desk.last.id
    desk.core.press(intents.NewConversation())
    assert desk.core.state.conversation.exchanges == ()
    assert desk.core.state.composer.can_send
    desk.say(messages.AnswerExtended(exchange_id=one, text="Still", seq=3))
    assert str(desk.core.state.elsewhere[0].answer) == "Still"
    desk.say(messages.AnswerProgressed(exchange_id=one, event=event(4, EventKind.SUCCEEDED)))
    assert desk.core.state.elsewhere == ()


@given(st.lists(st.text(max_size=5), max_size=30), st.integers(min_value=0, max_value=30))
def test_growing_texts_share_without_disturbing_each_other(pieces: list[str], fork: int) -> None:
    texts = [AnswerText()]
    for piece in pieces:
        texts.append(texts[-1].add(piece))
    branch = texts[min(fork, len(texts) - 1)]
    prefix = str(branch)
    assert str(branch.add("x").add("y")) == prefix + "xy"
    assert [str(text) for text in texts] == ["".join(pieces[:count]) for count in range(len(pieces) + 1)]
    whole = texts[-1]
    assert all(str(text) + whole.since(text.count) == str(whole) for text in texts)
    settled = whole.settled()
    assert settled == whole
    assert all(str(text) + settled.since(text.count) == str(whole) for text in texts)
    assert str(settled.add("z")) == str(whole) + "z"
    assert str(whole.start_over()) == ""
    assert whole.start_over() != AnswerText()
