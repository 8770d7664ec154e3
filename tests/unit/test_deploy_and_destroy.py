"""Deploying and destroying: whatever ends them half-way, the same command ends them well."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.aws_account import FakeAccount, FakeInstallation, FakeOwnerProfile, FakeSweeper, Killed, MemoryJournal
from tests.fakes.clock import FakeClock
from tlfif.deployment.deploy import STEPS, Deployed, Deployment, check_deploy
from tlfif.deployment.deployment import SAFE, AccountSettings, DeployRequest, check_home_name
from tlfif.deployment.destroy import Destroyed, Destruction
from tlfif.kernel.errors import InvalidInputError, UnavailableError
from tlfif.machines.machine_types import USUAL_TYPES

REQUEST = DeployRequest(home="tlfif", region="eu-central-1", email="me@example.com", budget_usd=23, release="one")


class World:
    """An account, a computer, and what was said."""

    def __init__(self) -> None:
        self.clock = FakeClock(auto_advance=True)
        self.account = FakeAccount(clock=self.clock)
        self.journal = MemoryJournal()
        self.profile = FakeOwnerProfile()
        self.said: list[str] = []

    def report(self, text: str, *, passing: bool = False) -> None:
        self.said.append(text)

    async def deploy(self, request: DeployRequest = REQUEST) -> Deployed:
        installation = FakeInstallation(self.account)
        caller = await check_deploy(
            installation=installation, journal=self.journal, clock=self.clock, home=request.home, region=request.region
        )
        deployment = Deployment(
            installation=installation,
            journal=self.journal,
            profile=self.profile,
            clock=self.clock,
            report=self.report,
            total=3,
        )
        return await deployment.run(request, caller)

    def destruction(self) -> Destruction:
        return Destruction(
            installation=FakeInstallation(self.account),
            sweeper=FakeSweeper(self.account),
            journal=self.journal,
            profile=self.profile,
            clock=self.clock,
            report=self.report,
            total=3,
        )

    async def destroy(self) -> Destroyed:
        return await self.destruction().run()

    def state(self) -> object:
        """What is there, as far as the owner would care."""
        account, kept = self.account, self.journal.kept
        return (
            account.stack,
            account.settings,
            account.users,
            account.packages,
            account.objects,
            account.ingress_enabled,
            {kind: sorted(some) for kind, some in account.things.items()},
            self.profile.outputs,
            kept,
        )


@pytest.fixture
def world() -> World:
    return World()


async def test_a_disk_is_kept_only_once_asked_for_and_until_it_is_asked_back(world: World) -> None:
    kept = []
    for asked in (None, True, None, False):
        await world.deploy(replace(REQUEST, standby=asked))
        assert world.account.stack is not None
        kept.append(world.account.stack.parameters["Standby"])
    assert kept == ["no", "yes", "yes", "no"]


async def test_the_types_of_machine_stay_as_they_are_until_others_are_named(world: World) -> None:
    kept = []
    for asked in (None, ("c7i.xlarge",), None, ("g6.xlarge", "c7i.xlarge")):
        await world.deploy(replace(REQUEST, types=asked))
        assert world.account.stack is not None
        kept.append(world.account.stack.parameters["InstanceTypes"])
    assert kept == [",".join(USUAL_TYPES), "c7i.xlarge", "c7i.xlarge", "g6.xlarge,c7i.xlarge"]


async def test_all_steps_in_order_and_remembered(world: World) -> None:
    done = await world.deploy()
    assert done.changed
    assert done.user_invited
    assert done.image is None
    assert world.profile.outputs is not None
    assert world.profile.outputs["ApiUrl"] == "https://api.example.com"
    kept = world.journal.kept
    assert kept is not None
    assert kept.done == STEPS
    assert kept.finished
    assert world.account.stack is not None
    assert world.account.stack.parameters["Zone1"] == "eu-central-1a"
    assert world.account.stack.parameters["CreateTrail"] == "yes"
    assert any("of 3" in text and "min are usual" in text for text in world.said)


@pytest.mark.requirement("10.5.1")
async def test_twice_changes_nothing_and_mails_nobody_again(world: World) -> None:
    await world.deploy()
    before = world.state()
    again = await world.deploy()
    assert not again.changed
    assert not again.user_invited
    assert world.state() == before


@pytest.mark.requirement("10.5.1")
async def test_killed_before_any_call_the_next_try_ends_the_same(world: World) -> None:
    await world.deploy()
    whole, calls = world.state(), len(world.account.calls)
    assert calls > 12
    for at in range(calls):
        cut = World()
        cut.account.kill_at = at
        with pytest.raises(Killed):
            await cut.deploy()
        cut.account.kill_at = None
        await cut.deploy()
        assert cut.state() == whole, f"killed before call {at + 1}, {world.account.calls[at]}"


@pytest.mark.requirement("10.5.1")
async def test_network_lost_at_any_call_says_so_and_the_next_try_ends_the_same(world: World) -> None:
    await world.deploy()
    whole, calls = world.state(), list(world.account.calls)
    for at, name in enumerate(calls):
        cut = World()
        cut.account.fault = _from_call(cut.account, at)
        with pytest.raises(UnavailableError) as lost:
            await cut.deploy()
        assert lost.value.code == "aws_unreachable"
        cut.account.fault = lambda _name: None
        await cut.deploy()
        assert cut.state() == whole, f"lost at {name}"


def _from_call(account: FakeAccount, at: int) -> Callable[[str], Exception | None]:
    """Everything from the call number ``at`` on is lost."""

    def fault(_name: str) -> Exception | None:
        return UnavailableError("lost", code="aws_unreachable") if len(account.calls) > at else None

    return fault


async def test_a_network_that_comes_back_within_three_minutes_ends_nothing(world: World) -> None:
    world.account.ticks = 10
    lost = iter([False] * 4 + [True] * 20)
    world.account.fault = lambda name: (
        UnavailableError("lost", code="aws_unreachable") if name == "stack" and next(lost, False) else None
    )
    assert (await world.deploy()).changed
    assert any("Asking again" in text for text in world.said)


async def test_a_failed_stack_is_explained_and_the_next_try_begins_clean(world: World) -> None:
    world.account.fail_stack = "User is not authorized to perform: lambda:CreateFunction"
    with pytest.raises(UnavailableError) as failed:
        await world.deploy()
    assert failed.value.code == "stack_failed"
    for words in ("small program", "not authorized", "nothing costs anything", "administrator rights"):
        assert words in failed.value.message
    assert world.profile.outputs is None
    assert (await world.deploy()).changed
    assert world.account.stack is not None
    assert world.account.stack.stands


async def test_a_failed_change_leaves_what_was(world: World) -> None:
    await world.deploy()
    world.account.fail_stack = "Rate exceeded"
    with pytest.raises(UnavailableError, match=r"restored the state before.*asked too often"):
        await world.deploy(
            DeployRequest(home="tlfif", region="eu-central-1", email="b@example.com", budget_usd=50, release="one")
        )


async def test_settings_that_were_safe_before_are_not_ours_to_put_back(world: World) -> None:
    world.account.settings = SAFE
    await world.deploy()
    await world.destroy()
    assert world.account.settings == SAFE


async def test_settings_are_left_alone_where_the_owner_says_so(world: World) -> None:
    before = world.account.settings
    await world.deploy(
        DeployRequest(
            home="tlfif",
            region="eu-central-1",
            email="me@example.com",
            budget_usd=23,
            release="one",
            secure_account=False,
        )
    )
    assert world.account.settings == before


async def test_the_package_of_a_broken_off_try_is_used_unless_the_program_changed(world: World) -> None:
    world.account.fail_stack = "Rate exceeded"
    with pytest.raises(UnavailableError):
        await world.deploy()
    assert world.account.built == 1
    world.account.fail_stack = "Rate exceeded"
    with pytest.raises(UnavailableError):
        await world.deploy()
    assert world.account.built == 1
    await world.deploy(
        DeployRequest(home="tlfif", region="eu-central-1", email="me@example.com", budget_usd=23, release="two")
    )
    assert world.account.built == 2


async def test_no_second_trail_and_no_zone_without_a_machine(world: World) -> None:
    world.account.other_trail = True
    await world.deploy()
    assert world.account.stack is not None
    assert world.account.stack.parameters["CreateTrail"] == "no"
    bare = World()
    bare.account.zone_names = ()
    with pytest.raises(UnavailableError) as refused:
        await bare.deploy()
    assert refused.value.code == "no_zone"


@pytest.mark.parametrize("off", [-600, 600])
async def test_a_wrong_clock_ends_it_before_anything_is_made(world: World, off: int) -> None:
    world.account.aws_time = world.clock.now() + off
    with pytest.raises(UnavailableError) as wrong:
        await world.deploy()
    assert wrong.value.code == "clock_wrong"
    assert world.account.calls == ["caller"]


async def test_one_computer_keeps_one_home(world: World) -> None:
    await world.deploy()
    world.account.account_id = "999999999999"
    with pytest.raises(InvalidInputError) as elsewhere:
        await world.deploy()
    assert elsewhere.value.code == "deployed_elsewhere"


async def test_another_name_is_another_home(world: World) -> None:
    await world.deploy()
    with pytest.raises(InvalidInputError) as elsewhere:
        await world.deploy(replace(REQUEST, home="tlfifwork"))
    assert elsewhere.value.code == "deployed_elsewhere"
    assert "tlfif in account" in elsewhere.value.message


@pytest.mark.requirement("10.5.3")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "prod",
        "tlfi",
        "tlfif-b",
        "Tlfif",
        "tlfif" + "a" * 16,
        "tlfifaws",
        "tlfif\n",
        "tlfifcognito",
        "tlfifä",
        " tlfif",
    ],
)
def test_a_name_that_could_be_two_homes_or_that_aws_refuses_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_home_name(name)
    assert refused.value.code == "home_name_invalid"
    assert [check_home_name(good) for good in ("tlfif", "tlfifwork", "tlfif2", "tlfif" + "a" * 15)]


OPEN = ("shop-pictures",)
ALL_OPEN = AccountSettings(encrypt_disks=False, block_public=None)


@pytest.mark.requirement("10.3.1")
async def test_a_public_bucket_stays_online_until_that_is_asked_for(world: World) -> None:
    """The block is the whole account's: it takes a site offline that was there before the home."""
    world.account.open_buckets = OPEN
    await world.deploy()
    assert world.account.settings == AccountSettings(encrypt_disks=True, block_public=None)
    await world.deploy(replace(REQUEST, block_public_buckets=True))
    assert world.account.settings == SAFE


