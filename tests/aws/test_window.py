"""The window over the home on AWS: core, bridge and client as they are, the API and the router as functions."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws.emulator import REGION, Emulator
from tests.aws.home import CLIENT_ID, SCOPE, AwsHome, a_home
from tests.aws.test_functions import PaperWorker, wait_for
from tlfif.client.profile import AWS, COMPUTER, Profile, save_aws_profile, use
from tlfif.client.sign_in.token_store import Tokens, TokenStore
from tlfif.gui.bridge.opening import open_core
from tlfif.gui.core import WindowCore
from tlfif.gui.model import intents
from tlfif.gui.model.state import ExchangeStage, Link, Press, StatusKind
from tlfif.kernel.data_folder import DataFolder

PLACE = f"AWS {REGION}"


@pytest.fixture(scope="module")
def cloud(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsHome]:
    with a_home(emulator, tmp_path_factory.mktemp("functions")) as one:
        yield one


@pytest.fixture
def profile(cloud: AwsHome) -> Profile:
    return Profile(
        api_url=cloud.front.url, issuer=cloud.front.url, client_id=CLIENT_ID, scope=f"openid {SCOPE}", region=REGION
    )


@pytest.fixture
def desk(tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A folder whose profile is AWS, on a computer without a keyring."""
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    monkeypatch.setattr(TokenStore.__init__, "__kwdefaults__", {"find_vault": lambda: None})
    home = DataFolder(tmp_path / "desk")
    save_aws_profile(home, profile)
    use(home, AWS)
    return home


def sign_in(desk: DataFolder, profile: Profile, cloud: AwsHome) -> None:
    token = cloud.token("anna")
    TokenStore(desk, profile).save(
        Tokens(access_token=token, refresh_token=None, renew_at=time.time() + 3000, who="anna@example.com")
    )


def until(core: WindowCore, holds: Callable[[], object], what: str) -> None:
    """Polled as the window polls it."""

    def look() -> object:
        core.poll()
        return holds()

    wait_for(look, f"{what}; {core.state.status_line}", 60.0)


def test_a_prompt_starts_a_machine_on_aws_is_answered_priced_and_the_machine_stopped(
    desk: DataFolder, profile: Profile, cloud: AwsHome
) -> None:
    sign_in(desk, profile, cloud)
    core = open_core(desk)
    try:
        until(core, lambda: core.state.status_line.kind is StatusKind.OFF and core.state.cost.real, "the home answers")
        assert core.state.home.view.place == PLACE
        until(core, lambda: core.state.home.view.who == "anna@example.com", "who it is")
        assert "this computer" not in core.state.status_line.cost

        core.press(intents.Send("Hello"))
        until(core, lambda: core.state.conversation.exchanges[-1].job_id, "the prompt is stored")
        wait_for(cloud.instances, "the router started a machine")
        until(core, lambda: core.state.status_line.progress is not None, "the start is shown")
        assert core.state.status_line.kind is StatusKind.LAUNCHING
        assert "min" in core.state.status_line.countdown
        assert "min" in core.state.conversation.exchanges[-1].status

        asyncio.run(PaperWorker(cloud).answers("Hello, Anna."))
        until(core, lambda: core.state.conversation.exchanges[-1].stage is ExchangeStage.DONE, "the answer")
        until(core, lambda: (core.state.conversation.exchanges[-1].receipt or _None).cost, "its cost")
        one = core.state.conversation.exchanges[-1]
        assert (str(one.answer), one.place) == ("Hello, Anna.", PLACE)
        assert one.receipt is not None
        assert one.receipt.cost.startswith("Cost $0.")
        until(core, lambda: "an hour" in core.state.status_line.cost, "what it costs")
        assert "On AWS" not in core.state.status_line.cost
        assert core.state.cost.simulated is None
        assert "$" in core.state.cost.budget.left_text

        until(core, lambda: core.state.machine.stop.enabled, "it can be stopped")
        core.press(intents.StopMachineNow())
        until(core, lambda: core.state.status_line.kind in {StatusKind.OFF, StatusKind.HELD}, "the stop is confirmed")
        assert set(cloud.instances().values()) == {"terminated"}
    finally:
        core.close()


class _None:
    cost = ""


def test_nobody_is_answered_without_a_sign_in_and_whoever_signs_in_meanwhile_is(
    desk: DataFolder, profile: Profile, cloud: AwsHome
) -> None:
    core = open_core(desk)
    try:
        until(core, lambda: core.state.status_line.kind is StatusKind.SIGNED_OUT, "the window says so")
        assert core.state.status_line.presses == (Press.SIGN_IN,)
        core.press(intents.Send("Hello"))
        until(core, lambda: core.state.composer.problem, "the prompt is refused")
        assert not core.state.conversation.exchanges
        sign_in(desk, profile, cloud)  # as ./tlfif login does
        until(core, lambda: core.state.connection.link is Link.CONNECTED, "it is seen")
        assert core.state.status_line.kind is not StatusKind.SIGNED_OUT
    finally:
        core.close()


def test_an_answer_under_way_on_aws_waits_there_while_the_window_is_elsewhere(
    desk: DataFolder, profile: Profile, cloud: AwsHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(desk, profile, cloud)
    monkeypatch.setenv("TLFIF_HOME", str(desk.root))
    core = open_core(desk)
    try:
        until(core, lambda: core.state.connection.link is Link.CONNECTED, "the home answers")
        core.press(intents.Send("Hello"))
        until(core, lambda: core.state.conversation.exchanges[-1].job_id, "the prompt is stored")
        wait_for(lambda: "running" in cloud.instances().values(), "a machine")

        # The server of this computer is not started: the window looks for it and can go back at once.
        monkeypatch.setattr("tlfif.gui.bridge.homes.LocalServer", _NobodyHere)
        core.press(intents.ChooseHome(COMPUTER))
        assert not core.state.composer.can_send
        until(core, lambda: core.state.home.view.active == COMPUTER, "the window has gone over")
        one = core.state.conversation.exchanges[-1]
        assert (one.stage, one.resumable, one.place) == (ExchangeStage.FAILED, True, PLACE)
        until(core, lambda: core.state.status_line.kind is StatusKind.NOT_CONNECTED, "nobody is here")

        core.press(intents.ChooseHome(AWS))
        until(core, lambda: core.state.conversation.exchanges[-1].stage is ExchangeStage.WAITING, "it is read on")
        asyncio.run(PaperWorker(cloud).answers("Still here."))
        until(core, lambda: core.state.conversation.exchanges[-1].stage is ExchangeStage.DONE, "the answer")
        assert str(core.state.conversation.exchanges[-1].answer) == "Still here."
        core.press(intents.StopMachineNow())
        until(core, lambda: core.state.status_line.kind in {StatusKind.OFF, StatusKind.HELD}, "the stop is confirmed")
    finally:
        core.close()


class _NobodyHere:
    """A server of this computer that cannot be started."""

    def __init__(self, home: DataFolder) -> None:
        self.home = home

    async def find(self) -> None:
        """None runs."""

    async def ensure(self) -> None:
        from tlfif.client.errors import NotReachableError

        raise NotReachableError("No server answers.")

    again = ensure
