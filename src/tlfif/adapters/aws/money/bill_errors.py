"""Refusals of Cost Explorer, in words for the owner.

Codes: botocore's model of GetCostAndUsage. "Cost Explorer is not enabled" has no code of its own: it comes with the
code of a missing right, and different words (public reports of 2018 to 2021). The exact texts can only be seen in a
real account.
"""

from tlfif.adapters.aws.calls.errors import CALLER_UNKNOWN, AwsError, Fault, code_of, fault_of, words_of
from tlfif.kernel.errors import UnavailableError

_NO_RIGHT = "not authorized to perform"
_MAY_NOT = (
    "TL-FIF may not read the bill: its router lacks the right ce:GetCostAndUsage, or the account that pays for yours "
    "has closed it. Deploy again (./tlfif deploy), which corrects the rights."
)
_SWITCHED_OFF = (
    "Cost Explorer was never switched on in this AWS account. Open it once: AWS console, Billing and Cost Management, "
    "Cost Explorer, “Launch Cost Explorer”. Free; the first figures take 24 hours."
)
_NOT_READY = frozenset({"BillExpirationException", "BillingViewHealthStatusException", "DataUnavailableException"})


def bill_error(error: AwsError) -> UnavailableError:
    """``error`` in the owner's words; ``details`` has AWS's own code."""
    fault, code, words = fault_of(error), code_of(error), words_of(error)
    if fault is Fault.UNREACHABLE:
        return _unavailable(f"Cost Explorer did not answer ({code}).", error, code="bill_unreachable")
    if fault in CALLER_UNKNOWN:
        sentence = f"Cost Explorer does not know who asks, or a clock is wrong ({code})."
        return _unavailable(sentence, error, code="bill_denied")
    if fault is Fault.DENIED and _NO_RIGHT in words:
        return _unavailable(_MAY_NOT, error, code="bill_denied")
    if fault is Fault.DENIED:
        return _unavailable(_SWITCHED_OFF, error, code="bill_not_enabled")
    if code in _NOT_READY:
        sentence = f"Cost Explorer has no figures yet ({code}). That is normal for a day or more after it was opened."
        return _unavailable(sentence, error, code="bill_not_ready")
    if fault is Fault.THROTTLED:
        return _unavailable(f"Cost Explorer takes no more questions now ({code}).", error, code="bill_throttled")
    sentence = f"Cost Explorer gave no figure ({code}: {words or 'no reason given'})."
    return _unavailable(sentence, error, code="bill_failed")


def bill_malformed(why: str) -> UnavailableError:
    """An answer of which nothing was used."""
    return UnavailableError(f"Cost Explorer's answer cannot be used: {why}.", code="bill_malformed")


def _unavailable(sentence: str, error: AwsError, *, code: str) -> UnavailableError:
    return UnavailableError(sentence, code=code, details={"aws_code": code_of(error)})
