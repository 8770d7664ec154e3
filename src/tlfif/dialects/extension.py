"""What TL-FIF says of an answer beside what the other server would say: one member, the same in every dialect."""

from collections.abc import Sequence
from typing import Any

from tlfif.dialects.answer import AnswerHere, End

NAME = "tlfif"


def extension(ends: Sequence[End]) -> dict[str, Any]:
    """The member, of all answers to one request; none where nobody knows who answered. Machine, image and model are
    those of the first; the cost is that of all."""
    bills = [end.bill for end in ends if end.bill is not None]
    if not bills:
        return {}
    receipt, here = ends[0].receipt, ends[0].bridge
    known = [(bill.usd, bill.eur) for bill in bills if bill.usd is not None and bill.eur is not None]
    cost = {
        "usd": round(sum(usd for usd, _ in known), 6),
        "eur": round(sum(eur for _, eur in known), 6),
        "final": all(bill.final for bill in bills),
    }
    return {
        NAME: {
            "job_id": bills[0].job_id,
            "place": bills[0].place if here is None or here.failure is None else here.place,
            "instance_type": receipt.get("instance_type"),
            "image": receipt.get("image"),
            "model": receipt.get("model"),
            "cost": cost if len(known) == len(bills) else None,
            **_bridge(here),
        }
    }


def _bridge(here: AnswerHere | None) -> dict[str, Any]:
    """What this computer answered meanwhile, which cost nothing."""
    if here is None:
        return {}
    failure = None if here.failure is None else {"code": here.failure.code, "message": here.failure.message}
    return {
        "bridge": {
            "place": here.place,
            "model": here.model,
            "text": here.text,
            "why": here.why or None,
            "failure": failure,
        }
    }
