"""What is said to a person: pure functions from what is known to one line of text."""

import re
from datetime import datetime
from pathlib import PurePath

from tlfif.cli.output.cost_wording import answer_cost, usd
from tlfif.models.models import file_path_of, find_model
from tlfif.wire.jobs import ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wire.money import CostShareView

RECEIPT_WIDTH = 140
HERE = "this computer"
"""What the server on this computer calls its place."""
_CUT_OFF = "cut off at the longest answer allowed (--max-tokens)"
_SHORT = {_CUT_OFF: "cut off (--max-tokens)"}
_PHASES = {
    "launch": "starting the machine",
    "engine_start": "starting the machine: loading the model",
    "prove": "starting the machine: trying it out",
}
_WHY_NOT_FETCHED = {
    "hub_unreachable": "its source cannot be reached",
    "hub_refused": "its source does not hand it out",
    "disk_full": "the disk is full",
    "model_corrupt": "its file is damaged",
}


def model_title(name: str) -> str:
    """A model's proper name."""
    path = file_path_of(name)
    if path is not None:
        return PurePath(path).name
    spec = find_model(name)
    return spec.title if spec is not None else name


def seconds(value: float) -> str:
    """A duration as a person says it."""
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Bytes in decimal units, as disks and networks count them."""
    if count < 1000:
        return f"{count} B"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"


def how_many(count: int, noun: str) -> str:
    """``1 prompt``, ``2 prompts``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def receipt_line(
    receipt: ReceiptView,
    *,
    before: MachineView | None,
    place: str,
    cost: CostShareView | None = None,
    as_if_aws: CostShareView | None = None,
) -> str:
    """What an answer took and who gave it, on one line of :data:`RECEIPT_WIDTH` characters or little more.

    ``before`` is the machine when the prompt was accepted. ``cost`` None: not known.
    """
    parts = _receipt_parts(receipt, before)
    line = "— " + " · ".join([*parts, answer_cost(cost, as_if_aws, place=place, here=place == HERE)])
    if len(line) > RECEIPT_WIDTH and as_if_aws is not None:  # what can be read elsewhere makes room
        parts = [part.split(" at ")[0] if part.endswith("/s") else _SHORT.get(part, part) for part in parts]
        parts = [re.sub(r"^machine (started|changed over) .*(?=\()", r"machine \1 ", part) for part in parts]
        line = "— " + " · ".join([*parts, answer_cost(cost, as_if_aws, place="")])
    return line


def _receipt_parts(receipt: ReceiptView, before: MachineView | None) -> list[str]:
    parts = [model_title(receipt["model"])]
    first, total = receipt["first_token_seconds"], receipt["total_seconds"]
    if first is not None:
        parts.append(f"first token {seconds(first)}")
    if total is not None:
        parts.append(f"{seconds(total)} in all")
    tokens, rate = receipt["completion_tokens"], receipt["tokens_per_second"]
    if tokens is not None:
        parts.append(how_many(tokens, "token") + (f" at {rate:.0f}/s" if rate else ""))
    if receipt["finish_reason"] == "length":
        parts.append(_CUT_OFF)
    parts += _machine_part(receipt, before)
    if receipt["attempt"] > 1:
        parts.append(f"attempt {receipt['attempt']}")
    return parts


def _machine_part(receipt: ReceiptView, before: MachineView | None) -> list[str]:
    """What the answer had to wait for at the machine; nothing where the one that was ready answered."""
    queue = receipt["queue_seconds"]
    if before is None or queue is None:
        return []
    took, state, model = seconds(queue), before["state"], before["model"]
    starting = state in {"launching", "loading"}
    if (starting or state == "ready") and model is not None and model != receipt["model"]:
        return [f"machine changed over from {model_title(model)} ({took})"]
    if starting:
        return [f"waited {took}"]
    if state != "ready":
        return [f"machine started for this ({took})"]
    first, last = before["machine_id"], receipt["machine_id"]
    return [f"machine replaced meanwhile ({took})"] if first and last and first != last else []


