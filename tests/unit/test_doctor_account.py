"""Verdicts on the AWS account, state by state, and that each leads to a section that is there."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tlfif.doctor import account_verdicts as verdicts
from tlfif.doctor import checks
from tlfif.doctor.checks import CHECKS, Finding, State
from tlfif.doctor.leftover_verdicts import Priced
from tlfif.doctor.rights_verdicts import DEPLOY_ACTIONS, rights, root_rights
from tlfif.doctor.type_verdicts import (
    HomeTypes,
    QuotaRequest,
    account_plan,
    gpu_quota,
    offerings,
    standard_quota,
)
from tlfif.machines.machine_types import USUAL_TYPES
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES

OK, WARN, FAIL, NOT_ASKED = State.OK, State.WARN, State.FAIL, State.NOT_ASKED
EU = "eu-central-1"
ALLOWED = dict.fromkeys(DEPLOY_ACTIONS, "allowed")
ARN = "arn:aws:sns:eu-central-1:1:tlfif-alarms:x"
PAGE = Path(__file__).parents[2] / checks.PAGE


def a_list(*types: str) -> HomeTypes:
    return HomeTypes(types=types, priced=Priced(book=BUILT_IN_PRICES, region=EU, at_ms=0))


GPUS, BOTH, PLAIN = a_list("g4dn.xlarge", "g6.xlarge"), a_list(*USUAL_TYPES), a_list("c7i.xlarge")
ANSWERS = "c7i.xlarge of your list answers meanwhile, more slowly, for $0.23 an hour"
OFFER = "run `./tlfif deploy --type g4dn.xlarge,g6.xlarge,c7i.xlarge`"


def key(arn: str) -> Finding:
    return verdicts.credentials(account="1", arn=arn, source="~/.aws/credentials")


CASES = [
    (key("arn:aws:iam::1:user/me"), OK, "user/me"),
    (key("arn:aws:iam::1:root"), WARN, ":root"),
    (verdicts.refused_credentials("ExpiredToken"), FAIL, "ExpiredToken"),
    (rights(ALLOWED, asked="me"), OK, str(len(DEPLOY_ACTIONS))),
    (rights({**ALLOWED, "iam:PassRole": "implicitDeny"}, asked="me"), FAIL, "not given: iam:PassRole."),
    (rights({**ALLOWED, "iam:PassRole": "explicitDeny"}, asked="me"), FAIL, "forbidden: iam:PassRole."),
    (rights({"iam:PassRole": "allowed"}, asked="me"), WARN, "RunInstances"),
    (
        rights({**ALLOWED, "iam:PassRole": "implicitDeny", "sns:Subscribe": "implicitDeny"}, asked="me"),
        FAIL,
        f"2 of {len(DEPLOY_ACTIONS)} actions are refused (IAM's simulation for me): "
        "not given: iam:PassRole, sns:Subscribe.",
    ),
    (root_rights(), WARN, "root"),
    (verdicts.region(EU, "opt-in-not-required"), OK, EU),
    (verdicts.region(EU, "opted-in"), OK, EU),
    (verdicts.region(EU, "not-opted-in"), FAIL, "not-opted-in"),
    (verdicts.region(EU, None), FAIL, "unknown to it"),
    (account_plan("PAID", "ACTIVE", BOTH), OK, "PAID"),
    (account_plan("PAID", "NOT_STARTED", BOTH, credits_usd=100.0), OK, "$100.00"),
    (account_plan("PAID", "EXPIRED", BOTH), FAIL, "EXPIRED"),
    (account_plan("FREE", "ACTIVE", BOTH), FAIL, "none of the types of your list, and no machine with a GPU"),
    (account_plan("FREE", "ACTIVE", a_list("g6.xlarge", "c7i-flex.large")), WARN, "only c7i-flex.large ($0.12"),
    (account_plan("FREE", "EXPIRED", BOTH), FAIL, "FREE"),
    (verdicts.no_account_plan(), NOT_ASKED, "ResourceNotFoundException"),
    (gpu_quota(8, GPUS, standard=0), OK, "8 vCPU"),
    (gpu_quota(7.5, GPUS, standard=0), WARN, "7.5 vCPU"),
    (gpu_quota(4, GPUS, standard=5), WARN, "cannot be tested"),
    (gpu_quota(3.9, GPUS, standard=5), FAIL, "none can start"),
    (gpu_quota(0, GPUS, standard=0), FAIL, "L-DB2E81BA"),
    (gpu_quota(0, BOTH, standard=5), WARN, ANSWERS),
    (gpu_quota(0, BOTH, standard=3), FAIL, "none can start"),
    (gpu_quota(0, PLAIN, standard=5), OK, "not needed, no type of your list has a GPU"),
    (gpu_quota(0, GPUS, QuotaRequest(status="PENDING", wanted=8), standard=5), FAIL, "AWS has not answered (PENDING)"),
    (gpu_quota(4, GPUS, QuotaRequest(status="CASE_OPENED", wanted=8), standard=5), WARN, "CASE_OPENED"),
    (gpu_quota(0, GPUS, QuotaRequest(status="DENIED", wanted=64), standard=5), FAIL, "turned down 64"),
    (standard_quota(16, BOTH, gpu=0), OK, "16 vCPU"),
    (standard_quota(5, BOTH, gpu=0), WARN, "cannot be tested"),
    (standard_quota(2, a_list("c7i-flex.large"), gpu=0), WARN, "one machine runs"),
    (standard_quota(1, BOTH, gpu=8), WARN, "none without a GPU can start"),
    (standard_quota(1, BOTH, gpu=0), FAIL, "L-1216C47A"),
    (standard_quota(0, GPUS, gpu=0), OK, "not needed, every type of your list has a GPU"),
    (
        offerings({"g4dn.xlarge": ["b", "a"]}, GPUS),
        OK,
        "first: g4dn.xlarge for $0.69 an hour (vLLM): a, b; then g6",
    ),
    (offerings({"c7i.xlarge": ["b", "a"]}, PLAIN), OK, "first: c7i.xlarge for $0.23 an hour (llama.cpp): a, b"),
    (offerings({"g4dn.xlarge": ["a"], "g6.xlarge": ["a"]}, GPUS), WARN, "Only one zone"),
    (offerings({"t3.micro": ["a"]}, GPUS), FAIL, "none of the types"),
    (verdicts.capacity(), NOT_ASKED, "only when one is launched"),
    (verdicts.lambda_concurrency(1000), OK, "1000 calls"),
    (verdicts.lambda_concurrency(10), OK, "enough"),
    (verdicts.lambda_concurrency(3), OK, "3 calls"),
    (verdicts.lambda_concurrency(2), FAIL, "needs 3"),
    (verdicts.github_connection({"a": "AVAILABLE", "b": "PENDING"}), OK, "b: PENDING"),
    (verdicts.github_connection({"b": "PENDING"}), WARN, "until you confirm"),
    (verdicts.github_connection({"b": "ERROR"}), WARN, "ERROR"),
    (verdicts.github_connection({}), WARN, "No GitHub connection"),
    (verdicts.cost_explorer(answered=True), OK, "$0.01"),
    (verdicts.cost_explorer(answered=False, words="DataUnavailableException"), WARN, "DataUnavailableException"),
    (verdicts.cost_explorer_not_paid_for(), NOT_ASKED, "$0.01"),
    (verdicts.root_user(mfa=True, access_keys=False), OK, "Second factor on"),
    (verdicts.root_user(mfa=False, access_keys=False), WARN, "no second factor"),
    (verdicts.root_user(mfa=True, access_keys=True), WARN, "access keys"),
    (verdicts.alarm_address([("me@example.com", ARN)], "t"), OK, "me@example.com"),
    (verdicts.alarm_address([("me@example.com", "PendingConfirmation")], "t"), WARN, "Not confirmed: me@example.com"),
    (verdicts.alarm_address([], "t"), WARN, "Nobody"),
    (verdicts.alarm_address(None, "t"), WARN, "no topic t"),
    (verdicts.budget("$23.00", "tlfif-month"), OK, "$23.00"),
    (verdicts.budget(None, "tlfif-month"), WARN, "no budget tlfif-month"),
    (verdicts.disk_encryption(True, EU), OK, EU),
    (verdicts.disk_encryption(False, EU), WARN, "Off"),
]


@pytest.mark.requirement("10.7.1")
@pytest.mark.parametrize(("found", "state", "words"), CASES)
def test_an_answer_gives_its_verdict(found: Finding, state: State, words: str) -> None:
    assert found.state is state
    assert words in found.evidence
    assert bool(found.cure) == (state is not OK and found.check is not checks.CAPACITY)


def test_a_barred_list_gets_an_offer_only_of_what_would_answer() -> None:
    assert OFFER in gpu_quota(0, GPUS, standard=5).cure
    for found in (
        gpu_quota(0, GPUS, standard=3),
        gpu_quota(4, GPUS, standard=5),
        gpu_quota(0, BOTH, standard=5),
        standard_quota(1, BOTH, gpu=0),
    ):
        assert "./tlfif deploy" not in found.cure
        assert "Request increase at account level" in found.cure
    assert "`./tlfif deploy --type g4dn.xlarge,g6.xlarge,c7i-flex.large`" in account_plan("FREE", "ACTIVE", GPUS).cure


def test_a_cure_says_what_it_costs_and_where_to_read_on() -> None:
    cures = [found.cure for found, _, _ in CASES if found.cure]
    assert not [cure for cure in cures if not re.search(r"free|costs nothing|[$][0-9]|No fee", cure, re.IGNORECASE)]
    assert all(checks.PAGE in cure for cure in cures)


def test_every_check_leads_to_a_section_of_the_page() -> None:
    heads = [line.lstrip("# ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("#")]
    slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    assert {check.section for check in CHECKS} <= slugs


def test_every_right_that_is_asked_for_exists() -> None:
    known = json.loads((files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text("utf-8"))
    for action in DEPLOY_ACTIONS:
        service, name = action.split(":")
        assert name.lower() in known[service]["Actions"], action
    assert len(set(DEPLOY_ACTIONS)) == len(DEPLOY_ACTIONS)


def test_checks_have_names_of_their_own() -> None:
    assert len({check.id for check in CHECKS}) == len({check.title for check in CHECKS}) == len(CHECKS)
