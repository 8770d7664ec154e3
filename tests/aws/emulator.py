"""AWS on loopback: moto's server behind a real socket, with the tables that the AWS stores need.

One server serves all tests of a pytest worker. Instead of emptying it between tests, each test makes tables, queues
and buckets under names of its own (:meth:`Emulator.unique`).
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from io import BytesIO
from itertools import count
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

import tests.aws.one_loader  # noqa: F401  # before moto

# isort: split

from moto import backends
from moto.core import responses, serialize
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import ResourceTypeType
    from mypy_boto3_ec2.type_defs import TagSpecificationTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

REGION: Final = "eu-central-1"
ACCESS_KEY = "testing"
"""moto accepts any key."""

NO_RETRIES = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
"""The emulator is next door: what fails here is a mistake and shall show at once."""


def aws_session() -> boto3.Session:
    """A session with made-up credentials, so that no real account can be reached by mistake."""
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION)


_NUMBERS = count(1)


def tagged(kind: "ResourceTypeType", home: str) -> "list[TagSpecificationTypeDef]":
    """The home's mark, for one kind of EC2's resources."""
    return [{"ResourceType": kind, "Tags": [{"Key": "tlfif:home", "Value": home}]}]


class Emulator:
    """A running server at ``endpoint`` and a ``session`` for it. Clients are made once; botocore's are thread-safe.
    ``app`` is what answers behind the socket."""

    def __init__(self, endpoint: str, session: boto3.Session, app: "WSGIApplication") -> None:
        self.endpoint = endpoint
        self.session = session
        self.app = app

    def unique(self, name: str) -> str:
        """``name`` with a number that no other test has: for tables, queues and buckets. All servers of one process
        share what is in them."""
        return f"{name}-{next(_NUMBERS)}"

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self.session.client("dynamodb", endpoint_url=self.endpoint, config=NO_RETRIES)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self.session.client("sqs", endpoint_url=self.endpoint, config=NO_RETRIES)

    @cached_property
    def s3(self) -> "S3Client":
        return self.session.client("s3", endpoint_url=self.endpoint, config=NO_RETRIES)

    @cached_property
    def ec2(self) -> "EC2Client":
        return self.session.client("ec2", endpoint_url=self.endpoint, config=NO_RETRIES)

    @cached_property
    def ssm(self) -> "SSMClient":
        return self.session.client("ssm", endpoint_url=self.endpoint, config=NO_RETRIES)

    @cached_property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        return self.session.client("scheduler", endpoint_url=self.endpoint, config=NO_RETRIES)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self.session.client("logs", endpoint_url=self.endpoint, config=NO_RETRIES)

    def create_jobs_table(self, name: str) -> None:
        """The table of jobs: as in the stack, with its index by time."""
        self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "sk", "gpk", "gsk")
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_time",
                    "KeySchema": [
                        {"AttributeName": "gpk", "KeyType": "HASH"},
                        {"AttributeName": "gsk", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )

    def create_state_table(self, name: str) -> None:
        """The table of machines, settings, ledger and prices: pk and sk only."""
        self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )

    def create_queue(self, name: str) -> str:
        """A standard queue; returns its address."""
        return self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def create_bucket(self, name: str) -> None:
        """A bucket in the session's region."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def close(self) -> None:
        """Let go of the clients' connections, of those that were made."""
        for client in ("dynamodb", "sqs", "s3", "ec2", "scheduler", "ssm", "logs"):
            if client in self.__dict__:
                getattr(self, client).close()


class PromptHandler(MotoRequestHandler):
    """Answers in one piece and keeps the line open, as AWS does and werkzeug does not: a new line for each request is
    a third of its time."""

    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """One request, unless it is of a kind that is seldom."""
        if "Transfer-Encoding" in self.headers or "Expect" in self.headers:
            super().run_wsgi()
            return
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = BytesIO(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        told: list[Any] = []
        try:
            parts = self.server.app(environ, lambda status, headers, exc_info=None: told.extend((status, headers)))
            body = b"".join(parts)
        except ConnectionError:
            self.close_connection = True
            return
        status, headers = told
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        names = {name.lower() for name, _ in headers}
        own = {"Content-Length": str(len(body)), "Date": self.date_time_string()}
        lines += [f"{name}: {value}" for name, value in own.items() if name.lower() not in names]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + body)


class _OneAtATime:
    """DynamoDB's requests in turn: moto looks at conditions and writes in two steps, and undoes a cancelled
    transaction by putting back a copy of the whole table, with all that others wrote meanwhile."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._turn = Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            return self._app(environ, start_response)
        with self._turn:
            return self._app(environ, start_response)


def _look_once() -> None:
    """What never changes while moto runs, and what it looks up for each request: its folders on the disk (twice), the
    methods of the class that answers, and by how many names each value of an item of DynamoDB might be known. Half of
    a request's time. And of all tags of all resources there are, which are an instance's."""
    folders = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: folders
    responses.method_names_from_class = cache(responses.method_names_from_class)
    by_any_name = serialize.ResponseSerializer.get_value

    def get_value(self: serialize.ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
        if type(value) is dict and self.operation_model.service_model.service_name == "dynamodb":
            return value.get(key)  # as AWS itself names it
        return by_any_name(self, value, key, shape)

    serialize.ResponseSerializer.get_value = get_value

    def get_tags(self: TaggedEC2Resource) -> list[dict[str, str]]:
        kind = EC2_PREFIX_TO_RESOURCE[get_prefix(self.id)]
        own = self.ec2_backend.tags.get(self.id, {})
        return [{"resource_id": self.id, "key": key, "value": own[key], "resource_type": kind} for key in own]

    TaggedEC2Resource.get_tags = get_tags


_look_once()


def _make_images_as_ec2_does() -> None:
    """A name is there once, and snapshots get their tags: moto refuses them."""
    plain = AmiBackend.create_image

    def create_image(
        self: AmiBackend, instance_id: str, name: str, description: str, tag_specifications: list[dict[str, Any]]
    ) -> Ami:
        if any(one.name == name for one in self.amis.values()):
            raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use")
        own = [one for one in tag_specifications if one["ResourceType"] != "snapshot"]
        made = plain(self, instance_id, name, description, own)
        for each in (one for one in tag_specifications if one["ResourceType"] == "snapshot"):
            self.create_tags([made.ebs_snapshot.id], {tag["Key"]: tag["Value"] for tag in each["Tags"]})
        return made

    AmiBackend.create_image = create_image


_make_images_as_ec2_does()


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """A server for the length of the block."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line for each request
    app = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=PromptHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="emulated AWS", daemon=True)
    thread.start()
    emulator = Emulator(f"http://127.0.0.1:{server.server_port}", aws_session(), app)
    try:
        yield emulator
    finally:
        emulator.close()
        server.shutdown()
        thread.join()
        server.server_close()
