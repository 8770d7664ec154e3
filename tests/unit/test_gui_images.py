"""The Images tab's words and decisions: what stands there, what is asked first, what is sent."""

from typing import Any

import pytest

from tests.fakes.gui import Desk
from tests.fakes.image_views import failed, image_list, image_view, log_lines, pointer_view, watch_view
from tlfif.client.errors import NotPossibleError, RefusedError
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.images_panel import ImageDecision, Mark
from tlfif.gui.model.state import Choice, Press
from tlfif.wire.images import ImageList, ImageView

COSTLY = [{"profile": "bundle", "seconds": 600.0, "cost_usd": 0.0312, "kept_usd_per_hour": 0.6}]


def hear(desk: Desk, *images: ImageView, acted: bool = False, **changes: Any) -> None:
    desk.say(messages.ImagesUpdated(images=image_list(*images, **changes), acted=acted))


def in_use(*before: str) -> dict[str, Any]:
    return {"pointers": [pointer_view(version="v1", before=list(before))]}


@pytest.fixture
def desk() -> Desk:
    found = Desk()
    found.hear("off")
    return found


def test_what_is_in_use_what_is_kept_and_what_a_build_takes(desk: Desk) -> None:
    hear(desk)
    panel = desk.core.state.images
    assert panel.in_use == "No image is promoted yet: machines start from the TL-FIF that is installed here."
    assert (panel.keeping, panel.estimate) == ("No image is kept.", "A build takes about 45 s and costs nothing.")
    assert (panel.shown, panel.can_roll_back, panel.rows) == (None, False, ())
    unproven = pointer_view(proven=False)
    hear(desk, image_view(1, "approved", in_use=True), pointers=[unproven])
    assert desk.core.state.images.in_use.endswith("No machine has started from it yet."), "it has nowhere to go back to"
    hear(desk, image_view(1, "approved", in_use=True), pointers=[{**unproven, "before": ["v0"]}])
    panel = desk.core.state.images
    assert "Machines start from v1 (1111111 Change 1), promoted by the owner." in panel.in_use
    assert "if the first one fails, it goes back to v0." in panel.in_use
    hear(
        desk, pointers=[pointer_view(version=None, problem="The pointer was altered.")], watch=watch_view(problem="No.")
    )
    panel = desk.core.state.images
    assert (panel.in_use, panel.watch_problem) == ("The pointer was altered.", "It cannot be read now: No.")


def test_a_machine_that_runs_from_another_image_is_named(desk: Desk) -> None:
    promoted = {"pointers": [pointer_view(version="v2")]}
    for running, said in (("v1", "from v1 and goes on; the next one starts from v2."), ("v2", ""),
                          ("embedded-0.1.0", "from the TL-FIF that is installed and goes on")):  # fmt: skip
        desk.hear("ready", image=running)
        hear(desk, image_view(2, "approved", in_use=True), **promoted)
        text = desk.core.state.images.in_use
        assert ("The machine that runs now started" in text, said in text) == (bool(said), True)


@pytest.mark.requirement("7.2.2")
def test_each_stage_stands_there_with_its_time(desk: Desk) -> None:
    hear(
        desk,
        image_view(1, "under_way", stage="boot", stage_seconds={"source": 0.4, "build": 8.1}, in_stage_seconds=2.0),
    )
    shown = desk.core.state.images.shown
    assert shown is not None
    assert [(one.mark, one.took) for one in shown.stages] == [
        (Mark.DONE, "0.40 s"), (Mark.DONE, "8.1 s"), (Mark.NOW, "2 s so far"), (Mark.TO_COME, ""), (Mark.TO_COME, ""),
    ]  # fmt: skip
    hear(desk, image_view(1, "under_way", stage="boot", in_stage_seconds=2.0, waits_for="Another machine answers."))
    shown = desk.core.state.images.shown
    assert shown is not None
    assert (shown.stages[2].took, shown.outcome.partition(". ")[0]) == (
        "waits", "Waits to go on: Another machine answers"
    )  # fmt: skip
    hear(desk, failed(1))
    shown = desk.core.state.images.shown
    assert shown is not None
    assert [one.mark for one in shown.stages][2] is Mark.FAILED
    assert (shown.failed, shown.decisions) == (True, frozenset())
    assert shown.outcome == "The unit tlfif-worker is broken. Nothing is left of it. It has cost nothing."


