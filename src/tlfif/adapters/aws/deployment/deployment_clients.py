"""boto3's clients for deploying and destroying, each made when it is first used, and calls from the event loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

from tlfif.adapters.aws.deployment.deployment_errors import deployment_errors

if TYPE_CHECKING:
    from mypy_boto3_budgets import BudgetsClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

T = TypeVar("T")
CONFIG = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 6})
"""A person waits for these: botocore repeats what is throttled or lost, with growing pauses, about half a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One home in one account and region."""

    home: str
    account_id: str
    region: str


class DeploymentClients:
    """Clients of one region. ``endpoint_url``: an emulator; None: AWS. The services without stubs are ``Any``."""

    def __init__(self, *, region: str, endpoint_url: str | None = None, session: boto3.Session | None = None) -> None:
        self.region = region
        self._endpoint_url = endpoint_url
        with deployment_errors("sts"):
            self._session = session or boto3.Session()

    def _make(self, service: str) -> Any:
        make: Callable[..., Any] = self._session.client
        return make(service, region_name=self.region, endpoint_url=self._endpoint_url, config=CONFIG)

    @cached_property
    def budgets(self) -> "BudgetsClient":
        """AWS Budgets."""
        client: BudgetsClient = self._make("budgets")
        return client

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The stack."""
        client: CloudFormationClient = self._make("cloudformation")
        return client

    @cached_property
    def cloudtrail(self) -> Any:
        """The account's record of calls."""
        return self._make("cloudtrail")

    @cached_property
    def cloudwatch(self) -> Any:
        """Alarms."""
        return self._make("cloudwatch")

    @cached_property
    def cognito(self) -> "CognitoIdentityProviderClient":
        """Users."""
        client: CognitoIdentityProviderClient = self._make("cognito-idp")
        return client

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """Tables."""
        client: DynamoDBClient = self._make("dynamodb")
        return client

    @cached_property
    def ec2(self) -> "EC2Client":
        """Machines, disks, images."""
        client: EC2Client = self._make("ec2")
        return client

    @cached_property
    def events(self) -> Any:
        """The minute."""
        return self._make("events")

    @cached_property
    def iam(self) -> "IAMClient":
        """Roles."""
        client: IAMClient = self._make("iam")
        return client

    @cached_property
    def functions(self) -> "LambdaClient":
        """API and router."""
        client: LambdaClient = self._make("lambda")
        return client

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Log groups."""
        client: CloudWatchLogsClient = self._make("logs")
        return client

    @cached_property
    def s3(self) -> "S3Client":
        """Buckets."""
        client: S3Client = self._make("s3")
        return client

    @cached_property
    def s3control(self) -> Any:
        """S3's settings of the account."""
        return self._make("s3control")

    @cached_property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        """Timers that end machines."""
        client: EventBridgeSchedulerClient = self._make("scheduler")
        return client

    @cached_property
    def sns(self) -> Any:
        """Topics."""
        return self._make("sns")

    @cached_property
    def sqs(self) -> "SQSClient":
        """Queues."""
        client: SQSClient = self._make("sqs")
        return client

    @cached_property
    def ssm(self) -> "SSMClient":
        """Parameters."""
        client: SSMClient = self._make("ssm")
        return client

    @cached_property
    def sts(self) -> "STSClient":
        """Who asks."""
        client: STSClient = self._make("sts")
        return client


async def ask(service: str, call: Callable[[], T]) -> T:
    """What ``call`` returns, off the event loop. Raises TlfifError in the owner's words."""

    def translated() -> T:
        with deployment_errors(service):
            return call()

    return await asyncio.to_thread(translated)
