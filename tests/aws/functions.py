"""Lambda and API Gateway on loopback: functions as processes of their own, called through the real wire formats.

The emulator runs no functions without a container engine, so this stands beside it: boto3's ``invoke`` and the
client's HTTP requests both arrive here over sockets. What is not here: IAM, and the gateway's own authorizer.
"""

import atexit
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Any
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
        begin = _forked if hasattr(os, "fork") else _started
        everything = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environment}
        with log.open("ab") as stream:
            self._end, self._calls, self._answers = begin(handler, everything, stream)

    def call(self, event: object, seconds: float) -> dict[str, Any]:
        """The answer's line. Raises CrashedError."""
        try:
            self._calls.write(json.dumps({"event": event, "seconds": seconds}).encode() + b"\n")
            self._calls.flush()
            answer = json.loads(self._answers.readline())
        except (OSError, ValueError) as error:
            raise CrashedError from error
        return dict(answer)

    def kill(self) -> None:
        """As Lambda does with a sandbox that it needs no more, or that took too long."""
        self._end()
        for stream in (self._calls, self._answers):
            with contextlib.suppress(OSError):
                stream.close()


Begun = tuple[Callable[[], None], IO[bytes], IO[bytes]]
"""What ends a process at once, and the streams of its calls and answers."""


def _started(handler: str, environment: Mapping[str, str], log: IO[bytes]) -> Begun:
    """A process from nothing."""
    command = [sys.executable, "-m", "tests.aws.function_main", handler]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=dict(environment)
    )
    assert child.stdin is not None
    assert child.stdout is not None

    def end() -> None:
        child.kill()
        child.wait(10)

    return end, child.stdin, child.stdout


def _forked(handler: str, environment: Mapping[str, str], log: IO[bytes]) -> Begun:
    """A process forked from one that has loaded all modules and called nothing: a second less each."""
    ours, theirs = socket.socketpair()
    with theirs:
        pid = _mother().fork({"handler": handler, "environment": dict(environment)}, [theirs.fileno(), log.fileno()])

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + 10
            while time.monotonic() < until:
                os.kill(pid, 0)  # until there is no such process
                time.sleep(0.002)

    with ours:
        return end, ours.makefile("wb"), ours.makefile("rb")


class _Mother:
    """Of this pytest worker's function processes; ends when the worker does."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.aws.function_main"], stdin=theirs, cwd=ROOT, env=environment
            )
        self._turn = threading.Lock()
        self._answers = self._line.makefile("rb")
        atexit.register(self.close)

    def fork(self, order: dict[str, Any], streams: list[int]) -> int:
        """The process id of a child that has ``streams``."""
        with self._turn:
            socket.send_fds(self._line, [json.dumps(order).encode() + b"\n"], streams)
            return int(self._answers.readline())

    def close(self) -> None:
        """It ends when it hears no more."""
        self._answers.close()
        self._line.close()
        self._process.wait(10)


@cache
def _mother() -> _Mother:
    return _Mother()


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
