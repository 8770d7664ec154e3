"""The wire between functions and the emulated AWS: here requests meet faults, and functions their death.

It is a socket of its own, so that what a function sends is what AWS hears, whichever process it runs in. Requests are
carried out one after the other. Added to the emulator are what it lacks: client tokens of launches, instances that
are deaf to a polite end, and the router's own door, where its nudges are counted and its orders carried out.
"""

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.serving import make_server

from tests.aws.ec2_cloud import LostAnswer, NoConnection, Refuse
from tests.aws.emulator import Emulator, PromptHandler
from tests.aws.functions import INVOKE_PREFIX, KEYS_PATH
from tests.aws.home import access_keys
from tests.aws.rights import Answer, actions_of, denied
from tests.aws.scripted_aws import Refused, refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

READS = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "Head")
DEAF = (
    '<TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><instancesSet/>'
    "</TerminateInstancesResponse>"
)


class Twice:
    """The request is carried out two times."""


Fault = Refuse | LostAnswer | NoConnection | Twice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: the operation as AWS names it, its protocol, and EC2's parameters."""

    operation: str
    protocol: str
    params: Mapping[str, str]

    @property
    def changes(self) -> bool:
        """Whether AWS is another afterwards."""
        return not self.operation.startswith(READS)


class AwsLine:
    """``faults`` by operation, or by ``""`` for all, are chosen anew for each request. ``heard`` are the operations
    asked for, ``nudges`` how often the router was called by its name. ``router`` answers to a call of it that is waited
    for. What ``rights`` do not allow is refused; ``used`` are the actions that were asked for.

    With ``lives`` set, the sandbox that sends the requests is killed as soon as that many of its changes have been
    carried out, before it hears of the last one; with 0 before the first one is.
    """

    def __init__(self, emulator: Emulator, *, kill: Callable[[], None]) -> None:
        self._app = emulator.app
        self._kill = kill
        self._turn = Lock()
        self._made: dict[str, Answer] = {}
        self.faults: dict[str, Callable[[Asked], Fault]] = {}
        self.heard: list[str] = []
        self.rights: frozenset[str] | None = None
        self.used: set[str] = set()
        self.nudges = 0
        self.router: Callable[[Mapping[str, Any]], object] | None = None
        self.deaf = False
        self.lives: int | None = None
        self._changes = 0
        self._dead = False
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=PromptHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def begin(self, lives: int | None) -> None:
        """For the next sandbox."""
        with self._turn:
            self.lives, self._changes, self._dead = lives, 0, False

    def close(self) -> None:
        """No more requests."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: "WSGIEnvironment", start: "StartResponse") -> "Iterable[bytes]":
        if environ["PATH_INFO"] == KEYS_PATH:
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(access_keys()).encode()]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = what_is_asked(environ, body)
        with self._turn:
            answer = None if self._dead else self._carried_out(asked, environ, body)
        if answer is None:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        start(*answer[:2])
        return [answer[2]]

    def _carried_out(self, asked: Asked, environ: "WSGIEnvironment", body: bytes) -> Answer | None:
        """None where nobody hears of it."""
        self.heard.append(asked.operation)
        wanted = actions_of(environ, body)
        self.used |= wanted
        if self.rights is not None and not wanted <= self.rights:
            return denied(environ, wanted - self.rights)
        if asked.changes and self.lives == 0:
            return self._die()
        choose = self.faults.get(asked.operation) or self.faults.get("")
        fault = choose(asked) if choose is not None else None
        if isinstance(fault, NoConnection):
            return None
        if isinstance(fault, Refuse):
            refused = Refused(fault.code, fault.message, fault.status)
            status, headers, content = refusal(asked.protocol, refused)
            return f"{status} refused", list(headers.items()), content
        if isinstance(fault, Twice):
            self._passed_on(asked, environ, body)
        answer = self._passed_on(asked, environ, body)
        if asked.changes:
            self._changes += 1
            if self._changes == self.lives:
                return self._die()
        return None if isinstance(fault, LostAnswer) else answer

    def _die(self) -> None:
        self._dead = True
        self._kill()

    def _passed_on(self, asked: Asked, environ: "WSGIEnvironment", body: bytes) -> Answer:
        if asked.operation == "Invoke":
            self.nudges += 1
            if self.router is None or environ.get("HTTP_X_AMZ_INVOCATION_TYPE") == "Event":
                return "202 Accepted", [], b""
            told = self.router(json.loads(body))
            return "200 OK", [("Content-Type", "application/json")], json.dumps(told).encode()
        if asked.operation == "TerminateInstances" and self.deaf and "SkipOsShutdown" not in asked.params:
            return "200 OK", [("Content-Type", "text/xml")], DEAF.encode()
        token = asked.params.get("ClientToken", "") if asked.operation == "RunInstances" else ""
        if token in self._made:
            return self._made[token]
        begun: list[Any] = []
        environ["wsgi.input"] = BytesIO(body)
        parts = self._app(environ, lambda status, headers, exc_info=None: begun.extend((status, headers)))  # type: ignore[arg-type,return-value,func-returns-value,misc]  # nobody writes by the old way
        answer: Answer = (begun[0], begun[1], b"".join(parts))
        if token and answer[0].startswith("200"):
            self._made[token] = answer
        return answer


def what_is_asked(environ: "WSGIEnvironment", body: bytes) -> Asked:
    """The operation that a request over the wire is."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return Asked(operation=target.rpartition(".")[2], protocol="json", params={})
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path.startswith(INVOKE_PREFIX):
        return Asked(operation="Invoke", protocol="rest-json", params={})
    if path.startswith("/schedules"):
        verb = {"GET": "Get", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}[method]
        return Asked(operation=f"{verb}Schedule", protocol="rest-json", params={})
    if method == "POST":
        params = dict(parse_qsl(body.decode()))
        return Asked(operation=params["Action"], protocol="ec2", params=params)
    return Asked(operation=f"{method.capitalize()}Object", protocol="rest-xml", params={})