async def test_no_bucket_is_looked_at_where_the_block_is_on_or_not_to_be_touched(world: World) -> None:
    world.account.settings = SAFE
    await world.deploy()
    world.account.settings = ALL_OPEN
    await world.deploy(replace(REQUEST, secure_account=False))
    assert "open_buckets" not in world.account.calls
    assert world.account.settings == ALL_OPEN


async def test_what_somebody_changed_since_is_not_put_back(world: World) -> None:
    """S3's block was left alone for a public bucket; the owner has closed that and switched the block on since."""
    world.account.open_buckets = OPEN
    await world.deploy()
    world.account.open_buckets, world.account.settings = (), SAFE
    await world.destroy()
    assert world.account.settings == AccountSettings(encrypt_disks=False, block_public=SAFE.block_public)


async def test_a_later_deployment_that_switches_the_block_on_has_it_put_back(world: World) -> None:
    world.account.open_buckets = OPEN
    await world.deploy()
    world.account.open_buckets = ()
    await world.deploy()
    assert world.account.settings == SAFE
    await world.destroy()
    assert world.account.settings == ALL_OPEN


async def test_destroy_makes_no_bucket_public(world: World) -> None:
    """One that was made since, and that only the account's block keeps closed."""
    await world.deploy()
    world.account.open_buckets = OPEN
    done = await world.destroy()
    assert done.nothing_left
    assert done.stay_closed == OPEN
    assert world.account.settings == AccountSettings(encrypt_disks=False, block_public=SAFE.block_public)


