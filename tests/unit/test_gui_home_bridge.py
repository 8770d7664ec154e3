"""The bridge and the homes behind it: going over from one real API to another, signing in, deleting there, too."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import succeeded
from tests.fakes.bridge import until
from tests.fakes.gui import machine_view
from tests.fakes.identity_provider import CLIENT, Person, Provider, serving_provider
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tests.unit.test_client_sign_in import free_ports
from tlfif.client.endpoint import Endpoint, FixedEndpoint, Locator
from tlfif.client.errors import AccessDeniedError, ApiError, ConnectionLostError, NotPossibleError
from tlfif.client.profile import AWS, COMPUTER, Profile, load_profiles, save_aws_profile
from tlfif.client.sign_in.sign_in import sign_in
from tlfif.client.sign_in.token_store import TokenStore
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge.bridge import Bridge
from tlfif.gui.bridge.forgetting import LOOKS, forget_at_server
from tlfif.gui.bridge.homes import Homes
from tlfif.gui.bridge.message_queue import MessageQueue
from tlfif.gui.core import WindowCore
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.messages import Message
from tlfif.gui.model.state import ExchangeStage, Link, Press
from tlfif.history.arranging import MarkDeleted
from tlfif.history.history import History
from tlfif.history.kept import KeptExchange, KeptJob
from tlfif.jobs.jobs import JobStatus, Outcome
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import InvalidInputError
from tlfif.wording.machines import HERE

PLACE = "AWS eu-central-1"


class TwoHomes:
    """Two servers of this computer; the second calls itself AWS. The browser waits for ``came_back``."""

    def __init__(self, *urls: str) -> None:
        self._urls = dict(zip((COMPUTER, AWS), urls, strict=True))
        self.active = COMPUTER
        self.who: str | None = None
        self.bridge, self.here_url = False, urls[0]
        self.came_back = asyncio.Event()
        self.threads: set[str] = set()

    def locators(self) -> tuple[Locator, Locator]:
        found = FixedEndpoint(endpoint=Endpoint(base_url=self._urls[self.active], token=TOKEN))
        return found, found

    def view(self) -> HomeView:
        self.threads.add(threading.current_thread().name)
        return HomeView(active=self.active, aws_place=PLACE, who=self.who, bridge=self.bridge)

    def here(self) -> Locator | None:
        is_wanted = self.bridge and self.active == AWS
        return FixedEndpoint(endpoint=Endpoint(base_url=self.here_url, token=TOKEN)) if is_wanted else None

    def set_bridge(self, *, on: bool) -> None:
        self.bridge = on

    def choose(self, name: str) -> None:
        if name not in self._urls:
            raise InvalidInputError("There is no such place.", code="profile_unknown")
        self.active = name

    async def sign_in(self, tell: Callable[[str, bool], None]) -> str:
        tell("https://idp.example/login", True)
        await self.came_back.wait()
        if self.who == "nobody":
            raise AccessDeniedError("You declined.", code="sign_in_refused")
        self.who = "ada"
        return "It is in a file."

    async def sign_out(self) -> str:
        self.who = None
        return "revoked"


class Seat:
    """A core over the bridge over two servers."""

    def __init__(self, folder: Path) -> None:
        self.servers = [ApiServer(build_container(folder / name)) for name in ("one", "two")]
        for server in self.servers:
            server.start()
        self.homes = TwoHomes(*(server.url for server in self.servers))
        self.bridge = Bridge(homes=self.homes, history_path=folder / "h.db", preferences_path=folder / "w.json")
        self.core = WindowCore(self.bridge)
        self.bridge.start()

    def wait(self, what: str, found: Callable[[], object]) -> None:
        until(lambda: (self.core.poll(), found())[1], f"{what}: {self.core.state}")

    def ask(self, text: str) -> None:
        self.core.press(intents.Send(text))
        self.wait("accepted", lambda: self.core.state.conversation.exchanges[-1].job_id)

    def answer(self, server: ApiServer, text: str) -> None:
        claimed = server.claim()
        server.finish(claimed, 3, succeeded(), text)

    def close(self) -> None:
        self.core.close()
        for server in self.servers:
            server.stop()


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    found = Seat(tmp_path)
    found.core.press(intents.ChangeSettings(replace(found.core.state.settings.values, model=READY_MODEL)))
    found.wait("connected", lambda: found.core.state.connection.link is Link.CONNECTED)
    yield found
    found.close()


@pytest.mark.requirement("1.2.4")
def test_going_over_lets_answers_go_on_where_they_are_and_reads_them_on_later(seat: Seat) -> None:
    seat.ask("First")
    seat.core.press(intents.ChooseHome(AWS))
    seat.wait("gone over", lambda: seat.core.state.home.view.active == AWS)
    first = seat.core.state.conversation.exchanges[0]
    assert (first.stage, first.resumable, first.place) == (ExchangeStage.FAILED, True, HERE)
    seat.wait("connected there", lambda: seat.core.state.connection.link is Link.CONNECTED)
    seat.answer(seat.servers[0], "From the first.")
    seat.ask("Second")
    seat.answer(seat.servers[1], "From the second.")
    seat.wait("answered", lambda: seat.core.state.conversation.exchanges[1].stage is ExchangeStage.DONE)
    assert str(seat.core.state.conversation.exchanges[1].answer) == "From the second."
    assert str(seat.core.state.conversation.exchanges[0].answer) == ""
    seat.core.press(intents.ChooseHome(COMPUTER))
    seat.wait("read on", lambda: seat.core.state.conversation.exchanges[0].stage is ExchangeStage.DONE)
    assert str(seat.core.state.conversation.exchanges[0].answer) == "From the first."
    assert threading.current_thread().name not in seat.homes.threads, "files and keyrings are not the window's thread"


class TestThisComputerAnswersMeanwhile:
    """The second server's machine is off, so each prompt there waits for one."""

    @pytest.fixture
    def bridged(self, seat: Seat) -> Seat:
        seat.core.press(intents.ChooseHome(AWS))
        seat.wait("gone over", lambda: seat.core.state.home.view.active == AWS)
        seat.wait("connected", lambda: seat.core.state.connection.link is Link.CONNECTED)
        assert not seat.core.state.home.view.bridge
        seat.core.press(intents.SwitchBridge(True))
        seat.wait("switched on", lambda: seat.core.state.home.view.bridge)
        return seat

    def newest(self, seat: Seat) -> Any:
        return seat.core.state.conversation.exchanges[-1]

    def said_here(self, seat: Seat) -> None:
        until(seat.servers[0].newest_job, "asked here")
        seat.answer(seat.servers[0], "From here.")
        seat.wait("its words", lambda: str(self.newest(seat).answer) == "From here.")
        seat.wait("its receipt", lambda: "cost nothing" in self.newest(seat).bridge.line)

    def test_until_the_other_place_answers_and_only_that_is_kept(self, bridged: Seat, tmp_path: Path) -> None:
        bridged.ask("Hello")
        self.said_here(bridged)
        bridged.answer(bridged.servers[1], "From there.")
        bridged.wait("answered", lambda: self.newest(bridged).stage is ExchangeStage.DONE)
        assert str(self.newest(bridged).answer) == "From there."
        until(lambda: not bridged.servers[0].newest_job(), "nothing of it is kept here")
        until(lambda: "cost nothing" in self.kept(tmp_path).receipt, "its receipt is kept")
        assert self.kept(tmp_path).answer == "From there."

    def test_a_failure_there_leaves_it_and_is_said(self, bridged: Seat, tmp_path: Path) -> None:
        bridged.ask("Hello")
        self.said_here(bridged)
        failed = Outcome(status=JobStatus.FAILED, error_code="engine_broken", error_message="Gone.")
        bridged.servers[1].finish(bridged.servers[1].claim(), 3, failed)
        bridged.wait("failed", lambda: self.newest(bridged).stage is ExchangeStage.FAILED)
        assert (str(self.newest(bridged).answer), self.newest(bridged).problem.message) == ("From here.", "Gone.")
        until(lambda: self.kept(tmp_path).status == "failed", "the failure is kept")
        assert self.kept(tmp_path).answer == "From here."

    def test_cancel_reaches_both(self, bridged: Seat) -> None:
        bridged.ask("Hello")
        until(bridged.servers[0].newest_job, "asked here")
        seq = self.newest(bridged).id
        bridged.core.press(intents.CancelAnswer(seq))
        bridged.wait("cancelled", lambda: self.newest(bridged).stage is ExchangeStage.CANCELLED)
        until(lambda: not bridged.servers[0].newest_job(), "ended and forgotten here")

    def test_where_this_computer_cannot_the_prompt_waits_and_says_so(self, bridged: Seat) -> None:
        bridged.homes.here_url = "http://127.0.0.1:9"
        bridged.ask("Hello")
        bridged.wait("said", lambda: self.newest(bridged).bridge is not None)
        assert self.newest(bridged).bridge.line.startswith("This computer did not answer meanwhile: ")
        assert self.newest(bridged).stage is ExchangeStage.WAITING
        bridged.answer(bridged.servers[1], "From there.")
        bridged.wait("answered", lambda: self.newest(bridged).stage is ExchangeStage.DONE)

    def kept(self, folder: Path) -> KeptExchange:
        history = History(folder / "h.db")
        found = history.conversation(history.conversations("")[0].id)
        history.close()
        assert found is not None
        return found.exchanges[-1]


