"""What deploying and destroying ask of a cloud: over the fake account, and over AWS in the emulator."""

from pathlib import Path

import pytest

from tests.aws.deployments import EmulatedHome
from tests.fakes.aws_account import FakeAccount, FakeInstallation, FakeSweeper
from tests.fakes.clock import FakeClock
from tlfif.deployment.deployment import SAFE, Stack
from tlfif.deployment.follow_stack import follow_stack
from tlfif.deployment.installation import Installation
from tlfif.deployment.stack_changes import Fate
from tlfif.deployment.sweeper import Sweeper
from tlfif.machines.machine_types import USUAL_TYPES


class Cloud:
    """Both ports at one place, and what a deployment would send."""

    def __init__(self, installation: Installation, sweeper: Sweeper, home: str, pool_id: str) -> None:
        self.installation = installation
        self.sweeper = sweeper
        self.home = home
        self.pool_id = pool_id

    async def parameters(self, email: str = "me@example.com") -> dict[str, str]:
        return {
            "HomeName": self.home,
            "LambdaCodeBucket": await self.installation.make_code_bucket(),
            "LambdaCodeKey": await self.installation.upload_package(None),
            "AlarmEmail": email,
            "MonthlyBudgetUsd": "23",
            "CreateTrail": "yes",
            "Zone1": "eu-central-1a",
        }

    async def rest(self) -> Stack | None:
        return await follow_stack(
            installation=self.installation,
            clock=FakeClock(auto_advance=True),
            report=lambda text, passing=False: None,
            expected=(1, 2),
            total=3,
        )


@pytest.fixture(params=["fake", "aws"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
    if request.param == "fake":
        account = FakeAccount(clock=FakeClock(auto_advance=True))
        return Cloud(FakeInstallation(account), FakeSweeper(account), "tlfif", "pool")
    home = EmulatedHome(request.getfixturevalue("emulator"), tmp_path)
    home.clients.ec2.disable_ebs_encryption_by_default()
    home.clients.s3control.delete_public_access_block(AccountId=home.place.account_id)
    return Cloud(home.installation, home.sweeper, home.place.home, home.pool_id)


async def test_who_calls_is_an_account_and_a_time(cloud: Cloud) -> None:
    caller = await cloud.installation.caller()
    assert len(caller.account_id) == 12
    assert caller.who.startswith("arn:")
    assert caller.aws_time > 1_700_000_000


async def test_zones_are_sorted(cloud: Cloud) -> None:
    zones = await cloud.installation.zones(USUAL_TYPES)
    assert zones
    assert list(zones) == sorted(zones)


async def test_a_package_is_uploaded_once_and_taken_as_known_while_it_is_there(cloud: Cloud) -> None:
    await cloud.installation.make_code_bucket()
    key = await cloud.installation.upload_package(None)
    assert key.startswith("releases/")
    assert await cloud.installation.upload_package(key) == key
    assert await cloud.installation.upload_package("releases/gone.zip") == key
    await cloud.sweeper.empty_buckets()
    assert await cloud.installation.upload_package(key) == key
    assert await cloud.sweeper.empty_buckets() == 1


@pytest.mark.requirement("10.3.1")
async def test_settings_go_there_and_back(cloud: Cloud) -> None:
    before = await cloud.installation.account_settings()
    assert not before.safe
    for _ in range(2):
        await cloud.installation.set_account_settings(SAFE)
        assert (await cloud.installation.account_settings()).safe
    await cloud.installation.set_account_settings(before)
    assert await cloud.installation.account_settings() == before


async def test_a_closed_account_has_no_open_bucket_of_this_home(cloud: Cloud) -> None:
    made = await cloud.installation.make_code_bucket()
    assert made not in await cloud.installation.open_buckets()


async def test_no_stack_has_no_events_and_can_be_deleted(cloud: Cloud) -> None:
    assert await cloud.installation.stack() is None
    assert await cloud.installation.stack_events() == ()
    await cloud.installation.begin_delete()
    assert await cloud.installation.stack() is None


async def test_a_stack_is_made_changed_and_deleted(cloud: Cloud) -> None:
    installation = cloud.installation
    changes = await installation.prepare_stack(await cloud.parameters())
    assert changes
    assert {one.fate for one in changes} == {Fate.ADDED}
    await installation.begin_stack()
    made = await cloud.rest()
    assert made is not None
    assert made.stands
    assert made.parameters["AlarmEmail"] == "me@example.com"
    assert made.outputs["Scope"].startswith("openid")
    events = await installation.stack_events()
    assert events[0].status == "CREATE_IN_PROGRESS"
    assert await installation.prepare_stack(await cloud.parameters()) is None
    assert await installation.prepare_stack(await cloud.parameters("new@example.com")) is not None
    await installation.begin_stack()
    changed = await cloud.rest()
    assert changed is not None
    assert changed.stands
    assert changed.parameters["AlarmEmail"] == "new@example.com"
    await cloud.sweeper.empty_buckets()
    await installation.begin_delete()
    assert await cloud.rest() is None


async def test_what_was_only_prepared_leaves_no_trace(cloud: Cloud) -> None:
    for _ in range(2):
        assert await cloud.installation.prepare_stack(await cloud.parameters()) is not None
        await cloud.installation.forget_prepared()
        await cloud.installation.forget_prepared()
        assert await cloud.installation.stack() is None
    with pytest.raises(ValueError, match=r"no|nothing"):
        await cloud.installation.begin_stack()
    assert await cloud.installation.kept() == ()


async def test_a_user_is_made_once(cloud: Cloud) -> None:
    assert await cloud.installation.make_owner(cloud.pool_id, "me@example.com")
    assert not await cloud.installation.make_owner(cloud.pool_id, "me@example.com")


async def test_a_door_that_is_not_there_can_be_closed_and_opened(cloud: Cloud) -> None:
    await cloud.sweeper.disable_ingress()
    await cloud.installation.enable_ingress()


async def test_every_kind_can_be_asked_for_and_to_end_nobody_is_harmless(cloud: Cloud) -> None:
    kinds = [kind for kind, looked_for in cloud.sweeper.kinds() if looked_for]
    assert len(kinds) == len(set(kinds)) > 5
    for kind in kinds:
        await cloud.sweeper.find(kind)
    assert await cloud.sweeper.machines() == ()
    await cloud.sweeper.end_machines(())


async def test_what_a_stack_holds_is_found_and_gone_after_removal(cloud: Cloud) -> None:
    await cloud.installation.prepare_stack(await cloud.parameters())
    await cloud.installation.begin_stack()
    await cloud.rest()
    tables = await cloud.sweeper.find("tables")
    assert tables
    assert all(one.ours for one in tables)
    await cloud.sweeper.empty_buckets()
    await cloud.installation.begin_delete()
    await cloud.rest()
    for kind, _ in cloud.sweeper.kinds():
        for one in await cloud.sweeper.find(kind):
            await cloud.sweeper.remove(kind, one.name)
            await cloud.sweeper.remove(kind, one.name)
        assert await cloud.sweeper.find(kind) == ()
