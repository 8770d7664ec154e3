"""An account in memory that deploying and destroying can be tried on, step by step, with faults on request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.fakes.clock import FakeClock
from tlfif.deployment.deployment import AccountSettings, Caller, Found, ImageOrder, Stack, StackEvent
from tlfif.deployment.installation import Installation
from tlfif.deployment.journal import DeploymentJournal, Journal
from tlfif.deployment.owner_profile import OwnerProfile
from tlfif.deployment.stack_changes import Change, Fate
from tlfif.deployment.sweeper import Sweeper
from tlfif.images.image import Profile
from tlfif.kernel.errors import UnavailableError

KINDS = ("machines", "disks", "snapshots", "stacks", "tables", "buckets")
OUTPUTS = {
    "ApiUrl": "https://api.example.com",
    "Issuer": "https://issuer.example.com",
    "ClientId": "client",
    "Scope": "openid email tlfif/use",
    "UserPoolId": "pool",
}


class Killed(BaseException):
    """The process ends here, as by kill -9: no except clause may run on."""


@dataclass
class FakeAccount:
    """What the cloud holds. ``ticks`` is how many looks an operation takes to come to rest."""

    clock: FakeClock
    account_id: str = "123456789012"
    aws_time: float | None = None
    ticks: int = 2
    settings: AccountSettings = field(default_factory=lambda: AccountSettings(encrypt_disks=False, block_public=None))
    open_buckets: tuple[str, ...] = ()
    image: str | None = None
    image_looks: int = 2
    """So many looks at an image that was asked for until it is done."""
    image_good: bool = True
    other_trail: bool = False
    zone_names: tuple[str, ...] = ("eu-central-1a", "eu-central-1b")
    things: dict[str, dict[str, bool]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    """By kind: names, and whether they are ours."""
    objects: int = 0
    users: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    built: int = 0
    ingress_enabled: bool = True
    stack: Stack | None = None
    fail_stack: str | None = None
    """AWS's reason, if the next making shall fail."""
    more_changes: tuple[Change, ...] = ()
    """What AWS says besides of what a change set would do."""
    kept: tuple[str, ...] = ()
    """What a stack that failed, or one that is gone, has left."""
    stubborn: int = 0
    """So many deletions of the stack fail."""
    machine_looks: int = 2
    calls: list[str] = field(default_factory=list)
    kill_at: int | None = None
    fault: Callable[[str], Exception | None] = lambda _name: None
    _goal: Stack | None = None
    _left: int = 0
    _events: list[StackEvent] = field(default_factory=list)

    def step(self, name: str) -> None:
        """Each call comes through here, before it does anything."""
        self.calls.append(name)
        if self.kill_at is not None and len(self.calls) > self.kill_at:
            raise Killed(name)
        if (error := self.fault(name)) is not None:
            raise error

    def event(self, logical_id: str, resource_type: str, status: str, reason: str = "") -> None:
        self._events.append(
            StackEvent(
                event_id=str(len(self._events)),
                at=self.clock.now(),
                logical_id=logical_id,
                resource_type=resource_type,
                status=status,
                reason=reason,
            )
        )

    def begin(self, moving: Stack, goal: Stack | None) -> None:
        self.stack, self._goal, self._left = moving, goal, self.ticks
        self._events = []
        self.event("tlfif", "AWS::CloudFormation::Stack", moving.status, "User Initiated")

    def look(self) -> Stack | None:
        if self.stack is not None and self.stack.moving:
            self._left -= 1
            if self._left < 0:
                self.stack = self._goal
                if self.stack is None:
                    self.things["stacks"].clear()
                    self.things["tables"].clear()
        return self.stack

    @property
    def events(self) -> tuple[StackEvent, ...]:
        return tuple(self._events) if self.stack is not None else ()


def stack(status: str, parameters: Mapping[str, str], outputs: Mapping[str, str] | None = None) -> Stack:
    return Stack(status=status, reason="", parameters=dict(parameters), outputs=dict(outputs or {}))


