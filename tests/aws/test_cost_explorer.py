"""Reading the bill: the one question, the answers that AWS's model allows, and every way of not getting one. Over real
sockets; what AWS's refusals are worded like, only a real account can show."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from tests.aws.dynamo_faults import answer_lost
from tests.aws.emulator import Emulator, aws_session
from tests.aws.scripted_aws import Answer, Refused, ScriptedAws, serving
from tlfif.adapters.aws.calls.clients import BILL_CONFIG, AwsClients
from tlfif.adapters.aws.money.cost_explorer_bill_source import BILL_REGION, CostExplorerBillSource
from tlfif.kernel.errors import UnavailableError
from tlfif.money.bill.bill import BilledDay, BillPeriod, bill_of
from tlfif.money.billing_month import Month

PERIOD = BillPeriod(month=Month(2026, 11), first=date(2026, 11, 1), end=date(2026, 11, 3))
CALL = ("ce", "GetCostAndUsage")


def group(kind: str, amount: str, unit: str = "USD") -> dict[str, Any]:
    return {"Keys": [kind], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}


def day(number: int, *groups: dict[str, Any], estimated: bool = True) -> dict[str, Any]:
    return {
        "TimePeriod": {"Start": f"2026-11-{number:02}", "End": f"2026-11-{number + 1:02}"},
        "Total": {},
        "Groups": list(groups),
        "Estimated": estimated,
    }


def answer(*days: dict[str, Any]) -> dict[str, Any]:
    return {
        "GroupDefinitions": [{"Type": "DIMENSION", "Key": "RECORD_TYPE"}],
        "ResultsByTime": list(days),
        "DimensionValueAttributes": [],
    }


TWO_DAYS = answer(
    day(1, group("Usage", "1.2345678901"), group("Tax", "0.23"), group("Credit", "-0.5"), estimated=False),
    day(2, group("Usage", "0"), group("Recurring", "2"), group("Refund", "-0.25")),
)


def source_at(endpoint: str, session: boto3.Session | None = None) -> CostExplorerBillSource:
    clients = AwsClients(region=BILL_REGION, endpoint_url=endpoint, session=session or aws_session())
    return CostExplorerBillSource(clients.make("ce", BILL_CONFIG))


async def asked(told: Answer) -> tuple[ScriptedAws, list[BilledDay] | UnavailableError]:
    """What comes of an answer of AWS's."""
    with serving(ScriptedAws({CALL: told})) as aws:
        try:
            return aws, list(await source_at(aws.endpoint).read(PERIOD))
        except UnavailableError as error:
            return aws, error


async def test_one_question_in_the_one_region_and_days_that_keep_vat_and_credits_apart() -> None:
    aws, days = await asked(TWO_DAYS)
    assert aws.heard == [(*CALL, "us-east-1")]
    first = BilledDay(
        day=date(2026, 11, 1),
        charges=Decimal("1.2345678901"),
        credits=Decimal("-0.5"),
        tax=Decimal("0.23"),
        estimated=False,
    )
    assert days == [
        first,
        BilledDay(day=date(2026, 11, 2), charges=Decimal(2), credits=Decimal("-0.25"), estimated=True),
    ]
    bill = bill_of(PERIOD, days)
    assert (bill.micros, bill.credits, bill.up_to) == (2_484_568, 750_000, date(2026, 11, 2))