@pytest.mark.parametrize(
    ("state", "mark", "took"),
    [("offered", Mark.NOW, "waits for you"), ("approved", Mark.DONE, "by me"), ("rejected", Mark.FAILED, "rejected")],
)
def test_the_approval_is_a_stage_too(desk: Desk, state: str, mark: Mark, took: str) -> None:
    hear(desk, image_view(1, state, decided_by="me"))
    shown = desk.core.state.images.shown
    assert shown is not None
    assert (shown.stages[-1].mark, shown.stages[-1].took) == (mark, took)


def test_the_newest_is_shown_until_another_is_chosen_and_that_one_stays(desk: Desk) -> None:
    hear(desk, image_view(2, subject="Two\nlines\x1b[31m"), image_view(1, "approved"))
    assert desk.core.state.images.rows[0].change.isprintable()
    desk.core.press(intents.ChooseImage("v1"))
    hear(desk, image_view(3, "waiting"), image_view(2), image_view(1, "approved"))
    shown = desk.core.state.images.shown
    assert shown is not None
    assert (shown.image["version"], shown.decisions) == ("v1", frozenset({ImageDecision.PROMOTE, ImageDecision.RETIRE}))
    desk.core.press(intents.ChooseImage("v3"))
    hear(desk, image_view(4, "waiting"))
    shown = desk.core.state.images.shown
    assert shown is not None
    assert shown.image["version"] == "v4"


def test_an_image_that_waits_is_offered_in_every_tab_and_approved_from_there(desk: Desk) -> None:
    hear(desk, image_view(2), image_view(1, "approved"))
    (notice,) = desk.core.state.notices
    assert (notice.problem.title, notice.good) == ("Image v2 passed its tests", True)
    assert "10 of 10 prompts, 71 tokens a second" in notice.problem.message
    desk.core.press(intents.ChooseImage("v1"))
    desk.core.press(intents.PressButton(Press.APPROVE_IMAGE))
    sent = desk.bridge.last(commands.DecideOnImage)
    assert (sent.version, sent.decision) == ("v2", ImageDecision.APPROVE)
    assert desk.core.state.notices == ()
    assert desk.core.state.images.busy == "approve"
    hear(desk, image_view(2, "approved", decided_at=9.0), image_view(1, "approved", decided_at=5.0), acted=True)
    assert desk.core.state.images.busy == ""
    (notice,) = desk.core.state.notices
    assert (notice.problem.title, notice.good) == ("Image v2 is approved", True)
    assert notice.problem.advice == "Machines start from it once you promote it."
    desk.core.press(intents.ChooseImage("v1"))
    desk.core.press(intents.PressButton(Press.PROMOTE_IMAGE))
    assert desk.core.state.dialog is not None
    assert desk.core.state.dialog.title == "Promote v2?"
    assert len(desk.core.state.notices) == 1, "nothing is answered yet"
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.last(commands.DecideOnImage).decision is ImageDecision.PROMOTE
    assert desk.core.state.notices == ()


def test_who_has_approved_the_newest_sees_the_next_one_and_a_notice_shows_what_has_happened(desk: Desk) -> None:
    hear(desk, image_view(2), image_view(1, "approved"))
    desk.core.press(intents.PressButton(Press.APPROVE_IMAGE))
    hear(desk, image_view(3, "under_way"), image_view(2, "approved"), acted=True)
    shown = desk.core.state.images.shown
    assert shown is not None
    assert shown.image["version"] == "v3"
    desk.core.press(intents.ChooseImage("v2"))
    hear(desk, failed(3), image_view(2, "approved"))
    desk.core.press(intents.PressButton(Press.OPEN_IMAGES))
    shown = desk.core.state.images.shown
    assert shown is not None
    assert (shown.image["version"], desk.core.state.tab) == ("v3", "images")


