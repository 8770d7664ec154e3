"""The Images tab as it is drawn and pressed; over a fake bridge."""

import tkinter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.fakes.gui import Desk
from tests.fakes.image_views import failed, image_list, image_view, log_lines, pointer_view, watch_view
from tests.functional.api_server import TOKEN, ApiServer, build_container
from tests.gui.seat import Seat
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.errors import NotPossibleError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge.bridge import Bridge
from tlfif.gui.core import WindowCore
from tlfif.gui.look.palette import DARK, LIGHT, Palette
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.images_panel import ImageDecision
from tlfif.gui.model.state import Press
from tlfif.gui.views.images_tab import ImagesTab
from tlfif.images.image import Profile
from tlfif.images.run_pipeline import Pipeline


def tab_of(seat: Seat) -> ImagesTab:
    return cast(ImagesTab, seat.window.views["images"])


def show(desk: Desk, seat: Seat) -> None:
    """Something of every kind."""
    images = [
        image_view(5, "under_way", stage="boot", stage_seconds={"source": 0.4, "build": 8.1}, in_stage_seconds=2.0),
        image_view(4), failed(3), image_view(2, "approved", in_use=True), image_view(1, "approved"),
    ]  # fmt: skip
    pointers = [pointer_view(version="v2", before=["v1"])]
    desk.hear("off")
    desk.core.press(intents.ShowTab("images"))
    desk.say(messages.ImagesUpdated(images=image_list(*images, pointers=pointers, watch=watch_view())))
    desk.say(messages.ImageLogRead(version="v5", after=0, log=log_lines("fetching wheels", "written", ended=False)))
    seat.settle()


def press(seat: Seat, button: tkinter.Misc) -> None:
    """The space bar on it."""
    seat.focus(button)
    seat.key("<Key-space>")


@pytest.mark.requirement("1.5.4")
def test_an_image_is_built_seen_decided_about_and_taken_back_by_keys_alone(seat: Seat, desk: Desk) -> None:
    show(desk, seat)
    tab = tab_of(seat)
    seat.picture("images")
    shown = seat.texts(tab)
    for text in ("Machines start from v2", "360 MB at no cost", "Boot …", "2 s so far", "fetching wheels", "Build ✓"):
        assert text in shown
    assert [tab.versions.tree.set(row, "state") for row in tab.versions.tree.get_children()] == [
        "booting the candidate", "waits for your approval", "failed: boot", "in use", "approved",
    ]  # fmt: skip
    assert tab.versions.buttons[ImageDecision.APPROVE].instate(["disabled"])
    seat.focus(tab.versions.tree)
    seat.key("<Down>")
    seat.wait(lambda: desk.core.state.images.chosen == "v4", "the row below is chosen")
    assert tab.build.title.shown.startswith("v4: 4444444")
    press(seat, tab.versions.buttons[ImageDecision.APPROVE])
    seat.wait(lambda: desk.bridge.all(commands.DecideOnImage), "it is approved")
    assert desk.bridge.last(commands.DecideOnImage).decision is ImageDecision.APPROVE
    images = [image_view(4, "approved"), image_view(2, "approved", in_use=True)]
    pointers = [pointer_view(version="v2", before=["v1"])]
    desk.say(messages.ImagesUpdated(images=image_list(*images, pointers=pointers), acted=True))
    press(seat, tab.versions.buttons[ImageDecision.PROMOTE])
    seat.wait(lambda: seat.window.dialog.buttons, "it asks first")
    assert "Machines start from v4 instead of v2" in seat.texts(seat.window.dialog.cover)
    seat.key("<Escape>")
    press(seat, tab.versions.buttons[ImageDecision.RETIRE])
    seat.wait(lambda: seat.window.dialog.buttons, "it asks first")
    assert "is deleted for good" in seat.texts(seat.window.dialog.cover)
    seat.picture("images-retire")
    seat.key("<Escape>")
    press(seat, tab.in_use.roll_back)
    seat.wait(lambda: seat.window.dialog.buttons, "it asks first")
    seat.key("<Tab>")
    seat.key("<Return>")
    seat.wait(lambda: len(desk.bridge.all(commands.DecideOnImage)) == 2, "the button beside goes on")
    assert desk.bridge.last(commands.DecideOnImage).decision is ImageDecision.ROLL_BACK


