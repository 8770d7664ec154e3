"""Where prompts are answered, and signing in: what is pressed, what is done, and what then stands there."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.gui import Desk, accepted, budget_view, cost_view, event, job_view, model_view, receipt_view, share
from tests.unit.test_gui_history_panel import conversation, kept
from tlfif.client.errors import AccessDeniedError, ConnectionLostError, NotReachableError
from tlfif.client.profile import AWS, COMPUTER
from tlfif.client.sign_in.token_store import Tokens
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.state import ExchangeStage, Link, Press, StatusKind
from tlfif.gui.presenters.home import NO_HOME, button_words, state_words
from tlfif.gui.views.exchange_lines import head_of
from tlfif.history.arranging import MarkDeleted
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import NotFoundError

PLACE = "AWS eu-central-1"
HERE = HomeView(aws_place=PLACE)
THERE = HomeView(active=AWS, aws_place=PLACE, who="ada@example.com")
SIGNED_OUT = AccessDeniedError("You are not signed in. Sign in: ./tlfif login", code="signed_out")


def on_aws(desk: Desk, **changes: Any) -> None:
    """The window talks to AWS, where the machine is off."""
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    desk.hear("off", place=PLACE, cost=cost_view(here=False), **changes)


# Going over


def test_the_choice_is_carried_out_and_the_window_begins_anew() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=HERE))
    desk.hear("ready", cost=cost_view())
    desk.core.press(intents.ChooseHome(AWS))
    assert desk.bridge.last(commands.UseHome).name == AWS
    assert desk.core.state.home.moving == AWS
    assert not desk.core.state.composer.can_send
    desk.core.press(intents.Send("Hello"))
    assert not desk.bridge.all(commands.Ask), "nobody knows yet who would answer"
    desk.core.press(intents.ChooseHome(COMPUTER))
    assert len(desk.bridge.all(commands.UseHome)) == 1, "one at a time"
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    state = desk.core.state
    assert (state.home.view, state.home.moving) == (THERE, "")
    assert (state.machine.view, state.cost.report, state.settings.models) == (None, None, ())
    assert state.connection.link is Link.CONNECTING
    assert PLACE in state.status_line.headline
    assert state.composer.can_send
    assert desk.bridge.last(commands.Watch).remote
    desk.core.press(intents.Send("Hello"))
    assert desk.bridge.last(commands.Ask).place == PLACE


@pytest.mark.requirement("1.2.4")
def test_without_a_home_on_aws_it_says_what_to_do_and_what_that_costs() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=HomeView(price="It would cost $2.53 a month.")))
    desk.core.press(intents.ChooseHome(AWS))
    assert not desk.bridge.all(commands.UseHome)
    assert desk.core.state.home.problem == f"{NO_HOME} It would cost $2.53 a month."
    assert "./tlfif deploy" in NO_HOME


def test_a_choice_that_the_environment_overrules_or_that_fails_is_named() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=replace(HERE, fixed="TLFIF_PROFILE is set.")))
    desk.core.press(intents.ChooseHome(AWS))
    assert desk.core.state.home.problem == "TLFIF_PROFILE is set."
    desk.say(messages.HomeUpdated(home=HERE))
    desk.core.press(intents.ChooseHome(AWS))
    desk.say(messages.CommandFailed(command="UseHome", error=NotFoundError("There is none.", code="profile_missing")))
    assert (desk.core.state.home.moving, desk.core.state.home.problem) == ("", "There is none.")
    assert desk.core.state.connection.link is not Link.LOST


def test_answers_under_way_stay_marked_with_their_place_and_go_on_when_the_window_is_back() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=HERE))
    desk.hear("ready")
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    desk.say(messages.AnswerExtended(exchange_id=desk.last.id, text="Half", seq=4))
    on_aws(desk)
    one = desk.last
    assert (one.stage, one.resumable, str(one.answer)) == (ExchangeStage.FAILED, True, "Half")
    assert one.problem is not None
    assert one.problem.title == "This prompt is at this computer"
    assert not desk.bridge.all(commands.Follow), "that server knows nothing of it"
    desk.say(messages.HomeUpdated(home=HERE, moved=True))
    desk.hear("ready")
    follow = desk.bridge.last(commands.Follow)
    assert (follow.exchange_id, follow.job_id, follow.after) == (one.id, "job_1", 4)
    assert desk.last.stage is ExchangeStage.WAITING


def test_trying_again_asks_anew_where_prompts_are_answered_now() -> None:
    desk = Desk()
    desk.hear("ready")
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    on_aws(desk)
    desk.core.press(intents.RetryAnswer(desk.last.id))
    assert desk.bridge.last(commands.Ask).place == PLACE
    assert desk.last.place == PLACE
    assert not desk.last.resumable
    assert PLACE in head_of(desk.last)[0][0]


def test_what_still_ran_elsewhere_when_the_window_was_closed_is_not_asked_for_here() -> None:
    desk = Desk()
    running = kept("x2", status="running", place=PLACE)
    desk.say(messages.UnfinishedFound(conversation=conversation(kept(), running), exchanges=(running,)))
    assert not desk.bridge.all(commands.Follow)
    assert (desk.last.stage, desk.last.place) == (ExchangeStage.FAILED, PLACE)
    on_aws(desk)
    assert desk.bridge.last(commands.Follow).job_id == "job_x2"


def test_a_model_that_the_other_server_does_not_have_is_not_asked_for() -> None:
    desk = Desk()
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, model="tinyllama")))
    desk.say(messages.ModelsListed(models=(model_view("smollm2"),)))
    assert desk.core.state.settings.values.model is None
    assert desk.bridge.last(commands.KeepPreferences).preferences.model is None
    assert desk.core.state.notices[0].problem.code == "model_gone"


# Money


def test_on_aws_nothing_is_called_free_and_the_figures_stand_apart() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    desk.hear("ready", place=PLACE, cost=cost_view(here=False, hourly=0.72))
    state = desk.core.state
    assert state.status_line.cost == "Costs $0.72 an hour, a minute at least."
    assert state.cost.real is not None
    assert state.cost.real.per_hour_text == "$0.72 an hour now, $0.0002 a second"
    assert "$23.88 · 19.10 € of 20.00 € left this month" in state.cost.budget.left_text
    assert state.cost.standing_text.startswith("Kept on AWS: $0.38 · 0.30 € a month")
    assert state.cost.simulated is None
    shown = " ".join((state.status_line.cost, state.cost.real.text, state.cost.billed_text, state.cost.standing_text))
    assert "this computer" not in shown
    assert "nothing" not in shown


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (share(usd=0.0123, eur=0.01), "Cost $0.012 · 0.01 €"),
        (share(usd=0.0, eur=0.0, final=False), "Its cost is not counted yet"),
    ],
)
def test_a_receipt_of_aws_has_the_real_cost(cost: Any, said: str) -> None:
    desk = Desk()
    on_aws(desk)
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    desk.say(
        messages.AnswerProgressed(exchange_id=desk.last.id, event=event(4, EventKind.SUCCEEDED, receipt=receipt_view()))
    )
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job_view(cost=cost)))
    assert desk.last.receipt is not None
    assert desk.last.receipt.cost == said


def test_a_cost_that_comes_twice_keeps_what_the_window_saw_of_the_start() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    desk.say(
        messages.AnswerProgressed(exchange_id=desk.last.id, event=event(4, EventKind.SUCCEEDED, receipt=receipt_view()))
    )
    for _ in range(2):
        desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job_view(cost=share())))
        assert desk.last.receipt is not None
        assert "machine started for this (2.0 s)" in desk.last.receipt.line
        assert desk.last.machine_before is None


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        ("no_capacity", "AWS has no machine free: g4dn.xlarge in eu-central-1a. Your prompts wait, and it is asked "
         "again every two minutes; Start machine asks at once.", StatusKind.NO_CAPACITY),
        ("no_quota", "Your AWS account is on the Free plan, which starts none of the types of your list. Press "
         "“Upgrade plan”.", StatusKind.NO_QUOTA),
        ("no_quota", "Your AWS account may not run a GPU machine in eu-central-1 yet. c7i.xlarge, a machine without a "
         "GPU, would answer today, more slowly, for $0.23 an hour without VAT: run `./tlfif deploy --type "
         "g4dn.xlarge,c7i.xlarge`, then start the machine.", StatusKind.NO_QUOTA),
        ("broken", "There is no image to start a machine from (InvalidAMIID.NotFound: gone). Nothing was started.",
         StatusKind.BROKEN),
    ],
)  # fmt: skip
def test_what_aws_says_stands_there_once_and_whole(state: str, reason: str, kind: StatusKind) -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    desk.hear(state, place=PLACE, reason=reason, queued=1, cost=cost_view(here=False))
    line = desk.core.state.status_line
    assert line.kind is kind
    assert reason.rstrip(".") in line.advice
    assert reason[:30] not in line.headline
    assert line.advice.count("asked again") <= 1
    assert Press.START_MACHINE in line.presses
    assert not desk.core.state.machine.stop.enabled


# Signing in


def test_signed_out_is_said_with_what_it_means_and_what_to_press() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=replace(THERE, who="")))
    desk.say(messages.ConnectionFailed(error=SIGNED_OUT))
    line = desk.core.state.status_line
    assert line.kind is StatusKind.SIGNED_OUT
    assert line.headline == "Not signed in to your home on AWS"
    assert line.cost.startswith("This costs nothing by itself.")
    assert line.presses == (Press.SIGN_IN,)
    assert "./tlfif" not in f"{line.headline}{line.advice}"
    assert desk.core.state.home.view.who is None
    desk.core.press(intents.PressButton(Press.SIGN_IN))
    assert desk.bridge.all(commands.SignIn)
    assert desk.core.state.status_line.presses[0] is Press.CANCEL_SIGN_IN
    desk.core.press(intents.PressButton(Press.SIGN_IN))
    assert len(desk.bridge.all(commands.SignIn)) == 1
    desk.say(messages.SignInStarted(address="https://idp.example/x", opened=False))
    assert desk.core.state.home.address == "https://idp.example/x"
    assert "No browser" in desk.core.state.home.note
    desk.core.press(intents.PressButton(Press.CANCEL_SIGN_IN))
    assert desk.bridge.all(commands.CancelSignIn)
    desk.say(messages.SignInCancelled())
    assert (desk.core.state.home.signing, desk.core.state.home.address) == (False, "")
    assert desk.core.state.status_line.kind is StatusKind.SIGNED_OUT


def test_signing_in_works_fails_with_its_reason_and_ends() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=replace(THERE, who=None)), messages.ConnectionFailed(error=SIGNED_OUT))
    desk.core.press(intents.PressButton(Press.SIGN_IN))
    late = NotReachableError("Nobody signed in within 5 minutes.", code="sign_in_timeout")
    desk.say(messages.CommandFailed(command="SignIn", error=late))
    assert desk.core.state.home.problem.startswith("Nobody signed in.")
    assert not desk.core.state.home.signing
    desk.core.press(intents.PressButton(Press.SIGN_IN))
    desk.say(messages.SignedIn(note="It is in a file."), messages.HomeUpdated(home=THERE))
    panel = desk.core.state.home
    assert (panel.problem, panel.note, panel.view.who) == ("", "It is in a file.", "ada@example.com")
    assert desk.core.state.connection.link is Link.CONNECTING
    desk.core.press(intents.SignOutNow())
    assert desk.bridge.all(commands.SignOut)
    desk.say(messages.SignedOut(how="not_reached"))
    assert desk.core.state.home.view.who is None
    assert "could not be reached" in desk.core.state.home.note


@pytest.mark.parametrize(("code", "signed_out"), [("token_wrong", True), ("http_401", True), ("http_403", False)])
def test_a_token_that_aws_refuses_means_to_sign_in_again(code: str, signed_out: bool) -> None:
    desk = Desk()
    on_aws(desk)
    desk.say(messages.ConnectionFailed(error=AccessDeniedError("Unauthorized", code=code, status=401)))
    assert (desk.core.state.status_line.kind is StatusKind.SIGNED_OUT) is signed_out


def test_a_prompt_that_met_a_closed_door_says_sign_in_and_is_in_the_box_again() -> None:
    desk = Desk()
    on_aws(desk)
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=SIGNED_OUT, accepted=False))
    composer = desk.core.state.composer
    assert composer.problem.startswith("Not sent. You are not signed in.")
    assert composer.presses == (Press.SIGN_IN,)
    assert (composer.returned, composer.draft and composer.draft.text) == (1, "Hello")
    assert desk.core.state.status_line.kind is StatusKind.SIGNED_OUT
    desk.say(messages.CommandFailed(command="ReadModels", error=SIGNED_OUT))
    assert desk.core.state.notices == (), "the status line says it already"


@pytest.mark.parametrize(
    ("changes", "says", "button"),
    [
        ({"view": THERE}, "Signed in as ada@example.com.", "Sign out"),
        ({"view": replace(THERE, who="")}, "Signed in.", "Sign out"),
        ({"view": replace(THERE, who=None)}, "Not signed in.", "Sign in"),
        ({"view": THERE, "signing": True}, "Waiting up to 5 minutes", "Cancel sign-in"),
        ({"view": THERE, "moving": COMPUTER}, "Switching…", "Sign out"),
        ({"view": THERE, "leaving": True}, "Signing out…", "Sign out"),
        ({"view": HERE}, "costs money while it runs", "Sign in"),
        ({"view": HomeView(price="$2.53 a month.")}, "promoted an image. $2.53 a month.", "Sign in"),
    ],
)
def test_settings_say_how_it_stands(changes: dict[str, Any], says: str, button: str) -> None:
    panel = replace(Desk().core.state.home, **changes)
    assert says in state_words(panel)
    assert button_words(panel) == button


# Deleting


def test_a_deletion_that_the_going_over_cut_short_is_said() -> None:
    desk = Desk()
    on_aws(desk)
    desk.core.press(intents.DeleteConversation("c1"))
    desk.pass_time(61)
    desk.say(messages.HomeUpdated(home=HERE, moved=True))
    assert [one.problem.title for one in desk.core.state.notices] == ["Not deleted"]


@pytest.mark.requirement("1.4.4")
def test_deleting_everywhere_waits_for_the_server_and_is_tried_again_on_request() -> None:
    desk = Desk()
    on_aws(desk)
    desk.core.press(intents.DeleteConversation("c1"))
    desk.pass_time(61)
    wanted = commands.ForgetConversation(conversation_id="c1", at=PLACE)
    assert desk.bridge.last(commands.ForgetConversation) == wanted
    desk.say(messages.CommandFailed(command="ForgetConversation", error=ConnectionLostError("It broke.")))
    notice = desk.core.state.notices[0].problem
    assert (notice.title, notice.message) == ("Not deleted", "It broke.")
    assert notice.presses == (Press.DELETE_AGAIN, Press.DELETE_HERE)
    assert desk.bridge.last(commands.ArrangeHistory).change == MarkDeleted("c1", None), "it is in the list again"
    desk.core.press(intents.PressButton(Press.DELETE_AGAIN))
    assert desk.bridge.all(commands.ForgetConversation) == [wanted, wanted]
    assert desk.core.state.notices == ()
    desk.say(messages.CommandFailed(command="ForgetConversation", error=ConnectionLostError("It broke.")))
    desk.core.press(intents.PressButton(Press.DELETE_HERE))
    assert desk.bridge.last(commands.ForgetConversation) == commands.ForgetConversation(conversation_id="c1")
    desk.say(messages.ConversationForgotten(conversation_id="c1"))
    assert desk.core.state.history.deleting is None
    desk.core.press(intents.PressButton(Press.DELETE_AGAIN))
    assert len(desk.bridge.all(commands.ForgetConversation)) == 3, "there is nothing left to delete"


def test_who_is_no_owner_sees_why_before_pressing_what_only_an_owner_may() -> None:
    desk = Desk()
    guest = HomeView(active=AWS, aws_place=PLACE, who="bob@example.com", owns=False)
    desk.say(messages.HomeUpdated(home=guest, moved=True))
    locked = budget_view(state="locked", spent_eur=20.0)
    desk.hear("ready", place=PLACE, cost=cost_view(here=False, hourly=0.72, budget=locked))
    state = desk.core.state
    assert (state.machine.stop.enabled, state.machine.stop.hint) == (
        False,
        "Only an owner of this home may stop its machine; it shuts down when it is idle.",
    )
    assert (
        state.machine.idle.range_text == state.machine.idle.not_yours == "Only an owner of this home may change this."
    )
    assert state.cost.budget.not_yours
    assert state.status_line.kind is StatusKind.BUDGET_LOCKED
    assert Press.RELEASE_BUDGET not in state.status_line.presses
    before = desk.core.state
    desk.core.poll()
    assert desk.core.state.machine is before.machine
    assert desk.core.state.status_line is before.status_line


@pytest.mark.parametrize(("groups", "owns"), [(["owners"], True), (["readers"], False), (None, False)])
def test_the_sign_in_says_who_is_an_owner(groups: list[str] | None, owns: bool) -> None:
    claims = {"sub": "1"} if groups is None else {"sub": "1", "cognito:groups": groups}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert Tokens(access_token=f"e30.{body}.x", refresh_token=None, renew_at=0.0).is_owner is owns
    assert Tokens(access_token="not to be read", refresh_token=None, renew_at=0.0).is_owner


def test_a_longer_idle_time_out_says_what_it_may_cost_before_it_is_set() -> None:
    desk = Desk()
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    kind = {"instance_type": "g4dn.xlarge", "engine": "vllm", "usd_per_hour": 0.72}
    desk.hear("ready", place=PLACE, cost=cost_view(here=False, types=[kind]))
    desk.core.press(intents.TypeIdleMinutes("240"))
    desk.hear("ready", place=PLACE)
    assert desk.core.state.machine.idle.range_text == "At $0.72 an hour that is up to $2.88 after each last answer."
    desk.core.press(intents.TypeIdleMinutes("x"))
    assert "240 minutes" in desk.core.state.machine.idle.range_text
