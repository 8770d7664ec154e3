"""CloudFormation's events and reasons in plain words."""

import re
from collections.abc import Sequence

from tlfif.deployment.deployment import StackEvent
from tlfif.deployment.plan import words_for

_CURES: tuple[tuple[str, str], ...] = (
    (
        r"not authorized|access ?denied|unauthorized",
        "Your AWS user may not do this. Use one with administrator rights.",
    ),
    (
        r"unreservedconcurrent",
        "AWS gives a new account few programs at once. Ask AWS Support for a higher Lambda concurrency, or leave "
        "ReserveConcurrency at no.",
    ),
    (
        r"already exists|already exist|resource of type .* with identifier",
        "Something of that name is in the account already: from an earlier try, or of a home whose stack was deleted "
        "by hand, with prompts and users in it. `./tlfif destroy` finds it, lists it, and asks before it removes it; "
        "then deploy again.",
    ),
    (
        r"limit ?exceeded|quota|maximum number",
        "The account's limit for this kind is reached. Raise it in the AWS console (Service Quotas), or remove what "
        "you no longer need, then deploy again.",
    ),
    (r"throttl|rate exceeded|too many requests", "AWS was asked too often. Wait a minute, then deploy again."),
    (
        r"subscription|opt.?in|not subscribed|pending verification",
        "AWS has not opened the account for this yet. Wait for AWS's mail, then deploy again.",
    ),
    (
        r"s3 error|nosuchkey|key does not exist",
        "The programs' package is not where it should be. Deploy again: it is uploaded anew.",
    ),
    (r"not (?:empty|stable)|bucketnotempty", "Something was still inside. Run the same command again."),
    (r"domain already associated|domain .*exists", "The sign-in address is taken. Wait ten minutes, then try again."),
)
_UNKNOWN = "Run `./tlfif deploy` again; if it fails in the same place, `./tlfif doctor` checks what AWS needs."
_QUOTED = 300


def progress_line(event: StackEvent, *, elapsed: float, expected: tuple[int, int], done: int, total: int) -> str:
    """What CloudFormation is doing, how long it has taken, and how long is usual (minutes)."""
    verb = "removing" if event.status.startswith("DELETE") else "creating"
    minutes, seconds = divmod(int(elapsed), 60)
    return (
        f"{verb} {words_for(event.resource_type)} ({min(done, total)} of {total}), {minutes}:{seconds:02d} so far; "
        f"{expected[0]} to {expected[1]} min are usual"
    )


def cause_of(events: Sequence[StackEvent]) -> StackEvent | None:
    """The first resource that failed by itself; the stack's own events only repeat it."""
    failed = [event for event in events if event.failed]
    return next((event for event in failed if event.resource_type != "AWS::CloudFormation::Stack"), None) or next(
        iter(failed), None
    )


def cure_for(reason: str) -> str:
    """What to do about AWS's reason."""
    for pattern, cure in _CURES:
        if re.search(pattern, reason, re.IGNORECASE):
            return cure
    return _UNKNOWN


def failure_text(events: Sequence[StackEvent], *, updating: bool) -> str:
    """Why a stack was not created, in the owner's words: which part, AWS's reason, what it costs, what to do."""
    cause = cause_of(events)
    after = (
        "AWS restored the state before; the home goes on working."
        if updating
        else "AWS removed everything that it had created. Nothing is left running, and nothing costs anything."
    )
    if cause is None:
        return f"AWS could not create the home and gave no reason. {after} {_UNKNOWN}"
    reason = " ".join(cause.reason.split())[:_QUOTED].rstrip(".") or "no reason given"
    part = f"{words_for(cause.resource_type)} ({cause.logical_id})"
    return f"AWS could not create one part: {part}. Its reason: {reason}. {after} {cure_for(cause.reason)}"
