"""What commands say about the machine and the model: pure functions from the API's answers to text."""

from tlfif.kernel.plain_text import one_line
from tlfif.money.amounts import usd
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wording.figures import seconds
from tlfif.wording.images import is_version
from tlfif.wording.machines import HERE, UNATTENDED, fallback_text, fault_text, kind_text, model_title, waiting_text


def waiting_line(machine: MachineView) -> str:
    """What a waiting prompt waits for. Why no machine starts stands apart, in :func:`refusal_note`."""
    why = machine["reason"] if machine["state"] == "broken" else ""
    return waiting_text(machine, to_go_on="To go on: ./tlfif machine start", reason=why)


def refusal_note(machine: MachineView) -> str:
    """Why no machine starts, in full: AWS's sentences are too long for the status line. Empty where one may start."""
    if fault := fault_text(machine):
        return f"— {UNATTENDED}. {fault} —"
    if machine["state"] not in {"no_capacity", "no_quota", "broken"} or not machine["reason"]:
        return ""
    return f"— {one_line(machine['reason'])} —"


def is_remote(machine: MachineView | None) -> bool:
    """Whether the machine is not on this computer: everything takes longer there, and each poll is a request."""
    return machine is not None and machine["place"] != HERE


def machine_lines(machine: MachineView, *, hourly_usd: float | None = None) -> list[str]:
    """The machine for a person. ``hourly_usd`` is what runs on AWS now, None where that is not known."""
    reason = one_line(machine["reason"])  # it may quote a model file's name
    lines = [f"machine   {machine['state'].replace('_', ' ')}" + (f": {reason}" if reason else "")]
    if fault := fault_text(machine):
        lines.append(f"fault     {UNATTENDED}. {fault}")
    elif machine["state"] in {"launching", "loading"}:
        lines.append(f"          {waiting_line(machine)}")
    lines += _what_it_is(machine)
    lines.append(f"place     {machine['place']}{'' if is_remote(machine) else ', costs nothing'}")
    if is_remote(machine) and hourly_usd is not None:
        lines.append(f"costs     {_running_cost(hourly_usd)}")
    if machine["idle_timeout_minutes"] is not None:
        idle = f"idle      shuts down after {machine['idle_timeout_minutes']:g} min without work"
        left = machine["idle_seconds_left"]
        lines.append(idle + (f", {seconds(left)} left" if left is not None else ""))
    if machine["held"]:
        lines.append("held      no machine starts by itself until you send a prompt or start it")
    if machine["pids"]["server"] is not None:
        lines.append(f"prompts   {machine['running']} running, {machine['queued']} waiting")
        known = [f"{name} {pid}" for name, pid in machine["pids"].items() if pid is not None]
        if not is_remote(machine):  # elsewhere they are those of a function, which tell nobody anything
            lines.append(f"processes {', '.join(known)}")
    return lines


def _what_it_is(machine: MachineView) -> list[str]:
    kind = kind_text(machine.get("instance_type"), machine.get("engine"))  # an earlier home does not send them
    image = machine["image"]
    inside = f"; what is in it: ./tlfif image show {image}" if is_version(image) else ""
    named = {
        "model": None if machine["model"] is None else model_title(machine["model"]),
        "image": None if image is None else f"{image}{inside}",
        "type": kind,
    }
    return [f"{name:10}{value}" for name, value in named.items() if value]


def _running_cost(hourly_usd: float) -> str:
    if not hourly_usd:
        return "no machine is paid for now; what is kept on AWS: ./tlfif cost"
    return f"{usd(hourly_usd)} an hour now, {usd(hourly_usd / 3600)} a second, without VAT; the month: ./tlfif cost"


def fallback_note(wanted: ModelView, fallback: ModelView, *, code: str, cause: str = "") -> str:
    """Why the small model answers, and how to get the big one."""
    force = " --force" if code == "model_corrupt" else ""
    why = fallback_text(wanted, fallback, code, cause)
    return f"{why} To get the other one: ./tlfif model pull {wanted['name']}{force}"