async def test_destroy_takes_all_and_puts_the_settings_back(world: World) -> None:
    before = world.account.settings
    await world.deploy()
    world.account.objects = 2500
    done = await world.destroy()
    assert done.nothing_left
    assert done.settings_restored
    assert done.profile_removed
    assert done.objects == 2500
    assert world.account.settings == before
    assert world.account.stack is None
    assert not any(world.account.things.values())
    assert not world.profile.signed_in
    assert world.journal.kept is None
    assert {one.kind: (one.found, one.removed) for one in done.kinds}["stacks"] == (1, 1)


@pytest.mark.requirement("10.6.1")
async def test_destroy_twice_and_without_any_home_is_harmless(world: World) -> None:
    assert (await world.destroy()).nothing_left
    await world.deploy()
    assert (await world.destroy()).nothing_left
    again = await world.destroy()
    assert again.nothing_left
    assert all(one.found == 0 for one in again.kinds)


async def test_a_running_machine_is_ended_and_waited_for_before_anything_else_goes(world: World) -> None:
    await world.deploy()
    world.account.things["machines"]["i-1"] = True
    world.account.machine_looks = 3
    done = await world.destroy()
    assert done.nothing_left
    calls = world.account.calls
    last_sight = max(at for at in range(calls.index("begin_delete")) if calls[at] == "machines")
    assert calls.index("disable_ingress") < calls.index("end_machines") < last_sight < calls.index("begin_delete")


