"""Why the system killed an engine: whether it was for want of memory, and what to do about it."""

import re
from dataclasses import dataclass
from pathlib import Path

_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_MEMORY_GROUP = re.compile(r"^(?:0:|\d+:(?:[^:]*,)?memory(?:,[^:]*)?):(/.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MemoryKills:
    """How many processes Linux has killed for want of memory so far: in this process's own control group (a container,
    a service), and in the whole system. None where nobody counts."""

    in_group: int | None = None
    in_system: int | None = None


def count_memory_kills(root: Path = Path("/")) -> MemoryKills:
    """The counts now. ``root`` is where ``/proc`` and ``/sys`` are."""
    places = [place.strip("/") for place in _MEMORY_GROUP.findall(_read(root / "proc/self/cgroup"))]
    groups = root / "sys/fs/cgroup"
    # Version 2 of control groups, and version 1; a container's own group may be mounted as the root.
    files = [
        file
        for place in (*places, "")
        for file in (groups / place / "memory.events", groups / "memory" / place / "memory.oom_control")
    ]
    counts = (_count(_read(file)) for file in files)
    in_group = next((count for count in counts if count is not None), None)
    return MemoryKills(in_group=in_group, in_system=_count(_read(root / "proc/vmstat")))


def why_killed(before: MemoryKills, after: MemoryKills, *, model: str, weight_bytes: int, slots: int) -> str:
    """What is known of a kill that happened between two counts, and what to do. ``weight_bytes``: of the model's file;
    ``slots``: answers at once."""
    if _more(before.in_group, after.in_group):
        why = "because all the memory that this container or service may use was taken"
    elif _more(before.in_system, after.in_system):
        why = "because memory ran out"
    else:
        why = "most likely because memory ran out"
    at_once = f", and more for each of {slots} answers at once" if slots > 1 else ", and more for an answer"
    fewer = ", choose a smaller model, or allow fewer answers at once (TLFIF_MACHINE__ENGINE_SLOTS)"
    return (
        f"The system ended the engine, {why}. The model {model} needs at least {weight_bytes / 1e9:.1f} GB of memory"
        f"{at_once}. Close other programs{fewer if slots > 1 else ' or choose a smaller model'}."
    )


def _more(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after > before


def _count(text: str) -> int | None:
    found = _COUNT.search(text)
    return int(found[1]) if found else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
