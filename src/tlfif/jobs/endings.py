"""How an attempt or a wait that came to nothing ends, and what a job's last event says."""

from dataclasses import asdict

from tlfif.jobs.jobs import MAX_ATTEMPTS, FinishReason, JobStatus, Outcome, Receipt

ATTEMPTS_EXHAUSTED = "attempts_exhausted"
EXPIRED = "expired"
LEASE_RAN_OUT = "The worker stopped showing life."
"""The reason that readers are given when a lease is reaped."""


def after_attempt(*, attempt: int, count_attempt: bool, cancel_requested: bool, reason: str) -> Outcome | None:
    """What a job becomes when attempt number ``attempt`` ends without an answer. None: it waits again."""
    if cancel_requested:
        return Outcome(status=JobStatus.CANCELLED)
    if count_attempt and attempt >= MAX_ATTEMPTS:
        return Outcome(
            status=JobStatus.FAILED,
            error_code=ATTEMPTS_EXHAUSTED,
            error_message=f"Given up after {MAX_ATTEMPTS} attempts. The last one ended so: {reason} "
            "Send the prompt again, or look at the machine first.",
        )
    return None


def after_waiting() -> Outcome:
    """What a job becomes when its waiting limit has passed."""
    return Outcome(
        status=JobStatus.EXPIRED,
        error_code=EXPIRED,
        error_message="The prompt waited longer than its limit and was not answered. Send it again.",
    )


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
