"""``tlfif budget``: what is sent, what is said, and that practice mode is always called so."""

import json
from typing import Any

import pytest

from tests.fakes.desk import FakeDesk, Terminal
from tests.fakes.money import MoneyClient, budget, cost
from tlfif.cli import budget as command
from tlfif.cli.arguments import Parser
from tlfif.cli.budget import budget_report, release_text, set_text
from tlfif.cli.exit_codes import exit_code_of, exit_code_of_job
from tlfif.client.errors import error_from
from tlfif.kernel.errors import BudgetLockedError, InvalidInputError

PRACTISED = "0.02 € of 0.05 € are spent. Practice mode (no real charges)."


def practice(**changes: Any) -> Any:
    return budget(**{"limit_eur": 0.05, "simulated_aws": True, "sentence": PRACTISED, **changes})


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs ``tlfif budget`` on a fake client."""

    def run(client: MoneyClient, *argv: str) -> tuple[int, FakeDesk]:
        monkeypatch.setattr(command, "open_client", lambda: client)
        desk, parser = FakeDesk(), Parser(prog="tlfif budget")
        command.configure(parser)
        return command.run(parser.parse_args(argv), desk.console), desk

    return run


@pytest.mark.parametrize(
    ("argv", "sent"),
    [
        (("20",), ("set", "20", False)),
        (("€0.05", "--simulated-aws"), ("set", "0.05", True)),
        (("12.50 €",), ("set", "12.50", False)),
        (("none", "--yes"), ("set", None, False)),
        (("NONE", "--simulated-aws", "--yes"), ("set", None, True)),
    ],
)
def test_a_limit_is_sent_as_an_amount(run: Any, argv: tuple[str, ...], sent: object) -> None:
    client = MoneyClient()
    assert run(client, "set", *argv)[0] == 0
    assert client.calls[-1] == sent


@pytest.mark.requirement("1.5.2")
@pytest.mark.parametrize(("typed", "sent"), [("yes\n", 1), ("\n", 0)])
def test_no_limit_asks_first_and_says_how_it_is_taken_back(
    run: Any, typed: str, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MoneyClient(cost(on_aws=True), after=budget(limit_eur=None, state="none", free_eur=None))
    with pytest.raises(InvalidInputError) as caught:
        run(client, "set", "none")  # nobody is there to be asked
    assert caught.value.code == "not_confirmed"
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    code, desk = run(client, "set", "none")
    asked = " ".join(desk.said.split())
    assert "AWS may then charge without a limit from TL-FIF." in asked
    assert "The limit is 20.00 € a month now. Have no limit?" in asked
    assert [code, len([call for call in client.calls if call[0] == "set"])] == [0 if sent else 2, sent]
    assert ("To take this back: ./tlfif budget set 20" in desk.out.getvalue()) is bool(sent)


@pytest.mark.parametrize(
    "text", ["", " ", "0", "-5", "nan", "inf", "1e9", "100001", "20 USD", "$20", "1,500", "0.00001", "x"]
)
def test_what_is_no_limit_changes_nothing(run: Any, text: str) -> None:
    client = MoneyClient()
    with pytest.raises(InvalidInputError) as caught:
        run(client, "set", text)
    assert (caught.value.code, exit_code_of(caught.value), client.calls) == ("budget_invalid", 2, [])


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (422, "budget_invalid", 2),
        (422, "region_unknown", 2),
        (422, "instance_type_unknown", 2),
        (409, "budget_locked", 4),
        (409, "budget_no_room", 4),
    ],
)
def test_the_servers_refusals_have_their_exit_codes(status: int, code: str, exit_code: int) -> None:
    assert exit_code_of(error_from(status, {"code": code, "detail": "No."})) == exit_code


def test_a_lock_is_told_by_its_number() -> None:
    assert exit_code_of(BudgetLockedError("Locked.")) == 4
    assert exit_code_of_job("failed", "budget_locked") == 4


def test_the_report_has_every_figure() -> None:
    text = budget_report(cost(budget=budget(spent_eur=1.5, committed_eur=0.25, free_eur=18.25, extra_eur=5.0)))
    for said in ("20.00 €", "5.00 €", "1.50 €", "0.25 €", "18.25 €", "0.11 €", "without VAT"):
        assert said in text
    assert "counts real money only" in text
    assert "this limit is not reached here" in text
    assert "release" not in text.splitlines()[-1]


@pytest.mark.parametrize("state", ["none", "open", "warn_50", "warn_80", "locked"])
def test_practice_mode_is_called_so_whatever_its_state(state: str) -> None:
    found = practice(state=state)
    assert budget_report(cost(budget=found)).startswith("Practice mode (no real charges). ")
    assert "Practice mode (no real charges)." in budget_report(cost(budget=found)).replace("\n", " ")
    for limit in (0.05, None):
        assert "practice mode" in set_text(cost(), practice(limit_eur=limit, sentence="")).lower()
    assert "real money" not in set_text(cost(), found)


def test_a_locked_budget_says_what_to_press() -> None:
    last = budget_report(cost(budget=budget(state="locked"))).splitlines()[-1]
    assert "./tlfif budget release" in last
    assert "./tlfif budget set AMOUNT" in last


def test_no_limit_is_not_a_limit_of_zero() -> None:
    text = budget_report(cost(budget=budget(limit_eur=None, state="none", free_eur=None)))
    assert "no limit" in text
    assert "Free" not in text
    assert "There is no limit any more" in set_text(cost(), budget(limit_eur=None, state="none", free_eur=None))


def test_setting_a_real_limit_ends_a_practice() -> None:
    assert "Practice mode is over." in set_text(cost(budget=practice()), budget())
    assert "Practice mode is over." not in set_text(cost(), budget())
    assert "is now 0.05 € per month" in set_text(cost(), practice())
    assert "To end practice mode: ./tlfif budget set 20" in set_text(cost(), practice())


def test_on_aws_the_limit_counts_and_is_not_excused() -> None:
    found = cost(on_aws=True)
    assert "not reached" not in budget_report(found)
    assert "not reached" not in set_text(found, budget())


def test_a_release_says_how_far_it_goes() -> None:
    locked = budget(state="locked", limit_eur=8.0)
    text = release_text(locked, budget(state="warn_80", limit_eur=8.0, extra_eur=2.0)).replace("\n", " ")
    assert "The next one comes at 10.00 €" in text
    assert "next month the limit is 8.00 € again" in text
    assert "To take this back: ./tlfif budget set 8" in text
    assert "no lock to release" in release_text(budget(), budget())


def test_a_higher_limit_can_be_taken_back_and_a_lower_one_exposes_nothing() -> None:
    assert "To take this back: ./tlfif budget set 20" in set_text(cost(), budget(limit_eur=200.0))
    assert "take this back" not in set_text(cost(), budget(limit_eur=2.0))


def test_every_action_speaks_json(run: Any) -> None:
    client = MoneyClient(after=practice())
    assert json.loads(run(client, "show", "--json")[1].out.getvalue()) == client.found["budget"]
    assert json.loads(run(client, "set", "1", "--json")[1].out.getvalue()) == client.after
    assert json.loads(run(client, "release", "--json")[1].out.getvalue()) == client.after


def test_what_is_said_fits_a_terminal(run: Any) -> None:
    sentence = "The budget is locked: " + "$0.21 · 0.18 € of 0.05 € " * 6
    client = MoneyClient(cost(budget=budget(state="locked", sentence=sentence)), after=practice(sentence=sentence))
    for argv in (["show"], ["release"]):
        text = run(client, *argv)[1].out.getvalue()
        assert all(len(line) <= 80 for line in text.splitlines())
