"""``tlfif cost``: what a person reads, what a program reads, what is asked of the server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tlfif
from tests.fakes.desk import FakeDesk
from tests.fakes.money import (
    ADVICE,
    NOTHING,
    REFRESH,
    SHARE,
    MoneyClient,
    answered,
    billed,
    budget,
    cost,
    rate,
    standing,
    sums,
)
from tlfif.cli import cost as command
from tlfif.cli.arguments import Parser
from tlfif.cli.output.cost_report import cost_text, receipts_text
from tlfif.cli.output.price_report import prices_text, refresh_text
from tlfif.cli.output.receipt_report import answer_cost, parts_line
from tlfif.cli.output.standing_report import advice_text, standing_text
from tlfif.kernel.errors import InvalidInputError, UnavailableError

NOW = 1_795_000_100.0


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs ``tlfif cost`` on a fake client."""

    def run(client: MoneyClient, *argv: str) -> tuple[int, FakeDesk]:
        monkeypatch.setattr(command, "open_client", lambda: client)
        desk, parser = FakeDesk(), Parser(prog="tlfif cost")
        command.configure(parser)
        return command.run(parser.parse_args(argv), desk.console), desk

    return run


def narrow(text: str, width: int = 82) -> bool:
    return all(len(line) <= width for line in text.splitlines())


def test_the_report_says_both_truths() -> None:
    text = cost_text(cost(), now=NOW)
    assert "This computer   costs nothing: $0 · 0 €" in text
    assert "On AWS this would have cost (g4dn.xlarge in eu-central-1):" in text
    for said in ("$3.45", "3.00 €", "$0.67", "$2.53", "$6.90", "6.00 €"):
        assert said in text
    assert "without VAT" in text
    assert "$0 · 0 € of 20.00 € are spent." in text
    assert "./tlfif budget set 0.05 --simulated-aws" in text
    assert "not a bill" in text
    assert narrow(text)


def test_on_aws_the_report_says_which_machines_are_tried_and_what_each_costs() -> None:
    assert "Machines   Tried first: c7i.xlarge (llama.cpp) for $0.23 an hour." in cost_text(cost(on_aws=True), now=NOW)
    assert "Tried first" not in cost_text(cost(), now=NOW)


def test_the_report_says_what_nobody_has_checked() -> None:
    text = cost_text(cost(), now=NOW)
    assert "Not checked: filling a disk at each start, the exchange rate." in text
    assert "1 € = $1.15 on 22 November 2026, not checked." in " ".join(text.split())
    assert "2026-01-21" in text
    assert "NAT" not in text  # a price that these sums do not rest on
    exchange = {"usd_per_eur": 1.1, "date": "2026-11-20", "source": "European Central Bank", "verified": True}
    sure = cost_text(cost(exchange=exchange, rates=[rate("gpu_hour", 0.658)]), now=NOW)
    assert "Not checked" not in sure
    assert "on 20 November 2026, checked." in " ".join(sure.split())


@pytest.mark.requirement("6.4.1")
def test_on_aws_there_is_one_truth() -> None:
    text = cost_text(cost(on_aws=True, receipts=[answered(cost=SHARE, simulated_aws=None)]), now=NOW)
    assert "costs nothing" not in text
    assert "would have" not in text
    assert "On AWS (g4dn.xlarge in eu-central-1):" in text
    assert "0.083+" in text


def test_what_aws_bills_is_a_part_of_its_own() -> None:
    parts = cost_text(cost(on_aws=True), now=NOW).split("\n\n")
    own = next(part for part in parts if part.startswith("Billed by AWS"))
    title, *covers = own.splitlines()
    assert title == "Billed by AWS up to 26 November 2026: $12.34 · 10.73 €"
    assert "The whole AWS account in November 2026" in " ".join(" ".join(covers).split())
    assert "without VAT" in " ".join(own.split())
    assert not any("12.34" in part for part in parts if part is not own)
    assert narrow(own)
    assert "Billed by AWS" not in cost_text(cost(), now=NOW)


@pytest.mark.parametrize("state", ["not_asked", "unanswered", "failed", "nothing_yet"])
def test_without_a_figure_the_reason_stands_there_and_no_zero(state: str) -> None:
    none = billed(state=state, usd=None, eur=None, up_to=None, title="Billed by AWS", sentence="It was not asked.")
    text = cost_text(cost(on_aws=True, billed=none), now=NOW)
    assert "\n\nBilled by AWS\n  It was not asked.\n\n" in text


