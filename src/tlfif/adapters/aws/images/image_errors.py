"""AWS's refusals about images as ImageError, in the words that machines have for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tlfif.adapters.aws.calls.errors import AWS_ERRORS
from tlfif.adapters.aws.machines.ec2_errors import machine_error
from tlfif.kernel.errors import ImageError

UNCHANGED = "No image was changed."


@contextmanager
def image_errors(region: str, outcome: str = UNCHANGED) -> Iterator[None]:
    """Translate AWS's errors for the owner. ``outcome`` says what state that leaves; ``details`` have the ``cause``."""
    try:
        yield
    except AWS_ERRORS as error:
        said = machine_error(error, region=region, outcome=outcome)
        raise ImageError(said.message, details={"cause": said.code, **said.details}) from error
