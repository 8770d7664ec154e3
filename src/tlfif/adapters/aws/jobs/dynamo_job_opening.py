"""Composes the job store of the AWS home."""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.storage_errors import StorageCalls
from tlfif.adapters.aws.jobs.dynamo_job_notifier import LONGEST_POLL_SECONDS, Notifier
from tlfif.adapters.aws.jobs.dynamo_job_store import DynamoJobStore
from tlfif.adapters.aws.jobs.dynamo_job_table import JobTable
from tlfif.adapters.aws.jobs.dynamo_job_texts import INLINE_BYTES, JobTexts
from tlfif.kernel.clock import Clock, Ids

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

TRIES = 6
NOTIFY_TRIES = 2
"""Few: a person waits meanwhile, and workers find the job without a notification."""
FIRST_PAUSE_SECONDS = 0.1
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlaces:
    """The table, the queue's URL and the bucket of one home."""

    table: str
    queue_url: str
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobClients:
    """Clients without retries of their own: ``poller`` made with ``clients.POLL_CONFIG``, the others with
    ``clients.STORE_CONFIG``. The store closes them."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    poller: "SQSClient"


def open_dynamo_job_store(
    clients: JobClients,
    places: JobPlaces,
    *,
    clock: Clock,
    ids: Ids,
    rng: Random,
    keep_seconds: float = 30 * DAY,
    inline_bytes: int = INLINE_BYTES,
    poll_seconds: int = LONGEST_POLL_SECONDS,
) -> DynamoJobStore:
    """The store at ``places``. ``rng`` spreads pauses; ``keep_seconds`` is how long ended jobs are kept;
    ``inline_bytes`` the longest text in an item; ``poll_seconds`` (0 to 20) the longest wait for one message."""
    if not 0 <= poll_seconds <= LONGEST_POLL_SECONDS:
        raise ValueError(f"a poll lasts 0 to {LONGEST_POLL_SECONDS} seconds")
    if not 0 < keep_seconds <= 3650 * DAY:
        raise ValueError("ended jobs are kept for some time, at most ten years")
    if not 0 <= inline_bytes <= INLINE_BYTES:
        raise ValueError(f"an item takes a text of 0 to {INLINE_BYTES} bytes")
    texts = JobTexts(
        clients.s3,
        places.bucket,
        calls=StorageCalls(tries=TRIES, first_pause=FIRST_PAUSE_SECONDS, clock=clock, rng=rng),
        inline_bytes=inline_bytes,
    )
    table = JobTable(
        clients.dynamodb, places.table, texts=texts, keep_seconds=keep_seconds, clock=clock, ids=ids, rng=rng
    )
    store = DynamoJobStore(table, clock=clock, ids=ids)
    store.connect(
        Notifier(
            clients.sqs,
            clients.poller,
            places.queue_url,
            calls=StorageCalls(tries=NOTIFY_TRIES, first_pause=FIRST_PAUSE_SECONDS, clock=clock, rng=rng),
            clock=clock,
            on_work=store.work_arrived,
            still_waiting=store.still_waiting,
            poll_seconds=poll_seconds,
        )
    )
    return store
