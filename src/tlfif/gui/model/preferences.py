"""What the window remembers from one start to the next: settings, size, position. One private JSON file."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tlfif.jobs.policy import USUAL_TEMPERATURE, JobPolicy
from tlfif.kernel.data_folder import write_private

APPEARANCES = ("system", "light", "dark")
FONT_RANGE = (8, 32)
"""Points."""
MIN_SIZE = (900, 600)
"""Pixels: the smallest window in which nothing is cut off."""
MAX_FILE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The owner's settings. Ranges: jobs/limits.py; ``font_size`` 8 to 32 points.

    ``model`` and ``seed`` None mean the server's choice. ``max_tokens`` is always sent, so that a long conversation
    is shortened instead of leaving no space for the answer. ``geometry`` is Tk's, empty until the window was moved.
    Where prompts are answered is not a preference of the window: it also holds for commands (client/profile.py).
    """

    appearance: str = "system"
    font_size: int = 11
    model: str | None = None
    system: str = ""
    temperature: float = USUAL_TEMPERATURE
    max_tokens: int = JobPolicy().default_max_tokens
    seed: int | None = None
    geometry: str = ""


def load_preferences(path: Path) -> tuple[Preferences, str]:
    """What is kept at ``path``, and what is wrong with it in one sentence (empty where nothing is).

    A value that cannot be right is left at its default and the others are kept.
    """
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_FILE_BYTES))
    except FileNotFoundError:
        return Preferences(), ""
    except (OSError, ValueError):
        return Preferences(), f"The settings in {path} cannot be read; the usual ones are used."
    if not isinstance(found, dict):
        return Preferences(), f"The settings in {path} cannot be read; the usual ones are used."
    kept: dict[str, Any] = {}
    for one in fields(Preferences):
        if one.name in found and _plausible(one.name, found[one.name]):
            kept[one.name] = found[one.name]
    return Preferences(**kept), ""


def save_preferences(path: Path, preferences: Preferences) -> None:
    """Replace the file in one step. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps(asdict(preferences), indent=1, ensure_ascii=False) + "\n")


def _plausible(name: str, value: object) -> bool:
    """Whether a file's value has the type and the range of its field; limits that the server knows it checks itself."""
    match name:
        case "appearance":
            return value in APPEARANCES
        case "font_size":
            return _whole(value) and FONT_RANGE[0] <= int(str(value)) <= FONT_RANGE[1]
        case "model":
            return value is None or isinstance(value, str)
        case "temperature":
            return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 2
        case "max_tokens":
            return _whole(value) and 1 <= int(str(value)) <= 2048
        case "seed":
            return value is None or (_whole(value) and 0 <= int(str(value)) <= 2**32 - 2)
        case _:
            return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
