"""Which environment variables are TL-FIF's. Without pydantic, because commands look for misspelt ones."""

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches

from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.policy import MachinePolicy

PREFIX = "TLFIF_"
SETTINGS = (
    "HOME", "PORT", "ALLOW_HOSTS", "ALLOW_ORIGINS", "HUB_URL", "SERVER_IDLE_EXIT_SECONDS", "TICK_SECONDS",
    "AWS_REGION", "AWS_INSTANCE_TYPE", "PRICE_LIST_URL", "EXCHANGE_URL", "MODEL_NAMES", "STORE_URL",
    "STORE_PASSWORD_FILE", "LOG_LEVEL", "JOB", "MACHINE",
)  # fmt: skip
"""What :class:`tlfif.bootstrap.settings.Settings` reads; a test compares them."""
OTHERS = ("PROFILE", "CI")
"""What commands and TL-FIF's own tests read."""
OF_TESTS = "TLFIF_TEST_"
KNOWN = frozenset(
    PREFIX + name
    for name in (
        *SETTINGS,
        *OTHERS,
        *(f"JOB__{field.name.upper()}" for field in fields(JobPolicy)),
        *(f"MACHINE__{field.name.upper()}" for field in fields(MachinePolicy)),
    )
)


def misspelt(names: Iterable[str]) -> list[str]:
    """A sentence for each name that begins like a setting and is none. Case counts, as it does for a shell."""
    return [_fault(name) for name in sorted(names) if name not in KNOWN and not name.startswith(OF_TESTS)]


def _fault(name: str) -> str:
    known = [one.removeprefix(PREFIX) for one in KNOWN]
    close = get_close_matches(name[len(PREFIX) :].upper(), known, n=1)
    return f"{name}: there is no such setting. " + (f"Did you mean {PREFIX}{close[0]}?" if close else "Remove it.")


def settings_fault(faults: list[str]) -> InvalidInputError:
    """Every fault of the environment in one error."""
    return InvalidInputError(
        "These settings are wrong, nothing was started:\n  " + "\n  ".join(faults),
        code="settings_invalid",
        details={"faults": faults},
    )
