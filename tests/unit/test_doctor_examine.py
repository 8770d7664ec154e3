"""Every probe at once; what breaks, hangs or refuses stops nothing else."""

import asyncio
from collections.abc import Sequence

import pytest

from tlfif.doctor import checks
from tlfif.doctor.checks import ACCOUNT_CHECKS, CHECKS, Check, Finding, State, finding, not_asked
from tlfif.doctor.examine import examine
from tlfif.doctor.probe import Account, Probe


class Answers(Probe):
    """Says that all is well."""

    checks: Sequence[Check] = ()

    def __init__(self, *checks: Check, state: State = State.OK) -> None:
        self.checks = checks
        self.state = state

    async def ask(self) -> Sequence[Finding]:
        return [finding(check, self.state, "seen") for check in self.checks]


class Breaks(Answers):
    async def ask(self) -> Sequence[Finding]:
        raise RuntimeError("a\nfault")


class Hangs(Answers):
    async def ask(self) -> Sequence[Finding]:
        await asyncio.Event().wait()
        raise AssertionError


class Known(Account):
    """An account whose identity is ``who``."""

    def __init__(self, who: Finding | Exception | None, *probes: Probe) -> None:
        self._who = who
        self._probes = probes
        self.asked = False

    async def identify(self) -> Finding:
        if self._who is None:
            await asyncio.Event().wait()
        if isinstance(self._who, Exception):
            raise self._who
        assert self._who is not None
        return self._who

    def probes(self) -> Sequence[Probe]:
        self.asked = True
        return self._probes


ME = finding(checks.CREDENTIALS, State.OK, "me")
REST = tuple(check for check in ACCOUNT_CHECKS if check is not checks.CREDENTIALS)
HERE = Answers(checks.PYTHON)


async def test_without_a_key_only_this_computer_is_looked_at() -> None:
    found = await examine(local=[HERE], account=None, why_no_account="no key")
    assert [one.check for one in found.findings] == [checks.PYTHON, *ACCOUNT_CHECKS]
    assert {one.evidence for one in found.findings[1:]} == {"no key"}
    assert [one.check for one in found.findings if one.cure] == [checks.CREDENTIALS]
    assert not found.account_silent
    assert not found.fails


async def test_findings_stand_in_one_order_whoever_answers_first() -> None:
    probes = [Answers(check) for check in reversed(REST)]
    found = await examine(local=[Answers(checks.CLOCK), HERE], account=Known(ME, *probes), why_no_account="")
    assert [one.check for one in found.findings] == [
        one for one in CHECKS if one in {*ACCOUNT_CHECKS, checks.PYTHON, checks.CLOCK}
    ]
    assert not found.account_silent


@pytest.mark.requirement("10.7.1")
async def test_what_breaks_or_hangs_is_reported_and_stops_nothing() -> None:
    probes = [Breaks(checks.REGION), Hangs(checks.BUDGET, checks.ROOT), Answers(checks.LAMBDA, state=State.FAIL)]
    found = await examine(local=[HERE], account=Known(ME, *probes), why_no_account="", probe_seconds=0.01)
    by_id = {one.check.id: one for one in found.findings}
    assert by_id["python_version"].state is State.OK
    assert by_id["lambda_concurrency"].state is State.FAIL
    assert found.fails
    assert by_id["region"].evidence == "Asking it broke (RuntimeError: a fault)."
    assert by_id["budget"].evidence == by_id["root_user"].evidence == "No answer within 0.01 s."
    assert by_id["budget"].state is by_id["region"].state is State.NOT_ASKED


async def test_a_refused_key_is_not_used_again() -> None:
    account = Known(finding(checks.CREDENTIALS, State.FAIL, "ExpiredToken"), Answers(*REST))
    found = await examine(local=[], account=account, why_no_account="")
    assert not account.asked
    assert found.account_silent
    assert {one.evidence for one in found.findings[1:]} == {"AWS refused the key: see “Key for AWS”."}


async def test_aws_that_does_not_answer_is_asked_once() -> None:
    for who in (not_asked(checks.CREDENTIALS, "no network"), None, RuntimeError("x")):
        account = Known(who, Answers(*REST))
        found = await examine(local=[], account=account, why_no_account="", identify_seconds=0.01)
        assert not account.asked
        assert found.account_silent
        assert {one.state for one in found.findings} == {State.NOT_ASKED}
        assert len({one.evidence for one in found.findings}) == 1


async def test_a_key_that_may_ask_nothing_is_as_good_as_silence() -> None:
    found = await examine(local=[], account=Known(ME, Answers(*REST, state=State.NOT_ASKED)), why_no_account="")
    assert found.account_silent
    assert found.findings[0].state is State.OK
