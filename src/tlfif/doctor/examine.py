"""Every known surprise, looked at once: on this computer, and in the AWS account if there is a key for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.doctor.account import Account
from tlfif.doctor.checks import ACCOUNT_CHECKS, CHECKS, CREDENTIALS, Check, Finding, State, not_asked
from tlfif.doctor.probe import Probe

PROBE_SECONDS = 8.0
"""Longest wait for one probe. Two in a row, the key's and the others', and what ends them stay under 15 s."""
IDENTIFY_SECONDS = 5.0
MAKE_A_KEY = (
    "Only where you want a home on AWS, or look after one: make a key for this computer. Free, ten minutes. Daily use "
    "needs none."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found, in the order of :data:`CHECKS`. ``account_silent``: there is a key, and no question was
    answered."""

    findings: tuple[Finding, ...]
    account_silent: bool

    @property
    def fails(self) -> bool:
        """Whether something stops a start."""
        return any(one.state is State.FAIL for one in self.findings)


async def examine(
    *,
    here: Sequence[Probe],
    account: Account | None,
    why_no_account: str,
    probe_seconds: float = PROBE_SECONDS,
    identify_seconds: float = IDENTIFY_SECONDS,
) -> Examination:
    """Ask everything at once; what fails, or takes longer than its limit, is reported and stops nothing else.

    ``account`` None: there is no key for AWS, and ``why_no_account`` says what was looked for.
    """
    near, (far, silent) = await asyncio.gather(
        _ask_all(here, probe_seconds), _account(account, why_no_account, probe_seconds, identify_seconds)
    )
    order = {check.id: number for number, check in enumerate(CHECKS)}
    found = sorted([*near, *far], key=lambda one: order[one.check.id])
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
    """Without a key. Only where to get one is something to do."""
    return not_asked(check, why, MAKE_A_KEY if check is CREDENTIALS else "")


def _fault(error: Exception) -> str:
    """A probe broke: that is TL-FIF's own fault, or something that nobody thought of."""
    words = " ".join(str(error).split())[:200]
    return f"Asking it broke ({type(error).__name__}{': ' + words if words else ''})."
