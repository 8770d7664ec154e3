"""The bill from the router's minute to the wire: real functions over the emulator, and a Cost Explorer that says what a
test wrote down and counts what was paid for."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.aws.emulator import Emulator
from tests.aws.functions import CrashedError
from tests.aws.home import AwsHome, a_home
from tests.aws.scripted_aws import Answer, Refused, ScriptedAws, serving
from tlfif.money.bill.bill import period_at

CALL = ("ce", "GetCostAndUsage")


def told_by_aws() -> dict[str, Any]:
    """Each day of the present period: a dollar, VAT apart; nothing of the last day yet."""
    period = period_at(int(time.time() * 1000))
    days = [period.first + timedelta(days=n) for n in range((period.end - period.first).days)]
    groups = [
        {"Keys": [kind], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}
        for kind, amount in (("Usage", "1.0"), ("Tax", "0.19"))
    ]
    return {
        "ResultsByTime": [
            {
                "TimePeriod": {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()},
                "Groups": [] if day == days[-1] else groups,
                "Estimated": True,
            }
            for day in days
        ]
    }


class CostExplorer(ScriptedAws):
    """Does something (``meanwhile``) while it is asked."""

    def reply(self, *request: Any) -> Any:
        answer = super().reply(*request)
        self.meanwhile()
        return answer

    def meanwhile(self) -> None:
        """Nothing, unless a test says so."""


@pytest.fixture
def aws() -> Iterator[CostExplorer]:
    with serving(CostExplorer({CALL: told_by_aws()})) as script:
        assert isinstance(script, CostExplorer)
        yield script


@pytest.fixture
def home(emulator: Emulator, tmp_path: Path, aws: CostExplorer) -> Iterator[AwsHome]:
    with a_home(emulator, tmp_path) as one:
        one.environment["AWS_ENDPOINT_URL_COST_EXPLORER"] = aws.endpoint
        yield one


def billed(home: AwsHome) -> dict[str, Any]:
    """What a signed-in program reads."""
    with home.client() as http:
        answer = http.get("/v1/cost")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["billed"])


@pytest.mark.requirement("6.3.1")
def test_from_the_minute_to_the_wire_for_one_cent_a_day(home: AwsHome, aws: CostExplorer) -> None:
    before = billed(home)
    assert (before["state"], before["usd"], before["asked_at"]) == ("not_asked", None, None)
    assert aws.heard == []  # the API asks nobody
    period = period_at(int(time.time() * 1000))
    for _ in range(2):
        assert home.tick() == {"pace": "rest"}
    home.functions["router"].kill_all()
    assert home.tick() == {"pace": "rest"}
    assert aws.heard == [(*CALL, "us-east-1")]
    found = billed(home)
    days = (period.end - period.first).days - 1
    assert (found["usd"], found["credits_usd"], found["currency"]) == (days or None, 0.0 if days else None, "USD")
    assert (found["month"], found["problem"]) == (period.month.label, None)
    if days:
        assert found["up_to"] == (period.end - timedelta(days=2)).isoformat()
        assert found["title"].startswith("Billed by AWS up to ")
        assert found["estimated"]
        assert "without VAT" in found["sentence"]
    with home.client() as http:
        report = http.get("/v1/cost").json()
    assert report["month_to_date_usd"] < 0.1  # a figure of its own, in no other


@pytest.mark.requirement("6.3.1")
def test_of_routers_at_once_one_pays(home: AwsHome, aws: CostExplorer) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: home.tick(), range(4)))
    assert found == [{"pace": "rest"}] * 4
    assert len(aws.heard) == 1
    assert billed(home)["problem"] is None


def test_a_router_killed_while_aws_answers_does_not_pay_again(home: AwsHome, aws: CostExplorer) -> None:
    aws.meanwhile = home.functions["router"].kill_all  # type: ignore[method-assign]  # kill -9, in mid-question
    with pytest.raises(CrashedError):
        home.functions["router"].call({"source": "aws.events"})
    for _ in range(3):
        assert home.tick() == {"pace": "rest"}
        home.functions["router"].kill_all()
    assert len(aws.heard) == 1
    found = billed(home)
    assert (found["state"], found["usd"]) == ("asking", None)
    assert found["next_at"] > found["asked_at"]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Refused("AccessDeniedException", "User not enabled for cost explorer access"), "bill_not_enabled", "Launch"),
        (Refused("AccessDeniedException", "r is not authorized to perform: ce:x"), "bill_denied", "./tlfif deploy"),
        (Refused("LimitExceededException"), "bill_throttled", "no more questions"),
        ({"ResultsByTime": []}, "bill_malformed", "cannot be used"),
    ],
)
def test_what_aws_refuses_stops_nothing_and_is_told_with_the_next_try(
    home: AwsHome, aws: CostExplorer, answer: Answer, code: str, words: str
) -> None:
    aws.answers = {CALL: answer}
    for _ in range(2):
        assert home.tick() == {"pace": "rest"}
    assert len(aws.heard) == 1
    found = billed(home)
    assert (found["state"], found["problem"], found["usd"]) == ("failed", code, None)
    assert words in found["sentence"]
    assert "AWS is asked again after" in found["sentence"]
    assert "unexpected fault" not in home.log()