def test_the_log_stays_at_its_end_until_somebody_reads_further_up(seat: Seat, desk: Desk) -> None:
    show(desk, seat)
    text = tab_of(seat).build.log
    tab_of(seat)._canvas.yview_moveto(1)
    bar = tab_of(seat).build._bar
    assert not bar.winfo_manager(), "there is nothing to scroll"

    def say(after: int) -> None:
        more = log_lines(*(f"{n} " + "words " * 40 for n in range(10)), ended=False, after=after)
        desk.say(messages.ImageLogRead(version="v5", after=after, log=more))
        seat.settle()

    for after in (2, 12, 22):
        say(after)
        assert text.dlineinfo("end-1c") is not None
    assert bar.winfo_manager()
    text.yview_moveto(0)
    seat.settle()
    say(32)
    assert text.index("@10,10").startswith("1.")


def test_a_log_that_was_read_in_another_tab_stands_at_its_end(seat: Seat, desk: Desk) -> None:
    desk.hear("off")
    desk.say(messages.ImagesUpdated(images=image_list(image_view(1))))
    lines = log_lines(*(f"{n} " + "words that go on below their beginning " * 5 for n in range(20)))
    desk.core.press(intents.ShowTab("images"))
    desk.say(messages.ImageLogRead(version="v1", after=0, log=lines))
    seat.settle()
    assert tab_of(seat).build.log.yview()[1] == 1.0
    seat.root.geometry("700x700+0+0")
    seat.settle()
    assert tab_of(seat).build.log.yview()[1] == 1.0


def test_the_page_stays_where_the_keyboard_comes_to_something_that_is_seen(
    desk: Desk, open_seat: Callable[..., Seat]
) -> None:
    seat = open_seat(desk.core, size="1120x760")
    show(desk, seat)
    tab = tab_of(seat)
    place = tab._canvas.yview()
    seat.focus(tab.versions.tree)
    assert tab._canvas.yview() == place
    seat.focus(tab.build.log)
    assert tab._canvas.yview() > place, "to what is not seen it goes"