def test_a_choice_that_cannot_be_leaves_everything_as_it_is(seat: Seat) -> None:
    seat.bridge.send(commands.UseHome(name="moon"))
    seat.wait("said", lambda: seat.core.state.home.problem)
    assert seat.core.state.connection.link is Link.CONNECTED
    seat.ask("Still here")


def test_signing_in_waits_beside_everything_else_is_left_fails_and_works(seat: Seat) -> None:
    seat.core.press(intents.PressButton(Press.SIGN_IN))
    seat.wait("the address", lambda: seat.core.state.home.address)
    seat.ask("Meanwhile")
    seat.core.press(intents.PressButton(Press.CANCEL_SIGN_IN))
    seat.wait("left", lambda: not seat.core.state.home.signing)
    assert "You cancelled the sign-in" in seat.core.state.home.note

    seat.homes.who = "nobody"
    seat.bridge._loop.call_soon_threadsafe(seat.homes.came_back.set)
    seat.core.press(intents.PressButton(Press.SIGN_IN))
    seat.wait("declined", lambda: seat.core.state.home.problem)
    assert "declined" in seat.core.state.home.problem

    seat.homes.who = None
    seat.core.press(intents.PressButton(Press.SIGN_IN))
    seat.wait("signed in", lambda: seat.core.state.home.note == "It is in a file.")
    seat.core.press(intents.SignOutNow())
    seat.wait("signed out", lambda: "signed out" in seat.core.state.home.note)


