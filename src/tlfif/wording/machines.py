"""The machine and its model: what a prompt waits for, and which model answers."""

from collections.abc import Sequence
from pathlib import PurePath

from tlfif.kernel.plain_text import one_line
from tlfif.machines.machine_types import MACHINE_TYPES, EngineKind
from tlfif.models.catalogue import file_path_of, find_model
from tlfif.money.amounts import usd
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wire.money import TypeView
from tlfif.wording.figures import countdown, how_many

HERE = "this computer"
"""The ``place`` that the server on this computer reports."""
PHASES = {"launch": "starting up", "engine_start": "loading the model", "prove": "testing the model"}
"""What a machine does in each phase of its start, in the order of the phases."""
UNATTENDED = "No machine can be started now"
_WHY_NOT_FETCHED = {
    "hub_unreachable": "no connection",
    "hub_refused": "its source refuses it",
    "disk_full": "disk full",
}


def model_title(name: str) -> str:
    """A model's proper name."""
    path = file_path_of(name)
    if path is not None:
        return one_line(PurePath(path).name)
    spec = find_model(name)
    return spec.title if spec is not None else name


def as_sentence(reason: str) -> str:
    """A reason with one full stop at its end: some are sentences already."""
    return f"{reason.rstrip('.')}."


def kind_text(instance_type: str | None, engine: str | None) -> str:
    """What a machine is: its type and its engine, as far as they are known; empty where neither is."""
    title = EngineKind(engine).proper_name if engine in set(EngineKind) else engine
    return ", ".join(part for part in (instance_type, title) if part)


def types_text(types: Sequence[TypeView]) -> str:
    """Which types are tried, in that order, and what each costs; empty where none is."""
    named = [
        f"{one['instance_type']} ({kind_text(None, one['engine'])}) for {usd(one['usd_per_hour'])} an hour"
        for one in types
    ]
    return f"Tried first: {'; then '.join(named)}." if named else ""


def start_price_text(types: Sequence[TypeView]) -> str:
    """What a start will cost, said before it; empty where it costs nothing or is not known."""
    if not types:
        return ""
    first = types[0]
    return f"It costs {usd(first['usd_per_hour'])} an hour while it runs ({first['instance_type']}), a minute at least."


def idle_price_text(minutes: float, types: Sequence[TypeView]) -> str:
    """What waiting without work may cost; empty where it costs nothing or is not known."""
    if not types:
        return ""
    hourly = types[0]["usd_per_hour"]
    return f"At {usd(hourly)} an hour that is up to {usd(hourly * minutes / 60)} after each last answer."


def stop_name(view: MachineView | None) -> str:
    """The button that ends the machine, by what that is: not every machine has a GPU."""
    kind = None if view is None else view.get("instance_type")  # an earlier home does not send it
    return "Stop GPU" if kind in MACHINE_TYPES and MACHINE_TYPES[kind].has_gpu else "Stop machine"


def is_alive(view: MachineView | None) -> bool:
    """Whether a machine exists or may exist, and may cost money."""
    return view is not None and view["state"] in {"launching", "loading", "ready", "draining", "stopping"}


def fault_text(machine: MachineView) -> str:
    """Why the machine is :data:`UNATTENDED`; empty where it is not. A home on AWS that was deployed before the field
    was there does not say."""
    fault = machine.get("fault")
    return "" if fault is None else f"{fault['message']} TL-FIF tries again by itself."


def waiting_text(machine: MachineView, *, to_go_on: str, reason: str = "") -> str:
    """What a waiting prompt waits for. ``to_go_on``: how to start a machine that a person stopped. ``reason``: why the
    server has none, where that is to be part of the sentence."""
    state = machine["state"]
    if machine.get("fault") is not None:
        return f"{UNATTENDED}: {fault_text(machine)} Your prompt is kept."
    if machine["held"]:
        return f"Kept, because the machine was stopped. {to_go_on}"
    match state:
        case "ready":
            ahead = machine["running"] + machine["queued"] - 1
            return f"Waiting for {how_many(ahead, 'other answer')}" if ahead > 0 else "Waiting for the first word"
        case "draining" | "stopping":
            return "Waiting for the previous machine to end"
        case "no_capacity":
            return "AWS has no machine free. TL-FIF asks again every 2 minutes; your prompt is kept."
        case "no_quota":
            return f"{reason or 'Your AWS account may not run such a machine yet.'} Your prompt is kept."
        case "broken":
            why = f" ({reason.rstrip('.')})" if reason else ""
            return f"The machine did not start{why}. TL-FIF tries again; your prompt is kept."
    left = machine["eta_seconds"]
    return f"The machine is {phase_text(machine)}" + ("" if left is None else f", {time_left(left)}")


def phase_text(machine: MachineView) -> str:
    """What a starting machine does now."""
    return PHASES.get(machine["phase"] or "launch", PHASES["launch"])


def time_left(left: float) -> str:
    """How long something still takes, in seconds: ``about 9 s left``."""
    return f"about {countdown(left)} left" if left >= 1 else "any moment now"


def fallback_text(wanted: ModelView, fallback: ModelView, code: str, cause: str = "") -> str:
    """Why the small model answers instead of the default one; ``code``: of the error that kept that one away, and
    ``cause`` in that error's own words, where it has one."""
    if code == "model_corrupt":
        return f"{wanted['title']} cannot be used (its file is damaged). The smaller {fallback['title']} answers."
    fault = cause.split(";", 1)[0]  # what to do about it follows
    if cause and ("there is no connection to" not in fault or "proxy" in fault):
        return f"{wanted['title']} is not downloaded: {cause}. The smaller {fallback['title']} answers."
    why = _WHY_NOT_FETCHED.get(code, "the download failed")
    return f"{wanted['title']} is not downloaded ({why}). The smaller {fallback['title']} answers."
