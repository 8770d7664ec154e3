"""Run every check once: on this computer, and in the AWS account if this computer has a key for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.doctor.checks import ACCOUNT_CHECKS, CHECKS, CREDENTIALS, Check, Finding, State, not_asked
from tlfif.doctor.probe import Account, Probe

PROBE_SECONDS = 8.0
"""Time limit of one probe. The key's probe and the others, one after the other, stay under 15 s together."""
IDENTIFY_SECONDS = 5.0
MAKE_A_KEY = (
    "Only where you want a home on AWS, or look after one: make a key for this computer. Free, ten minutes. Daily use "
    "needs none."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """The findings, in the order of :data:`CHECKS`. ``account_silent``: there is a key for AWS, and AWS answered no
    question."""

    findings: tuple[Finding, ...]
    account_silent: bool

    @property
    def fails(self) -> bool:
        """Whether something prevents a machine from starting."""
        return any(one.state is State.FAIL for one in self.findings)


async def examine(
    *,
    local: Sequence[Probe],
    account: Account | None,
    why_no_account: str,
    probe_seconds: float = PROBE_SECONDS,
    identify_seconds: float = IDENTIFY_SECONDS,
) -> Examination:
    """Run all probes at the same time. One that fails or exceeds its time limit is reported and stops no other.

    ``account`` None: there is no key for AWS, and ``why_no_account`` says where it was looked for.
    """
    local_findings, (remote_findings, silent) = await asyncio.gather(
        _ask_all(local, probe_seconds), _account(account, why_no_account, probe_seconds, identify_seconds)
    )
    order = {check.id: number for number, check in enumerate(CHECKS)}
    found = sorted([*local_findings, *remote_findings], key=lambda one: order[one.check.id])
    return Examination(findings=tuple(found), account_silent=silent)


async def _account(
    account: Account | None, why_no_account: str, probe_seconds: float, identify_seconds: float
) -> tuple[list[Finding], bool]:
    if account is None:
        return [_unasked(check, why_no_account) for check in ACCOUNT_CHECKS], False
    try:
        who = await asyncio.wait_for(account.identify(), identify_seconds)
    except TimeoutError:
        who = not_asked(CREDENTIALS, f"AWS did not answer within {identify_seconds:g} s.", "Check the network.")
    except Exception as error:
        who = not_asked(CREDENTIALS, _fault(error))
    if who.state in {State.OK, State.WARN}:
        found = await _ask_all(account.probes(), probe_seconds)
        return [who, *found], all(one.state is State.NOT_ASKED for one in found)
    why = f"AWS refused the key: see “{CREDENTIALS.title}”." if who.state is State.FAIL else who.evidence
    return [who, *(not_asked(check, why) for check in ACCOUNT_CHECKS if check is not CREDENTIALS)], True


async def _ask_all(probes: Sequence[Probe], limit_seconds: float) -> list[Finding]:
    answers = await asyncio.gather(*(_ask(probe, limit_seconds) for probe in probes))
    return [one for answer in answers for one in answer]


async def _ask(probe: Probe, limit_seconds: float) -> Sequence[Finding]:
    try:
        return await asyncio.wait_for(probe.ask(), limit_seconds)
    except TimeoutError:
        why = f"No answer within {limit_seconds:g} s."
    except Exception as error:
        why = _fault(error)
    return [not_asked(check, why, "Run ./tlfif doctor again. Costs nothing.") for check in probe.checks]


def _unasked(check: Check, why: str) -> Finding:
    """There is no key. Only the check of the key itself says what to do about that."""
    return not_asked(check, why, MAKE_A_KEY if check is CREDENTIALS else "")


def _fault(error: Exception) -> str:
    """A probe raised an error: a fault of TL-FIF."""
    words = " ".join(str(error).split())[:200]
    return f"Asking it broke ({type(error).__name__}{': ' + words if words else ''})."
