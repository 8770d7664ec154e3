"""What deploying and destroying share: their ports, and following CloudFormation until its operation is done."""

from dataclasses import dataclass
from typing import Protocol

from tlfif.deployment.deployment import Stack
from tlfif.deployment.installation import Installation
from tlfif.deployment.journal import DeploymentJournal
from tlfif.deployment.owner_profile import OwnerProfile
from tlfif.deployment.stack_words import progress_line
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import TlfifError, UnavailableError

LOOK_SECONDS = 5.0
LONGEST_SECONDS = 3600.0
PATIENCE_SECONDS = 180.0
"""The longest silence from AWS: an unstable network must not end what AWS does without us."""
_PASSING = frozenset({"aws_busy", "aws_unreachable"})


class Report(Protocol):
    """How progress is reported to a person."""

    def __call__(self, text: str, *, passing: bool = False) -> None:
        """Report ``text``; ``passing``: the next report replaces it."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt to deploy or to destroy. ``total`` is the number of the template's resources, for the progress
    line."""

    installation: Installation
    journal: DeploymentJournal
    profile: OwnerProfile
    clock: Clock
    report: Report
    total: int

    async def follow(self, expected: tuple[int, int]) -> Stack | None:
        """See :func:`follow_stack`."""
        return await follow_stack(
            installation=self.installation, clock=self.clock, report=self.report, expected=expected, total=self.total
        )


async def follow_stack(
    *, installation: Installation, clock: Clock, report: Report, expected: tuple[int, int], total: int
) -> Stack | None:
    """The stack once no operation on it is running; None where it does not exist any more. Calls ``report`` with the
    progress, in which ``expected`` (minutes) and ``total`` (resources) are named.

    Raises UnavailableError (code ``stack_slow``) after an hour, and what the cloud refuses.
    """
    began = heard = clock.monotonic()
    while True:
        now = clock.monotonic()
        try:
            stack = await installation.stack()
            if stack is None or not stack.moving:
                return stack
            await _report_progress(installation, report, elapsed=now - began, expected=expected, total=total)
            heard = now
        except TlfifError as error:
            if error.code not in _PASSING or now - heard > PATIENCE_SECONDS:
                raise
            report("AWS does not answer at the moment, but goes on with its work. Asking again.", passing=True)
        if now - began > LONGEST_SECONDS:
            raise UnavailableError(
                "AWS has worked on this for an hour and is not done. It goes on by itself; run the same command again "
                "later, it continues where this one stopped.",
                code="stack_slow",
            )
        await clock.sleep(LOOK_SECONDS)


async def _report_progress(
    installation: Installation, report: Report, *, elapsed: float, expected: tuple[int, int], total: int
) -> None:
    events = [event for event in await installation.stack_events() if "::Stack" not in event.resource_type]
    if not events:
        return
    done = len({event.logical_id for event in events if event.status.endswith("_COMPLETE")})
    report(progress_line(events[-1], elapsed=elapsed, expected=expected, done=done, total=total), passing=True)
