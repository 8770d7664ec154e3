"""Lambda and API Gateway on loopback: functions as processes of their own, called through the real wire formats.

The emulator runs no functions without a container engine, so this stands beside it: boto3's ``invoke`` and the
client's HTTP requests both arrive here over sockets. What is not here: IAM, and the gateway's own authorizer.
"""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROOT = Path(__file__).parents[2]
INVOKE_PREFIX = "/2015-03-31/functions/"
KEYS_PATH = "/.well-known/jwks.json"
GATEWAY_SECONDS = 30.0


class CrashedError(Exception):
    """The process ended while it was called."""


class FunctionProcess:
    """One sandbox: takes one call after the other until it is killed."""

    def __init__(self, handler: str, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as stream:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.aws.function_main", handler],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environment},
            )

    def call(self, event: object, seconds: float) -> dict[str, Any]:
        """The answer's line. Raises CrashedError."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps({"event": event, "seconds": seconds}).encode() + b"\n")
            self._child.stdin.flush()
            answer = json.loads(self._child.stdout.readline())
        except (OSError, ValueError) as error:
            raise CrashedError from error
        return dict(answer)

    def kill(self) -> None:
        """As Lambda does with a sandbox that it needs no more, or that took too long."""
        self._child.kill()
        self._child.wait(10)
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()


class Function:
    """A function with as many processes as there are calls at once, ``most`` of them."""

    def __init__(self, handler: str, environment: Mapping[str, str], log: Path, *, seconds: float, most: int) -> None:
        self._make = lambda: FunctionProcess(handler, environment, log)
        self._seconds = seconds
        self._free: SimpleQueue[FunctionProcess] = SimpleQueue()
        self._room = threading.Semaphore(most)
        self._all: list[FunctionProcess] = []
        self.log = log

    def call(self, event: object) -> dict[str, Any]:
        """Raises CrashedError; the call after it gets a new process."""
        with self._room:
            try:
                process = self._free.get_nowait()
            except Empty:
                process = self._make()
                self._all.append(process)
            answer = process.call(event, self._seconds)
            self._free.put(process)
            return answer

    def kill_all(self) -> None:
        """Every sandbox is gone; the next call makes a new one."""
        doomed, self._all = self._all, []
        self._free = SimpleQueue()
        for process in doomed:
            process.kill()


class Front:
    """Both doors on one socket: ``/2015-03-31/functions/NAME/invocations`` is Lambda's own, ``/.well-known/jwks.json``
    the keys that sign-ins are checked by, and everything else the API behind its gateway."""

    def __init__(self, functions: Mapping[str, Function], *, api: str, keys: Mapping[str, Any]) -> None:
        self._functions = functions
        self._api = api
        self._keys = keys
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and end every process."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for function in self._functions.values():
            function.kill_all()

    def _answer(self, environ: "WSGIEnvironment", start: "StartResponse") -> "Iterable[bytes]":
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if path == KEYS_PATH:
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._keys).encode()]
        if path.startswith(INVOKE_PREFIX):
            return self._invoked(path.removeprefix(INVOKE_PREFIX).partition("/")[0], environ, body, start)
        return self._passed_on(environ, body, start)

    def _invoked(self, name: str, environ: "WSGIEnvironment", body: bytes, start: "StartResponse") -> "Iterable[bytes]":
        function, event = self._functions[name], json.loads(body or b"{}")
        if environ.get("HTTP_X_AMZ_INVOCATION_TYPE") == "Event":
            threading.Thread(target=_quietly, args=(function, event), daemon=True).start()
            start("202 Accepted", [])
            return [b""]
        try:
            answer = function.call(event)
        except CrashedError:
            answer = {"failed": "Runtime.ExitError"}
        failed = "failed" in answer
        start("200 OK", [("X-Amz-Function-Error", "Unhandled")] if failed else [])
        return [json.dumps({"errorMessage": answer["failed"]} if failed else answer["result"]).encode()]

    def _passed_on(self, environ: "WSGIEnvironment", body: bytes, start: "StartResponse") -> "Iterable[bytes]":
        try:
            answer = self._functions[self._api].call(gateway_event(environ, body))
        except CrashedError:
            answer = {"failed": "crashed"}
        if "failed" in answer:
            start("500 Internal Server Error", [("Content-Type", "application/json")])
            return [b'{"message":"Internal Server Error"}']
        told = answer["result"]
        raw = told["body"].encode()
        start(
            f"{told['statusCode']} as the function said",
            [(name, str(value)) for name, value in told["headers"].items() if name.lower() != "content-length"],
        )
        return [base64.b64decode(raw) if told.get("isBase64Encoded") else raw]


def gateway_event(environ: "WSGIEnvironment", body: bytes) -> dict[str, Any]:
    """What an HTTP API passes to a function: payload format 2.0."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    if body:
        headers["content-length"] = str(len(body))
    path, query, method = environ["PATH_INFO"], environ.get("QUERY_STRING", ""), environ["REQUEST_METHOD"]
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "queryStringParameters": dict(parse_qsl(query)),
        "requestContext": {
            "domainName": headers.get("host", ""),
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": "request-1",
            "stage": "$default",
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


def _quietly(function: Function, event: object) -> None:
    try:
        function.call(event)
    except CrashedError:
        return


class _Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""
