"""AWS's clients for ``deploy`` and ``destroy``, each created on first use, and calls from the event loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import boto3

from tlfif.adapters.aws.calls.clients import DEPLOYMENT_CONFIG, AwsClients
from tlfif.adapters.aws.deployment.errors import deployment_errors

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One home in one account and region."""

    home: str
    account_id: str
    region: str


class DeploymentClients:
    """Clients of one region, each created on first use. ``endpoint_url``: an emulator; None: AWS. ``session``: the
    credentials; None: those that AWS's own programs find on this computer. Services without type stubs are ``Any``."""

    def __init__(self, *, region: str, endpoint_url: str | None = None, session: "boto3.Session | None" = None) -> None:
        clients = AwsClients(region=region, endpoint_url=endpoint_url, session=session)
        self._by_service: dict[str, Any] = {}

        def make(service: str) -> Any:
            return self._by_service.setdefault(service, clients.make(service, DEPLOYMENT_CONFIG))

        self.budgets: BudgetsClient = make("budgets")
        self.cloudformation: CloudFormationClient = make("cloudformation")
        self.cloudtrail: Any = make("cloudtrail")
        self.cloudwatch: Any = make("cloudwatch")
        self.cognito: CognitoIdentityProviderClient = make("cognito-idp")
        self.dynamodb: DynamoDBClient = make("dynamodb")
        self.ec2: EC2Client = make("ec2")
        self.events: Any = make("events")
        self.functions: LambdaClient = make("lambda")
        self.iam: IAMClient = make("iam")
        self.logs: CloudWatchLogsClient = make("logs")
        self.s3: S3Client = make("s3")
        self.s3control: Any = make("s3control")
        self.scheduler: EventBridgeSchedulerClient = make("scheduler")
        self.sns: Any = make("sns")
        self.sqs: SQSClient = make("sqs")
        self.ssm: SSMClient = make("ssm")
        self.sts: STSClient = make("sts")

    def expect_owner(self, account_id: str) -> None:
        """Have S3 refuse every bucket that is not this account's. The names of the home's buckets can be guessed, and
        who has made one before, and opened it, would receive the programs and could exchange them."""

        def expecting(params: dict[str, Any], model: Any, **_: object) -> None:
            if "ExpectedBucketOwner" in model.input_shape.members:
                params.setdefault("ExpectedBucketOwner", account_id)

        self.s3.meta.events.register("provide-client-params.s3", expecting, unique_id="tlfif-owner")

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service by AWS's name. Raises ValueError for any other region."""
        if region is not None:
            raise ValueError("a home is in one region")
        return self._by_service[service]


def session_of(profile: str) -> "boto3.Session":
    """A session with the key of a profile in ``~/.aws``. Raises InvalidInputError (code ``aws_profile_unknown``)."""
    with deployment_errors("sts"):
        return boto3.Session(profile_name=profile)


async def ask(service: str, call: Callable[[], T]) -> T:
    """The result of ``call``, run in a thread. Raises TlfifError in the owner's words."""

    def translated() -> T:
        with deployment_errors(service):
            return call()

    return await asyncio.to_thread(translated)
