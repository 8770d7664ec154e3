"""What is shown below an answer: what it waits for, what it took, what it cost."""

from collections.abc import Callable
from dataclasses import replace

from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import Receipt
from tlfif.gui.presenters.problems import plain
from tlfif.money.amounts import usd, usd_and_eur
from tlfif.wire.jobs import JobView, ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wire.money import AnswerCostView, CostShareView
from tlfif.wording.figures import seconds, size
from tlfif.wording.machines import HERE, waiting_text
from tlfif.wording.receipts import receipt_parts, started_for_this

CHARACTERS_A_TOKEN = 4
"""In English; nobody counts tokens while they come, the receipt has them."""


def waiting_words(machine: MachineView) -> str:
    """What a waiting prompt waits for, and its place in line if others are before it."""
    words = waiting_text(machine, to_go_on="Press Start machine to go on.", reason=plain(machine["reason"]))
    place = machine["queued"] + (machine["running"] if machine["state"] == "ready" else 0)
    return f"{ordinal(place)} in line · {words}" if place > 1 and not machine["held"] else words


def speed_words(characters: int, seconds_: float) -> str:
    """How fast words come."""
    rate = characters / CHARACTERS_A_TOKEN / max(seconds_, 0.001)
    return f"about {rate:.0f} tokens/s" if rate >= 1 else "less than one token a second"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def fetching_words(model: ModelView) -> str:
    """How far a model's file is."""
    whole = f" of {size(model['size_bytes'])}" if model["size_bytes"] else ""
    return f"Downloading {model['title']}, once: {size(model['received_bytes'])}{whole}"


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
    if receipt["model_sha256"]:
        parts.append(f"file {receipt['model_sha256'][:12]}")
    total = receipt["total_seconds"]
    brief = "" if total is None else seconds(total)
    return Receipt(line=" · ".join(parts), brief=brief, latency_seconds=first, tokens_per_second=rate)


def with_price(receipt: Receipt | None, job: JobView, *, place: str = HERE) -> Receipt | None:
    """The receipt with what the ended job at ``place`` cost, as far as that is known."""
    words = price_words(job, place=place)
    if not words:
        return receipt
    receipt = receipt or Receipt(line="")
    return replace(receipt, cost=words, brief=brief_of(receipt.brief, job))


def brief_of(took: str, job: JobView | None) -> str:
    """Seconds and what was really paid, in one short line."""
    cost = job["cost"] if job is not None else None
    if cost is None:
        return took
    price = usd(cost["usd"]) if cost["usd"] else "no cost" if job is not None and job["simulated_aws"] else ""
    return " · ".join(part for part in (took.partition(" · ")[0], price) if part)


def price_words(job: JobView | AnswerCostView, *, place: str = HERE) -> str:
    """What an answer at ``place`` cost, and apart from it what AWS would have taken; empty where that is not known."""
    away = not is_same_place(place, HERE)
    return _prices(job, _share, uncounted="Its cost is not counted yet" if away else None)


def kept_price_words(job: JobView) -> str:
    """The same for the history, which is read long after; empty where nothing was counted yet."""
    return _prices(job, _kept_share, uncounted="")


def _prices(job: JobView | AnswerCostView, text_of: Callable[[CostShareView], str], *, uncounted: str | None) -> str:
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
    grows = not share["final"] and share["idle_at_most_usd"]
    more = "" if not grows else f", and up to {usd(share['idle_at_most_usd'])} more while the machine idles"
    return f"{_sum(share)}{more}"


def _kept_share(share: CostShareView) -> str:
    return _sum(share) + ("" if share["final"] else " without the idle time after it")


def _sum(share: CostShareView) -> str:
    return usd_and_eur(share["usd"], share["eur"])
