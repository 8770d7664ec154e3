"""The checks of ``tlfif doctor``, and what a finding is. Pure; the verdicts are in ``*_verdicts.py``.

A finding is made from facts that a probe found. It never claims more than was asked: what could not be asked has a
state of its own, with the reason.
"""

from dataclasses import dataclass
from enum import StrEnum

from tlfif.money.money import MicroUsd

PAGE = "docs/howto/first-day-on-aws.md"
"""Each check names a section of this page; a test checks that the section exists."""


class State(StrEnum):
    """How serious a finding is."""

    FAIL = "fail"
    """It prevents a start, or costs money that nobody wants: act now."""
    WARN = "warn"
    """It works, and will surprise later."""
    NOT_ASKED = "not asked"
    """Nobody knows; the evidence says why."""
    OK = "ok"


GRAVITY = (State.FAIL, State.WARN, State.NOT_ASKED, State.OK)
"""The most serious first."""


class Place(StrEnum):
    """Where a check looks."""

    COMPUTER = "this computer"
    ACCOUNT = "AWS account"
    LEFTOVERS = "what costs money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One known surprise. ``id`` is for programs and never changes; ``section`` is the anchor in :data:`PAGE`."""

    id: str
    title: str
    place: Place
    section: str

    @property
    def more(self) -> str:
        """Where to read more."""
        return f"More: {PAGE}#{self.section}"

    def ok(self, evidence: str, *, micros_per_month: MicroUsd | None = None) -> "Finding":
        """The finding that nothing needs to be done."""
        return finding(self, State.OK, evidence, micros_per_month=micros_per_month)

    def warn(self, evidence: str, cure: str, *, micros_per_month: MicroUsd | None = None) -> "Finding":
        """The finding of a later surprise."""
        return finding(self, State.WARN, evidence, cure, micros_per_month=micros_per_month)

    def fail(self, evidence: str, cure: str, *, micros_per_month: MicroUsd | None = None) -> "Finding":
        """The finding of something to act on now."""
        return finding(self, State.FAIL, evidence, cure, micros_per_month=micros_per_month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a check.

    ``evidence``: the number or text that was found, and its source. ``cure``: what to do, what it costs and how long it
    takes; empty if nothing needs to be done. ``micros_per_month``: what the found thing costs until somebody acts, in
    micro-dollars without VAT; None if it costs nothing by itself.
    """

    check: Check
    state: State
    evidence: str
    cure: str = ""
    micros_per_month: MicroUsd | None = None


def finding(
    check: Check, state: State, evidence: str, cure: str = "", *, micros_per_month: MicroUsd | None = None
) -> Finding:
    """A finding; a cure, if any, ends with where to read more."""
    return Finding(
        check=check,
        state=state,
        evidence=evidence,
        cure=f"{cure} {check.more}" if cure else "",
        micros_per_month=micros_per_month,
    )


def not_asked(check: Check, why: str, cure: str = "") -> Finding:
    """Nobody knows, and ``why``."""
    return finding(check, State.NOT_ASKED, why, cure)


def _computer(name: str, title: str, section: str = "before-you-begin-this-computer") -> Check:
    return Check(id=name, title=title, place=Place.COMPUTER, section=section)


def _account(name: str, title: str, section: str) -> Check:
    return Check(id=name, title=title, place=Place.ACCOUNT, section=section)


def _left(name: str, title: str) -> Check:
    return Check(id=name, title=title, place=Place.LEFTOVERS, section="12-the-first-bill")


PYTHON = _computer("python_version", "Python")
SETTINGS = _computer("settings", "Settings")
FOLDER = _computer("folder", "TL-FIF's folder")
TOKEN = _computer("api_token", "Token of this computer")
DISK = _computer("disk_space", "Disk space")
DATABASE = _computer("database", "Job file")
STORE = _computer("job_store", "Job store")
MODELS = _computer("models", "Model files")
SERVER = _computer("server", "Background server")
WINDOW = _computer("window", "Window")
LOOPBACK = _computer("loopback", "Ports of this computer")
WAY_OUT = _computer("way_out", "Proxy and certificates")
CLOCK = _computer("clock", "Clock")
CLOCK_JUMPS = _computer("clock_jumps", "A clock that jumped")
PRICES = _computer("price_book", "Price book", "12-the-first-bill")
FACTS = _computer("facts", "What this version was told")
PROFILE = _computer("profile", "Profile", "11-sign-in-and-ask")
SIGN_IN = _computer("sign_in", "Sign-in", "11-sign-in-and-ask")
TOKEN_STORAGE = _computer("token_storage", "Where sign-ins are kept", "11-sign-in-and-ask")

CREDENTIALS = _account("credentials", "Key for AWS", "4-make-a-key-for-this-computer")
RIGHTS = _account("rights", "Rights to deploy", "4-make-a-key-for-this-computer")
REGION = _account("region", "Region", "5-choose-the-region")
ACCOUNT_PLAN = _account("account_plan", "Account plan", "2-take-the-paid-plan")
GPU_QUOTA = _account("gpu_quota", "GPU quota", "6-ask-for-the-gpu-quota")
STANDARD_QUOTA = _account("standard_quota", "Quota without a GPU", "6-ask-for-the-gpu-quota")
OFFERINGS = _account("offerings", "Machine types on offer", "5-choose-the-region")
CAPACITY = _account("capacity", "Free machines at AWS", "5-choose-the-region")
LAMBDA = _account("lambda_concurrency", "Lambda concurrency", "7-look-with-tlfif-doctor")
GITHUB = _account("github_connection", "GitHub connection", "10-connect-github")
COST_EXPLORER = _account("cost_explorer", "Cost Explorer", "12-the-first-bill")
ROOT = _account("root_user", "Root user", "3-guard-the-root-user")
ALARM_ADDRESS = _account("alarm_address", "Alarm address", "9-confirm-the-alarm-address")
BUDGET = _account("budget", "AWS budget", "9-confirm-the-alarm-address")
ENCRYPTION = _account("disk_encryption", "New disks encrypted", "8-deploy")

MACHINES = _left("machines", "Machines")
DISKS = _left("disks", "Disks of TL-FIF")
IMAGES = _left("images", "Images of TL-FIF")
SNAPSHOTS = _left("snapshots", "Snapshots of TL-FIF")
FOREIGN_DISKS = _left("foreign_disks", "Disks left by hand")
LOG_GROUPS = _left("log_groups", "Logs kept for ever")

ACCOUNT_CHECKS = (
    CREDENTIALS, RIGHTS, REGION, ACCOUNT_PLAN, GPU_QUOTA, STANDARD_QUOTA, OFFERINGS, CAPACITY, LAMBDA, GITHUB,
    COST_EXPLORER, ROOT, ALARM_ADDRESS, BUDGET, ENCRYPTION, MACHINES, DISKS, IMAGES, SNAPSHOTS, FOREIGN_DISKS,
    LOG_GROUPS,
)  # fmt: skip
"""What only AWS can answer, in the order in which it is shown."""
COMPUTER_CHECKS = (
    PYTHON, SETTINGS, FOLDER, TOKEN, DISK, DATABASE, STORE, MODELS, SERVER, WINDOW, LOOPBACK, WAY_OUT, CLOCK,
    CLOCK_JUMPS, PRICES, FACTS, PROFILE, SIGN_IN, TOKEN_STORAGE,
)  # fmt: skip
"""What needs no account."""
CHECKS = (*COMPUTER_CHECKS, *ACCOUNT_CHECKS)
"""Every check, in the order in which it is shown."""