@pytest.mark.requirement("1.4.4")
def test_deleting_everywhere_deletes_at_the_server_first(seat: Seat) -> None:
    seat.ask("Secret")
    seat.answer(seat.servers[0], "Also secret.")
    seat.wait("listed", lambda: seat.core.state.history.found)
    one = seat.core.state.conversation.exchanges[0]
    seat.core.press(intents.ChooseHome(AWS))
    seat.wait("gone over", lambda: seat.core.state.home.view.active == AWS)
    mark = commands.ArrangeHistory(change=MarkDeleted(one.conversation_id, 1.0))
    seat.bridge.send(mark)
    seat.bridge.send(commands.ForgetConversation(conversation_id=one.conversation_id, at=PLACE))
    seat.wait("refused", lambda: any("another place" in item.problem.message for item in seat.core.state.notices))
    seat.wait("it is in the list", lambda: seat.core.state.history.found)
    seat.core.press(intents.ChooseHome(COMPUTER))
    seat.wait("back", lambda: seat.core.state.home.view.active == COMPUTER and not seat.core.state.home.moving)
    seat.bridge.send(mark)
    seat.bridge.send(commands.ForgetConversation(conversation_id=one.conversation_id, at=HERE))
    seat.wait("gone", lambda: not seat.core.state.history.found)

    async def look() -> str:
        async with TlfifClient(seat.homes.locators()[0]) as client:
            while True:  # until the server has done it; the test's own time-out ends it
                try:
                    await client.job(str(one.job_id))
                except ApiError as error:
                    return error.code

    assert asyncio.run(look()) == "job_not_found"


class Deleting:
    """A client of a server with jobs in the states given; a running one ends after it was cancelled and two looks."""

    def __init__(self, **states: str) -> None:
        self.states = states
        self.done: list[str] = []

    async def delete_job(self, job_id: str) -> None:
        self.done.append(f"delete {job_id}")
        state = self.states.get(job_id)
        if state is None:
            raise NotPossibleError("Gone.", code="job_not_found")
        if state == "lost":
            raise ConnectionLostError("It broke.")
        if state != "ended":
            self.states[job_id] = {"cancelled": "ending", "ending": "ended"}.get(state, state)
            raise NotPossibleError("It runs.", code="job_not_ended")

    async def delete_jobs(self) -> int:
        self.done.append("all")
        return 1

    async def cancel(self, job_id: str) -> None:
        self.done.append(f"cancel {job_id}")
        if self.states[job_id] == "running":
            self.states[job_id] = "cancelled"


async def nothing(_seconds: float) -> None:
    """No time passes."""