def test_an_offer_that_was_dismissed_does_not_come_again_and_goes_with_its_image(desk: Desk) -> None:
    hear(desk, image_view(1))
    desk.core.press(intents.DismissNotice("image_offered"))
    hear(desk, image_view(1))
    assert desk.core.state.notices == ()
    hear(desk, image_view(2), image_view(1))
    assert len(desk.core.state.notices) == 1
    hear(desk, image_view(2, "rejected"), image_view(1, "approved"))
    assert [notice.problem.code for notice in desk.core.state.notices] == ["image_approved"]
    hear(desk, image_view(1, "approved", in_use=True), **in_use())
    assert desk.core.state.notices == ()


def test_a_build_that_fails_and_a_pointer_that_goes_back_by_itself_are_told_once(desk: Desk) -> None:
    hear(desk, failed(1))
    assert desk.core.state.notices == (), "it failed before this window was there"
    hear(desk, image_view(2, "under_way"), failed(1), pointers=[pointer_view(version="v2", before=["v1"])])
    note = "rolled back by itself: the first machine from v2 did not start (it broke)"
    hear(desk, failed(2), failed(1), pointers=[pointer_view(version="v1", note=note)])
    titles = [notice.problem.title for notice in desk.core.state.notices]
    assert titles == ["Image v2 was refused", "Machines start from v1 again"]
    assert "did not start" in desk.core.state.notices[1].problem.message
    hear(desk, failed(2), failed(1), pointers=[pointer_view(version=None, note=note)])
    assert desk.core.state.notices[-1].problem.title == "Machines start from what is installed again"
    assert desk.core.state.images.in_use.startswith(f"Machines start from the TL-FIF that is installed here, {note}.")


@pytest.mark.requirement("1.5.4")
@pytest.mark.parametrize(
    ("decision", "state", "text"),
    [
        (ImageDecision.PROMOTE, "approved", "Machines start from v2 instead of v1 from now on. A machine that runs"),
        (ImageDecision.REJECT, "offered", "v2 is deleted (120 MB at no cost). Its record and its log stay"),
        (ImageDecision.RETIRE, "approved", "v2 (2222222 Change 2) is deleted for good: 120 MB at no cost."),
        (ImageDecision.ROLL_BACK, "approved", "Machines start from v0 again instead of v1."),
    ],
)
def test_what_changes_or_deletes_something_is_asked_first(
    desk: Desk, decision: ImageDecision, state: str, text: str
) -> None:
    hear(desk, image_view(2, state), **in_use("v0"))
    for choice in (Choice.KEEP, Choice.GO_ON):
        desk.core.press(intents.DecideOnImage(decision))
        dialog = desk.core.state.dialog
        assert dialog is not None
        assert text in dialog.text
        assert dialog.escape is Choice.KEEP is dialog.choices[0][0]
        assert not desk.bridge.all(commands.DecideOnImage)
        desk.core.press(intents.AnswerDialog(Choice.KEEP if choice is Choice.KEEP else dialog.choices[1][0]))
    sent = desk.bridge.last(commands.DecideOnImage)
    assert (sent.version, sent.decision, sent.profile) == ("v2", decision, "bundle")
    desk.core.press(intents.DecideOnImage(decision))
    assert len(desk.bridge.all(commands.DecideOnImage)) == 1, "one at a time"


