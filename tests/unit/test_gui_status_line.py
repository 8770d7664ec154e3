"""The status line: every kind with what it costs and what to press, and countdowns that run between two reports."""

from typing import Any

import pytest

from tests.fakes.gui import Desk, budget_view, cost_view
from tlfif.client.errors import ConnectionLostError, NotReachableError
from tlfif.gui.model import intents, messages
from tlfif.gui.model.state import LABELS, Press, StatusKind

HOURLY = 0.526


@pytest.mark.requirement("1.1.7")
@pytest.mark.parametrize(
    ("state", "changes", "kind", "says"),
    [
        ("off", {"eta_seconds": 4.0}, StatusKind.OFF, "about 4 s"),
        ("off", {"held": True, "queued": 2}, StatusKind.HELD, "2 prompts kept"),
        ("off", {"queued": 1}, StatusKind.LAUNCHING, "1 prompt waiting"),
        ("launching", {"eta_seconds": 9.0, "phase": "launch"}, StatusKind.LAUNCHING, "about 9 s left"),
        ("loading", {"eta_seconds": 3.0, "phase": "engine_start"}, StatusKind.LOADING, "Loading the model"),
        ("loading", {"eta_seconds": 0.2, "phase": "prove"}, StatusKind.LOADING, "any moment now"),
        ("ready", {}, StatusKind.READY, "answers at once"),
        ("ready", {"running": 1, "queued": 2}, StatusKind.ANSWERING, "1 prompt, 2 waiting"),
        ("ready", {"idle_seconds_left": 250.0}, StatusKind.IDLE, "shuts down in 4 min 10 s"),
        ("draining", {"running": 1, "reason": "the idle time-out"}, StatusKind.STOPPING, "Finishing 1 answer"),
        ("stopping", {"reason": "stopped by you"}, StatusKind.STOPPING, "stopped by you"),
        ("no_capacity", {"queued": 1, "reason": "none in 3 zones."}, StatusKind.NO_CAPACITY, "none in 3 zones"),
        ("no_quota", {}, StatusKind.NO_QUOTA, "Service Quotas"),
        ("broken", {"reason": "the engine died"}, StatusKind.BROKEN, "the engine died"),
    ],
)
@pytest.mark.parametrize("here", [True, False])
def test_each_kind_says_what_is_what_it_costs_and_what_to_press(
    state: str, changes: dict[str, Any], kind: StatusKind, says: str, here: bool
) -> None:
    desk = Desk()
    alive = state in {"launching", "loading", "ready", "draining", "stopping"}
    desk.hear(state, cost=cost_view(here=here, hourly=HOURLY if alive else 0.0), **changes)
    line = desk.core.state.status_line
    assert line.kind is kind
    assert says in f"{line.headline} {line.countdown} {line.advice}"
    assert line.advice
    assert line.cost.startswith("Costs nothing on this computer" if here else ("Costs $0.53" if alive else "No mach"))
    assert ("On AWS it would cost $0.53" in line.cost) == (here and alive)
    assert line.brief
    few = "Free; on AWS $0.53 an hour" if alive else "Costs nothing here"
    assert line.brief_cost == (few if here else "Costs $0.53 an hour" if alive else "Kept on AWS: $0.38 a month")
    assert all(press in LABELS for press in line.presses)
    assert not any(word in f"{line.headline}{line.advice}" for word in ("None", "  ", "./tlfif", "_"))


def test_where_the_model_is_at_fault_no_start_is_offered() -> None:
    desk = Desk()
    reason = "The model file /m.gguf cannot be used: unknown model architecture."
    desk.hear("broken", reason=reason, code="model_unusable")
    line = desk.core.state.status_line
    assert (line.headline, line.advice) == ("The model cannot be used", f"{reason} Choose another in Settings.")
    assert line.presses == (Press.OPEN_SETTINGS, Press.OPEN_MACHINE)


def test_a_fault_that_keeps_the_server_from_the_machine_stands_above_every_state() -> None:
    desk = Desk()
    fault = {"code": "storage_failed", "message": "The disk is full. Free some space (./tlfif doctor)."}
    desk.hear("launching", eta_seconds=0.0, fault=fault)
    line = desk.core.state.status_line
    assert (line.kind, line.presses) == (StatusKind.UNATTENDED, ())
    assert line.headline == "No machine can be started now"
    assert line.advice == "The disk is full. Free some space. TL-FIF tries again by itself."
    desk.hear("launching", eta_seconds=3.0)
    assert desk.core.state.status_line.kind is StatusKind.LAUNCHING


def test_off_says_which_machine_would_be_tried_first_and_what_it_costs() -> None:
    desk = Desk()
    desk.hear("off", cost=cost_view(here=False))
    assert "It costs $0.69 an hour while it runs (g4dn.xlarge)" in desk.core.state.status_line.advice
    assert "then c7i.xlarge (llama.cpp) for $0.23 an hour." in desk.core.state.cost.formula_text
    older = cost_view(here=False)
    del older["types"]  # type: ignore[misc]  # as a home sends it that was deployed earlier
    for cost in (cost_view(here=True), older):
        desk.hear("off", cost=cost)
        assert "first" not in f"{desk.core.state.status_line.advice} {desk.core.state.cost.formula_text}"


