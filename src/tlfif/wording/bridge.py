"""What is said of an answer that this computer gives while a machine on AWS starts."""

from tlfif.wire.jobs import ReceiptView
from tlfif.wording.machines import model_title
from tlfif.wording.receipts import receipt_parts

OFF = "The bridge is switched off. To switch it on: ./tlfif profile bridge on"


def answering_words(model: str) -> str:
    """While it answers."""
    return f"This computer's {model_title(model)} answers while the GPU starts"


def answered_words(receipt: ReceiptView) -> str:
    """Once it has answered: who, how long, and that it cost nothing."""
    model, *took = receipt_parts(receipt, setting="Settings")
    return " · ".join([f"This computer's {model} answered while the GPU starts", *took, "cost nothing"])


def not_answered_words(why: str) -> str:
    """Where it did not answer, or not to the end."""
    return f"This computer did not answer meanwhile: {why}"


def gave_way_words(line: str) -> str:
    """``line`` once the GPU has started."""
    then = line.replace("while the GPU starts", "while the GPU started")
    if " answers " not in line:
        return then
    return f"{then.replace(' answers ', ' began to answer ')}; the GPU's answer took its place"