class FakeInstallation(Installation):
    """The installation port on such an account."""

    def __init__(self, account: FakeAccount) -> None:
        self._account = account
        self._prepared: dict[str, str] | None = None

    async def caller(self) -> Caller:
        self._account.step("caller")
        at = self._account.clock.now() if self._account.aws_time is None else self._account.aws_time
        return Caller(account_id=self._account.account_id, who="arn:aws:iam::123456789012:user/owner", aws_time=at)

    async def zones(self, types: Sequence[str]) -> tuple[str, ...]:
        assert types
        self._account.step("zones")
        return tuple(sorted(self._account.zone_names))

    async def has_trail(self) -> bool:
        self._account.step("has_trail")
        return self._account.other_trail

    async def make_code_bucket(self) -> str:
        self._account.step("make_code_bucket")
        self._account.things["buckets"]["code"] = True
        return "code"

    async def upload_package(self, known_key: str | None) -> str:
        self._account.step("upload_package")
        if known_key in self._account.packages:
            return known_key
        self._account.built += 1
        if "releases/1.zip" not in self._account.packages:
            self._account.packages.append("releases/1.zip")
            self._account.objects += 1
        return "releases/1.zip"

    async def account_settings(self) -> AccountSettings:
        self._account.step("account_settings")
        return self._account.settings

    async def open_buckets(self) -> tuple[str, ...]:
        self._account.step("open_buckets")
        return self._account.open_buckets

    async def set_account_settings(self, wanted: AccountSettings) -> None:
        self._account.step("set_account_settings")
        self._account.settings = wanted

    async def stack(self) -> Stack | None:
        self._account.step("stack")
        return self._account.look()

    async def prepare_stack(self, parameters: Mapping[str, str]) -> tuple[Change, ...] | None:
        self._account.step("prepare_stack")
        old = self._account.stack
        if old is not None and dict(old.parameters) == dict(parameters):
            self._prepared = None
            return None
        self._prepared = dict(parameters)
        fate = Fate.ADDED if old is None else Fate.CHANGED
        usual = Change(logical_id="ApiFunction", resource_type="AWS::Lambda::Function", name="tlfif-api", fate=fate)
        return (usual, *self._account.more_changes)

    async def forget_prepared(self) -> None:
        self._account.step("forget_prepared")
        self._prepared = None

    async def kept(self) -> tuple[str, ...]:
        self._account.step("kept")
        return self._account.kept

    async def begin_stack(self) -> None:
        self._account.step("begin_stack")
        account = self._account
        parameters, self._prepared = self._prepared, None
        if parameters is None:
            raise ValueError("nothing was prepared")
        old = account.stack
        kind = "CREATE" if old is None else "UPDATE"
        done = stack(f"{kind}_COMPLETE", parameters, OUTPUTS)
        account.things["stacks"]["tlfif"] = account.things["tables"]["tlfif-jobs"] = True
        account.things["buckets"]["store"] = True
        if account.fail_stack:
            reason, account.fail_stack = account.fail_stack, None
            rolled = "ROLLBACK_COMPLETE" if old is None else "UPDATE_ROLLBACK_COMPLETE"
            account.begin(
                stack(f"{kind}_IN_PROGRESS", parameters), stack(rolled, {} if old is None else old.parameters)
            )
            account.event("ApiAppFunction", "AWS::Lambda::Function", f"{kind}_FAILED", reason)
            return
        account.begin(stack(f"{kind}_IN_PROGRESS", parameters), done)
        account.event("StoreJobs", "AWS::DynamoDB::Table", "CREATE_IN_PROGRESS")

    async def enable_ingress(self) -> None:
        self._account.step("enable_ingress")
        self._account.ingress_enabled = True

    async def begin_delete(self) -> None:
        self._account.step("begin_delete")
        account = self._account
        if account.stack is None:
            return
        goal = None
        if account.stubborn or (account.objects and "store" in account.things["buckets"] and account.stubborn < 0):
            account.stubborn -= 1
            goal = stack("DELETE_FAILED", {})
        account.begin(stack("DELETE_IN_PROGRESS", {}), goal)

    async def stack_events(self) -> tuple[StackEvent, ...]:
        self._account.step("stack_events")
        return self._account.events

    async def promoted_image(self) -> str | None:
        self._account.step("promoted_image")
        return self._account.image

    async def order_image(self, profile: Profile) -> ImageOrder:
        self._account.step("order_image")
        return await self.image_order("v1")

    async def image_order(self, version: str) -> ImageOrder:
        going_on = self._account.image_looks > 0
        self._account.image_looks -= 1
        return ImageOrder(
            version=version, going_on=going_on, good=self._account.image_good, said=f"{version}: {going_on}"
        )

    async def make_owner(self, pool_id: str, email: str) -> bool:
        self._account.step("make_owner")
        if email in self._account.users:
            return False
        self._account.users.append(email)
        return True


class FakeSweeper(Sweeper):
    """The sweeper port on such an account."""

    def __init__(self, account: FakeAccount) -> None:
        self._account = account
        self._ending: dict[str, int] = {}

    async def disable_ingress(self) -> None:
        self._account.step("disable_ingress")
        self._account.ingress_enabled = False

    async def machines(self) -> tuple[str, ...]:
        self._account.step("machines")
        for name in list(self._ending):
            self._ending[name] -= 1
            if self._ending[name] <= 0:
                del self._ending[name]
                self._account.things["machines"].pop(name, None)
        return tuple(name for name, ours in self._account.things["machines"].items() if ours)

    async def end_machines(self, names: Sequence[str]) -> None:
        self._account.step("end_machines")
        for name in names:
            self._ending.setdefault(name, self._account.machine_looks)

    async def empty_buckets(self) -> int:
        self._account.step("empty_buckets")
        emptied, self._account.objects = self._account.objects, 0
        self._account.packages.clear()
        return emptied

    def kinds(self) -> tuple[tuple[str, str], ...]:
        return tuple((kind, "tag tlfif:home") for kind in KINDS)

    async def find(self, kind: str) -> tuple[Found, ...]:
        self._account.step(f"find {kind}")
        return tuple(Found(name=name, ours=ours) for name, ours in self._account.things[kind].items())

    async def remove(self, kind: str, name: str) -> None:
        self._account.step(f"remove {kind}")
        if not self._account.things[kind].get(name, True):
            raise AssertionError(f"{name} is not ours")
        if kind == "stacks" and self._account.stack is not None:
            raise UnavailableError("still there")
        self._account.things[kind].pop(name, None)


class MemoryJournal(DeploymentJournal):
    """The record in memory."""

    def __init__(self) -> None:
        self.kept: Journal | None = None

    def load(self) -> Journal | None:
        return self.kept

    def save(self, journal: Journal) -> None:
        self.kept = journal

    def clear(self) -> None:
        self.kept = None


class FakeOwnerProfile(OwnerProfile):
    """A computer that remembers one home."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] | None = None
        self.signed_in = True

    def remember(self, outputs: Mapping[str, str], region: str) -> None:
        self.outputs = {**outputs, "region": region}

    async def sign_out(self) -> None:
        self.signed_in = False

    def forget(self) -> bool:
        known, self.outputs = self.outputs is not None, None
        return known