def test_before_anything_is_heard_it_says_that_it_is_looking() -> None:
    assert Desk().core.state.status_line.kind is StatusKind.CONNECTING


def test_aws_that_does_not_count_yet_is_not_called_free_of_charge() -> None:
    desk = Desk()
    desk.hear("launching", cost=cost_view(here=False, hourly=0.0))
    assert "nothing yet" in desk.core.state.status_line.cost
    assert desk.core.state.status_line.brief_cost == "Costs nothing yet"
    assert Desk().core.state.status_line.brief_cost == ""


@pytest.mark.requirement("1.1.7")
def test_the_countdown_runs_between_two_reports_and_never_below_zero() -> None:
    desk = Desk()
    desk.hear("loading", eta_seconds=8.0, phase="engine_start")
    assert (desk.core.state.status_line.countdown_seconds, desk.core.state.status_line.progress) == (8.0, 0.0)
    desk.pass_time(3.0)
    line = desk.core.state.status_line
    assert (line.countdown_seconds, line.countdown) == (5.0, "about 5 s left")
    assert line.progress == pytest.approx(0.375)
    desk.pass_time(60.0)
    line = desk.core.state.status_line
    assert (line.countdown_seconds, line.progress, line.countdown) == (0.0, 1.0, "any moment now")


def test_a_tick_that_changes_nothing_keeps_every_part() -> None:
    desk = Desk()
    desk.hear("off", cost=cost_view())
    desk.pass_time(0.3)  # now it knows which day it is
    before = desk.core.state
    told: list[object] = []
    desk.core.subscribe(lambda old, new: told.append(new))
    desk.pass_time(0.3)
    assert desk.core.state is before
    assert told == []


def test_a_locked_budget_comes_before_off_and_names_a_practice() -> None:
    desk = Desk()
    locked = budget_view(state="locked", simulated_aws=True)
    desk.hear("off", cost=cost_view(budget=locked))
    line = desk.core.state.status_line
    assert line.kind is StatusKind.BUDGET_LOCKED
    assert line.headline.startswith("Practice mode")
    assert Press.RELEASE_BUDGET in line.presses
    desk.say(messages.BudgetChanged(budget=budget_view(extra_eur=5.0)))
    assert desk.core.state.status_line.kind is StatusKind.OFF


def test_a_machine_on_its_way_out_is_shown_under_a_lock_too() -> None:
    desk = Desk()
    desk.hear("draining", cost=cost_view(here=False, hourly=HOURLY, budget=budget_view(state="locked")))
    assert desk.core.state.status_line.kind is StatusKind.STOPPING


def test_not_connected_names_its_cause_and_what_a_machine_may_go_on_costing() -> None:
    desk = Desk()
    desk.hear("ready", cost=cost_view(here=False, hourly=HOURLY))
    desk.say(
        messages.ConnectionFailed(error=NotReachableError("The background server does not run.", code="server_stopped"))
    )
    line = desk.core.state.status_line
    assert line.kind is StatusKind.NOT_CONNECTED
    assert "background server was stopped" in line.headline
    assert "$0.53" in line.cost
    assert line.presses == (Press.RECONNECT,)
    desk.core.press(intents.PressButton(Press.RECONNECT))
    desk.hear("ready")
    assert desk.core.state.status_line.kind is StatusKind.READY


def test_while_it_is_tried_again_the_line_says_so() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.say(messages.RetryStarted(attempt=2))
    assert "2 of 3" in desk.core.state.status_line.advice


@pytest.mark.requirement("1.1.7", "1.3.1")
@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("connection_lost", "connection broke"),
        ("not_reachable", "No server answers"),
        ("server_stopped", "was stopped"),
        ("server_silent", "in time"),
        ("server_start_failed", "could not start"),
        ("home_not_usable", "folder"),
        ("token_wrong", "does not know"),
        ("host_wrong", "not TL-FIF"),
    ],
)
def test_each_cause_of_a_lost_connection_has_a_message_of_its_own(code: str, title: str) -> None:
    desk = Desk()
    desk.say(messages.ConnectionFailed(error=ConnectionLostError("It is so (./tlfif serve).", code=code)))
    problem = desk.core.state.connection.problem
    assert problem is not None
    assert title in problem.title
    assert problem.message == "It is so."
    assert problem.advice


def test_a_model_at_fault_is_named_also_where_nothing_starts_by_itself() -> None:
    """Start machine would only fail again: the line sends to Settings instead."""
    desk = Desk()
    desk.hear("broken", held=True, code="model_corrupt", reason="The file is damaged.", cost=cost_view())
    line = desk.core.state.status_line
    assert line.kind is StatusKind.BROKEN
    assert "you stopped" not in line.headline
    assert Press.START_MACHINE not in line.presses
    assert Press.OPEN_SETTINGS in line.presses
