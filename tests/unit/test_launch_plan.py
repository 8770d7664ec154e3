"""Where a machine is tried, in which order, which of several is kept, and when it is ended at the latest."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES
from tlfif.adapters.aws.machines.launch_plan import (
    LONGEST_RUN_SECONDS,
    SHORTEST_RUN_SECONDS,
    Attempt,
    Launched,
    LaunchPlan,
    Zone,
    check_max_run,
    hinted_first,
    last_moment,
    survivor,
)
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import USUAL_TYPES

ZONES = tuple(Zone(name=f"eu-central-1{letter}", subnet_id=f"subnet-{letter}") for letter in "abc")


def tried(machine_id: str, *, home: str = "tlfif", plan: LaunchPlan | None = None) -> list[Attempt]:
    chosen = plan or LaunchPlan(instance_types=USUAL_TYPES, zones=ZONES)
    return list(chosen.attempts(machine_id, home=home))


@pytest.mark.requirement("3.2.3")
def test_every_zone_of_the_first_type_comes_before_the_second_type() -> None:
    found = tried("machine_1")
    assert [attempt.instance_type for attempt in found] == [name for name in USUAL_TYPES for _ in ZONES]
    orders = {tuple(a.zone.name for a in found[at : at + 3]) for at in (0, 3, 6, 9)}
    assert len(orders) == 1
    assert set(orders.pop()) == {zone.name for zone in ZONES}


@given(st.text(min_size=1, max_size=50))
def test_a_repetition_is_the_same_attempts_in_the_same_order(machine_id: str) -> None:
    assert tried(machine_id) == tried(machine_id)


def test_a_search_is_gone_on_with_where_it_stopped() -> None:
    plan = LaunchPlan(instance_types=USUAL_TYPES, zones=ZONES)
    left = [one.place for one in tried("machine_1")[4:]]
    assert {one.place for one in plan.attempts("machine_2", home="tlfif", left=left)} == set(left)
    gone = plan.attempts("machine_2", home="tlfif", left=["g4dn.xlarge moon-1a"])
    assert gone == tried("machine_2"), "what is left is not in the plan any more"


def test_what_aws_names_comes_next_and_the_types_other_zones_last() -> None:
    first, *rest = tried("machine_1")
    named = rest[1].zone.name
    order = hinted_first(rest, instance_type=first.instance_type, zones={named, "eu-central-1x"})
    assert order == [rest[1], *rest[2:], rest[0]]
    assert hinted_first(rest, instance_type=first.instance_type, zones=()) == rest


def test_the_first_zone_differs_from_machine_to_machine() -> None:
    assert {tried(f"machine_{number}")[0].zone for number in range(50)} == set(ZONES)


@pytest.mark.requirement("3.2.1")
def test_no_two_attempts_share_a_token() -> None:
    tokens = [
        attempt.token
        for machine_id in ("machine_1", "machine_2")
        for home in ("tlfif", "other")
        for attempt in tried(machine_id, home=home)
    ]
    assert len(set(tokens)) == len(tokens) == 48
    assert {len(token) for token in tokens} == {64}, "the longest client token that EC2 takes"
    assert all(token.isascii() for token in tokens)


def test_what_is_named_twice_is_tried_once() -> None:
    plan = LaunchPlan(instance_types=("g5.xlarge", "g5.xlarge"), zones=(*ZONES, ZONES[0]))
    assert len(tried("machine_1", plan=plan)) == 3


def test_a_plan_is_never_empty_or_for_a_machine_without_a_price() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LaunchPlan(instance_types=(), zones=ZONES)
    with pytest.raises(ValueError, match="at least one"):
        LaunchPlan(instance_types=USUAL_TYPES, zones=())
    with pytest.raises(InvalidInputError) as caught:
        LaunchPlan(instance_types=("p5.48xlarge",), zones=ZONES)
    assert caught.value.code == "instance_type_unknown"


def test_of_several_the_oldest_that_is_not_ending_is_kept() -> None:
    old, new = Launched(handle="i-b", began_at=1.0), Launched(handle="i-a", began_at=2.0)
    assert survivor([]) is None
    assert survivor([new, old]) == survivor([old, new]) == "i-b"
    assert survivor([new, Launched(handle="i-b", began_at=1.0, ending=True)]) == "i-a"
    assert survivor([Launched(handle="i-b", began_at=2.0), new]) == "i-a", "the same second: by name"


@pytest.mark.requirement("3.6.6")
@pytest.mark.parametrize("seconds", [0, -1, 59.9, LONGEST_RUN_SECONDS + 1, math.inf, math.nan])
def test_no_machine_runs_for_ever(seconds: float) -> None:
    with pytest.raises(ValueError, match="longest run"):
        check_max_run(seconds)


@given(
    began=st.floats(0, 4e9),
    run=st.floats(SHORTEST_RUN_SECONDS, LONGEST_RUN_SECONDS),
    now=st.floats(0, 4e9),
)
def test_the_last_moment_is_ahead_and_never_before_its_time(began: float, run: float, now: float) -> None:
    moment = last_moment(began_at=began, max_run_seconds=run, now=now)
    assert moment >= began + run
    assert moment >= now + 60
    assert moment <= max(began + run, now + 60) + 1


def test_the_last_moment_goes_by_the_clouds_time() -> None:
    assert last_moment(began_at=1000.0, max_run_seconds=3600.0, now=1600.0) == 4600
    assert last_moment(began_at=1000.0, max_run_seconds=3600.0, now=400.0) == 4600, "our clock is ten minutes slow"


def test_pauses_fit_into_the_routers_minute() -> None:
    assert list(MACHINE_PAUSES) == sorted(MACHINE_PAUSES)
    assert sum(MACHINE_PAUSES) < 20
