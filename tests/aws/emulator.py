"""AWS on loopback: moto's server behind a real socket, with the tables that the AWS stores need.

One server serves all tests of a pytest worker. Instead of emptying it between tests, each test makes tables, queues
and buckets under names of its own (:meth:`Emulator.unique`).
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from itertools import count
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from moto import backends
from moto.core import responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient

REGION: Final = "eu-central-1"
ACCESS_KEY = "testing"
"""moto accepts any key."""

NO_RETRIES = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
"""The emulator is next door: what fails here is a mistake and shall show at once."""


def aws_session() -> boto3.Session:
    """A session with made-up credentials, so that no real account can be reached by mistake."""
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION)


_NUMBERS = count(1)


class Emulator:
    """A running server at ``endpoint`` and a ``session`` for it. Clients are made once; botocore's are thread-safe."""

    def __init__(self, endpoint: str, session: boto3.Session) -> None:
        self.endpoint = endpoint
        self.session = session

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
    def scheduler(self) -> "EventBridgeSchedulerClient":
        return self.session.client("scheduler", endpoint_url=self.endpoint, config=NO_RETRIES)

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
        for client in ("dynamodb", "sqs", "s3", "ec2", "scheduler"):
            if client in self.__dict__:
                getattr(self, client).close()


class _PromptHandler(MotoRequestHandler):
    """An answer goes out in two pieces; the second must not wait until the first is acknowledged (40 ms)."""

    disable_nagle_algorithm = True


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
    """What never changes while moto runs, and what it looks up for each request: its folders on the disk (twice), and
    the methods of the class that answers. A third of a request's time."""
    folders = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: folders
    responses.method_names_from_class = cache(responses.method_names_from_class)


_look_once()


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """A server for the length of the block."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line for each request
    app = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_PromptHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="emulated AWS", daemon=True)
    thread.start()
    emulator = Emulator(f"http://127.0.0.1:{server.server_port}", aws_session())
    try:
        yield emulator
    finally:
        emulator.close()
        server.shutdown()
        thread.join()
        server.server_close()
