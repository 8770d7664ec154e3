"""What the event that ends a job says, and receipts as plain values."""

from dataclasses import asdict

from tlfif.jobs.jobs import FinishReason, Outcome, Receipt


def terminal_data(outcome: Outcome) -> dict[str, object]:
    """The data of the event that ends a job."""
    return {
        "receipt": receipt_data(outcome.receipt) if outcome.receipt else None,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
    }


def receipt_data(receipt: Receipt) -> dict[str, object]:
    """The receipt as plain values, ready for JSON."""
    data: dict[str, object] = asdict(receipt)
    if receipt.finish_reason is not None:
        data["finish_reason"] = receipt.finish_reason.value
    return data


def receipt_from(data: dict[str, object]) -> Receipt:
    """The inverse of :func:`receipt_data`."""
    reason = data.get("finish_reason")
    known = {**data, "finish_reason": None if reason is None else FinishReason(str(reason))}
    return Receipt(**known)  # type: ignore[arg-type]  # values were written by receipt_data
