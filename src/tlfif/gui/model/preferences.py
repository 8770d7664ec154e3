"""What the window remembers from one start to the next: settings, size, position. One private JSON file."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.data_folder import write_private

APPEARANCES = ("system", "light", "dark")
FONT_RANGE = (8, 32)
"""Points."""
MAX_PERSONAS = 50
MAX_CHOSEN = 500
"""Conversations whose choice is remembered, the newest."""
SIDEBAR_RANGE = (200, 420)
"""Pixels at 100 %: how wide the list of conversations may be."""
MAX_FILE_BYTES = 256 * 1024
FORMAT = 2
"""Of the file. Before 2 it had the temperature 0.7 also where nobody had chosen one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """How a model is to answer, saved by name: a system prompt, and where they are set a temperature and a longest
    answer in tokens."""

    name: str
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The model and the persona with which a conversation went on last; empty: TL-FIF's choice, none."""

    conversation_id: str
    model: str = ""
    persona: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The owner's settings. Ranges: jobs/limits.py; ``font_size`` 8 to 32 points.

    ``model``, ``temperature`` and ``seed`` None mean the server's choice. ``max_tokens`` is always sent, so that a long
    conversation is shortened instead of leaving no space for the answer. ``persona`` names one of ``personas`` or is
    empty; what that says counts before ``system``, ``temperature`` and ``max_tokens`` here. ``geometry`` is Tk's, empty
    until the window was moved; ``sidebar`` the width of the list of conversations in pixels at 100 %. ``begun``: a
    prompt was sent before, so that the first page need not be shown.
    Where prompts are answered is not a preference of the window: it also holds for commands (client/profile.py).
    """

    appearance: str = "system"
    font_size: int = 11
    model: str | None = None
    system: str = ""
    temperature: float | None = None
    max_tokens: int = JobPolicy().default_max_tokens
    seed: int | None = None
    geometry: str = ""
    sidebar: int = 260
    enter_sends: bool = True
    """Enter sends and Shift+Enter begins a new line; otherwise Enter begins a new line. Ctrl+Enter always sends."""
    notify: bool = True
    """A notice of the system when an answer or a machine is ready while the window is elsewhere."""
    begun: bool = False
    personas: tuple[Persona, ...] = ()
    persona: str = ""
    chosen: tuple[Chosen, ...] = ()

    @property
    def acting(self) -> Persona | None:
        """The persona that counts now."""
        return next((one for one in self.personas if one.name == self.persona), None) if self.persona else None


_MANY: dict[str, type[Persona] | type[Chosen]] = {"personas": Persona, "chosen": Chosen}


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
    if found.get("format") is None and found.get("temperature") == 0.7:
        del found["temperature"]
    kept: dict[str, Any] = {}
    for one in fields(Preferences):
        if one.name in _MANY:
            kept[one.name] = _many(found.get(one.name), _MANY[one.name])
        elif one.name in found and _plausible(one.name, found[one.name]):
            kept[one.name] = found[one.name]
    return Preferences(**kept), ""


def save_preferences(path: Path, preferences: Preferences) -> None:
    """Replace the file in one step. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps({"format": FORMAT, **asdict(preferences)}, indent=1, ensure_ascii=False) + "\n")


def _plausible(name: str, value: object) -> bool:
    """Whether a file's value has the type and the range of its field; limits that the server knows it checks itself."""
    match name:
        case "appearance":
            return value in APPEARANCES
        case "font_size":
            return _whole(value) and FONT_RANGE[0] <= int(str(value)) <= FONT_RANGE[1]
        case "sidebar":
            return _whole(value) and SIDEBAR_RANGE[0] <= int(str(value)) <= SIDEBAR_RANGE[1]
        case "model":
            return value is None or isinstance(value, str)
        case "temperature":
            return _temperature(value)
        case "max_tokens":
            return _whole(value) and 1 <= int(str(value)) <= 2048
        case "enter_sends" | "notify" | "begun":
            return isinstance(value, bool)
        case "seed":
            return value is None or (_whole(value) and 0 <= int(str(value)) <= 2**32 - 2)
        case _:
            return isinstance(value, str)


def _temperature(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 2)


def _many(values: object, kind: type[Persona] | type[Chosen]) -> tuple[Any, ...]:
    """Those entries of a file's list that can be right."""
    found = []
    for entry in values if isinstance(values, list) else []:
        names = {one.name for one in fields(kind)}
        if isinstance(entry, dict) and set(entry) <= names and _all_plausible(kind, entry):
            found.append(kind(**entry))
    return tuple(found)


def _all_plausible(kind: type[Persona] | type[Chosen], entry: dict[str, Any]) -> bool:
    first = "name" if kind is Persona else "conversation_id"
    checks: dict[str, Callable[[object], bool]] = {
        "temperature": _temperature,
        "max_tokens": lambda value: value is None or _plausible("max_tokens", value),
    }
    return bool(entry.get(first)) and all(checks.get(name, _is_text)(value) for name, value in entry.items())


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
