"""What AWS would do to a stack is read before it is done, and what would lose data is done only once it is named."""

from dataclasses import replace

import pytest

from tests.fakes.aws_account import FakeInstallation, stack
from tests.unit.test_deploy_and_destroy import REQUEST, World
from tlfif.adapters.aws.deployment.stack import change_of
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.deployment.difference import difference
from tlfif.deployment.stack_changes import Change, Fate, change_rows, check_losses, holds_state, loss_text
from tlfif.kernel.errors import InvalidInputError, UnavailableError

TABLE = "AWS::DynamoDB::Table"
GONE = Change(logical_id="StoreJobs", resource_type=TABLE, name="tlfif-jobs", fate=Fate.REMOVED)
POOL = Change(logical_id="Pool", resource_type="AWS::Cognito::UserPool", name="eu_1", fate=Fate.REPLACED, kept=True)
NEW = Change(logical_id="Dead", resource_type="AWS::SQS::Queue", name="", fate=Fate.ADDED)
CODE = Change(
    logical_id="Api", resource_type="AWS::Lambda::Function", name="tlfif-api", fate=Fate.CHANGED, properties=("Code",)
)


def aws_says(action: str, **more: object) -> dict[str, object]:
    return {
        "Action": action,
        "LogicalResourceId": "StoreJobs",
        "PhysicalResourceId": "tlfif-jobs",
        "ResourceType": TABLE,
        **more,
    }


@pytest.mark.parametrize(
    ("found", "fate", "certain", "loses"),
    [
        (aws_says("Add"), Fate.ADDED, True, False),
        (aws_says("Import"), Fate.ADDED, True, False),
        (aws_says("Modify"), Fate.CHANGED, True, False),
        (aws_says("Modify", Replacement="False"), Fate.CHANGED, True, False),
        (aws_says("Modify", Replacement="True"), Fate.REPLACED, True, True),
        (aws_says("Modify", Replacement="Conditional"), Fate.REPLACED, False, True),
        (aws_says("Modify", Replacement="SomethingNew"), Fate.REPLACED, False, True),
        (aws_says("Remove"), Fate.REMOVED, True, True),
        (aws_says("Dynamic"), Fate.REPLACED, False, True),
        (aws_says("WhatAwsInventsNext"), Fate.REPLACED, False, True),
    ],
)
def test_what_aws_leaves_open_counts_as_the_worst(
    found: dict[str, object], fate: Fate, certain: bool, loses: bool
) -> None:
    change = change_of(found)
    assert (change.fate, change.certain, change.loses) == (fate, certain, loses)


def test_the_old_one_stays_only_where_aws_says_so() -> None:
    assert change_of(aws_says("Remove", PolicyAction="Retain")).kept
    assert change_of(aws_says("Modify", Replacement="True", PolicyAction="ReplaceAndRetain")).kept
    for action in ("Delete", "ReplaceAndDelete"):
        assert not change_of(aws_says("Remove", PolicyAction=action)).kept
    assert "stays in the account" in loss_text(POOL)
    assert "is deleted for good" in loss_text(GONE)
    assert "may be removed" in loss_text(replace(GONE, certain=False))


def test_what_changes_is_named_once() -> None:
    details = [{"Target": {"Attribute": "Properties", "Name": "Code"}}, {"Target": {"Attribute": "Tags"}}] * 2
    assert change_of(aws_says("Modify", Details=details)).properties == ("Code", "Tags")


def test_a_loss_is_refused_until_each_is_named() -> None:
    check_losses([NEW, CODE], ())
    with pytest.raises(InvalidInputError) as refused:
        check_losses([NEW, GONE, POOL], ())
    assert refused.value.code == "change_would_lose"
    for words in ("tlfif-jobs", "prompts, answers", "every user", "--allow-losing tlfif-jobs --allow-losing eu_1"):
        assert words in refused.value.message
    with pytest.raises(InvalidInputError) as second:
        check_losses([GONE, POOL], ("tlfif-jobs",))
    assert "tlfif-jobs" not in second.value.message
    check_losses([GONE, POOL], ("tlfif-jobs", "eu_1"))


