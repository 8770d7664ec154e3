"""The emulated AWS of the benchmark, in a process of its own.

``python -m bench.aws_emulator`` says where it listens and serves until its standard input ends.
"""

import logging
import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from threading import Lock, Thread
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class _PromptHandler(MotoRequestHandler):
    """An answer goes out in two pieces; the second must not wait until the first is acknowledged (40 ms)."""

    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"  # connections are kept, as AWS keeps them


class _OneAtATime:
    """DynamoDB's requests in turn: moto undoes a cancelled transaction by putting back the whole table. Not SQS's: a
    worker that waits for a message would keep everybody else waiting."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._turn = Lock()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        in_turn = environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB")
        with self._turn if in_turn else nullcontext():
            return list(self._app(environ, start))


def main() -> None:
    """Serve."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line for each request
    app = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_PromptHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    os._exit(0)  # nothing to save, and taking down all that moto has kept takes half a minute


if __name__ == "__main__":
    main()
