"""What is stored (requirement list 3.5, 4, 5.6): two tables, a queue with its dead letters, a bucket."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.kept import KEPT
from infra.private_bucket import expiry, private_bucket
from infra.private_queue import dead_letters, private_queue
from infra.rights import accept, allow
from tlfif.adapters.aws.jobs.dynamo_job_items import TTL_GRACE_SECONDS
from tlfif.jobs.policy import AWS_JOB_POLICY

INDEX = "by_time"
JOBS_PREFIX = "jobs/"
TEXT_DAYS = int(AWS_JOB_POLICY.retention_seconds + TTL_GRACE_SECONDS) // 86_400 + 1
"""A purge deletes a long text with its job. What that left ends here: S3 counts from the writing, which is up to a day
before the job's end, so the text goes after the job's own item."""
SOURCES_PREFIX = "releases/sources/"
"""A commit's files, ``COMMIT.zip``, which a builder fetches."""
SOURCES_DAYS = 400
"""An image that is rebuilt after that has to be built from a newer commit."""
ARTIFACT_DAYS = 7
MAX_RECEIVE_COUNT = 5
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 4 * 86400
LONG_POLL_SECONDS = 20

_READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
_WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
"""A transaction needs the permissions of its parts."""


@dataclass(frozen=True, kw_only=True)
class StoreProps:
    """``home``: in front of every name."""

    home: str


