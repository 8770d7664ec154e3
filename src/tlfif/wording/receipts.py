"""What an answer took, and how it ended."""

from collections.abc import Sequence

from tlfif.wire.jobs import ReceiptView
from tlfif.wording.figures import how_many, seconds
from tlfif.wording.images import is_version
from tlfif.wording.machines import kind_text, model_title


def receipt_parts(receipt: ReceiptView, *, setting: str, machine: Sequence[str] = ()) -> list[str]:
    """Model, machine (on AWS), times and tokens, in the order they are shown. ``setting``: where the longest answer is
    set. ``machine``: what the answer waited for at the machine, one part each."""
    parts = [model_title(receipt["model"])]
    if adapter := receipt.get("adapter_sha256"):
        parts.append(f"adapter {adapter[:12]}")
    if receipt.get("instance_type"):  # absent in what an older version wrote
        parts.append(kind_text(receipt["instance_type"], receipt.get("engine")))
    first, total = receipt["first_token_seconds"], receipt["total_seconds"]
    if first is not None:
        parts.append(f"first word after {seconds(first)}")
    if total is not None:
        parts.append(f"{seconds(total)} in all")
    tokens, rate = receipt["completion_tokens"], receipt["tokens_per_second"]
    if tokens is not None:
        parts.append(how_many(tokens, "token") + (f" at {rate:.0f}/s" if rate else ""))
    if receipt["finish_reason"] == "length":
        parts.append(f"cut off at the longest answer allowed ({setting})")
    if is_version(receipt["image"]):
        parts.append(f"image {receipt['image']}")
    parts += machine
    if receipt["attempt"] > 1:
        parts.append(f"attempt {receipt['attempt']}")
    return parts


def started_for_this(queue_seconds: float) -> str:
    """A machine was started for the answer, which waited so long in the queue."""
    return f"machine started for this ({seconds(queue_seconds)})"


def cancelled_because(reason: str) -> str:
    """Why somebody else's cancellation ended an answer."""
    return f"It ended because it was {reason}."
