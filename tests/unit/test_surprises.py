"""The surprises: every one is whole, has its proof, and is noticed when its date is over."""

import json
import re
from datetime import date, timedelta

import pytest

from dev import check, facts
from dev import requirements as rql
from tlfif.adapters.local.doctor_probes import FactsProbe
from tlfif.adapters.local.fact_files import read_facts, read_no_problems, read_surprises
from tlfif.doctor import computer_verdicts
from tlfif.doctor.checks import State
from tlfif.doctor.surprises import Effect, Fact, Settled, past_date

DAY = date(2026, 12, 1)
OLD = Fact(name="7. It is so", fact="It is so.", source="a page", checked=DAY, expires=DAY + timedelta(days=90))


def test_every_surprise_is_whole_and_numbers_have_no_gaps() -> None:
    found = read_surprises()
    known = {one.number for one in rql.read()}
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert {one.effect for one in found} == set(Effect)
    for one in found:
        assert all((one.promised, one.fact, one.source, one.settled, one.look)), one.number
        assert one.states, one.number
        assert one.requirements, one.number
        assert set(one.requirements) <= known, one.number
    assert sorted(one.worst for one in found if one.worst) == [1, 2, 3, 4, 5]
    assert read_no_problems()


def test_what_rests_on_the_outside_has_a_date() -> None:
    """Only what RQL 1 says against itself, and arithmetic, cannot change."""
    lasting = [one for one in read_facts() if one.expires is None]
    assert [one.name for one in lasting if not re.search("RQL 1 against itself|arithmetic", one.source)] == []
    days = [(one.expires - one.checked).days for one in read_facts() if one.expires is not None]
    assert min(days) > 0
    assert max(days) <= 365, "requirement 10.7.2 says so"


@pytest.mark.parametrize("settled", Settled)
def test_what_is_open_says_what_is_missing(settled: Settled) -> None:
    found = [one for one in read_surprises() if settled in one.states]
    assert found
    assert settled is not Settled.OPEN or all("Missing:" in one.settled for one in found)
    assert settled is not Settled.SOLVED or all(one.tests for one in found)


@pytest.mark.requirement("10.7.2")
def test_a_fact_past_its_date_is_a_warning_that_names_it() -> None:
    last_day = DAY + timedelta(days=90)
    assert computer_verdicts.facts([OLD], last_day).state is State.OK
    found = computer_verdicts.facts([OLD], last_day + timedelta(days=1))
    assert found.state is State.WARN
    assert "“7. It is so” (checked on 2026-12-01)" in found.evidence
    assert "1 of 1 facts" in found.evidence
    many = computer_verdicts.facts([OLD] * 5, last_day + timedelta(days=1))
    assert many.evidence.endswith("; and 2 more.")


@pytest.mark.requirement("10.7.2")
async def test_the_doctor_looks_at_the_facts_that_came_with_the_program() -> None:
    (now,) = await FactsProbe(now=1_764_547_200.0).ask()
    assert (now.state, f"{len(read_facts())} facts" in now.evidence) == (State.OK, True)
    (later,) = await FactsProbe(now=4_102_444_800.0).ask()
    assert later.state is State.WARN
    assert "docs/surprises" in later.cure


@pytest.mark.requirement("10.7.2")
def test_the_summary_of_the_checks_names_what_is_past_its_date_and_fails_nothing() -> None:
    assert check.overdue(date(2026, 12, 2)) == []
    dated = [one.expires for one in read_facts() if one.expires is not None]
    (line,) = check.overdue(max(dated) + timedelta(days=1))
    assert f"{len(dated)} of {len(read_facts())}" in line
    assert "39" in line
    assert past_date(read_facts(), min(dated)) == []


def test_what_a_program_compares_is_named_when_it_changes() -> None:
    kept = json.loads(facts.KEPT.read_text("utf-8"))
    assert facts.changes(kept, kept) == []
    before = {"a": "1", "b": "2", "newest: vllm": "3"}
    assert facts.changes(before, {"a": "1", "b": "3", "c": "4"}) == ["c: 4 (new)", "b: was 2, is 3"]
    assert facts.changes(before, {"a": "1"}) == ["b: gone (was 2)"]
    assert facts.ends_soon({"end: X": "2027-10", "end: Y": "2027-12-31", "pin: Z": "1"}, DAY) == ["end: X: 2027-10"]
    assert kept["EC2: types with a GPU that hibernate"] == "none", "39 rests on it"
