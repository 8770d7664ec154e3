"""The receipt of an answer on one line, and the parts of its cost. All money is without VAT."""

import re

from tlfif.money.amounts import usd, usd_and_eur
from tlfif.wire.jobs import ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.money import CostShareView
from tlfif.wording.figures import seconds
from tlfif.wording.machines import HERE, model_title
from tlfif.wording.receipts import receipt_parts, started_for_this

RECEIPT_WIDTH = 140
SETTING = "--max-tokens"


def receipt_line(
    receipt: ReceiptView,
    *,
    before: MachineView | None,
    place: str,
    cost: CostShareView | None = None,
    simulated_aws: CostShareView | None = None,
) -> str:
    """What an answer took and who gave it, on one line of :data:`RECEIPT_WIDTH` characters or little more.

    ``before`` is the machine when the prompt was accepted. ``cost`` None: not known.
    """
    parts = receipt_parts(receipt, setting=SETTING, machine=_machine_part(receipt, before))
    line = "— " + " · ".join([*parts, answer_cost(cost, simulated_aws, place=place, here=place == HERE)])
    if len(line) > RECEIPT_WIDTH and simulated_aws is not None:
        parts = [_shortened(part) for part in parts]
        line = "— " + " · ".join([*parts, answer_cost(cost, simulated_aws, place="")])
    return line


def _shortened(part: str) -> str:
    """The part without what can be read elsewhere."""
    if part.endswith("/s"):
        return part.split(" at ")[0]
    if part.startswith("cut off"):
        return f"cut off ({SETTING})"
    part = part.replace("first word after", "first word")
    return re.sub(r"^machine (started|changed over) .*(?=\()", r"machine \1 ", part)


def _machine_part(receipt: ReceiptView, before: MachineView | None) -> list[str]:
    """What the answer had to wait for at the machine; nothing where the one that was ready answered."""
    queue = receipt["queue_seconds"]
    if before is None or queue is None:
        return []
    took, state, model = seconds(queue), before["state"], before["model"]
    first, last = before["machine_id"], receipt["machine_id"]
    starting = state in {"launching", "loading"}
    other = model != receipt["model"] and not (receipt.get("adapter_sha256") and first == last)
    if (starting or state == "ready") and model is not None and other:
        return [f"machine changed over from {model_title(model)} ({took})"]
    if starting:
        return [f"waited {took}"]
    if state != "ready":
        return [started_for_this(queue)]
    return [f"machine replaced meanwhile ({took})"] if first and last and first != last else []


def answer_cost(
    cost: CostShareView | None, simulated_aws: CostShareView | None, *, place: str, here: bool = True
) -> str:
    """What an answer cost, for its receipt: on the owner's own computer nothing, and what AWS would have cost.

    ``cost`` None: it is not known; what is known then is that the owner's own computer costs nothing. An empty
    ``place`` is left out. ``here`` False: the machine was on AWS, where nothing is free.
    """
    if cost is not None and cost["usd"] > 0:
        return f"{usd_and_eur(cost['usd'], cost['eur'])}{'' if cost['final'] else ' so far'}"
    if not here:
        counted = cost is not None and cost["final"]
        return usd_and_eur(0, 0) if counted else "its cost is not known yet: ./tlfif cost"
    nothing = f"costs nothing: {place}" if place else "costs nothing"
    if simulated_aws is None:
        return nothing
    return f"{nothing} (on AWS{'' if simulated_aws['final'] else ' so far'} {usd(simulated_aws['usd'])})"


def parts_line(cost: CostShareView, *, simulated: bool) -> str:
    """The parts of an answer's cost, which add up to it; ``simulated``: what AWS would have charged."""
    parts = [
        f"{usd(value)} {label}"
        for label, value in (
            ("starting the machine", cost["boot_usd"] + cost["start_usd"]),
            ("working", cost["working_usd"]),
            ("idle afterwards", cost["idle_usd"]),
            ("up to the first minute, which is always charged", cost["minimum_usd"]),
        )
        if value
    ]
    text = f"{'on AWS' if simulated else 'cost'} {usd_and_eur(cost['usd'], cost['eur'])} without VAT"
    text += f" = {' + '.join(parts)}" if parts else ""
    if not cost["final"]:
        text += f"; the machine still runs: up to {usd(cost['idle_at_most_usd'])} more while it is idle"
    return text