def test_what_retiring_saves_and_what_is_still_paid_for_is_named_and_the_one_in_use_stays(desk: Desk) -> None:
    hear(desk, image_view(2, "approved", usd_per_month=0.25), image_view(1, "approved", in_use=True, usd_per_month=0.5))
    desk.core.press(intents.DecideOnImage(ImageDecision.RETIRE))
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert "120 MB at $0.25 a month" in dialog.text
    assert "1 image is kept: 120 MB at $0.50 a month." in dialog.text
    desk.core.press(intents.AnswerDialog(Choice.KEEP))
    desk.core.press(intents.ChooseImage("v1"))
    desk.core.press(intents.DecideOnImage(ImageDecision.RETIRE))
    assert desk.core.state.dialog is None
    assert not desk.bridge.all(commands.DecideOnImage)


def test_what_is_not_possible_does_nothing(desk: Desk) -> None:
    hear(desk, failed(1))
    for decision in ImageDecision:
        desk.core.press(intents.DecideOnImage(decision))
    desk.core.press(intents.PressButton(Press.APPROVE_IMAGE))
    desk.core.press(intents.PressButton(Press.PROMOTE_IMAGE))
    assert desk.core.state.dialog is None
    assert not desk.bridge.all(commands.DecideOnImage)


def test_a_decision_that_was_refused_is_told(desk: Desk) -> None:
    hear(desk, image_view(1))
    desk.core.press(intents.DecideOnImage(ImageDecision.APPROVE))
    error = NotPossibleError("Image v1 was changed at the same time.", code="image_changed")
    desk.say(messages.CommandFailed(command="DecideOnImage", error=error))
    assert desk.core.state.images.busy == ""
    assert "changed at the same time" in desk.core.state.notices[-1].problem.message


def test_a_repository_is_typed_followed_and_left(desk: Desk) -> None:
    hear(desk)
    desk.core.press(intents.TypeRepository("  /home/me/tl-fif ", " main ", False))
    desk.core.press(intents.FollowRepository())
    sent = desk.bridge.last(commands.FollowRepository)
    assert (sent.repository, sent.branch, sent.promotes) == ("/home/me/tl-fif", "main", False)
    watch = watch_view(repository="/home/me/tl-fif", branch="main")
    hear(desk, watch=watch, acted=True)
    panel = desk.core.state.images
    assert (panel.watch, panel.entry.editing) == (
        "Followed, looked at every 10 s. What passes its tests waits for your approval.", False
    )  # fmt: skip
    desk.core.press(intents.TypeRepository("/elsewhere", "", False))
    hear(desk, watch=watch)
    assert desk.core.state.images.watch.startswith("/home/me/tl-fif is followed, branch main")
    desk.core.press(intents.LeaveRepository())
    assert desk.bridge.all(commands.LeaveRepository)
    other = Desk()
    other.hear("off")
    hear(other, watch=watch)
    entry = other.core.state.images.entry
    assert (entry.address, entry.branch) == ("/home/me/tl-fif", "main"), "what is followed stands in the fields"


@pytest.mark.parametrize(("address", "branch"), [("", ""), ("relative", ""), ("https://a:b@c/d", ""), ("/x", "a..b")])
def test_fields_that_cannot_be_are_named_and_not_sent(desk: Desk, address: str, branch: str) -> None:
    hear(desk)
    desk.core.press(intents.TypeRepository(address, branch, False))
    for press in (intents.FollowRepository(), intents.BuildImage()):
        desk.core.press(press)
        assert desk.core.state.images.entry.problem
    assert not desk.bridge.all(commands.FollowRepository)
    assert not desk.bridge.all(commands.BuildImage)


def test_a_build_that_costs_money_says_so_before_it_begins(desk: Desk) -> None:
    hear(desk, watch=watch_view(), builds=COSTLY)
    desk.core.press(intents.BuildImage())
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert "about 10 min and costs about $0.031. It runs on a machine of its own" in dialog.text
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.last(commands.BuildImage).repository == "/src/tl-fif"


