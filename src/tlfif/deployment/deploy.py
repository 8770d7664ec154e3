"""Create a home on AWS, or update it: steps that can each be repeated, and a record of the steps that are done."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tlfif.deployment.deployment import (
    CLOCK_SKEW_SECONDS,
    AccountSettings,
    Caller,
    DeployRequest,
    Stack,
    zone_parameters,
)
from tlfif.deployment.follow_stack import Report, follow_stack
from tlfif.deployment.installation import Installation
from tlfif.deployment.journal import DeploymentJournal, Journal
from tlfif.deployment.owner_profile import OwnerProfile
from tlfif.deployment.plan import DEPLOY_MINUTES
from tlfif.deployment.stack_words import failure_text
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError, UnavailableError

STEPS = ("bucket", "package", "account", "stack", "image", "user", "profile")
SAFE = AccountSettings(
    encrypt_disks=True,
    block_public={
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The result. ``image`` None: no machine image was promoted yet, so no machine can start."""

    account_id: str
    region: str
    outputs: Mapping[str, str]
    image: str | None
    user_invited: bool
    changed: bool


async def check_deploy(*, installation: Installation, journal: DeploymentJournal, clock: Clock, region: str) -> Caller:
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
    if known is not None and (known.account_id, known.region) != (caller.account_id, region):
        raise InvalidInputError(
            f"This computer's home on AWS is in account {known.account_id}, region {known.region}; now you ask for "
            f"account {caller.account_id}, region {region}. One computer keeps one home. Remove the first one "
            f"(./tlfif destroy --region {known.region}, with that account's credentials), or deploy where it is.",
            code="deployed_elsewhere",
        )
    return caller


class Deployment:
    """One attempt. ``total`` is the number of the template's resources, for the progress line."""

    def __init__(
        self,
        *,
        installation: Installation,
        journal: DeploymentJournal,
        profile: OwnerProfile,
        clock: Clock,
        report: Report,
        total: int,
    ) -> None:
        self._cloud = installation
        self._file = journal
        self._profile = profile
        self._clock = clock
        self._report = report
        self._total = total

    async def run(self, request: DeployRequest, caller: Caller) -> Deployed:
        """Run all steps. Raises UnavailableError (``stack_failed``, ``stack_slow``, ``no_zone``), and AWS's refusals;
        another run continues after the last step that succeeded."""
        self._journal = self._begin(request, caller)
        self._say("bucket", "a bucket for the programs' package")
        bucket = await self._cloud.make_code_bucket()
        self._done("bucket")
        self._say("package", "building and uploading the programs' package")
        same = self._journal.release == request.release and "package" in self._journal.done
        key = await self._cloud.upload_package(self._journal.code_key if same else None)
        self._journal = replace(self._journal, code_key=key, release=request.release)
        self._done("package")
        kept = "" if request.secure_account else ", left as they are"
        self._say("account", f"the account's two safety settings{kept}")
        await self._secure_account(request)
        self._done("account")
        self._say("stack", "the home itself")
        stack, changed = await self._make_stack(request, bucket=bucket, key=key)
        await self._cloud.enable_ingress()
        self._done("stack")
        self._say("image", "looking for a machine image")
        image = await self._cloud.promoted_image()
        self._done("image")
        self._say("user", f"a user for {request.email}")
        invited = await self._cloud.make_user(stack.outputs["UserPoolId"], request.email)
        self._done("user")
        self._say("profile", "pointing your commands and your window at it")
        self._profile.remember(stack.outputs, request.region)
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
        known = self._file.load()
        if known is None:
            known = Journal(home=request.home, region=request.region, account_id=caller.account_id)
        if known.finished:
            known = replace(known, done=(), finished=False)
        elif known.done:
            self._report(f"Continuing after the last attempt, which finished step {len(known.done)} of {len(STEPS)}.")
        begun = replace(known, email=request.email, budget_usd=request.budget_usd or 0, standby=request.standby)
        self._file.save(begun)
        return begun

    def _say(self, step: str, words: str) -> None:
        number = STEPS.index(step) + 1
        self._report(f"Step {number} of {len(STEPS)}: {words}.")

    def _done(self, step: str) -> None:
        done = (*(one for one in self._journal.done if one != step), step)
        self._journal = replace(self._journal, done=done, finished=step == STEPS[-1])
        self._file.save(self._journal)

    async def _secure_account(self, request: DeployRequest) -> None:
        """The previous settings are on disk before anything is changed, so that ``destroy`` can restore them."""
        if not request.secure_account:
            return
        now = await self._cloud.account_settings()
        if now.safe:
            return
        if self._journal.settings_before is None:
            self._journal = replace(self._journal, settings_before=now)
            self._file.save(self._journal)
        await self._cloud.set_account_settings(SAFE)

    async def _make_stack(self, request: DeployRequest, *, bucket: str, key: str) -> tuple[Stack, bool]:
        before = await self._rest()
        if before is not None and before.dead:
            self._report("Removing what is left of an earlier attempt that failed.")
            await self._cloud.begin_delete()
            before = await self._rest()
            if before is not None:
                raise UnavailableError(
                    "What an earlier attempt left cannot be removed. Run `./tlfif destroy`, then deploy again.",
                    code="stack_failed",
                )
        parameters = await self._parameters(request, before, bucket=bucket, key=key)
        changed = await self._cloud.begin_stack(parameters)
        stack = await self._rest()
        if stack is None or not (stack.stands or not changed):
            raise await self._failure(updating=before is not None and bool(before.outputs))
        return stack, changed

    async def _rest(self) -> Stack | None:
        return await follow_stack(
            installation=self._cloud,
            clock=self._clock,
            report=self._report,
            expected=DEPLOY_MINUTES,
            total=self._total,
        )

    async def _parameters(
        self, request: DeployRequest, before: Stack | None, *, bucket: str, key: str
    ) -> dict[str, str]:
        """Parameters that the owner did not choose keep their values."""
        old = before.parameters if before is not None else {}
        try:
            zones = zone_parameters(await self._cloud.zones(), old)
        except ValueError:
            raise UnavailableError(
                f"AWS offers none of the GPU machine types in {request.region}. Choose another region. Nothing "
                "was created that costs anything.",
                code="no_zone",
            ) from None
        request = request.settled(old)
        trail = old.get("CreateTrail") or ("no" if await self._cloud.has_trail() else "yes")
        return {
            "HomeName": request.home,
            "LambdaCodeBucket": bucket,
            "LambdaCodeKey": key,
            "AlarmEmail": request.email,
            "MonthlyBudgetUsd": str(request.budget_usd),
            "CreateTrail": trail,
            "Standby": "yes" if request.standby else "no",
            **zones,
        }

    async def _failure(self, *, updating: bool) -> UnavailableError:
        events = await self._cloud.stack_events()
        return UnavailableError(failure_text(events, updating=updating), code="stack_failed")
