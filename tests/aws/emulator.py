"""AWS on loopback: moto's server behind a real socket, with the tables that the AWS stores need.

Processes that a test starts reach it by its socket; this process's own clients spare themselves the socket, which is
half of a request's time (:func:`_spare_the_socket`). One server serves all tests of a pytest worker. Instead of
emptying it between tests, each test makes tables, queues and buckets under names of its own (:meth:`Emulator.unique`).
"""

import base64
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import cache, cached_property
from io import BytesIO
from itertools import count
from string import ascii_letters, digits
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.httpsession import URLLib3Session

import tests.aws.one_loader  # noqa: F401  # before moto

# isort: split

from moto import backends
from moto.core import responses, serialize
from moto.core.botocore_stubber import MockRawResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses.general import General
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.moto_api._internal.moto_random import MotoRandom
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
CONSOLE_BYTES = 65536
"""So much of a console EC2 shows."""
ACCESS_KEY = "testing"
"""moto accepts any key."""

NO_RETRIES = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1}, user_agent="tests"
)
"""The emulator is next door: what fails here is a mistake and shall show at once."""


def aws_session() -> boto3.Session:
    """A session with made-up credentials, so that no real account can be reached by mistake."""
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION)


_NUMBERS = count(1)
_RUNNING: "dict[str, WSGIApplication]" = {}
"""What answers at each address, for :func:`_spare_the_socket`."""


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


def _spare_the_socket() -> None:
    """A request of this process to an emulator of this process is put to what answers behind the socket, but one that
    may wait for a message."""
    over_the_socket = URLLib3Session.send

    def send(self: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        app = _RUNNING.get(urlsplit(request.url).netloc)
        waits = "AmazonSQS" in str(request.headers.get("X-Amz-Target", ""))
        if app is None or waits or "Transfer-Encoding" in request.headers:
            return over_the_socket(self, request)
        told: list[Any] = []
        parts = app(_environ(request), lambda status, headers, exc_info=None: told.extend((status, headers)))
        status, headers = told
        dated = {"Date": formatdate(usegmt=True), **dict(headers)}
        return AWSResponse(request.url, int(status[:3]), dated, MockRawResponse(b"".join(parts)))

    URLLib3Session.send = send


def _environ(request: AWSPreparedRequest) -> "WSGIEnvironment":
    """As a server makes it of what it is sent."""
    url, body = urlsplit(request.url), request.body or b""
    content = body.encode() if isinstance(body, str) else body if isinstance(body, bytes | bytearray) else body.read()
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path, "latin-1") or "/",
        "QUERY_STRING": url.query,
        "RAW_URI": request.url.partition(url.netloc)[2],
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(content),
    }
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = text
    environ["CONTENT_LENGTH"] = str(len(content))
    return environ


_spare_the_socket()


def _look_once() -> None:
    """What never changes while moto runs, and what it looks up for each request: its folders on the disk (twice), the
    methods of the class that answers, and by how many names each value might be known; one of DynamoDB's has one. Half
    of a request's time. And of all tags of all resources there are, which are an instance's. A request's own number is
    drawn in one go."""
    folders = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: folders
    responses.method_names_from_class = cache(responses.method_names_from_class)
    by_any_name = serialize.ResponseSerializer.get_value

    def get_value(self: serialize.ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
        if type(value) is dict and self.operation_model.service_model.service_name == "dynamodb":
            return value.get(key)  # as AWS itself names it
        return by_any_name(self, value, key, shape)

    serialize.ResponseSerializer.get_value = get_value
    names_of = serialize.XFormedAttributePicker.get_possible_keys
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def names(self: serialize.XFormedAttributePicker, asked: serialize.AttributePickerContext) -> tuple[str, ...]:
        kind = (type(asked.obj), asked.key, asked.shape)
        if kind not in known:
            known[kind] = tuple(dict.fromkeys(names_of(self, asked)))
        return known[kind]

    serialize.XFormedAttributePicker.get_possible_keys = names

    def a_text(self: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
        text = "".join(self.choices(ascii_letters + digits * include_digits, k=length))
        return text.lower() if lower_case else text

    MotoRandom.get_random_string = a_text

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


def _show_consoles() -> None:
    """What an instance has written on its console, where it has one: its hypervisor sets ``console``, a file."""
    plain = General.get_console_output

    def get_console_output(self: General) -> ActionResult:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        console = getattr(instance, "console", None)
        if console is None:
            return plain(self)
        output = base64.b64encode(console.read_bytes()[-CONSOLE_BYTES:]).decode()
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    General.get_console_output = get_console_output


_show_consoles()


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """A server for the length of the block."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line for each request
    app = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=PromptHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="emulated AWS", daemon=True)
    thread.start()
    address = f"127.0.0.1:{server.server_port}"
    emulator = Emulator(f"http://{address}", aws_session(), app)
    _RUNNING[address] = app
    try:
        yield emulator
    finally:
        del _RUNNING[address]
        emulator.close()
        server.shutdown()
        thread.join()
        server.server_close()
