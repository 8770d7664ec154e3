"""Both functions in one process that forks for each call: every sandbox is new, and ready in some milliseconds.

The process itself calls nothing and has one thread. Orders come as lines of JSON on standard input. The answers: a
line with the sandbox's process id before it begins, one with what the function returned, and one with its exit code.
"""

import asyncio
import gc
import importlib
import inspect
import json
import os
import sys
import time
from typing import Any, TextIO

from botocore.config import Config
from werkzeug.test import EnvironBuilder

from tests.aws.functions import gateway_event
from tlfif.adapters.aws.calls import clients, lambda_clock
from tlfif.entrypoints.lambdas import api, router

OF_API = "SANDBOX_OF_API"
"""Names the settings that the stack writes into the API's environment; the router has all of them."""
HANDLERS = {"api": api.handler, "router": router.handler}


class Time:
    """A sandbox's: ahead of the computer's, and what is slept takes none. It is Lambda's context, too."""

    def __init__(self, *, ahead: float, seconds: float) -> None:
        self.ahead = ahead
        self._until = self.time() + seconds

    def time(self) -> float:
        return time.time() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(max(0.0, self._until - self.time()) * 1000)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _make_ready()
    for line in sys.stdin:
        order = json.loads(line)
        children = [_fork(order, answers) for _ in range(order["copies"])]
        for child in children:
            _, status = os.waitpid(child, 0)
            _say(answers, {"exit": os.waitstatus_to_exitcode(status)})


def _make_ready() -> None:
    """Everything that each sandbox would make anew in the same way."""
    clients.AwsClients.make = _make_client  # type: ignore[method-assign]  # a client is long to make and opens nothing
    everything = dict(os.environ)
    for name in [one for one in everything if one.startswith("TLFIF_AWS_") and one not in everything[OF_API].split()]:
        del os.environ[name]
    asked = EnvironBuilder("/healthz", method="DELETE").get_environ()
    refused = api.handler(gateway_event(asked, b""), None)  # after the API has looked at every route it has
    assert refused["statusCode"] == 405
    asyncio.get_event_loop().close()
    os.environ.update(everything)
    router._router()
    inspect.getsourcelines(main)  # FastAPI reads the source of whatever it calls; this compiles the patterns for it
    for name in ("_strptime", "concurrent.futures.thread", "encodings.idna"):  # loaded by the first who needs them
        importlib.import_module(name)
    # No sandbox lives long enough for garbage to matter, and what nobody touches need not be copied for each.
    gc.freeze()
    gc.disable()


def _make_client(self: clients.AwsClients, service: str, config: Config) -> Any:
    client = self._make(service, **self._where, config=config)
    client.can_paginate(next(iter(client.meta.method_to_api_mapping)))  # reads, once, what comes in pages
    return client


def _fork(order: dict[str, Any], answers: TextIO) -> int:
    child = os.fork()
    if child:
        return child
    _say(answers, {"pid": os.getpid()})
    its = Time(ahead=order["ahead"], seconds=order["seconds"])
    lambda_clock.time = its  # type: ignore[assignment]  # all that is used of the module
    lambda_clock.LambdaClock.sleep = lambda self, seconds: its.sleep(seconds)  # type: ignore[method-assign]  # Lambda's own has no seam
    asyncio.set_event_loop(asyncio.new_event_loop())
    try:
        told = {"result": HANDLERS[order["function"]](order["event"], its), "ahead": its.ahead}
    except Exception as error:
        told = {"failed": f"{type(error).__name__}: {error}"}
    _say(answers, told)
    os._exit(0)


def _say(answers: TextIO, line: dict[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