def test_what_does_not_fit_into_the_table_ends_in_an_ellipsis(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(desk.core, size="1120x760")
    show(desk, seat)
    long = "A subject that says more of a change than anybody wants to know, and goes on and on and on and on"
    desk.say(messages.ImagesUpdated(images=image_list(image_view(1, subject=long))))
    seat.settle()
    tree = tab_of(seat).versions.tree
    assert tree.set("v1", "change").endswith("…")
    assert tree.set("v1", "state") == "waits for your approval"
    look = seat.window.look
    for name in tree.cget("displaycolumns"):
        assert look.width(tree.heading(name)["text"], "TlfifStrong") + look.px(8) <= tree.column(name, "width"), name


def test_a_repository_is_typed_and_followed_by_keys_alone(seat: Seat, desk: Desk) -> None:
    desk.hear("off")
    desk.core.press(intents.ShowTab("images"))
    desk.say(messages.ImagesUpdated(images=image_list()))
    seat.settle()
    card = tab_of(seat).repository
    seat.focus(card.address)
    seat.key("<Return>")
    assert "Type the address of a Git repository" in card.problem.shown
    seat.type("x")
    seat.key("<KeyRelease-x>")
    card.address.insert(0, "/")
    seat.key("<KeyRelease-x>")
    seat.key("<Return>")
    assert desk.bridge.last(commands.FollowRepository).repository == "/x"
    assert card.problem.shown == ""


@pytest.mark.parametrize(
    ("palette", "size", "points"), [(LIGHT, "1366x768", 11), (DARK, "900x600", 11), (LIGHT, "900x768", 22)]
)
def test_nothing_is_cut_off_and_everything_can_be_scrolled_to(
    desk: Desk, open_seat: Callable[..., Seat], palette: Palette, size: str, points: int
) -> None:
    seat = open_seat(desk.core, palette=palette, size=size, points=points)
    show(desk, seat)
    tab = tab_of(seat)
    seat.picture(f"images-{palette.name}-{size}-{points}")
    right = tab.body.winfo_rootx() + tab.body.winfo_width()
    wanted = [*tab.versions.buttons.values(), tab.in_use.roll_back, tab.repository.leave, tab.repository.branch,
              tab.build.log, *tab.build.stages]  # fmt: skip
    for widget in wanted:
        assert widget.winfo_rootx() + widget.winfo_width() <= right, widget
        assert widget.winfo_width() >= widget.winfo_reqwidth() or widget in (tab.build.log, *tab.build.stages), widget
    tab._canvas.yview_moveto(1)
    seat.settle()
    assert tab.build.log.winfo_rooty() + tab.build.log.winfo_height() <= tab.winfo_rooty() + tab.winfo_height()


def test_a_home_without_images_says_why_and_shows_nothing_else(seat: Seat, desk: Desk) -> None:
    desk.hear("off")
    desk.core.press(intents.ShowTab("images"))
    desk.say(
        messages.ImagesMissing(error=NotPossibleError("It was made by an earlier version.", code="images_not_here"))
    )
    seat.settle()
    assert "It was made by an earlier version." in seat.texts(tab_of(seat))
    assert not tab_of(seat).versions.winfo_ismapped()
    desk.say(messages.ImagesUpdated(images=image_list()))
    seat.settle()
    assert tab_of(seat).versions.winfo_ismapped()


def test_over_the_real_api_an_image_is_built_offered_approved_and_promoted(
    tmp_path: Path, open_seat: Callable[..., Seat]
) -> None:
    server = ApiServer(build_container(tmp_path))
    images = server.container.images
    assert images is not None
    pipeline = Pipeline(
        store=images.store, registry=images.registry, builder=images.builder, clock=server.container.clock
    )
    server.start()

    def connect(sleep: Any) -> TlfifClient:
        return TlfifClient(FixedEndpoint(endpoint=Endpoint(base_url=server.url, token=TOKEN)), sleep=sleep)

    bridge = Bridge(
        connect=connect, watch=connect, history_path=tmp_path / "h.db", preferences_path=tmp_path / "w.json"
    )
    core = WindowCore(bridge)
    bridge.start()
    try:
        seat = open_seat(core)
        core.press(intents.ShowTab("images"))
        seat.wait(lambda: core.state.images.report, "the images are read")
        tab = tab_of(seat)
        seat.focus(tab.repository.address)
        tab.repository.address.insert(0, "/src/tl-fif")
        seat.key("<KeyRelease-f>")
        press(seat, tab.repository.build)
        seat.wait(lambda: core.state.images.rows, "it is asked for")
        while server.run(pipeline.tick()):
            pass
        seat.wait(lambda: core.state.notices, "it is offered")
        seat.wait(lambda: "smoke test" in tab.build.log.get("1.0", "end").lower(), "its log is there")
        core.press(intents.PressButton(Press.APPROVE_IMAGE))
        promote = tab.versions.buttons[ImageDecision.PROMOTE]
        seat.wait(lambda: promote.instate(["!disabled"]), "it is approved")
        press(seat, promote)
        seat.wait(lambda: seat.window.dialog.buttons, "it asks first")
        seat.key("<Tab>")
        seat.key("<Key-space>")
        seat.wait(lambda: "Machines start from v1" in core.state.images.in_use, "it is promoted")
        assert server.run(images.registry.pointer(Profile.BUNDLE)).version == "v1"
    finally:
        core.close()
        server.stop()
