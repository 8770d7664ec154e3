"""Which model answers, and fetching it on first use."""

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.desk import FakeClient, FakeDesk, a_model, a_personal_model
from tlfif.cli.fetching import Choice, choose_model, fetch_model
from tlfif.client.errors import NotPossibleError, ServerFailedError
from tlfif.wire.models import ModelView


def client_with(big: str, small: str = "ready") -> FakeClient:
    return FakeClient(models=[a_model("tinyllama", big), a_model("smollm2", small)])


def unreachable(name: str) -> list[ModelView]:
    if name == "smollm2":
        return [a_model(name)]
    raise NotPossibleError("The hub cannot be reached.", code="hub_unreachable", status=409)


async def test_the_default_answers_where_it_is_ready() -> None:
    client, desk = client_with("ready"), FakeDesk()
    assert await choose_model(client, None, desk.console) == Choice(model="tinyllama")
    assert (client.pulled, desk.said) == ([], "")


async def test_the_default_is_fetched_on_first_use() -> None:
    client, desk = client_with("absent"), FakeDesk()
    client.on_pull = lambda name: [a_model(name, "pulling", received_bytes=10), a_model(name)]
    assert await choose_model(client, None, desk.console) == Choice(model="tinyllama")
    assert client.pulled == ["tinyllama by itself"]
    assert "Downloading Tinyllama from a/hub, 1.0 kB, once (10 B are here already)." in desk.said
    assert "--model smollm2" in desk.said


@pytest.mark.parametrize("small", ["ready", "absent"])
async def test_without_the_hub_the_small_one_answers_and_says_so(small: str) -> None:
    client, desk = client_with("absent", small), FakeDesk()
    client.on_pull = unreachable
    choice = await choose_model(client, None, desk.console)
    assert choice.model == "smollm2"
    assert "no connection" in choice.note
    assert "The smaller Smollm2 answers" in choice.note
    assert "./tlfif model pull tinyllama" in choice.note
    assert client.pulled == (["tinyllama by itself"] if small == "ready" else ["tinyllama by itself", "smollm2"])


async def test_the_cause_is_told_in_the_words_of_who_found_it() -> None:
    client = client_with("absent")

    def refuse(name: str) -> list[ModelView]:
        cause = "HTTPS_PROXY is socks9://x, which is no proxy that can be used (./tlfif serve --stop ends it)"
        raise NotPossibleError(f"No: {cause}.", code="hub_unreachable", status=409, details={"why": cause})

    client.on_pull = refuse
    note = (await choose_model(client, None, FakeDesk().console)).note
    assert note.startswith("Tinyllama is not downloaded: HTTPS_PROXY is socks9://x, which is no proxy that can be used")
    assert note.endswith("ends it). The smaller Smollm2 answers. To get the other one: ./tlfif model pull tinyllama")


async def test_a_fetch_that_breaks_off_leaves_the_small_one() -> None:
    client = client_with("absent")
    client.on_pull = lambda name: [a_model(name, "pulling"), a_model(name, "absent", problem="The line broke.")]
    choice = await choose_model(client, None, FakeDesk().console)
    assert (choice.model, "the download failed" in choice.note) == ("smollm2", True)


async def test_a_damaged_default_is_not_used_and_not_silently_replaced() -> None:
    client = client_with("corrupt")
    choice = await choose_model(client, None, FakeDesk().console)
    assert choice.model == "smollm2"
    assert "its file is damaged" in choice.note
    assert "model pull tinyllama --force" in choice.note
    assert client.pulled == []


async def test_a_model_that_was_named_is_fetched_but_never_replaced() -> None:
    client = client_with("absent", "absent")
    client.on_pull = unreachable
    assert await choose_model(client, "smollm2", FakeDesk().console) == Choice(model="smollm2")
    with pytest.raises(NotPossibleError, match="hub"):
        await choose_model(client, "tinyllama", FakeDesk().console)
    assert client.pulled == ["smollm2", "tinyllama"]


async def test_a_file_of_ones_own_is_taken_as_it_is() -> None:
    client = client_with("absent")
    assert (await choose_model(client, "file:/a.gguf", FakeDesk().console)).model == "file:/a.gguf"
    assert client.pulled == []


async def test_a_server_fault_is_not_mistaken_for_a_silent_hub() -> None:
    client = client_with("absent")

    def fault(name: str) -> list[ModelView]:
        raise ServerFailedError("Broken.", status=500)

    client.on_pull = fault
    with pytest.raises(ServerFailedError):
        await choose_model(client, None, FakeDesk().console)


@pytest.mark.parametrize("terminal", [True, False])
async def test_progress_is_a_bar_on_a_terminal_and_now_and_then_a_line_elsewhere(terminal: bool) -> None:
    desk, clock = FakeDesk(terminal=terminal), FakeClock()

    def monotonic() -> float:
        clock.advance(1.0)
        return clock.monotonic()

    client = FakeClient()
    client.on_pull = lambda name: [
        *[a_model(name, "pulling", received_bytes=done) for done in range(0, 1000, 100)],
        a_model(name),
    ]
    await fetch_model(client, "tinyllama", desk.console, monotonic=monotonic)
    assert ("[####" in desk.said) is terminal
    assert (desk.said.count("\n") <= 5) is True
    assert "its checksum is correct" in desk.said


async def test_a_personal_model_is_asked_by_its_name_once_its_base_is_here() -> None:
    client = FakeClient(models=[a_model("tinyllama"), a_model("smollm2", "absent")])
    client.personal = [a_personal_model("anna-poems", base="smollm2")]
    assert (await choose_model(client, "anna-poems", FakeDesk().console)).model == "anna-poems"
    assert client.pulled == ["smollm2"]
    assert (await choose_model(client, "ben-poems", FakeDesk().console)).model == "ben-poems"
