"""The home's time does not jump while something is open, follows the wall clock at rest, and is shown right."""

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import START, FakeClock, a_home_clock
from tlfif.adapters.local.steady_clock import HomeClock, SteadyClock, Timeline, boot_id, seconds_slept

HOUR = 3600.0
DAY = 86400.0


async def rests() -> bool:
    return True


async def works() -> bool:
    return False


async def never_asked() -> bool:
    raise AssertionError("the clocks agree")


async def test_without_a_jump_it_is_the_wall_clock_and_nobody_is_asked() -> None:
    base, kept = FakeClock(), list[Timeline]()
    home = a_home_clock(base, kept)
    base.advance(10.0)
    await home.follow_wall(never_asked)
    await home.follow_wall(never_asked)
    assert home.now() == base.now() == home.shown(home.now())
    assert len(kept) == 1, "stored once"


async def test_while_something_is_open_it_goes_on_as_if_nothing_had_happened() -> None:
    base = FakeClock()
    home = a_home_clock(base)
    for jump in (3 * HOUR, -400 * DAY, 400 * DAY, -HOUR):
        before = home.now()
        base.jump(jump)
        await home.follow_wall(works)
        base.advance(5.0)
        assert home.now() == before + 5.0


async def test_at_rest_it_follows_the_wall_clock_both_ways() -> None:
    base = FakeClock()
    home = a_home_clock(base)
    for jump in (3 * HOUR, -400 * DAY, 400 * DAY, -HOUR):
        base.jump(jump)
        await home.follow_wall(rests)
        assert home.now() == base.now()


async def test_what_is_being_stored_keeps_the_time_as_it_is() -> None:
    base = FakeClock()
    home = a_home_clock(base)
    base.jump(3 * HOUR)
    with home.held() as now:
        await home.follow_wall(rests)
        assert home.now() == now == START

    async def stored_meanwhile() -> bool:
        with home.held():
            pass
        return True

    await home.follow_wall(stored_meanwhile)
    assert home.now() == START, "it looked before that was stored"
    await home.follow_wall(rests)
    assert home.now() == base.now()


async def test_people_are_shown_when_it_was_by_the_wall_clock() -> None:
    base = FakeClock()
    home = a_home_clock(base)
    evening = home.now()
    base.advance(60.0)
    base.doze(8 * HOUR)
    morning, by_the_wall = home.now(), base.now()
    assert morning == evening + 60.0
    assert home.shown(evening) == evening
    assert home.shown(morning) == by_the_wall
    base.advance(60.0)
    await home.follow_wall(rests)
    later = home.now()
    assert [home.shown(at) for at in (evening, morning, later)] == [evening, by_the_wall, base.now()]


async def test_a_time_that_was_never_is_not_shown_after_the_clock_is_right_again() -> None:
    base = FakeClock()
    home = a_home_clock(base)
    base.jump(400 * DAY)
    await home.follow_wall(rests)
    base.jump(-400 * DAY)
    home.now()
    await home.follow_wall(rests)
    base.advance(1.0)
    assert home.now() == home.shown(home.now()) == base.now()


async def test_the_next_server_counts_on_while_a_machine_runs() -> None:
    base, kept = FakeClock(), list[Timeline]()
    first = a_home_clock(base, kept)
    await first.follow_wall(works)
    base.jump(3 * HOUR)
    second = a_home_clock(base, kept)
    assert second.now() == first.now() == START
    assert second.shown(second.now()) == base.now()
    assert SteadyClock(base, offset=second.offset).now() == START, "and so does its machine"


async def test_after_the_computer_was_switched_off_it_begins_with_the_wall_clock() -> None:
    base, kept = FakeClock(), list[Timeline]()
    await a_home_clock(base, kept).follow_wall(works)
    for name in ("boot 2", ""):
        after = FakeClock(START + DAY)

        async def keep(timeline: Timeline) -> None:
            kept.append(timeline)

        other = HomeClock(after, boot_id=name, kept=kept[-1], keep=keep, slept=lambda: None)
        assert other.now() == after.now()
        await other.follow_wall(works)


async def test_sleep_is_told_from_a_clock_that_was_set() -> None:
    base, kept = FakeClock(), list[Timeline]()
    home = a_home_clock(base, kept)
    base.doze(8 * HOUR)
    home.now()
    base.jump(3 * HOUR)
    home.now()
    base.doze(HOUR)
    base.jump(-2 * HOUR)
    await home.follow_wall(works)
    assert [round(step.set_by) for step in kept[-1].steps] == [0, 3 * 3600, -2 * 3600]
    base.jump(-DAY)
    await home.follow_wall(rests)
    assert round(sum(step.set_by for step in kept[-1].steps)) == 3600 - 86400, "named also when it is set back"


async def test_a_clock_that_was_just_set_ahead_is_no_proof_of_age() -> None:
    base = FakeClock()
    home = a_home_clock(base)
    base.jump(400 * DAY)
    assert home.certain() == START
    await home.follow_wall(rests)
    base.advance(HOUR)
    assert home.certain() == START + HOUR
    base.advance(DAY)
    assert home.certain() == home.now() == base.now(), "nobody corrected it"
    base.doze(40 * DAY)
    assert home.certain() == home.now(), "sleep is time that passed"


def test_what_the_system_tells() -> None:
    assert boot_id(Path("nowhere")) == ""
    assert boot_id() == boot_id()
    slept = seconds_slept()
    assert slept is None or slept >= -0.1


CHANGES = st.lists(
    st.tuples(st.sampled_from(["jump", "doze", "advance", "rest"]), st.integers(1, 400 * 86400)), max_size=30
)


@given(changes=CHANGES, backwards=st.lists(st.booleans(), min_size=30, max_size=30))
def test_it_counts_the_time_that_passes_and_nothing_else(changes: list[tuple[str, int]], backwards: list[bool]) -> None:
    async def run() -> None:
        base, kept = FakeClock(), list[Timeline]()
        home = a_home_clock(base, kept)
        for (change, seconds), back in zip(changes, backwards, strict=False):
            before, awake = home.now(), base.monotonic()
            if change == "jump":
                base.jump(-float(seconds) if back else float(seconds))
            elif change == "doze":
                base.doze(float(seconds))
            elif change == "advance":
                base.advance(float(seconds))
            await home.follow_wall(rests if change == "rest" else works)
            if change == "rest":
                assert abs(home.now() - base.now()) < 1.0
            else:
                assert abs(home.now() - before - (base.monotonic() - awake)) < 0.01
            assert abs(home.shown(home.now()) - base.now()) < 1.0, "shown is always the wall clock's"
            assert a_home_clock(base, kept).now() == home.now(), "a server that is started again agrees"

    asyncio.run(run())
