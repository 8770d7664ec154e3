"""The AWS home's job store over the emulator, as one of its processes opens it."""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.aws.emulator import Emulator
from tests.fakes.clock import FakeIds
from tlfif.adapters.aws.jobs.dynamo_job_opening import JobClients, JobPlaces, open_dynamo_job_store
from tlfif.adapters.aws.jobs.dynamo_job_store import DynamoJobStore
from tlfif.adapters.local.system_clock import SystemClock
from tlfif.kernel.clock import Clock, Ids

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@dataclass
class JobHome:
    """Table, queue and bucket of one test, and the ids of its processes, which must never be the same."""

    emulator: Emulator
    places: JobPlaces
    ids: Ids

    def open(
        self,
        *,
        dynamodb: "DynamoDBClient | None" = None,
        sqs: "SQSClient | None" = None,
        s3: "S3Client | None" = None,
        clock: Clock | None = None,
        poll_seconds: int = 1,
        **options: Any,
    ) -> DynamoJobStore:
        """As one more process. A wait left behind lasts ``poll_seconds`` at most."""
        clients = JobClients(
            dynamodb=dynamodb or self.emulator.dynamodb,
            s3=s3 or self.emulator.s3,
            sqs=sqs or self.emulator.sqs,
            poller=sqs or self.emulator.sqs,
        )
        return open_dynamo_job_store(
            clients,
            self.places,
            clock=clock or SystemClock(),
            ids=self.ids,
            rng=Random(1),
            poll_seconds=poll_seconds,
            **options,
        )

    def objects(self) -> list[str]:
        """Keys in the bucket now."""
        listed = self.emulator.s3.list_objects_v2(Bucket=self.places.bucket)
        return [item["Key"] for item in listed.get("Contents", [])]

    def items(self) -> list[dict[str, Any]]:
        """All items of the table, as they lie there."""
        found: list[dict[str, Any]] = self.emulator.dynamodb.scan(TableName=self.places.table)["Items"]
        return found


def a_job_home(emulator: Emulator) -> JobHome:
    """An empty one."""
    places = JobPlaces(
        table=emulator.unique("jobs"),
        queue_url=emulator.create_queue(emulator.unique("work")),
        bucket=emulator.unique("texts"),
    )
    emulator.create_jobs_table(places.table)
    emulator.create_bucket(places.bucket)
    return JobHome(emulator=emulator, places=places, ids=FakeIds())
