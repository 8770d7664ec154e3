"""What stands under an answer: what it waits for, what it took, what it cost."""

from collections.abc import Callable

from tlfif.gui.model.home_view import HERE, is_same_place
from tlfif.gui.model.state import Receipt
from tlfif.gui.presenters.words import countdown, eur, how_many, megabytes, model_title, plain, seconds, usd
from tlfif.wire.jobs import JobView, ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wire.money import CostShareView

_STARTING = {
    "launch": "The machine starts",
    "engine_start": "The machine loads the model",
    "prove": "The machine tries the model out",
}


def waiting_words(machine: MachineView) -> str:
    """What a waiting prompt waits for."""
    state = machine["state"]
    if machine["held"]:
        return "Kept: the machine was stopped. Press Start machine to go on."
    if state == "ready":
        ahead = machine["running"] + machine["queued"] - 1
        return f"Waiting: {how_many(ahead, 'other answer')} under way" if ahead > 0 else "Waiting for the first word"
    if state in {"draining", "stopping"}:
        return "Waiting: the machine before is ending"
    if state == "no_capacity":
        return "AWS has no GPU machine free now. It is asked again every 2 minutes; your prompt waits."
    if state == "no_quota":
        return f"{plain(machine['reason']) or 'Your AWS account may not run a GPU machine yet.'} Your prompt waits."
    if state == "broken":
        return f"The machine did not start ({plain(machine['reason'])}). It is tried again; the prompt is kept."
    text = _STARTING.get(machine["phase"] or "launch", _STARTING["launch"])
    eta = machine["eta_seconds"]
    if eta is None:
        return text
    return f"{text}, about {countdown(max(1.0, eta))} left" if eta >= 1 else f"{text}, any moment now"


def fetching_words(model: ModelView) -> str:
    """How far a model's file is."""
    whole = f" of {megabytes(model['size_bytes'])}" if model["size_bytes"] else ""
    return f"Fetching the model {model['title']}, once: {megabytes(model['received_bytes'])}{whole}"


_WHY_NOT = {
    "hub_unreachable": "its source cannot be reached",
    "hub_refused": "its source does not hand it out",
    "disk_full": "the disk is full",
    "model_corrupt": "its file is damaged",
}


def stand_in_words(wanted: ModelView, stand_in: ModelView, code: str) -> str:
    """Why another model answers than the default one."""
    why = _WHY_NOT.get(code, "fetching it failed")
    return f"{wanted['title']} cannot answer: {why}. {stand_in['title']}, the small model, answers instead."


def waited_for_start(before: MachineView | None, job: JobView | None = None) -> bool:
    """Whether a machine was started for an answer: ``before`` is the machine when its prompt was accepted, where this
    window saw that; the ended job knows it otherwise, by its share of the machine's start."""
    if before is not None and before["state"] != "ready":
        return True
    shares = () if job is None else (job["cost"], job["as_if_aws"])
    return any(share is not None and share["boot_usd"] > 0 for share in shares)


def receipt_of(receipt: ReceiptView | None, *, waited: bool) -> Receipt | None:
    """An answer's receipt; ``waited`` for a machine that started for it. None where there is nothing."""
    if receipt is None:
        return None
    parts = [model_title(receipt["model"])]
    first, total = receipt["first_token_seconds"], receipt["total_seconds"]
    if first is not None:
        parts.append(f"first word after {seconds(first)}")
    if total is not None:
        parts.append(f"{seconds(total)} in all")
    tokens, rate = receipt["completion_tokens"], receipt["tokens_per_second"]
    if tokens is not None:
        parts.append(how_many(tokens, "token") + (f" at {rate:.0f} a second" if rate else ""))
    if receipt["finish_reason"] == "length":
        parts.append("cut off at the longest answer allowed (Settings)")
    queue = receipt["queue_seconds"]
    if waited and queue is not None:
        parts.append(f"machine started for this, {seconds(queue)}")
    if receipt["attempt"] > 1:
        parts.append(f"attempt {receipt['attempt']}")
    return Receipt(line=" · ".join(parts), latency_seconds=first, tokens_per_second=rate)


def price_words(job: JobView, *, place: str = HERE) -> str:
    """What an answer at ``place`` cost, and apart from it what AWS would have taken; empty where that is not known."""
    away = not is_same_place(place, HERE)
    return _prices(job, _share, uncounted="Its cost is not counted yet" if away else None)


def kept_price_words(job: JobView) -> str:
    """The same for the history, which is read long after; empty where nothing was counted yet."""
    return _prices(job, _kept_share, uncounted="")


def _prices(job: JobView, say: Callable[[CostShareView], str], *, uncounted: str | None) -> str:
    """``uncounted`` stands for a cost that is zero so far and may grow; None: it is said like any other."""
    cost, as_if = job["cost"], job["as_if_aws"]
    parts = []
    if cost is not None and (cost["usd"] or as_if is None):
        open_ = not cost["usd"] and not cost["final"]
        parts.append(uncounted if open_ and uncounted is not None else f"Cost {say(cost)}")
    elif cost is not None:
        parts.append("Cost nothing on this computer")
    if as_if is not None:
        parts.append(f"on AWS it would have cost {say(as_if)}")
    return " · ".join(part for part in parts if part)


def _share(share: CostShareView) -> str:
    more = "" if share["final"] else f", and up to {usd(share['idle_at_most_usd'])} more while the machine idles"
    return f"{_sum(share)}{more}"


def _kept_share(share: CostShareView) -> str:
    return _sum(share) + ("" if share["final"] else " without the idle time after it")


def _sum(share: CostShareView) -> str:
    return f"{usd(share['usd'])} ({eur(share['eur'])})"
