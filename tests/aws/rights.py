"""What each role may do, by the template that is deployed, held against what is asked for over the wire.

Actions only: that each is tied to this home's own resources is the template's test (``tests/infra/test_rights.py``),
and what AWS makes of conditions can only be seen there.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.serving import make_server

from tests.aws.emulator import Emulator, PromptHandler
from tests.aws.functions import INVOKE_PREFIX
from tests.aws.scripted_aws import Refused, refusal
from tests.infra.template import Template

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

API, ROUTER, MACHINE = "ApiAppRole", "RouterTickRole", "MachineWorker"
API_FUNCTION = "tlfif.entrypoints.lambdas.api.handler"
Answer = tuple[str, list[tuple[str, str]], bytes]

_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_OF_OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_ALSO = {
    # The template names the instance's role, and tags that are set at the launch.
    "ec2:RunInstances": {"ec2:CreateTags", "iam:PassRole"},
    "scheduler:CreateSchedule": {"iam:PassRole"},
}


def rights_of(role: str) -> frozenset[str]:
    """The actions that the role with this in its name may do."""
    found = [one.actions for one in Template.committed().role_statements() if role in one.owner]
    assert found, f"no role {role}"
    return frozenset(action for actions in found for action in actions)


def settings_of(function: str) -> frozenset[str]:
    """The names of the settings that the stack writes into the environment of the function of this handler."""
    functions = Template.committed().of_type("AWS::Lambda::Function").values()
    (found,) = [one for one in functions if one["Handler"] == function]
    return frozenset(found["Environment"]["Variables"])


def actions_of(environ: "WSGIEnvironment", body: bytes) -> frozenset[str]:
    """The actions that IAM looks up for one request (Service Authorization Reference)."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    target, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
    if target.startswith("DynamoDB"):
        return frozenset(f"dynamodb:{name}" for name in _of_dynamodb(operation, body))
    if target == "AmazonSSM":
        return frozenset({f"ssm:{operation}"})
    if target:
        service = "logs" if target.startswith("Logs_") else "sqs"
        return frozenset({f"{service}:{operation.removesuffix('Batch')}"})
    if path.startswith(INVOKE_PREFIX):
        return frozenset({"lambda:InvokeFunction"})
    if path.startswith("/schedules"):
        verb = {"GET": "Get", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}[method]
        return _with_more(f"scheduler:{verb}Schedule")
    if method == "POST" and "delete" not in environ.get("QUERY_STRING", ""):
        return _with_more(f"ec2:{dict(parse_qsl(body.decode()))['Action']}")
    if method == "POST":
        return frozenset({"s3:DeleteObject"})
    return frozenset({"s3:ListBucket" if path.count("/") < 2 else f"s3:{_OF_OBJECTS[method]}"})


def _of_dynamodb(operation: str, body: bytes) -> Iterable[str]:
    if operation == "TransactWriteItems":
        return {_IN_TRANSACTIONS[kind] for item in json.loads(body)["TransactItems"] for kind in item}
    return {"GetItem" if operation == "TransactGetItems" else operation}


def _with_more(action: str) -> frozenset[str]:
    return frozenset({action} | _ALSO.get(action, set()))


def denied(environ: "WSGIEnvironment", lacking: Iterable[str]) -> Answer:
    """As AWS refuses it."""
    words = f"The role is not authorized to perform: {', '.join(sorted(lacking))}"
    protocol, code = "json", "AccessDeniedException"
    if not environ.get("HTTP_X_AMZ_TARGET"):
        rest_json = environ["PATH_INFO"].startswith((INVOKE_PREFIX, "/schedules"))
        ec2 = environ["REQUEST_METHOD"] == "POST"
        protocol = "rest-json" if rest_json else "ec2" if ec2 else "rest-xml"
        code = "UnauthorizedOperation" if protocol == "ec2" else "AccessDenied"
    status, headers, content = refusal(protocol, Refused(code, words, 403))
    return f"{status} denied", list(headers.items()), content


class Door:
    """In front of ``app``: lets through what ``rights`` allow. ``used`` are the actions that were asked for,
    ``refused`` those that were not allowed."""

    def __init__(self, app: "WSGIApplication", rights: frozenset[str]) -> None:
        self._app = app
        self.rights = rights
        self.used: set[str] = set()
        self.refused: set[str] = set()

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"].getvalue()
        wanted = actions_of(environ, body)
        self.used |= wanted
        lacking = wanted - self.rights
        if not lacking:
            return self._app(environ, start)
        self.refused |= lacking
        status, headers, content = denied(environ, lacking)
        start(status, headers)
        return [content]


@contextmanager
def a_door(emulator: Emulator, role: str) -> Iterator[tuple[str, Door]]:
    """A socket before the emulator for whoever has this role, for the length of the block."""
    door = Door(emulator.app, rights_of(role))
    server: Any = make_server("127.0.0.1", 0, door, threaded=True, request_handler=PromptHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"door of {role}", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
