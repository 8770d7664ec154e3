"""Remove a home from AWS: machines first, then everything else, then check that nothing is left."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tlfif.deployment.deployment import Found, SweptKind
from tlfif.deployment.follow_stack import Attempt
from tlfif.deployment.sweeper import Sweeper
from tlfif.kernel.errors import TlfifError, UnavailableError

DESTROY_MINUTES = (3, 10)
"""An estimate, not measured on an account."""
MACHINE_SECONDS = 900.0
"""Others measured up to 152 s until `terminated`; after 15 minutes a person must look."""
LOOK_SECONDS = 5.0
DELETE_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """What was found and what became of it. ``troubles``: the steps that failed, in plain words."""

    kinds: tuple[SweptKind, ...]
    objects: int
    settings_restored: bool
    profile_removed: bool
    troubles: tuple[str, ...]
    stay_closed: tuple[str, ...] = ()
    """The buckets that would have become public, so S3's block stays on."""

    @property
    def nothing_left(self) -> bool:
        """Whether every kind was looked for, and nothing of ours is left."""
        return not self.troubles and all(kind.clean for kind in self.kinds)


@dataclass(slots=True, kw_only=True)
class Destruction(Attempt):
    """One attempt. A failed step never prevents another one: whatever still runs costs money."""

    sweeper: Sweeper
    _troubles: dict[str, str] = field(default_factory=dict)
    _refusals: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)
    _objects: int = 0
    _stay_closed: tuple[str, ...] = ()

    async def survey(self) -> dict[str, tuple[Found, ...]]:
        """What exists now, by kind. Raises AWS's refusals."""
        return {kind: await self.sweeper.find(kind) for kind, _ in self.sweeper.kinds()}

    async def run(self) -> Destroyed:
        """Remove everything. Never raises AWS's refusals: they are in the result."""
        for kind, _ in self.sweeper.kinds():
            await self._look(kind)
        await self._try("signing out", self.profile.sign_out)
        await self._try("stopping new prompts and machines", self.sweeper.disable_ingress)
        await self._try("ending machines", self._end_machines)
        await self._try("emptying buckets", self._empty)
        await self._try("deleting the stack", self._delete_stack)
        await self._try("ending machines", self._end_machines)  # launched before ingress was disabled
        await self._sweep()
        await self._try("deleting the stack", self._delete_stack)  # what blocked it is gone now
        kinds = tuple([await self._confirmed(kind, looked_for) for kind, looked_for in self.sweeper.kinds()])
        restored = await self._restore()
        return self._leave(kinds, restored=restored)

    async def _try(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Run one step. A later success clears an earlier failure of the same step."""
        self.report(f"{what[:1].upper()}{what[1:]}.")
        try:
            await step()
        except TlfifError as error:
            self._troubles[what] = f"{what}: {error.message} [{error.code}]"
        else:
            self._troubles.pop(what, None)

    async def _look(self, kind: str) -> tuple[list[str], str]:
        """The names of what is ours, and why looking failed (empty: it succeeded)."""
        try:
            ours = [one.name for one in await self.sweeper.find(kind) if one.ours]
        except TlfifError as error:
            return [], error.message
        self._seen.setdefault(kind, set()).update(ours)
        return ours, ""

    async def _end_machines(self) -> None:
        """A machine counts as ended once AWS confirms it: one that is only terminating still costs money."""
        began = self.clock.monotonic()
        while names := await self.sweeper.machines():
            await self.sweeper.end_machines(names)
            waited = self.clock.monotonic() - began
            if waited > MACHINE_SECONDS:
                raise UnavailableError(
                    f"AWS has not confirmed the end of {', '.join(names)} in 15 minutes. A machine costs money until "
                    "it has ended: end it in the AWS console (EC2, Instances, Terminate), then run this again.",
                    code="machines_stay",
                )
            self.report(
                f"Waiting until AWS confirms that {', '.join(names)} has ended, {int(waited)} s so far.", passing=True
            )
            await self.clock.sleep(LOOK_SECONDS)

    async def _empty(self) -> None:
        self._objects += await self.sweeper.empty_buckets()

    async def _delete_stack(self) -> None:
        """A bucket that is written to in the meantime blocks the deletion: it is emptied again, and the deletion
        repeated."""
        for last in (False,) * (DELETE_TRIES - 1) + (True,):
            stack = await self.follow(DESTROY_MINUTES)
            if stack is None:
                return
            await self.installation.begin_delete()
            stack = await self.follow(DESTROY_MINUTES)
            if stack is None:
                return
            if last:
                raise UnavailableError(
                    f"AWS could not delete the stack ({stack.status}: {stack.reason or 'no reason given'}). What still "
                    "costs money was removed first. Run this again.",
                    code="stack_stays",
                )
            await self._empty()

    async def _sweep(self) -> None:
        """Look for each kind and remove what is ours."""
        for kind, looked_for in self.sweeper.kinds():
            self.report(f"Looking for {kind} ({looked_for}).", passing=True)
            ours, _ = await self._look(kind)
            for name in ours:
                try:
                    await self.sweeper.remove(kind, name)
                except TlfifError as error:
                    self._refusals[kind] = error.message

    async def _confirmed(self, kind: str, looked_for: str) -> SweptKind:
        """Look again: removed is what does not exist any more, not what was asked to go."""
        left, trouble = await self._look(kind)
        found = len(self._seen.get(kind, ()))
        return SweptKind(
            kind=kind,
            looked_for=looked_for,
            found=found,
            removed=0 if trouble else found - len(left),
            left=tuple(left),
            trouble=trouble or (self._refusals.get(kind, "") if left else ""),
        )

    async def _restore(self) -> bool:
        """Restore the account's settings if this computer knows that TL-FIF changed them, as far as nothing becomes
        public by it."""
        journal = self.journal.load()
        if journal is None or journal.settings_before is None:
            return False
        before = journal.settings_before

        async def put_back() -> None:
            now = await self.installation.account_settings()
            if now.block_public != before.block_public and now.blocks_public:
                self._stay_closed = await self.installation.open_buckets()
            await self.installation.set_account_settings(before.restored(now, self._stay_closed))

        what = "putting the account's settings back"
        await self._try(what, put_back)
        return what not in self._troubles

    def _leave(self, kinds: tuple[SweptKind, ...], *, restored: bool) -> Destroyed:
        """The profile is removed in any case, because the stack is; the record only once nothing is left."""
        result = Destroyed(
            kinds=kinds,
            objects=self._objects,
            settings_restored=restored,
            stay_closed=self._stay_closed,
            profile_removed=self.profile.forget(),
            troubles=tuple(self._troubles.values()),
        )
        if result.nothing_left:
            self.journal.clear()
        return result
