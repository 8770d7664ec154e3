"""An SQS client whose line misbehaves when told to, and a look into its queue."""

import json
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.aws.dynamo_faults import Fault
from tests.aws.emulator import NO_RETRIES, Emulator

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class FaultyQueueLine:
    """``client`` counts what it sends (``sent``); ``faults`` are met by the next requests, one each."""

    def __init__(self, emulator: Emulator, faults: Iterable[Fault] = ()) -> None:
        self.client: SQSClient = emulator.session.client("sqs", endpoint_url=emulator.endpoint, config=NO_RETRIES)
        self.sent: list[str] = []
        self.faults = deque(faults)
        self.client.meta.events.register("before-send.sqs", self._before_send)

    def _before_send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        self.sent.append(str(request.headers["X-Amz-Target"], "ascii").rpartition(".")[2])
        return self.faults.popleft()(request) if self.faults else None


def send(emulator: Emulator, queue_url: str, *bodies: str) -> None:
    """Put messages into the queue, as a store or a stranger would."""
    for body in bodies:
        emulator.sqs.send_message(QueueUrl=queue_url, MessageBody=body)


def notification(job_id: str, kind: str = "submitted") -> str:
    """A message as the stores send it."""
    return json.dumps({"job": job_id, "kind": kind})


def redeliver_at_once(emulator: Emulator, queue_url: str) -> None:
    """As if the time for which a received message is hidden were always over."""
    emulator.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": "0"})


def left(emulator: Emulator, queue_url: str) -> int:
    """How many messages lie in the queue, seen or hidden."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = emulator.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(number) for number in found.values())