def test_a_home_that_was_deployed_earlier_tells_nothing_of_it() -> None:
    old = cost(on_aws=True)
    del old["billed"]  # type: ignore[misc]  # what an older server sends
    assert "Billed by AWS" not in cost_text(old, now=NOW)


def test_practice_mode_is_not_told_to_practise() -> None:
    text = cost_text(cost(budget=budget(simulated_aws=True, sentence="Practice mode (no real charges).")), now=NOW)
    assert "Practice mode (no real charges)." in text
    assert "--simulated-aws" not in text


def test_the_parts_of_an_answer_add_up_on_the_line() -> None:
    text = receipts_text([answered()], now=NOW, simulated=True)
    cells = next(line for line in text.splitlines() if "succeeded" in line).split()
    whole, *parts = (float(cell.rstrip("+")) for cell in cells[3:7])
    assert whole == pytest.approx(sum(parts), abs=0.0002)
    assert "may add up to $0.053" in text
    ended = answered(simulated_aws={**SHARE, "final": True})
    assert "+" not in receipts_text([ended], now=NOW, simulated=True)


def test_an_answer_that_never_ran_has_a_line_all_the_same() -> None:
    waited = answered(status="cancelled", total_seconds=None, completion_tokens=None, simulated_aws=None)
    text = receipts_text([waited], now=NOW, simulated=True)
    assert "cancelled" in text
    assert "0" in text
    assert "None yet" in receipts_text([], now=NOW, simulated=True)


@pytest.mark.parametrize(
    ("real", "simulated", "place", "said"),
    [
        (NOTHING, SHARE, "this computer", "costs nothing: this computer (on AWS so far $0.083)"),
        (NOTHING, {**SHARE, "final": True}, "this computer", "costs nothing: this computer (on AWS $0.083)"),
        (NOTHING, SHARE, "", "costs nothing (on AWS so far $0.083)"),
        (NOTHING, None, "this computer", "costs nothing: this computer"),
        (None, None, "this computer", "costs nothing: this computer"),
        (SHARE, None, "AWS", "$0.083 · 0.072 € so far"),
    ],
)
def test_a_receipt_says_what_the_answer_cost(real: Any, simulated: Any, place: str, said: str) -> None:
    assert answer_cost(real, simulated, place=place) == said


def test_the_parts_of_a_cost_are_named() -> None:
    text = parts_line(SHARE, simulated=True)
    assert text.startswith("on AWS $0.083 · 0.072 € without VAT = $0.073 starting the machine + ")
    assert text.endswith("; the machine still runs: up to $0.053 more while it is idle")
    assert parts_line({**NOTHING, "usd": 0.1, "eur": 0.09, "working_usd": 0.1}, simulated=False).endswith(
        "= $0.10 working"
    )


@pytest.mark.parametrize("regions", [("eu-west-1",), ("us-east-1", "eu-central-1", "eu-west-1")])
def test_an_idle_month_line_by_line(regions: tuple[str, ...]) -> None:
    text = standing_text(standing(*regions), cost()["exchange"])
    assert text.count("~2.16") == 2 * len(regions)
    assert text.count("?37.96") == len(regions)
    assert "§9.1 NAT gateway" in text
    for total in ("2.16", "5.97", "37.96", "38.96"):
        assert f" {total}" in text
        assert f"{float(total) / 1.15:.2f}" in text
    assert all(region in text.splitlines()[2] for region in regions)
    assert "730 hours" in text
    assert narrow(text)


@pytest.mark.requirement("6.4.2")
def test_the_advice_says_what_to_type() -> None:
    text = advice_text(ADVICE)
    assert "1 min  " in text
    assert text.splitlines()[3].endswith("recommended")
    assert text.endswith("To set it: ./tlfif machine idle-timeout 1")
    little = advice_text({**ADVICE, "options": [], "recommended_minutes": None, "sentence": "Too little history."})
    assert little == "Too little history. Come back after some more questions."


def test_prices_have_source_date_and_doubt() -> None:
    rates = [rate("gpu_hour", 0.658), rate("nat_hour", 0.052, source="a book"), rate("x_y", 1, verified=False)]
    text = prices_text(cost(rates=rates))
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert rows["machine g4dn.xlarge"][-4:] == ["hour", "2026-01-21", "yes", "[1]"]
    assert rows["NAT gateway"][-1] == "[2]"
    assert rows["x y"][-2:] == ["no", "[1]"]
    assert "  [2] a book" in text


def test_a_refresh_tells_what_it_did() -> None:
    text = refresh_text(REFRESH)
    assert text.startswith("1 price changed, 41 unchanged, 1 kept.")
    assert "machine g6.xlarge  us-east-1  $0.8048  →  $0.79" in text
    assert "It is ten times the old one." in text
    assert "eu-west-1: There is no connection." in text
    assert "1 € = $1.0812 on 20 November 2026, checked" in text


