"""Create a home on AWS, or update it: steps that can each be repeated, and a record of the steps that are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tlfif.deployment.deployment import (
    CLOCK_SKEW_SECONDS,
    SAFE,
    AccountSettings,
    Caller,
    DeployRequest,
    Stack,
    zone_parameters,
)
from tlfif.deployment.follow_stack import Attempt
from tlfif.deployment.installation import Installation
from tlfif.deployment.journal import DeploymentJournal, Journal
from tlfif.deployment.plan import DEPLOY_MINUTES
from tlfif.deployment.stack_changes import check_losses
from tlfif.deployment.stack_words import failure_text
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError, UnavailableError

STEPS = ("bucket", "package", "account", "stack", "image", "user", "profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The result. ``image`` None: no machine image was promoted yet, so no machine can start."""

    account_id: str
    region: str
    outputs: Mapping[str, str]
    image: str | None
    user_invited: bool
    changed: bool


async def check_deploy(
    *, installation: Installation, journal: DeploymentJournal, clock: Clock, home: str, region: str
) -> Caller:
    """Checks before anything is created: whose credentials these are, whether the clock is right, and whether this
    computer has another home already.

    Raises InvalidInputError (code ``deployed_elsewhere``), UnavailableError (``clock_wrong``), and AWS's refusals.
    """
    caller = await installation.caller()
    skew = abs(clock.now() - caller.aws_time)
    if skew > CLOCK_SKEW_SECONDS:
        raise UnavailableError(
            f"This computer's clock is {int(skew // 60)} minutes off from AWS's. AWS refuses requests then. Set the "
            "clock (automatic date and time), and deploy again. Nothing was made.",
            code="clock_wrong",
        )
    known = journal.load()
    if known is not None:
        known.check_place(home=home, account_id=caller.account_id, region=region)
    return caller


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """The account's settings as they are and as a deployment makes them, both safe where they are not to be touched
    and were not asked for; ``open_buckets``: those that S3's block takes
    offline, or for whose sake it is left alone."""

    now: AccountSettings
    wanted: AccountSettings
    open_buckets: tuple[str, ...]


async def account_change(installation: Installation, request: DeployRequest) -> AccountChange:
    """What ``request`` means for the account's settings. Changes nothing. Raises AWS's refusals."""
    if not request.secure_account:
        return AccountChange(now=SAFE, wanted=SAFE, open_buckets=())
    now = await installation.account_settings()
    found = () if now.blocks_public else await installation.open_buckets()
    return AccountChange(now=now, wanted=now.secured(found, block_all=request.block_public_buckets), open_buckets=found)