class Store(Construct):
    """The tables hold the state. The queue only notifies; the bucket holds what is too large for an item."""

    def __init__(self, scope: Construct, construct_id: str, *, props: StoreProps) -> None:
        super().__init__(scope, construct_id)
        self.jobs = self._table("Jobs", f"{props.home}-jobs", indexed=True)
        self.state = self._table("State", f"{props.home}-state", indexed=False)
        self.dead = dead_letters(self, "Dead", name=f"{props.home}-dead")
        self.work = private_queue(
            self,
            "Work",
            name=f"{props.home}-work",
            retention_seconds=RETENTION_SECONDS,
            visibility_seconds=VISIBILITY_SECONDS,
            long_poll_seconds=LONG_POLL_SECONDS,
            redrive={"deadLetterTargetArn": self.dead.attr_arn, "maxReceiveCount": MAX_RECEIVE_COUNT},
        )
        stack = Stack.of(self)
        self.bucket = private_bucket(
            self,
            "Bucket",
            name=f"{props.home}-{stack.account}-{stack.region}",
            rules=[
                expiry("jobs", prefix=JOBS_PREFIX, days=TEXT_DAYS),
                expiry("sources", prefix=SOURCES_PREFIX, days=SOURCES_DAYS),
                expiry("artifacts", prefix=props.home, days=ARTIFACT_DAYS),
            ],
        )
        accept(self.jobs, "Jobs live 30 days and nothing in them is needed again: no copies are paid for.", "DDB3")
        accept(self.state, "The state is rebuilt from what AWS itself says: no copies are paid for.", "DDB3")
        accept(self.bucket, "A log of reads in a second bucket costs more than it tells one user.", "S1")

    @property
    def job_objects(self) -> str:
        """ARN of the large prompts and answers."""
        return f"{self.bucket.attr_arn}/{JOBS_PREFIX}*"

    def control_rights(self) -> list[iam.PolicyStatement]:
        """API and router: everything in the tables; send notifications; read, write and delete large texts."""
        return [
            self._tables("ReadAndWriteTables", (*_READ, *_WRITE, "dynamodb:BatchWriteItem")),
            allow("RingTheBell", ["sqs:SendMessage"], [self.work.attr_arn]),
            allow("LargeTexts", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [self.job_objects]),
            self._missing_texts(),
        ]

    def state_rights(self) -> list[iam.PolicyStatement]:
        """The images' function: records of images and machines, ledger and budget; no prompt and no answer."""
        every = (*_READ, *_WRITE, "dynamodb:BatchWriteItem")
        return [allow("ReadAndWriteState", every, [self.state.attr_arn])]

    def worker_rights(self) -> list[iam.PolicyStatement]:
        """The machine: claim jobs and write events, receive notifications, read models and releases."""
        bell = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"]
        readable = [f"{self.bucket.attr_arn}/{folder}/*" for folder in ("models", "releases")]
        return [
            self._tables("ReadAndWriteTables", (*_READ, *_WRITE)),
            allow("ListenToTheBell", bell, [self.work.attr_arn]),
            allow("LargeTexts", ["s3:GetObject", "s3:PutObject"], [self.job_objects]),
            self._missing_texts(),
            allow("ModelsAndReleases", ["s3:GetObject"], readable),
        ]

    def artifact_rights(self, home: str) -> list[iam.PolicyStatement]:
        """CodePipeline: keep a commit's files below its own name, of which it uses the first twenty characters."""
        look = ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"]
        return [
            allow("Artifacts", ["s3:GetObject", "s3:PutObject"], [self._artifacts(home)]),
            allow("ArtifactsBucket", look, [self.bucket.attr_arn]),
        ]

    def source_rights(self, home: str) -> list[iam.PolicyStatement]:
        """The images' function: copy a commit's files from there to where builders fetch them."""
        return [
            allow("ReadArtifacts", ["s3:GetObject"], [self._artifacts(home)]),
            self._missing_texts(),
            allow("KeepSources", ["s3:GetObject", "s3:PutObject"], [f"{self.bucket.attr_arn}/{SOURCES_PREFIX}*"]),
        ]

    def _artifacts(self, home: str) -> str:
        return f"{self.bucket.attr_arn}/{home}*"

    def _tables(self, sid: str, actions: Sequence[str]) -> iam.PolicyStatement:
        return allow(sid, actions, [self.jobs.attr_arn, f"{self.jobs.attr_arn}/index/{INDEX}", self.state.attr_arn])

    def _missing_texts(self) -> iam.PolicyStatement:
        """Without it S3 reports an expired text as forbidden instead of missing (S3 API, "GetObject")."""
        return allow("TellMissingTexts", ["s3:ListBucket"], [self.bucket.attr_arn])

    def _table(self, construct_id: str, name: str, *, indexed: bool) -> dynamodb.CfnTable:
        """Paid by the request, so that it costs nothing while nobody uses it."""
        table = dynamodb.CfnTable(
            self,
            construct_id,
            table_name=name,
            billing_mode="PAY_PER_REQUEST",
            attribute_definitions=[
                dynamodb.CfnTable.AttributeDefinitionProperty(attribute_name=attribute, attribute_type="S")
                for attribute in ("pk", "sk", *(("gpk", "gsk") if indexed else ()))
            ],
            key_schema=_keys("pk", "sk"),
            global_secondary_indexes=[
                dynamodb.CfnTable.GlobalSecondaryIndexProperty(
                    index_name=INDEX,
                    key_schema=_keys("gpk", "gsk"),
                    projection=dynamodb.CfnTable.ProjectionProperty(projection_type="ALL"),
                )
            ]
            if indexed
            else None,
            time_to_live_specification=dynamodb.CfnTable.TimeToLiveSpecificationProperty(
                attribute_name="expires", enabled=True
            ),
            point_in_time_recovery_specification=dynamodb.CfnTable.PointInTimeRecoverySpecificationProperty(
                point_in_time_recovery_enabled=False
            ),
        )
        table.apply_removal_policy(KEPT)
        return table


def _keys(partition: str, sort: str) -> list[dynamodb.CfnTable.KeySchemaProperty]:
    return [
        dynamodb.CfnTable.KeySchemaProperty(attribute_name=partition, key_type="HASH"),
        dynamodb.CfnTable.KeySchemaProperty(attribute_name=sort, key_type="RANGE"),
    ]
