"""What the smoke test of an image found, and whether that is good enough to offer the image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SLOWER_SHARE = 0.25
"""A candidate that answers by more than this slower than the promoted image is not offered."""
BUSY_SHARE = 0.1
"""Where other programs took more than this of the computer, a speed says nothing about the image."""
NEEDED_SHARE = 0.7
"""Of the golden prompts. A small model misses some of them; one that babbles misses nearly all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptResult:
    """One golden prompt: its name, whether the answer passed its check, and the answer's first 200 characters."""

    name: str
    passed: bool
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """Written by the candidate itself. ``phase_seconds``: how long each phase of its start took.
    ``versions``: driver, libraries, engine, as the machine found them. ``idle_end``: it ended by itself for want of
    work. ``others_share``: how much of the computer other programs took meanwhile, 0 to 1. ``error`` is empty, or says
    why it could not be tested to the end."""

    prompts: Sequence[PromptResult] = ()
    tokens_per_second: float = 0.0
    first_token_seconds: float = 0.0
    phase_seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    idle_end: bool = False
    others_share: float = 0.0
    error: str = ""

    @property
    def busy(self) -> bool:
        """Whether something else kept the computer too busy for its speed to be compared."""
        return self.others_share > BUSY_SHARE

    @property
    def passed(self) -> int:
        """How many golden prompts passed."""
        return sum(result.passed for result in self.prompts)


def why_not_offered(report: SmokeReport, *, promoted: SmokeReport | None) -> str:
    """Why this image is not good enough; empty where it is. ``promoted`` is the report of the image in use, if any."""
    if report.error:
        return report.error
    if not report.prompts:
        return "The candidate answered no golden prompt."
    if report.passed < NEEDED_SHARE * len(report.prompts):
        failed = ", ".join(result.name for result in report.prompts if not result.passed)
        return (
            f"Only {report.passed} of {len(report.prompts)} golden prompts were answered as they must be; "
            f"these were not: {failed}. Its answers stand in its log."
        )
    if not report.idle_end:
        return "The candidate did not end by itself when it had nothing to do, so it would go on costing money."
    slowest = (1 - SLOWER_SHARE) * promoted.tokens_per_second if promoted is not None and not report.busy else 0.0
    if promoted is not None and report.tokens_per_second < slowest:
        return (
            f"It answers {report.tokens_per_second:.0f} tokens a second; the image in use answers "
            f"{promoted.tokens_per_second:.0f}. More than {SLOWER_SHARE:.0%} slower is not offered."
        )
    return ""