@dataclass(slots=True, kw_only=True)
class Deployment(Attempt):
    """One attempt, which keeps its record up to date."""

    _record: Journal = field(init=False)

    async def run(self, request: DeployRequest, caller: Caller) -> Deployed:
        """Run all steps. Raises UnavailableError (``stack_failed``, ``stack_slow``, ``no_zone``), and AWS's refusals;
        another run continues after the last step that succeeded."""
        self._record = self._begin(request, caller)
        self._say("bucket", "a bucket for the programs' package")
        bucket = await self.installation.make_code_bucket()
        self._done("bucket")
        self._say("package", "building and uploading the programs' package")
        same = self._record.release == request.release and "package" in self._record.done
        key = await self.installation.upload_package(self._record.code_key if same else None)
        self._record = replace(self._record, code_key=key, release=request.release)
        self._done("package")
        kept = "" if request.secure_account else ", left as they are"
        self._say("account", f"the account's two safety settings{kept}")
        await self._secure_account(request)
        self._done("account")
        self._say("stack", "the home itself")
        stack, changed = await self._make_stack(request, bucket=bucket, key=key)
        await self.installation.enable_ingress()
        self._done("stack")
        self._say("image", "looking for a machine image")
        image = await self.installation.promoted_image()
        self._done("image")
        self._say("user", f"a user for {request.email}")
        invited = await self.installation.make_owner(stack.outputs["UserPoolId"], request.email)
        self._done("user")
        self._say("profile", "pointing your commands and your window at it")
        self.profile.remember(stack.outputs, request.region)
        self._done("profile")
        return Deployed(
            account_id=caller.account_id,
            region=request.region,
            outputs=stack.outputs,
            image=image,
            user_invited=invited,
            changed=changed,
        )

    def _begin(self, request: DeployRequest, caller: Caller) -> Journal:
        known = self.journal.load()
        if known is None:
            known = Journal(home=request.home, region=request.region, account_id=caller.account_id)
        if known.finished:
            known = replace(known, done=(), finished=False)
        elif known.done:
            self.report(f"Continuing after the last attempt, which finished step {len(known.done)} of {len(STEPS)}.")
        begun = replace(
            known,
            email=request.email,
            budget_usd=request.budget_usd or 0,
            standby=request.standby,
            types=request.types or (),
        )
        self.journal.save(begun)
        return begun

    def _say(self, step: str, words: str) -> None:
        number = STEPS.index(step) + 1
        self.report(f"Step {number} of {len(STEPS)}: {words}.")

    def _done(self, step: str) -> None:
        done = (*(one for one in self._record.done if one != step), step)
        self._record = replace(self._record, done=done, finished=step == STEPS[-1])
        self.journal.save(self._record)

    async def _secure_account(self, request: DeployRequest) -> None:
        """The previous settings are on disk before anything is changed, so that ``destroy`` can restore them."""
        if not request.secure_account:
            return
        change = await account_change(self.installation, request)
        if change.wanted == change.now:
            return
        before = (self._record.settings_before or SAFE).noting(change.now, change.wanted)
        if self._record.settings_before != before:
            self._record = replace(self._record, settings_before=before)
            self.journal.save(self._record)
        await self.installation.set_account_settings(change.wanted)

    async def _make_stack(self, request: DeployRequest, *, bucket: str, key: str) -> tuple[Stack, bool]:
        before = await self.follow(DEPLOY_MINUTES)
        if before is None or before.dead:
            await self._clear_ground(before)
            before = None
        parameters = await stack_parameters(self.installation, request, before, bucket=bucket, key=key)
        changes = await self.installation.prepare_stack(parameters)
        if changes is not None:
            try:
                check_losses(changes, request.allow_losing)
            except InvalidInputError:
                await self.installation.forget_prepared()
                raise
            await self.installation.begin_stack()
        stack = await self.follow(DEPLOY_MINUTES)
        if stack is None or not (stack.stands or changes is None):
            raise await self._failure(updating=before is not None and bool(before.outputs))
        return stack, changes is not None

    async def _clear_ground(self, dead: Stack | None) -> None:
        """Remove a stack that cannot be updated any more, unless data is left of it, or of one that is gone."""
        kept = await self.installation.kept()
        if kept:
            raise UnavailableError(
                f"Your home is half removed or half made: AWS still holds {', '.join(kept)}, with what is in them, and "
                "lets nobody make a home around that. `./tlfif destroy` lists everything, asks, and removes it; then "
                "deploy again. Nothing was changed in it.",
                code="stack_half",
            )
        if dead is None:
            return
        self.report("Removing what is left of an earlier attempt that failed.")
        await self.installation.begin_delete()
        if await self.follow(DEPLOY_MINUTES) is not None:
            raise UnavailableError(
                "What an earlier attempt left cannot be removed. Run `./tlfif destroy`, then deploy again.",
                code="stack_failed",
            )

    async def _failure(self, *, updating: bool) -> UnavailableError:
        events = await self.installation.stack_events()
        return UnavailableError(failure_text(events, updating=updating), code="stack_failed")


async def stack_parameters(
    installation: Installation, request: DeployRequest, before: Stack | None, *, bucket: str, key: str
) -> dict[str, str]:
    """The stack's parameters. Those that the owner did not choose keep the values that they have in ``before``.

    Raises UnavailableError (code ``no_zone``), InvalidInputError ``instance_type_unknown``.
    """
    old = before.parameters if before is not None else {}
    request = request.settled(old)
    types = request.types or ()
    try:
        zones = zone_parameters(await installation.zones(types), old)
    except ValueError:
        raise UnavailableError(
            f"AWS offers none of the machine types {', '.join(types)} in {request.region}. Choose others with --type, "
            "or another region. Nothing was created that costs anything.",
            code="no_zone",
        ) from None
    return {
        "HomeName": request.home,
        "LambdaCodeBucket": bucket,
        "LambdaCodeKey": key,
        "AlarmEmail": request.email,
        "MonthlyBudgetUsd": str(request.budget_usd),
        "CreateTrail": old.get("CreateTrail") or ("no" if await installation.has_trail() else "yes"),
        "Standby": "yes" if request.standby else "no",
        "InstanceTypes": ",".join(types),
        **request.images.parameters,
        **zones,
    }