def jobs(*names: str, place: str = "", is_open: bool = False) -> list[KeptJob]:
    return [KeptJob(id=name, place=place, is_open=is_open) for name in names]


@pytest.mark.parametrize(
    ("doomed", "everything", "done"),
    [
        (jobs("a", "gone"), False, ["delete a", "delete gone"]),
        (jobs("r"), False, ["delete r", "cancel r", "delete r", "delete r", "delete r"]),
        (jobs("a") + jobs("r", is_open=True), True, ["delete r", "cancel r", *["delete r"] * 3, "all"]),
        ([], False, []),
    ],
)
async def test_what_is_deleted_at_the_server(doomed: list[KeptJob], everything: bool, done: list[str]) -> None:
    client: Any = Deleting(a="ended", r="running")
    await forget_at_server(client, doomed, place=HERE, everything=everything, sleep=nothing)
    assert client.done == done


async def test_a_server_that_is_gone_or_a_job_that_does_not_end_is_told() -> None:
    client: Any = Deleting(x="lost", stuck="stuck")
    with pytest.raises(ConnectionLostError):
        await forget_at_server(client, jobs("x"), place=HERE, everything=False, sleep=nothing)
    with pytest.raises(NotPossibleError, match="It runs"):
        await forget_at_server(client, jobs("stuck"), place=HERE, everything=False, sleep=nothing)
    assert client.done.count("delete stuck") == LOOKS
    with pytest.raises(NotPossibleError) as raised:
        await forget_at_server(client, jobs("a", place=PLACE), place=HERE, everything=True, sleep=nothing)
    assert raised.value.code == "jobs_elsewhere"
    assert "all" not in client.done


def test_news_of_another_server_are_not_put_before_the_going_over() -> None:
    box = MessageQueue()
    box.put(messages.MachineUpdated(machine=machine_view("ready")))
    box.put(messages.HomeUpdated(home=HomeView(), moved=True))
    box.put(messages.MachineUpdated(machine=machine_view("off")))
    kinds: list[type[Message]] = [type(item) for item in box.take(9)]
    assert kinds == [messages.MachineUpdated, messages.HomeUpdated, messages.MachineUpdated]


# The homes of a folder


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving_provider() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    monkeypatch.setattr(TokenStore.__init__, "__kwdefaults__", {"find_vault": lambda: None})
    return DataFolder(tmp_path / "home")


def a_profile(provider: Provider) -> Profile:
    return Profile(
        api_url="http://127.0.0.1:9", issuer=provider.url, client_id=CLIENT, scope="openid", region="eu-central-1",
        redirect_ports=free_ports(),
    )  # fmt: skip


async def test_a_folder_s_homes_are_chosen_signed_in_to_and_left(
    folder: DataFolder, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = Homes(folder)
    assert "month" in homes.view().price
    save_aws_profile(folder, a_profile(provider))
    assert (homes.view().aws_place, homes.view().on_aws, homes.view().price) == (PLACE, False, "")
    homes.choose(AWS)
    assert load_profiles(folder).active == AWS
    assert (homes.view().place, homes.view().who) == (PLACE, None)
    may_start, only_finds = homes.locators()
    with pytest.raises(AccessDeniedError) as raised:
        await may_start.ensure()
    assert raised.value.code == "signed_out"
    person = Person(provider.authorize)
    monkeypatch.setitem(sign_in.__kwdefaults__, "open_browser", person)
    told: list[str] = []
    note = await homes.sign_in(lambda address, _: told.append(address))
    assert str(folder.sign_in) in note
    assert told == person.opened
    assert homes.view().who == "ada@example.com"
    assert (await only_finds.ensure()).base_url == "http://127.0.0.1:9"
    assert await homes.sign_out() == "revoked"
    with pytest.raises(AccessDeniedError):
        await only_finds.ensure()


async def test_a_profile_that_cannot_be_read_or_chosen_is_said(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.create()
    folder.profile.write_text("{")
    homes = Homes(folder)
    assert "damaged" in homes.view().problem
    for locator in homes.locators():
        with pytest.raises(ApiError) as raised:
            await locator.again()
        assert raised.value.code == "profile_damaged"
    folder.profile.unlink()
    monkeypatch.setenv("TLFIF_PROFILE", COMPUTER)
    assert "TLFIF_PROFILE" in homes.view().fixed
    with pytest.raises(InvalidInputError) as fixed:
        homes.choose(AWS)
    assert fixed.value.code == "profile_fixed"
    with pytest.raises(ApiError) as gone:
        await homes.locators()[1].ensure()
    assert gone.value.code == "server_stopped"