async def test_a_machine_that_does_not_end_is_said_and_all_else_is_removed(world: World) -> None:
    await world.deploy()
    world.account.things["machines"]["i-1"] = True
    world.account.machine_looks = 10**6
    world.account.fault = lambda name: UnavailableError("no") if name == "remove machines" else None
    done = await world.destroy()
    assert not done.nothing_left
    assert any("machines_stay" in trouble and "i-1" in trouble for trouble in done.troubles)
    assert world.account.stack is None
    assert world.journal.kept is not None


async def test_what_is_not_ours_stays(world: World) -> None:
    world.account.things["disks"] = {"vol-ours": True, "vol-other": False}
    world.account.things["snapshots"] = {"snap-ours": True, "snap-other": False}
    assert (await world.destroy()).nothing_left
    assert world.account.things["disks"] == {"vol-other": False}
    assert world.account.things["snapshots"] == {"snap-other": False}


async def test_killed_before_any_call_destroy_ends_the_same_next_time() -> None:
    async def stands() -> World:
        world = World()
        await world.deploy()
        world.account.things["machines"]["i-1"] = True
        world.account.things["disks"]["vol-1"] = True
        world.account.objects = 3
        world.account.calls.clear()
        return world

    world = await stands()
    assert (await world.destroy()).nothing_left
    whole, calls = world.state(), list(world.account.calls)
    for at, name in enumerate(calls):
        cut = await stands()
        cut.account.kill_at = at
        with pytest.raises(Killed):
            await cut.destroy()
        cut.account.kill_at = None
        assert (await cut.destroy()).nothing_left, name
        assert cut.state() == whole, f"killed before {name}"


async def test_a_kind_that_cannot_be_asked_about_keeps_no_other_from_going(world: World) -> None:
    await world.deploy()
    world.account.things["snapshots"]["snap-1"] = True
    world.account.fault = lambda name: UnavailableError("denied", code="aws_denied") if name == "find disks" else None
    done = await world.destroy()
    assert not done.nothing_left
    assert [one.kind for one in done.kinds if not one.clean] == ["disks"]
    assert world.account.things["snapshots"] == {}
    assert world.journal.kept is not None


async def test_a_stack_that_will_not_go_at_first_goes_in_the_end(world: World) -> None:
    await world.deploy()
    world.account.stubborn = 2
    assert (await world.destroy()).nothing_left


async def test_after_a_broken_off_destroy_a_deploy_opens_the_door_again(world: World) -> None:
    await world.deploy()
    world.account.fault = lambda name: Killed() if name == "end_machines" or name == "empty_buckets" else None
    with pytest.raises(Killed):
        await world.destroy()
    assert not world.account.ingress_enabled
    world.account.fault = lambda _name: None
    await world.deploy()
    assert world.account.ingress_enabled
