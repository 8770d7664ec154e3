"""What is shown below an answer: what it waits for, what it took, what it cost."""

from collections.abc import Callable

from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import Receipt
from tlfif.gui.presenters.problems import plain
from tlfif.money.amounts import usd, usd_and_eur
from tlfif.wire.jobs import JobView, ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wire.money import CostShareView
from tlfif.wording.figures import size
from tlfif.wording.machines import HERE, waiting_text
from tlfif.wording.receipts import receipt_parts, started_for_this


def waiting_words(machine: MachineView) -> str:
    """What a waiting prompt waits for."""
    return waiting_text(machine, to_go_on="Press Start machine to go on.", reason=plain(machine["reason"]))


def fetching_words(model: ModelView) -> str:
    """How far a model's file is."""
    whole = f" of {size(model['size_bytes'])}" if model["size_bytes"] else ""
    return f"Fetching the model {model['title']}, once: {size(model['received_bytes'])}{whole}"


def waited_for_start(before: MachineView | None, job: JobView | None = None) -> bool:
    """Whether a machine was started for an answer: ``before`` is the machine when its prompt was accepted, where this
    window saw that; the ended job knows it otherwise, by its share of the machine's start."""
    if before is not None and before["state"] != "ready":
        return True
    shares = () if job is None else (job["cost"], job["simulated_aws"])
    return any(share is not None and share["boot_usd"] > 0 for share in shares)


def receipt_of(receipt: ReceiptView | None, *, waited: bool) -> Receipt | None:
    """An answer's receipt; ``waited`` for a machine that started for it. None where there is nothing."""
    if receipt is None:
        return None
    queue = receipt["queue_seconds"]
    machine = [started_for_this(queue)] if waited and queue is not None else []
    first, rate = receipt["first_token_seconds"], receipt["tokens_per_second"]
    parts = receipt_parts(receipt, setting="Settings", machine=machine)
    return Receipt(line=" · ".join(parts), latency_seconds=first, tokens_per_second=rate)


def price_words(job: JobView, *, place: str = HERE) -> str:
    """What an answer at ``place`` cost, and apart from it what AWS would have taken; empty where that is not known."""
    away = not is_same_place(place, HERE)
    return _prices(job, _share, uncounted="Its cost is not counted yet" if away else None)


def kept_price_words(job: JobView) -> str:
    """The same for the history, which is read long after; empty where nothing was counted yet."""
    return _prices(job, _kept_share, uncounted="")


def _prices(job: JobView, text_of: Callable[[CostShareView], str], *, uncounted: str | None) -> str:
    """``uncounted``: the text for a cost that is zero so far and may grow; None shows it like any other."""
    cost, simulated = job["cost"], job["simulated_aws"]
    parts = []
    if cost is not None and (cost["usd"] or simulated is None):
        open_ = not cost["usd"] and not cost["final"]
        parts.append(uncounted if open_ and uncounted is not None else f"Cost {text_of(cost)}")
    elif cost is not None:
        parts.append("Cost nothing on this computer")
    if simulated is not None:
        parts.append(f"on AWS it would have cost {text_of(simulated)}")
    return " · ".join(part for part in parts if part)


def _share(share: CostShareView) -> str:
    more = "" if share["final"] else f", and up to {usd(share['idle_at_most_usd'])} more while the machine idles"
    return f"{_sum(share)}{more}"


def _kept_share(share: CostShareView) -> str:
    return _sum(share) + ("" if share["final"] else " without the idle time after it")


def _sum(share: CostShareView) -> str:
    return usd_and_eur(share["usd"], share["eur"])
