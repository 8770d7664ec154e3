"""What the event that ends a job says, and receipts as plain values."""

from dataclasses import asdict, fields

from tlfif.jobs.jobs import FinishReason, Outcome, Receipt

_RECEIPT_FIELDS = frozenset(field.name for field in fields(Receipt))


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
    """The inverse of :func:`receipt_data`. What a newer version of the worker wrote in addition is left out."""
    reason = data.get("finish_reason")
    known = {name: value for name, value in data.items() if name in _RECEIPT_FIELDS}
    known["finish_reason"] = None if reason is None else FinishReason(str(reason))
    return Receipt(**known)  # type: ignore[arg-type]  # values were written by receipt_data