def waiting_line(machine: MachineView) -> str:
    """What a waiting prompt waits for."""
    state = machine["state"]
    if machine["held"]:
        return "kept, the machine was stopped: go on with ./tlfif machine start"
    if state == "ready":
        ahead = machine["running"] + machine["queued"] - 1
        return f"waiting: {how_many(ahead, 'other answer')} under way" if ahead > 0 else "waiting for the first word"
    if state in {"draining", "stopping"}:
        return "waiting: the machine before is ending"
    if state == "no_capacity":
        return "AWS has no free GPU now; asked again every 2 minutes; your prompt waits"
    if state == "no_quota":
        return "AWS gives your account no GPU machine yet; your prompt waits"
    if state == "broken":
        return f"the machine did not start ({machine['reason']}); it is tried again"
    text = _PHASES.get(machine["phase"] or "launch", _PHASES["launch"])
    eta = machine["eta_seconds"]
    if eta is None:
        return text
    left = max(1, round(eta))
    return f"{text}, about {left} s left" if left < 60 else f"{text}, about {seconds(left)} left"


def refusal_note(machine: MachineView) -> str:
    """Why no machine starts, whole: what AWS says has more to do in it than a line that is rewritten has room for.
    Empty where nothing is refused."""
    if machine["state"] not in {"no_capacity", "no_quota", "broken"} or not machine["reason"]:
        return ""
    return f"— {machine['reason']} —"


def is_far(machine: MachineView | None) -> bool:
    """Whether the machine is not this computer: what it does takes longer, and each look is a request."""
    return machine is not None and machine["place"] != HERE


def machine_lines(machine: MachineView, *, hourly_usd: float | None = None) -> list[str]:
    """The machine for a person. ``hourly_usd`` is what runs on AWS now, None where that is not known."""
    lines = [
        f"machine   {machine['state'].replace('_', ' ')}" + (f": {machine['reason']}" if machine["reason"] else "")
    ]
    if machine["state"] in {"launching", "loading"}:
        lines.append(f"          {waiting_line(machine)}")
    if machine["model"] is not None:
        lines.append(f"model     {model_title(machine['model'])}")
    if machine["image"] is not None:
        lines.append(f"image     {machine['image']}")
    lines.append(f"place     {machine['place']}{'' if is_far(machine) else ', costs nothing'}")
    if is_far(machine) and hourly_usd is not None:
        lines.append(f"costs     {_running_cost(hourly_usd)}")
    if machine["idle_timeout_minutes"] is not None:
        idle = f"idle      ends itself after {machine['idle_timeout_minutes']:g} min without work"
        left = machine["idle_seconds_left"]
        lines.append(idle + (f", {seconds(left)} left" if left is not None else ""))
    if machine["held"]:
        lines.append("held      no machine starts by itself until you send a prompt or start it")
    if machine["pids"]["server"] is not None:
        lines.append(f"prompts   {machine['running']} running, {machine['queued']} waiting")
        known = [f"{name} {pid}" for name, pid in machine["pids"].items() if pid is not None]
        if not is_far(machine):  # elsewhere they are those of a function, which tell nobody anything
            lines.append(f"processes {', '.join(known)}")
    return lines


def _running_cost(hourly_usd: float) -> str:
    if not hourly_usd:
        return "no machine is paid for now; what is kept on AWS: ./tlfif cost"
    return f"{usd(hourly_usd)} an hour now, {hourly_usd / 3600:.6f} USD a second, without VAT; the month: ./tlfif cost"


def stand_in_note(wanted: ModelView, stand_in: ModelView, *, code: str) -> str:
    """Why the small model answers, and how to get the big one."""
    why = _WHY_NOT_FETCHED.get(code, "fetching it failed")
    force = " --force" if code == "model_corrupt" else ""
    return (
        f"{wanted['title']} cannot answer: {why}. The small model {stand_in['title']} answers instead. "
        f"To get the other one: ./tlfif model pull {wanted['name']}{force}"
    )


def moment(at: float, *, now: float) -> str:
    """A time of day if it is today, a date otherwise."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    return then.strftime("%H:%M:%S" if then.date() == today.date() else "%Y-%m-%d")
