"""Repeated calls: what is said in the end is never that nothing happened, where something may have."""

from collections.abc import Sequence

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.fakes.clock import FakeClock
from tlfif.adapters.aws.calls.errors import AwsError
from tlfif.adapters.aws.calls.patient_calls import PatientCalls
from tlfif.adapters.aws.calls.storage_errors import reason_of

LOST = ReadTimeoutError(endpoint_url="https://aws")
NOT_SENT = EndpointConnectionError(endpoint_url="https://aws")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "PutItem")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutItem")


@pytest.mark.parametrize(
    ("errors", "raised", "reason"),
    [
        ((LOST, THROTTLED, THROTTLED), LOST, "unreachable"),
        ((THROTTLED, LOST, THROTTLED), LOST, "unreachable"),
        ((NOT_SENT, THROTTLED, THROTTLED), THROTTLED, "throttled"),
        ((THROTTLED, DENIED), DENIED, "not_allowed"),
    ],
    ids=["lost first", "lost in between", "never sent", "refused"],
)
async def test_what_may_have_been_executed_is_never_called_refused(
    errors: Sequence[AwsError], raised: AwsError, reason: str
) -> None:
    left = iter(errors)

    def call() -> None:
        raise next(left)

    with pytest.raises(type(raised)) as caught:
        await PatientCalls(FakeClock(auto_advance=True), [1.0, 2.0]).do(call)
    assert caught.value is raised
    assert reason_of(raised) == reason
