"""Stop machine, the idle time-out, money, settings, closing, messages: what is pressed and what then stands there."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.desk import a_personal_model
from tests.fakes.gui import Desk, accepted, billed_view, budget_view, cost_view, machine_view, model_view
from tlfif.client.errors import NotPossibleError, RefusedError, ServerFailedError
from tlfif.client.profile import AWS
from tlfif.gui.bridge.watching import cost_seconds
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.cost_panel import BilledPanel
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.model_choices import model_choices
from tlfif.gui.model.state import Choice, Closing, Link, Press, StatusKind
from tlfif.gui.presenters.cost_figures import basis_of
from tlfif.wording.figures import day


def stop_result(**changes: object) -> messages.MachineStopped:
    base = {"was_running": True, "cancelled": [], "requeued": [], "machine": machine_view("stopping")}
    return messages.MachineStopped(result={**base, **changes})


# Stop machine


@pytest.mark.requirement("1.1.11")
@pytest.mark.parametrize(
    ("kind", "name"), [(None, "Stop machine"), ("c7i.xlarge", "Stop machine"), ("g4dn.xlarge", "Stop GPU")]
)
def test_the_button_is_called_after_what_it_stops(kind: str | None, name: str) -> None:
    desk = Desk()
    desk.hear("ready", instance_type=kind, idle_seconds_left=60.0)
    assert desk.core.state.machine.stop.label == name
    assert f"{name} ends it now." in desk.core.state.status_line.advice


def test_stop_is_pending_until_the_end_is_confirmed() -> None:
    desk = Desk()
    assert not desk.core.state.machine.stop.enabled
    desk.hear("ready", running=1)
    button = desk.core.state.machine.stop
    assert (button.label, button.enabled) == ("Stop machine", True)
    assert "answer under way is cancelled" in button.hint
    desk.core.press(intents.StopMachineNow())
    assert desk.bridge.last(commands.StopMachine).jobs == "cancel"
    assert desk.core.state.machine.stop.label == "Stopping…"
    desk.say(stop_result(cancelled=["job_1"]))
    assert "1 prompt cancelled; what was written so far stays here" in desk.core.state.machine.stopped_text
    desk.hear("stopping")
    assert desk.core.state.machine.stop.pending
    assert desk.core.state.status_line.kind is StatusKind.STOPPING
    desk.hear("off")
    assert not desk.core.state.machine.stop.pending
    assert desk.core.state.machine.start_enabled


def test_a_new_machine_is_not_taken_for_the_one_that_was_stopped() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.StopMachineNow("requeue"))
    desk.say(stop_result(requeued=["a", "b"]))
    assert "2 prompts kept" in desk.core.state.machine.stopped_text
    desk.hear("launching", machine_id="m2")
    assert desk.core.state.machine.stop.enabled
    assert desk.core.state.machine.stopped_text == "", "that was said of the one before"


@pytest.mark.requirement("1.1.3")
def test_a_stop_that_did_not_arrive_is_said_and_can_be_pressed_again() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.StopMachineNow())
    desk.say(messages.CommandFailed(command="StopMachine", error=ServerFailedError("No.", code="internal_error")))
    assert desk.core.state.machine.stop.enabled
    assert desk.core.state.notices[0].problem.code == "internal_error"
    desk.core.press(intents.DismissNotice("internal_error"))
    assert desk.core.state.notices == ()


@pytest.mark.requirement("1.5.3")
def test_the_log_has_each_change_with_its_reason_newest_first() -> None:
    desk = Desk()
    desk.hear("off")
    desk.hear("launching", reason="started for 1 waiting prompt")
    desk.hear("launching", reason="started for 1 waiting prompt")
    desk.clock.advance(5)
    desk.hear("ready")
    texts = [line.text for line in desk.core.state.machine.log]
    assert texts == ["Machine ready", "Machine started: for 1 waiting prompt"]
    assert desk.core.state.machine.log[0].at == desk.clock.now()


def test_the_past_is_read_when_its_tab_comes_to_the_front_and_when_the_machine_changes_there() -> None:
    desk = Desk()
    desk.hear("off")
    assert not desk.bridge.all(commands.ReadPastMachines)
    desk.core.press(intents.PressButton(Press.OPEN_MACHINE))
    assert desk.core.state.tab == "machine"
    desk.hear("launching")
    desk.hear("launching")
    assert len(desk.bridge.all(commands.ReadPastMachines)) == 2
    desk.say(messages.PastMachinesListed(machines=()))
    desk.say(messages.CommandFailed(command="ReadPastMachines", error=ServerFailedError("No.", code="internal_error")))
    assert [notice.problem.code for notice in desk.core.state.notices] == ["internal_error"]


def test_a_notice_tries_again_what_failed_and_goes_when_that_has_succeeded() -> None:
    desk = Desk()
    desk.hear("off")
    full = ServerFailedError("No room.", code="storage_failed")
    again = commands.Export(conversation_id="c1", path=Path("a.md"))
    desk.say(messages.CommandFailed(command="Export", error=full, again=again))
    desk.say(messages.CommandFailed(command="ReadPastMachines", error=ServerFailedError("No.", code="internal_error")))
    offered = [notice.problem.presses for notice in desk.core.state.notices]
    assert offered == [(Press.RETRY,), ()], "where nothing is known to be tried again no button says so"
    desk.core.press(intents.PressButton(Press.RETRY, notice="storage_failed"))
    assert desk.bridge.last(commands.Export) is again
    desk.say(messages.CommandFailed(command="Export", error=full, again=again))
    desk.say(messages.CommandDone(command="Export"))
    assert [notice.problem.code for notice in desk.core.state.notices] == ["internal_error"]


def test_the_notice_of_a_history_that_cannot_be_kept_goes_when_it_can() -> None:
    desk = Desk()
    desk.say(messages.HistoryProblemFound(message="The disk is full.", available=False))
    assert not desk.core.state.history.available
    desk.say(messages.HistoryKept())
    assert desk.core.state.history.available
    assert desk.core.state.notices == ()
    assert desk.bridge.all(commands.ListConversations)


# The idle time-out


@pytest.mark.requirement("1.1.4")
@pytest.mark.parametrize("text", ["", "0", "-1", "abc", "241", "inf", "nan", "0.05", "1e400", "5 min"])
def test_a_time_out_that_cannot_be_is_named_and_not_sent(text: str) -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.TypeIdleMinutes(text))
    desk.core.press(intents.ApplyIdleMinutes())
    entry = desk.core.state.machine.idle
    assert "0.1 to 240" in entry.problem
    assert entry.text == text
    assert not desk.bridge.all(commands.SetIdleTimeout)


def test_a_new_time_out_is_sent_once_and_shown_as_saved_when_it_holds() -> None:
    desk = Desk()
    desk.hear("ready")
    assert (desk.core.state.machine.idle.text, desk.core.state.machine.idle.in_force) == ("5", 5.0)
    assert "0.1 to 240 minutes" in desk.core.state.machine.idle.range_text
    desk.core.press(intents.TypeIdleMinutes(" 2,5 "))
    desk.hear("ready")
    assert desk.core.state.machine.idle.text == " 2,5 "
    desk.core.press(intents.ApplyIdleMinutes())
    assert desk.bridge.last(commands.SetIdleTimeout).minutes == 2.5
    assert desk.core.state.machine.idle.saving
    desk.say(messages.IdleTimeoutSet(machine=machine_view(idle_timeout_minutes=2.5)))
    entry = desk.core.state.machine.idle
    assert (entry.text, entry.in_force, entry.saving, entry.editing) == ("2.5", 2.5, False, False)
    desk.core.press(intents.TypeIdleMinutes("2.5"))
    desk.core.press(intents.ApplyIdleMinutes())
    assert len(desk.bridge.all(commands.SetIdleTimeout)) == 1


def test_what_was_typed_on_while_a_time_out_was_saved_is_not_taken_away() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.TypeIdleMinutes("3"))
    desk.core.press(intents.ApplyIdleMinutes())
    desk.core.press(intents.TypeIdleMinutes("30"))
    desk.say(messages.IdleTimeoutSet(machine=machine_view(idle_timeout_minutes=3.0)))
    entry = desk.core.state.machine.idle
    assert (entry.text, entry.in_force, entry.editing) == ("30", 3.0, True)


def test_the_servers_refusal_stands_beside_the_field() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.TypeIdleMinutes("9"))
    desk.core.press(intents.ApplyIdleMinutes())
    desk.say(messages.CommandFailed(command="SetIdleTimeout", error=RefusedError("Not so.", code="wrong_type")))
    assert desk.core.state.machine.idle.problem == "Not so."


# Money


@pytest.mark.requirement("1.1.5")
def test_two_figures_run_side_by_side_and_are_never_mixed() -> None:
    desk = Desk()
    desk.hear("ready", cost=cost_view(hourly=3.6))
    desk.pass_time(5.0)
    cost = desk.core.state.cost
    assert cost.real is not None
    assert cost.simulated is not None
    assert cost.real.usd == 0.0
    assert cost.real.text == "Costs nothing: it runs on this computer"
    assert cost.simulated.usd == pytest.approx(1.005)
    assert cost.simulated.text == "On AWS this would have cost this month: $1.00 · 0.80 €"
    assert cost.billed_text.startswith("AWS bills nothing")
    assert cost.budget.left_eur == pytest.approx(19.1)


@pytest.mark.requirement("1.5.1")
def test_a_running_figure_never_goes_back_while_something_runs() -> None:
    """The first minute is paid in full from its beginning, so the next report may have no more than the last one."""
    desk = Desk()
    desk.hear("ready", cost=cost_view(hourly=3.6))
    desk.pass_time(5.0)
    desk.say(messages.CostUpdated(cost=cost_view(hourly=3.6)))
    assert desk.core.state.cost.simulated is not None
    assert desk.core.state.cost.simulated.usd == pytest.approx(1.005)
    desk.say(messages.CostUpdated(cost=cost_view()))
    assert desk.core.state.cost.simulated.usd == pytest.approx(1.0), "what is over is as the report says"


@pytest.mark.requirement("1.1.5")
def test_what_aws_bills_is_a_third_figure_that_does_not_run() -> None:
    desk = Desk()
    desk.hear("ready", cost=cost_view(here=False, hourly=3.6))
    desk.pass_time(5.0)
    billed = desk.core.state.cost.billed
    assert billed == BilledPanel(
        title="Billed by AWS up to 26 November 2026",
        value="$1,234.50 · 987.60 €",
        note="The whole AWS account in November 2026.",
    )
    sentence = "It has no right. Deploy again (./tlfif deploy). Again tomorrow."
    none = billed_view(state="failed", usd=None, eur=None, title="Billed by AWS", sentence=sentence)
    desk.say(messages.CostUpdated(cost=cost_view(here=False, billed=none)))
    assert desk.core.state.cost.billed == BilledPanel(
        title="Billed by AWS", value="No figure yet", note="It has no right. Deploy again. Again tomorrow."
    )
    old = cost_view(here=False)
    del old["billed"]  # type: ignore[misc]  # what a home sends that was deployed earlier
    for report in (old, cost_view()):
        desk.say(messages.CostUpdated(cost=report))
        assert desk.core.state.cost.billed is None


@pytest.mark.requirement("6.2.1")
def test_half_and_four_fifths_of_the_limit_are_said_once_each_and_taken_back_with_it() -> None:
    def told(state: str) -> list[tuple[str, str]]:
        budget = budget_view(state=state, spent_eur=10.5)
        desk.say(messages.CostUpdated(cost=cost_view(here=False, budget=budget)))
        return [(one.problem.title, one.problem.message) for one in desk.core.state.notices]

    desk = Desk()
    desk.hear("ready", cost=cost_view(here=False))
    assert told("open") == []
    left = "$11.88 · 9.50 € of 20.00 € left this month."
    assert told("warn_50") == [("More than half of this month's budget is gone", left)]
    desk.core.press(intents.DismissNotice(desk.core.state.notices[0].problem.code))
    assert told("warn_50") == [], "once"
    assert told("warn_80") == [("More than four fifths of this month's budget are gone", left)]
    desk.say(messages.BudgetChanged(budget=budget_view(limit_eur=100.0)))
    assert desk.core.state.notices == ()


def test_on_aws_the_running_estimate_moves_and_eats_the_budget_until_the_next_report() -> None:
    desk = Desk()
    desk.hear("ready", cost=cost_view(here=False, hourly=3.6))
    desk.pass_time(10.0)
    cost = desk.core.state.cost
    assert cost.simulated is None
    assert cost.real is not None
    assert cost.real.usd == pytest.approx(1.01)
    assert cost.real.name == "Running estimate"
    assert cost.budget.left_eur == pytest.approx(19.1 - 0.01 / 1.25)
    assert not cost.stale
    between = cost_seconds(commands.Watch(running=True, visible=True, remote=True))
    desk.pass_time(2.5 * between - 10.0)
    assert not desk.core.state.cost.stale, "a report that is late, or lost once, is no reason to warn"
    desk.pass_time(between)
    assert desk.core.state.cost.stale
    assert "No report for 30 seconds." in basis_of(desk.core.state.cost)
    desk.say(messages.CostUpdated(cost=cost_view(here=False, hourly=3.6, month_to_date_usd=1.05)))
    assert desk.core.state.cost.real is not None
    assert desk.core.state.cost.real.usd == pytest.approx(1.05)
    assert not desk.core.state.cost.stale


def test_a_practice_is_held_against_the_other_figure_and_named() -> None:
    desk = Desk()
    desk.hear("ready", cost=cost_view(hourly=3.6, budget=budget_view(simulated_aws=True)))
    desk.pass_time(10.0)
    budget = desk.core.state.cost.budget
    assert budget.left_eur == pytest.approx(19.1 - 0.01 / 1.25)
    assert budget.left_text.startswith("Practice mode: ")


def test_days_are_written_as_a_person_says_them() -> None:
    desk = Desk()
    desk.hear("off", cost=cost_view(month="November 2026", since="2026-11-01T00:00:00+00:00"))
    assert "Metered since 1 November 2026; without VAT." in desk.core.state.cost.formula_text
    assert "on 20 November 2026, checked" in desk.core.state.cost.exchange_text
    assert day("some time ago") == "some time ago"


def test_no_limit_is_not_a_limit_of_zero() -> None:
    desk = Desk()
    desk.hear("off", cost=cost_view(budget=budget_view(limit_eur=None, free_eur=None, state="none")))
    budget = desk.core.state.cost.budget
    assert (budget.fraction, budget.left_eur, budget.left_text) == (None, None, "No monthly limit is set")


@pytest.mark.parametrize("text", ["0", "-5", "abc", "$20.00", "1,000", "inf"])
def test_a_limit_that_is_none_is_named_and_not_sent(text: str) -> None:
    desk = Desk()
    desk.core.press(intents.TypeBudget(text))
    desk.core.press(intents.ApplyBudget(practice=False))
    assert desk.core.state.cost.budget.entry_problem
    assert not desk.bridge.all(commands.SetBudget)


def test_a_blank_limit_does_not_take_the_limit_away_its_own_button_does() -> None:
    desk = Desk()
    desk.core.press(intents.ApplyBudget(practice=False))
    assert "No limit" in desk.core.state.cost.budget.entry_problem
    assert not desk.bridge.all(commands.SetBudget)
    desk.core.press(intents.RemoveBudget())
    assert desk.core.state.dialog is not None
    assert not desk.bridge.all(commands.SetBudget)


@pytest.mark.requirement("1.5.2")
@pytest.mark.parametrize(
    ("here", "said"),
    [
        (False, "AWS may then charge without a limit from TL-FIF."),
        (True, "answers cost nothing, with a limit or without"),
    ],
)
def test_no_limit_asks_names_what_follows_and_is_taken_back_within_a_minute(here: bool, said: str) -> None:
    desk = Desk()
    if not here:
        desk.say(messages.HomeUpdated(home=HomeView(active=AWS, aws_place="AWS eu-central-1", who="a"), moved=True))
    desk.hear("off", cost=cost_view(here=here))
    desk.core.press(intents.RemoveBudget())
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert said in dialog.text
    assert "The limit is 20.00 € a month now." in dialog.text
    assert dialog.choices[0][0] is Choice.KEEP
    desk.core.press(intents.AnswerDialog(Choice.KEEP))
    assert not desk.bridge.all(commands.SetBudget)
    desk.core.press(intents.RemoveBudget())
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.last(commands.SetBudget) == commands.SetBudget(limit=None, simulated_aws=False)
    desk.say(messages.BudgetChanged(budget=budget_view(limit_eur=None, free_eur=None, state="none")))
    (notice,) = desk.core.state.notices
    assert (notice.good, notice.problem.presses) == (True, (Press.UNDO_BUDGET,))
    assert f"{notice.problem.title}. {notice.problem.message}" == "There is no limit now. Before: 20.00 € a month."
    desk.pass_time(59)
    assert desk.core.state.cost.budget.left_text == "No monthly limit is set"
    desk.core.press(intents.PressButton(Press.UNDO_BUDGET))
    assert desk.bridge.last(commands.SetBudget) == commands.SetBudget(limit="20.0", simulated_aws=False)
    desk.say(messages.BudgetChanged(budget=budget_view()))
    assert not desk.core.state.notices


def test_a_release_says_how_much_more_and_undo_is_there_for_a_minute() -> None:
    desk = Desk()
    desk.hear("off", cost=cost_view(here=False, budget=budget_view(state="locked", spent_eur=20.0)))
    desk.core.press(intents.PressButton(Press.RELEASE_BUDGET))
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert "until 25.00 € are spent, about 5.00 € more than now. Next month the limit is 20.00 €" in dialog.text
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.all(commands.UnlockBudget)
    desk.say(messages.BudgetChanged(budget=budget_view(spent_eur=20.0, extra_eur=5.0)))
    assert desk.core.state.notices[0].problem.title == "The budget is released until 25.00 € are spent"
    desk.pass_time(61)
    assert not desk.core.state.notices
    desk.core.press(intents.PressButton(Press.UNDO_BUDGET))
    assert not desk.bridge.all(commands.SetBudget)


def test_a_new_limit_goes_out_as_typed_and_the_field_is_empty_when_it_holds() -> None:
    desk = Desk()
    desk.hear("off", cost=cost_view())
    desk.core.press(intents.TypeBudget(" 0.05 €"))
    desk.core.press(intents.ApplyBudget(practice=True))
    assert desk.bridge.last(commands.SetBudget) == commands.SetBudget(limit="0.05", simulated_aws=True)
    assert desk.core.state.cost.budget.saving
    desk.say(messages.BudgetChanged(budget=budget_view(limit_eur=0.05, simulated_aws=True, state="locked")))
    budget = desk.core.state.cost.budget
    assert (budget.entry, budget.saving, budget.locked, budget.sentence) == ("", False, True, "All well.")


def test_the_cost_tab_asks_the_adviser_when_it_comes_to_the_front() -> None:
    desk = Desk()
    desk.core.press(intents.ShowTab("cost"))
    assert desk.core.state.tab == "cost"
    assert desk.bridge.all(commands.ReadAdvice)


# Settings and messages


def test_settings_that_can_be_are_kept_and_the_others_are_named() -> None:
    desk = Desk()
    values = replace(desk.core.state.settings.values, temperature=3.0, font_size=14, seed=-1)
    desk.core.press(intents.ChangeSettings(values))
    panel = desk.core.state.settings
    assert (panel.values.font_size, panel.values.temperature, panel.values.seed) == (14, None, None)
    assert {name for name, _ in panel.problems} == {"temperature", "seed"}
    assert desk.bridge.last(commands.KeepPreferences).preferences == panel.values


def test_a_fetch_is_shown_and_one_that_broke_off_says_how_to_go_on() -> None:
    desk = Desk()
    desk.say(messages.ModelsListed(models=(model_view("tinyllama", "absent"),)))
    desk.core.press(intents.FetchModel("tinyllama"))
    assert desk.bridge.last(commands.PullModel).name == "tinyllama"
    desk.say(messages.ModelUpdated(model=model_view("tinyllama", "pulling", received_bytes=500)))
    assert desk.core.state.settings.fetching is not None
    desk.say(messages.ModelUpdated(model=model_view("tinyllama", "absent", problem="The network went away.")))
    assert desk.core.state.settings.fetching is None
    assert "goes on where it stopped" in desk.core.state.notices[0].problem.advice


@pytest.mark.requirement("1.4.9")
def test_personal_models_may_be_chosen_and_one_that_was_retired_is_not_asked_again() -> None:
    desk = Desk()
    base, mine = model_view("smollm2"), a_personal_model("anna-poems", base="smollm2")
    far = a_personal_model("of-another-base", base="tinyllama")
    old = a_personal_model("old", base="smollm2", state="retired")
    desk.say(messages.ModelsListed(models=(base,), personal=(mine, far, old)))
    lines = [choice.line for choice in model_choices(desk.core.state.settings)]
    assert lines == ["Smollm2", "anna-poems  ·  on Smollm2"]
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, model="anna-poems")))
    desk.say(messages.ModelsListed(models=(base,), personal=(mine,)))
    assert (desk.core.state.settings.values.model, desk.core.state.notices) == ("anna-poems", ())
    retired = {**mine, "state": "retired"}
    desk.core.press(intents.WindowLookedAt(False))
    desk.core.press(intents.WindowLookedAt(True))
    assert desk.bridge.last(commands.ReadModels), "it may have come, or gone, at the command line meanwhile"
    desk.say(messages.ModelsListed(models=(base,), personal=(retired,)))
    assert desk.core.state.settings.values.model is None
    assert desk.core.state.notices[0].problem.title == "anna-poems is not where prompts are answered now"


def test_a_mistake_in_a_callback_becomes_a_message() -> None:
    desk = Desk()
    desk.core.press(intents.CallbackFailed("KeyError: 'x'"))
    desk.core.press(intents.CallbackFailed("ValueError: y"))
    assert [notice.problem.message for notice in desk.core.state.notices] == ["ValueError: y."]


def test_buttons_in_messages_lead_where_they_say() -> None:
    desk = Desk()
    desk.core.press(intents.PressButton(Press.OPEN_SETTINGS))
    assert desk.core.state.tab == "settings"
    desk.core.press(intents.PressButton(Press.START_MACHINE))
    assert desk.bridge.all(commands.StartMachine)
    desk.core.press(intents.PressButton(Press.RECONNECT))
    assert desk.bridge.all(commands.Connect)
    assert desk.core.state.connection.link is Link.CONNECTING


def test_the_bridge_is_told_how_often_to_look_only_when_that_changes() -> None:
    desk = Desk()
    desk.hear("off")
    desk.hear("off")
    desk.hear("ready")
    desk.core.press(intents.WindowVisible(False))
    desk.core.press(intents.WindowVisible(True))
    desk.hear("off", held=True, queued=3)
    seen = [(watch.running, watch.visible) for watch in desk.bridge.all(commands.Watch)]
    assert seen == [(False, True), (True, True), (True, False), (True, True), (False, True)]


# Closing


def test_without_a_machine_the_window_closes_at_once() -> None:
    desk = Desk()
    desk.hear("off")
    desk.core.press(intents.CloseWindow())
    assert desk.core.state.closing is Closing.CLOSED
    desk.core.close()
    assert desk.bridge.closed


@pytest.mark.requirement("1.3.4", "6.6.1")
@pytest.mark.parametrize(("here", "price"), [(True, "On AWS it would cost $0.53"), (False, "Costs $0.53 an hour")])
def test_with_a_machine_closing_asks_and_names_the_price_per_hour(here: bool, price: str) -> None:
    desk = Desk()
    desk.hear("ready", running=1, cost=cost_view(here=here, hourly=0.526))
    desk.core.press(intents.CloseWindow())
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert price in dialog.text
    assert "1 answer under way" in dialog.text
    assert "5 min" in dialog.text
    assert [choice for choice, _ in dialog.choices] == [Choice.STOP, Choice.LEAVE, Choice.STAY]
    desk.core.press(intents.AnswerDialog(Choice.STAY))
    assert (desk.core.state.dialog, desk.core.state.closing) == (None, Closing.OPEN)
    desk.core.press(intents.CloseWindow())
    desk.core.press(intents.AnswerDialog(Choice.LEAVE))
    assert desk.core.state.closing is Closing.CLOSED
    assert not desk.bridge.all(commands.StopMachine)


def test_stopping_on_the_way_out_waits_for_the_confirmation() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.CloseWindow())
    desk.core.press(intents.AnswerDialog(Choice.STOP))
    assert desk.bridge.all(commands.StopMachine)
    desk.say(stop_result())
    assert desk.core.state.closing is Closing.STOPPING
    desk.hear("off")
    assert desk.core.state.closing is Closing.CLOSED


def test_a_stop_that_fails_on_the_way_out_keeps_the_window_and_asks_again() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.CloseWindow())
    desk.core.press(intents.AnswerDialog(Choice.STOP))
    desk.say(messages.CommandFailed(command="StopMachine", error=NotPossibleError("Not now.", code="conflict")))
    assert desk.core.state.closing is Closing.OPEN
    assert desk.core.state.dialog is not None
    assert desk.core.state.dialog.text.startswith("The machine could not be stopped: Not now.")


def test_one_poll_tells_the_subscribers_once_and_asks_to_come_back_soon_while_text_streams() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    told: list[int] = []
    desk.core.subscribe(lambda old, new: told.append(len(str(new.conversation.exchanges[-1].answer))))
    deltas = [messages.AnswerExtended(exchange_id=desk.last.id, text="x", seq=seq) for seq in range(3, 53)]
    desk.bridge.say(*deltas)
    desk.core.poll()
    assert told == [50]
    assert desk.core.poll_ms == 25
    desk.pass_time(0.6)
    desk.core.poll()
    assert desk.core.poll_ms == 100
