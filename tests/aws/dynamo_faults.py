"""A DynamoDB client whose line misbehaves when told to, below everything of ours: in botocore's own sending."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from threading import Barrier
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tests.aws.emulator import NO_RETRIES, Emulator

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Fault: TypeAlias = Callable[[AWSPreparedRequest], AWSResponse | None]
"""What happens instead of sending a request; None: it is sent after all."""
MEETING_SECONDS = 20
"""Two that are to meet and do not are a fault of the test."""


class FaultyLine:
    """``client`` counts what it sends (``sent``, names of operations; ``tokens`` of transactions) and suffers, per
    operation, the faults given to :meth:`next`, in order, one for each request."""

    def __init__(self, emulator: Emulator) -> None:
        self.client: DynamoDBClient = emulator.session.client(
            "dynamodb", endpoint_url=emulator.endpoint, config=NO_RETRIES
        )
        self.sent: list[str] = []
        self.tokens: list[str] = []
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.client.meta.events.register("before-send.dynamodb", self._before_send)

    def next(self, operation: str, *faults: Fault) -> None:
        """The next requests of ``operation`` (``PutItem``) meet ``faults``."""
        self._faults[operation].extend(faults)

    def reset(self) -> None:
        """Forget what was sent and what was to come."""
        self.sent.clear()
        self.tokens.clear()
        self._faults.clear()

    def _before_send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        operation = str(request.headers["X-Amz-Target"], "ascii").rpartition(".")[2]
        self.sent.append(operation)
        if operation == "TransactWriteItems":
            self.tokens.append(json.loads(request.body)["ClientRequestToken"])
        waiting = self._faults[operation]
        return waiting.popleft()(request) if waiting else None


class _Body:
    """What botocore reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Sequence[bytes]:
        return [self._content]


def refused(code: str, *, status: int = 400, reasons: Sequence[str] = ()) -> Fault:
    """AWS answers with an error and does nothing; ``reasons`` for a cancelled transaction."""
    content: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "told to"}
    if reasons:
        content["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return answered(content, status=status)


def left_unprocessed(request: AWSPreparedRequest) -> AWSResponse | None:
    """A batch of reads of which none was carried out yet."""
    return answered({"Responses": {}, "UnprocessedKeys": json.loads(request.body)["RequestItems"]})(request)


def answered(content: dict[str, Any], *, status: int = 200) -> Fault:
    """AWS answers this and does nothing."""
    headers = {"content-type": "application/x-amz-json-1.0"}
    return lambda request: AWSResponse(request.url, status, headers, _Body(json.dumps(content).encode()))  # type: ignore[arg-type]  # stands in for urllib3's


def answer_lost(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request is carried out, but nobody hears of it."""
    session = URLLib3Session()
    try:
        answer = session.send(request)
        assert answer.status_code in (200, 400), answer.text  # 400: it had been carried out before
    finally:
        session.close()
    raise ReadTimeoutError(endpoint_url=request.url)


def unreachable(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request goes nowhere."""
    raise EndpointConnectionError(endpoint_url=request.url)


def meeting(barrier: Barrier) -> Fault:
    """The request is sent when all others of the meeting are about to send theirs."""

    def wait(request: AWSPreparedRequest) -> AWSResponse | None:
        barrier.wait(MEETING_SECONDS)
        return None

    return wait


def after(work: Callable[[], object]) -> Fault:
    """The request is sent once ``work`` is done: something comes in between."""

    def first(request: AWSPreparedRequest) -> AWSResponse | None:
        work()
        return None

    return first