def test_promoting_without_asking_names_whom_one_trusts(desk: Desk) -> None:
    hear(desk)
    desk.core.press(intents.TypeRepository("/home/me/tl-fif", "", True))
    desk.core.press(intents.FollowRepository())
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert "Whoever can push to this repository then decides" in dialog.text
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.last(commands.FollowRepository).promotes is True


def test_a_repository_that_cannot_be_reached_is_said_at_its_field(desk: Desk) -> None:
    hear(desk)
    desk.core.press(intents.TypeRepository("/home/me/tl-fif", "", False))
    desk.core.press(intents.FollowRepository())
    error = RefusedError("There is no repository.", code="repository_unreachable")
    desk.say(messages.CommandFailed(command="FollowRepository", error=error))
    panel = desk.core.state.images
    assert (panel.entry.problem, panel.busy, panel.entry.address) == ("There is no repository.", "", "/home/me/tl-fif")


def test_the_log_is_read_on_while_its_tab_is_in_front(desk: Desk) -> None:
    working = image_view(1, "under_way", stage="build")
    hear(desk, working)
    assert not desk.bridge.all(commands.ReadImageLog)
    desk.core.press(intents.ShowTab("images"))
    desk.say(messages.ImageLogRead(version="v1", after=0, log=log_lines("one", ended=False)))
    desk.say(messages.ImageLogRead(version="v1", after=0, log=log_lines("one", ended=False)))
    assert [line["text"] for line in desk.core.state.images.log] == ["one"], "asked twice, shown once"
    hear(desk, working)
    assert [(one.version, one.after) for one in desk.bridge.all(commands.ReadImageLog)] == [("v1", 0), ("v1", 1)]
    desk.say(messages.ImageLogRead(version="v1", after=1, log=log_lines("two", after=1)))
    hear(desk, image_view(1))
    assert len(desk.bridge.all(commands.ReadImageLog)) == 2, "it has ended"
    hear(desk, image_view(2, "under_way"), image_view(1))
    assert (desk.core.state.images.log, desk.bridge.last(commands.ReadImageLog).version) == ((), "v2")


def test_it_is_looked_at_often_while_somebody_looks_or_something_is_built(desk: Desk) -> None:
    assert not desk.bridge.last(commands.Watch).images
    hear(desk, image_view(1, "under_way"))
    assert desk.bridge.last(commands.Watch).images
    hear(desk, image_view(1))
    assert not desk.bridge.last(commands.Watch).images
    desk.core.press(intents.ShowTab("images"))
    assert desk.bridge.last(commands.Watch).images


def test_a_home_that_cannot_follow_is_told_the_commit(desk: Desk) -> None:
    hear(desk, follows=False)
    desk.core.press(intents.TypeRepository("https://example.org/a/b", "main", False))
    desk.core.press(intents.BuildImage())
    assert "40 hexadecimal digits" in desk.core.state.images.entry.problem
    desk.core.press(intents.TypeRepository("https://example.org/a/b", "c" * 40, False))
    desk.core.press(intents.BuildImage())
    sent = desk.bridge.last(commands.BuildImage)
    assert (sent.repository, sent.commit) == ("https://example.org/a/b", "c" * 40)
    hear(desk, follows=False, acted=True)
    desk.core.press(intents.TypeRepository("", "", False))
    desk.core.press(intents.BuildImage())
    sent = desk.bridge.last(commands.BuildImage)
    assert (sent.repository, sent.commit) == (None, None), "the last that a push has brought"


def test_a_home_without_images_says_why(desk: Desk) -> None:
    hear(desk, image_view(1))
    error = NotPossibleError("This home makes no images (./tlfif deploy).", code="images_not_here")
    desk.say(messages.ImagesMissing(error=error))
    panel = desk.core.state.images
    assert (panel.missing, panel.rows) == ("This home makes no images.", ())
    report: ImageList = image_list(image_view(1))
    desk.say(messages.ImagesUpdated(images=report))
    assert desk.core.state.images.missing == ""