def test_a_refresh_that_reached_nobody_goes_on_with_what_there_is(run: Any) -> None:
    client = MoneyClient()
    nobody = {**REFRESH, "changed": [], "kept": [], "unchanged": 0, "exchange_problem": "It cannot be reached."}
    client.report = nobody
    code, desk = run(client, "prices", "--refresh")
    assert (code, client.calls) == (0, ["refresh"])
    assert desk.out.getvalue().startswith("No price was read. TL-FIF keeps the prices that it has")
    assert "It cannot be reached." in desk.out.getvalue()
    assert "may take minutes" in desk.said


def test_json_is_what_the_server_said(run: Any) -> None:
    client = MoneyClient()
    assert json.loads(run(client, "--json")[1].out.getvalue()) == client.found
    assert json.loads(run(client, "--standing", "--json")[1].out.getvalue())["regions"][0]["region"] == "us-east-1"
    assert json.loads(run(client, "--advice", "--json")[1].out.getvalue()) == ADVICE
    assert json.loads(run(client, "prices", "--refresh", "--json")[1].out.getvalue()) == REFRESH
    assert set(json.loads(run(client, "prices", "--json")[1].out.getvalue())) == {"rates", "exchange", "vat"}


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        (("--region", "us-east-1", "--type", "g6.xlarge"), ("cost", "us-east-1", "g6.xlarge")),
        (("--advice", "--type", "g5.xlarge"), ("advice", None, "g5.xlarge")),
        (("--standing", "--region", "eu-west-1"), ("standing", "eu-west-1")),
        (("prices", "--region", "eu-west-1"), ("cost", "eu-west-1", None)),
        (("--region", "eu-west-1", "prices"), ("cost", "eu-west-1", None)),
    ],
)
def test_region_and_type_are_asked_for(run: Any, argv: tuple[str, ...], asked: object) -> None:
    client = MoneyClient()
    assert run(client, *argv)[0] == 0
    assert client.calls[0] == asked


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("--region", "mars"), "region_unknown"),
        (("--type", "t2.nano"), "instance_type_unknown"),
        (("prices", "--region", ""), "region_unknown"),
        (("--plot", "cost.jpg"), "plot_path_invalid"),
        (("--plot", ""), "plot_path_invalid"),
        (("--plot", "no/such/folder/cost.png"), "plot_path_invalid"),
        (("--plot", "a.png", "--standing"), "usage"),
        (("--standing", "--type", "g6.xlarge"), "usage"),
        (("--advice", "prices"), "usage"),
        (("--refresh",), "usage"),
    ],
)
def test_bad_input_asks_nobody(run: Any, argv: tuple[str, ...], code: str) -> None:
    client = MoneyClient()
    with pytest.raises(InvalidInputError) as caught:
        run(client, *argv)
    assert (caught.value.code, client.calls) == (code, [])


def test_a_plot_is_written_where_it_was_asked_for(run: Any, tmp_path: Path) -> None:
    code, desk = run(MoneyClient(), "--plot", str(tmp_path / "Cost.PNG"))
    assert code == 0
    assert desk.out.getvalue() == f"The picture of November 2026 is in {tmp_path / 'Cost.PNG'}\n"
    assert (tmp_path / "Cost.PNG").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_plot_that_cannot_be_written_is_a_sentence(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone" / "a.png")
    with pytest.raises(UnavailableError, match="cannot be written") as caught:
        run(MoneyClient(), "--plot", str(tmp_path / "a.png"))
    assert caught.value.code == "plot_failed"


def test_a_package_without_matplotlib_says_so(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tlfif.charts.cost_chart", None)
    with pytest.raises(UnavailableError, match="matplotlib") as caught:
        run(MoneyClient(), "--plot", str(tmp_path / "a.png"))
    assert caught.value.code == "plot_failed"


def test_no_command_loads_what_draws_before_it_is_needed() -> None:
    code = (
        "import sys, tlfif.cli.ask, tlfif.cli.cost, tlfif.cli.budget;"
        "found = {'matplotlib', 'numpy', 'httpx2'} & set(sys.modules); sys.exit(repr(found) if found else 0)"
    )
    source = Path(tlfif.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_sums_without_a_machine_say_so() -> None:
    text = cost_text(cost(simulated_aws=sums(running_usd_per_hour=0.0)), now=NOW)
    assert "an hour; no machine is running" in text
