"""The window over a home on AWS, from ``deploy`` over a prompt and a machine that is gone to ``destroy``: real
functions, a real worker, a real model.

``TLFIF_TEST_PICTURES=FOLDER ./tlfif test tests/gui/test_real_window_on_aws.py`` keeps pictures of its stages.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws.afterwards import every_job_has_one_end_and_a_reason, nothing_is_left, the_ledger_is_ec2s
from tests.aws.deployed_world import World
from tests.aws.deployments import EmulatedHome
from tests.aws.emulator import Emulator, running_emulator
from tests.aws.home import AwsHome
from tests.aws.live_home import a_home_beside, sign_in
from tests.gui.seat import Seat
from tlfif.bootstrap.aws import aws_container
from tlfif.client.sign_in.token_store import TokenStore
from tlfif.gui.bridge.opening import open_core
from tlfif.gui.model import intents
from tlfif.gui.model.state import ExchangeStage, StatusKind

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running_emulator() as one:
        yield one


@pytest.fixture
def world(emulator: Emulator, tmp_path: Path) -> World:
    return World(EmulatedHome(emulator, tmp_path))


@pytest.fixture
def home(emulator: Emulator, world: World, tmp_path: Path) -> Iterator[AwsHome]:
    asyncio.run(world.deploy())
    with a_home_beside(emulator, tmp_path, world.places()) as one:
        yield one


def test_a_prompt_on_aws_until_its_machine_is_gone(
    home: AwsHome, world: World, tmp_path: Path, open_seat: Callable[..., Seat], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    monkeypatch.setattr(TokenStore.__init__, "__kwdefaults__", {"find_vault": lambda: None})
    core = open_core(sign_in(tmp_path / "desk", home))
    seat = open_seat(core, size="1120x760")
    window = seat.window
    seat.wait(lambda: core.state.status_line.kind is StatusKind.OFF and core.state.cost.real, "the home answers", 60)
    seat.picture("1-off")

    seat.focus(window.chat.composer.text)
    seat.type("What is a cloud computer?")
    seat.click(window.chat.composer.send_button)
    seat.wait(
        lambda: core.state.status_line.kind in {StatusKind.LAUNCHING, StatusKind.LOADING}, "the start is shown", 60
    )
    seat.picture("2-launching")
    lengths, kinds = set(), set()

    def answered() -> bool:
        (one,) = core.state.conversation.exchanges
        kinds.add(core.state.status_line.kind)
        lengths.add(len(str(one.answer)))
        if len(lengths) == 6:
            seat.picture("3-answering")
        return one.stage is ExchangeStage.DONE

    seat.wait(answered, "the answer", 120)
    assert len(lengths) > 3, "it was written as it came"
    assert StatusKind.ANSWERING in kinds, "the status line says who answers"
    (one,) = core.state.conversation.exchanges
    seat.wait(lambda: str(one.answer) in window.chat.conversation.text.get("1.0", "end"), "it is shown")

    def cost() -> str:
        receipt = core.state.conversation.exchanges[-1].receipt
        return "" if receipt is None else receipt.cost

    seat.wait(cost, "what it cost")
    assert cost().startswith("Cost $0.")
    seat.wait(lambda: core.state.status_line.kind is StatusKind.IDLE, "idle")
    seat.picture("4-idle")
    for tab in ("cost", "machine", "settings"):
        core.press(intents.ShowTab(tab))
        seat.settle()
        if tab == "machine":
            seat.wait(lambda: core.state.machine.past, "its start is read")
            assert core.state.machine.past[0]["phases"], "phase by phase"
        seat.picture(f"5-{tab}")
    core.press(intents.ShowTab("chat"))

    field = window.chat.controls.idle.entry
    seat.focus(field)
    field.selection_range(0, "end")
    seat.key("<BackSpace>")
    seat.type("0.1")
    seat.key("<KeyRelease-1>")
    seat.key("<Return>")
    seat.wait(lambda: core.state.status_line.kind is StatusKind.OFF, "idle for six seconds, it ended by itself", 60)
    seat.picture("6-off-again")
    assert set(home.instances().values()) == {"terminated"}
    asyncio.run(afterwards(home))
    asyncio.run(destroyed(world))


async def afterwards(home: AwsHome) -> None:
    """Asked of EC2 and of the tables."""
    settings = home.settings.model_copy(update={"endpoint_url": home.emulator.endpoint})
    container = aws_container(settings, session=home.emulator.session)
    found = home.emulator.ec2.describe_instances(Filters=[{"Name": "tag:tlfif:home", "Values": [home.name]}])
    instances = [dict(one) for part in found["Reservations"] for one in part["Instances"]]
    try:
        (job,) = await every_job_has_one_end_and_a_reason(container)
        assert job.status == "succeeded"
        await nothing_is_left(container, instances, home.schedules())
        await the_ledger_is_ec2s(container.money.ledger, instances)
    finally:
        await container.close()


async def destroyed(world: World) -> None:
    """All that was deployed goes, and the account has nothing of this home."""
    assert len(await world.ours()) > 10
    done = await world.destroy()
    assert done.nothing_left, [one for one in done.kinds if not one.clean]
    assert await world.ours() == []
