"""A function's process, as Lambda runs one: fresh, told everything by its environment, one call at a time.

Calls come as lines of JSON, answers go out the same way; whatever the function prints goes to its log.
"""

import importlib
import json
import os
import signal
import socket
import sys
import time
from typing import Any, TextIO


class Context:
    """What Lambda hands to a handler beside the event."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(max(0.0, self._until - time.monotonic()) * 1000)


def main() -> None:
    """With a handler named, its calls come on standard input; without one, orders to fork."""
    if len(sys.argv) > 1:
        answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        serve(sys.argv[1], sys.stdin, answers)
    else:
        fork_for_each_order(socket.socket(fileno=0))


def serve(handler_name: str, calls: TextIO, answers: TextIO) -> None:
    """Answer one call after the other until no more come."""
    module, _, name = handler_name.rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    for line in calls:
        call = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = {"result": handler(call["event"], Context(call["seconds"]))}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def fork_for_each_order(orders: socket.socket) -> None:
    """Load what every function needs, and fork a process for each order: a line with its handler and its environment,
    and with it two open files: its calls and answers, and its log. The answer is the process's id."""
    for name in ("api", "router"):
        importlib.import_module(f"tlfif.entrypoints.lambdas.{name}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a child
    while True:
        text, streams, _, _ = socket.recv_fds(orders, 1 << 16, 2)
        while text and not text.endswith(b"\n"):
            text += orders.recv(1 << 16)
        if not text:
            return
        pid = os.fork()
        if pid == 0:
            orders.close()
            become(json.loads(text), *streams)
            return
        for one in streams:
            os.close(one)
        orders.sendall(f"{pid}\n".encode())


def become(order: dict[str, Any], line: int, log: int) -> None:
    """The function's own process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    serve(order["handler"], os.fdopen(line, encoding="utf-8"), os.fdopen(os.dup(line), "w", encoding="utf-8"))


if __name__ == "__main__":
    main()
