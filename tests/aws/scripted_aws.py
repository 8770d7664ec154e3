"""An AWS on loopback that answers what a test wrote down, for services that the emulator does not know.

Requests come from the real client over a real socket. Each answer is held against botocore's model of the operation
before it is sent, so that a field that AWS does not have cannot make a test pass.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import botocore.session
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model

SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
CLIENTS = {"servicequotas": "service-quotas"}
"""The client's name where it is not the one that requests are signed for."""


@dataclass(frozen=True)
class Refused:
    """AWS's refusal."""

    code: str
    message: str = "no"
    status: int = 400


Answer: TypeAlias = dict[str, Any] | Refused
DENIED = Refused("AccessDeniedException", "User: u is not authorized to perform: x:Y on resource: *", 403)


@dataclass
class ScriptedAws:
    """``answers`` by client and operation, ``("ec2", "DescribeRegions")``; what is not there gets ``otherwise``."""

    answers: Mapping[tuple[str, str], Answer]
    otherwise: Answer = DENIED
    endpoint: str = ""
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    """Client, operation and region of each request."""
    faults: list[str] = field(default_factory=list)

    def reply(
        self, headers: Mapping[str, str], method: str, path: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        signed = SIGNED_FOR.search(headers.get("Authorization", ""))
        if signed is None:
            return 302, {}, b""  # anybody may knock
        region, name = signed.groups()
        client = CLIENTS.get(name, name)
        model = _model(client)
        operation = _operation(model, headers, method, path, body)
        self.heard.append((client, operation.name, region))
        answer = self.answers.get((client, operation.name), self.otherwise)
        protocol = str(model.resolved_protocol)
        if isinstance(answer, Refused):
            return refusal(protocol, answer)
        report = ParamValidator().validate(answer, operation.output_shape)
        if report.has_errors():
            self.faults.append(f"{client} {operation.name}: {report.generate_report()}")
        writing = get_service_model(client).operation_model(operation.name)
        serializer = get_serializer_class(client, protocol)(writing, SerializationContext("request"))
        sent = serializer.serialize(answer)
        content = sent["body"]
        return sent["status_code"], dict(sent["headers"]), content.encode() if isinstance(content, str) else content


@contextmanager
def serving(script: ScriptedAws) -> Iterator[ScriptedAws]:
    """``script`` behind a socket; afterwards every answer must have been one that AWS can give."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = script.reply(self.headers, self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_POST = do_HEAD = do_GET  # noqa: N815  # the base class's names

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    script.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not script.faults


@cache
def _model(client: str) -> ServiceModel:
    found: ServiceModel = botocore.session.get_session().get_service_model(client)
    return found


def _operation(model: ServiceModel, headers: Mapping[str, str], method: str, path: str, body: bytes) -> OperationModel:
    target = headers.get("X-Amz-Target")
    if target is not None:
        return model.operation_model(target.split(".")[-1])
    if model.protocol in {"query", "ec2"} or "query" in model.metadata.get("protocols", ()):
        return model.operation_model(parse_qs(body.decode())["Action"][0])
    for name in model.operation_names:
        found = model.operation_model(name)
        if (found.http["method"], found.http["requestUri"]) == (method, path.split("?")[0]):
            return found
    raise AssertionError(f"{model.service_name}: {method} {path}")


def refusal(protocol: str, refused: Refused) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of AWS's refusal, as its ``protocol`` has them."""
    if "json" in protocol:
        body = json.dumps({"__type": refused.code, "message": refused.message})
        return refused.status, {"x-amzn-errortype": refused.code}, body.encode()
    error = f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
    body = (
        f"<Response><Errors>{error}</Errors></Response>"
        if protocol == "ec2"
        else f"<ErrorResponse>{error}</ErrorResponse>"
    )
    return refused.status, {}, body.encode()