def test_a_thing_without_state_may_be_replaced() -> None:
    check_losses([replace(CODE, fate=Fate.REPLACED), replace(NEW, fate=Fate.REMOVED)], ())
    assert not holds_state("AWS::SQS::Queue")


def test_every_store_of_the_template_counts_as_one() -> None:
    """A new kind of store is either named here or in the words for what it holds."""
    without = {"AWS::Logs::LogGroup", "AWS::SQS::Queue"}  # 14 days of log lines, and notifications
    stores = {kind for kind in StackTemplate().resource_types if kind.split("::")[-1] in STORES}
    assert {kind for kind in stores if not holds_state(kind)} == without


STORES = {"Table", "GlobalTable", "Bucket", "UserPool", "LogGroup", "Queue", "Secret", "Volume", "DBInstance", "Key"}


def test_the_rows_say_what_is_lost_first_and_what_new_things_cost() -> None:
    rows = change_rows([CODE, NEW, POOL])
    assert [row[0] for row in rows] == ["replaced", "new", "changed"]
    assert rows[0][2].startswith("LOSES every user")
    assert rows[1] == ("new", "queue Dead", "free up to a million calls a month")
    assert rows[2][1:] == ("small program (API, router, images) tlfif-api", "Code")
    assert change_rows([replace(POOL, certain=False)])[0][0] == "perhaps replaced"


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.requirement("10.2.2", "10.5.2")
async def test_a_deployment_that_would_lose_data_changes_nothing_in_the_home(world: World) -> None:
    await world.deploy()
    before = world.account.stack
    world.account.more_changes = (GONE,)
    other = replace(REQUEST, standby=True)
    with pytest.raises(InvalidInputError) as refused:
        await world.deploy(other)
    assert refused.value.code == "change_would_lose"
    assert world.account.stack == before
    assert world.account.calls[-1] == "forget_prepared"
    done = await world.deploy(replace(other, allow_losing=("tlfif-jobs",)))
    assert done.changed


async def test_a_stack_that_can_only_be_removed_is_not_while_data_is_in_it(world: World) -> None:
    """Half destroyed in the console, for instance: only `destroy`, which lists and asks, removes data."""
    world.account.stack = stack("DELETE_FAILED", {})
    world.account.kept = ("tlfif-jobs",)
    with pytest.raises(UnavailableError) as refused:
        await world.deploy()
    assert refused.value.code == "stack_half"
    assert "tlfif-jobs" in refused.value.message
    assert "begin_delete" not in world.account.calls
    world.account.stack = None
    with pytest.raises(UnavailableError) as left:
        await world.deploy()
    assert left.value.code == "stack_half", "AWS would say 'already exists' after minutes"
    assert "begin_stack" not in world.account.calls
    world.account.kept = ()
    assert (await world.deploy()).changed


async def test_the_difference_is_shown_and_nothing_is_done(world: World) -> None:
    await world.deploy()
    assert world.account.stack is not None
    before, calls = world.account.stack, len(world.account.calls)
    key = before.parameters["LambdaCodeKey"]
    request = replace(REQUEST, standby=True, email="new@example.com")
    found = await difference(FakeInstallation(world.account), request, before, known_key=key)
    assert found.parameters == {"AlarmEmail": ("me@example.com", "new@example.com"), "Standby": ("no", "yes")}
    assert found.same_package
    assert [one.fate for one in found.changes] == [Fate.CHANGED]
    assert world.account.stack == before
    assert not {"begin_stack", "upload_package", "set_account_settings"} & set(world.account.calls[calls:])
    same = await difference(FakeInstallation(world.account), REQUEST, before, known_key=key)
    assert (same.changes, same.parameters, same.same_package) == ((), {}, True)
    assert not (await difference(FakeInstallation(world.account), REQUEST, before, known_key=None)).same_package