async def test_a_day_of_which_aws_knows_nothing_yet_is_told_from_one_that_cost_nothing() -> None:
    _, days = await asked(answer(day(1, group("Usage", "0.0000000000")), day(2)))
    assert isinstance(days, list)
    assert [one.recorded for one in days] == [True, False]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (answer(day(1, group("Usage", "1", unit="EUR"))), "EUR"),
        (answer(day(1, group("Usage", "much"))), "form"),
        (answer(day(1, group("Usage", "NaN"))), "no number"),
        (answer({**day(1), "Groups": [{"Keys": ["Usage"], "Metrics": {}}]}), "UnblendedCost"),
        (answer({**day(1), "TimePeriod": {"Start": "yesterday", "End": "today"}}), "form"),
        ({}, "ResultsByTime"),
        ({**TWO_DAYS, "NextPageToken": "more"}, "another cent"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_is_not_guessed_at(told: dict[str, Any], words: str) -> None:
    aws, found = await asked(told)
    assert isinstance(found, UnavailableError)
    assert (found.code, len(aws.heard)) == ("bill_malformed", 1)
    assert words in found.message


NO_RIGHT = (
    "User: arn:aws:sts::123456789012:assumed-role/tlfif-router/tlfif-router is not authorized to perform: "
    "ce:GetCostAndUsage on resource: arn:aws:ce:us-east-1:123456789012:/GetCostAndUsage because no identity-based "
    "policy allows the ce:GetCostAndUsage action"
)


@pytest.mark.parametrize(
    ("refused", "code", "words"),
    [
        (Refused("AccessDeniedException", NO_RIGHT), "bill_denied", "./tlfif deploy"),
        (Refused("AccessDeniedException", "User not enabled for cost explorer access"), "bill_not_enabled", "Launch"),
        (Refused("DataUnavailableException", "Data is not available."), "bill_not_ready", "a day or more"),
        (Refused("BillExpirationException"), "bill_not_ready", "BillExpirationException"),
        (Refused("BillingViewHealthStatusException"), "bill_not_ready", "no figures yet"),
        (Refused("LimitExceededException", "Rate exceeded"), "bill_throttled", "no more questions now"),
        (Refused("ThrottlingException", "Rate exceeded"), "bill_throttled", "no more questions now"),
        (Refused("ExpiredTokenException", status=403), "bill_denied", "who asks"),
        (Refused("InvalidSignatureException", "Signature expired: 2026…"), "bill_denied", "a clock is wrong"),
        (Refused("ValidationException", "Start date cannot be after end date"), "bill_failed", "Start date cannot"),
        (Refused("InternalServerException", "sorry", 500), "bill_failed", "sorry"),
    ],
)
async def test_a_refusal_has_its_code_and_is_not_tried_again(refused: Refused, code: str, words: str) -> None:
    aws, found = await asked(refused)
    assert isinstance(found, UnavailableError)
    assert (found.code, found.details["aws_code"]) == (code, refused.code)
    assert words in found.message
    assert len(aws.heard) == 1


@pytest.fixture
def broken() -> Iterator[tuple[Any, list[str]]]:
    """A client whose line a test breaks, and what it sent."""
    client = aws_session().client("ce", region_name=BILL_REGION, endpoint_url="http://127.0.0.1:9", config=BILL_CONFIG)
    sent: list[str] = []
    client.meta.events.register("before-send.ce", lambda request, **_: sent.append(request.url))
    with closing(client):
        yield client, sent


@pytest.mark.parametrize("fault", [EndpointConnectionError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")])
async def test_a_line_that_breaks_is_not_tried_again(broken: tuple[Any, list[str]], fault: Exception) -> None:
    client, sent = broken

    def break_it(**_: Any) -> None:
        raise fault

    client.meta.events.register_last("before-send.ce", break_it)
    with pytest.raises(UnavailableError) as failed:
        await CostExplorerBillSource(client).read(PERIOD)
    assert (failed.value.code, len(sent)) == ("bill_unreachable", 1)


async def test_an_answer_that_is_lost_is_paid_for_once() -> None:
    with serving(ScriptedAws({CALL: TWO_DAYS})) as aws:
        client = aws_session().client("ce", region_name=BILL_REGION, endpoint_url=aws.endpoint, config=BILL_CONFIG)
        client.meta.events.register("before-send.ce", lambda request, **_: answer_lost(request))
        with closing(client), pytest.raises(UnavailableError) as failed:
            await CostExplorerBillSource(client).read(PERIOD)
    assert (failed.value.code, len(aws.heard)) == ("bill_unreachable", 1)


async def test_without_a_key_it_says_so() -> None:
    client = aws_session().client("ce", region_name=BILL_REGION, endpoint_url="http://127.0.0.1:9", config=BILL_CONFIG)

    def no_key(**_: Any) -> None:
        raise NoCredentialsError

    client.meta.events.register("before-sign.ce", no_key)
    with closing(client), pytest.raises(UnavailableError) as failed:
        await CostExplorerBillSource(client).read(PERIOD)
    assert failed.value.code == "bill_denied"


def seed(emulator: Emulator, *results: dict[str, Any]) -> None:
    """What the emulator answers next to questions that it has not heard before."""
    request = Request(
        f"{emulator.endpoint}/moto-api/static/ce/cost-and-usage-results",
        data=json.dumps({"results": list(results)}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request) as told:
        assert told.status == 201


async def test_the_emulator_understands_the_question(emulator: Emulator) -> None:
    seed(emulator, TWO_DAYS)
    days = await source_at(emulator.endpoint, emulator.session).read(PERIOD)
    assert bill_of(PERIOD, days).micros == 2_484_568
    unseeded = replace(PERIOD, end=date(2026, 11, 4))
    with pytest.raises(ValueError, match="days"):
        bill_of(unseeded, await source_at(emulator.endpoint, emulator.session).read(unseeded))
